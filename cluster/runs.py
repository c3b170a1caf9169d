"""The compiled pipeline on Kubeflow Pipelines: upload it, run it, follow the run, schedule it."""

import datetime
import hashlib
import json
import os
import re
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import kfp_server_api as api
import yaml

from cluster import cron
from cluster.connection import ClusterError, first_line, look
from cluster.placement import DATA_MOUNT, STATE_MOUNT
from components.core.errors import InvalidInput
from components.core.parameters import check, local_path
from images.references import check_immutable

FINAL_STATES = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED", "ERROR")
FAILED_STATES = ("FAILED", "ERROR")

# What KFP adds around each task: a driver that resolves its inputs, an executor for each attempt, and the root.
_PLUMBING = re.compile(r"root|root-driver|executor|.*-driver|.*\(\d+\)")


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
        path: its file.
        name: the pipeline's name.
        spec: the pipeline spec, as the API takes it.
        platforms: the platform spec, or an empty dictionary.
        digest: SHA-256 of the file, in hexadecimal.
    """

    path: str
    name: str
    spec: dict
    platforms: dict
    digest: str

    @property
    def version_name(self):
        """The name of the pipeline's version that holds exactly this content."""
        return f"{self.name}-{self.digest[:12]}"

    @property
    def images(self):
        return [executor["container"]["image"] for executor in self.spec["deploymentSpec"]["executors"].values()]

    @property
    def mounts(self):
        """The paths at which a task has a volume."""
        executors = (
            self.platforms.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        )
        return {mount["mountPath"] for executor in executors.values() for mount in executor.get("pvcMount", ())}

    @property
    def as_source(self):
        """The pipeline as a run's `pipeline_spec`."""
        return {"pipeline_spec": self.spec, "platform_spec": self.platforms} if self.platforms else self.spec


def read_package(path):
    """Return the `Package` in a compiled pipeline's file.

    Raises:
        InvalidInput: the file is no compiled pipeline.
    """
    data = Path(path).read_bytes()
    try:
        spec, *rest = yaml.safe_load_all(data)
        name = spec["pipelineInfo"]["name"]
    except (yaml.YAMLError, ValueError, TypeError, KeyError):
        raise InvalidInput(f"package must be a compiled pipeline, got {path}; make one with `make compile`") from None
    return Package(str(path), name, spec, rest[0] if rest else {}, hashlib.sha256(data).hexdigest())


def check_images(package):
    """Refuse a pipeline with an image reference that can change its meaning.

    Raises:
        InvalidInput: the message names the reference and the reason.
    """
    for image in package.images:
        check_immutable(image)


def check_submission(package, parameters):
    """Refuse what would fail on the cluster, or run something else than what is here.

    Args:
        package: the `Package`.
        parameters: the pipeline parameters that are given, by name.

    Raises:
        InvalidInput: a parameter breaks its rule, an image reference can change its meaning, or `data_source` or
            `warm_start` is a path that the cluster can't see.
    """
    check(**parameters)
    check_images(package)
    source, warm_start = parameters.get("data_source", ""), parameters.get("warm_start", "")
    if source and (path := local_path(source)) is not None:
        _check_path("data_source", path, package, DATA_MOUNT, "--data-volume-claim")
    if warm_start:
        _check_path("warm_start", warm_start, package, STATE_MOUNT, "--state-volume-claim")


def _check_path(name, path, package, mount, option):
    """Refuse a path that is on no volume of the pipeline's."""
    if mount not in package.mounts:
        raise InvalidInput(
            f"{name} must not be a path on this machine, which the cluster can't see, got {path!r}; "
            f"put it on a volume, give {option} NAME and use a path under {mount}"
        )
    if not Path(os.path.normpath(path)).is_relative_to(mount):
        raise InvalidInput(f"{name} must lie under {mount}, where the volume is mounted, got {path!r}")


def submit(cluster, package, parameters, experiment, run_name=None, service_account=None):
    """Start a run, print its link and return its id.

    Args:
        cluster: the `Cluster`.
        package: the `Package`.
        parameters: the pipeline parameters that are given, by name.
        experiment: name of the experiment, made when there is none.
        run_name: the run's name, or None for pipeline and time.
        service_account: what the run's pods run as, or None for the cluster's default.

    Raises:
        InvalidInput: as `check_submission`.
        ClusterError: the cluster can't be reached or refuses.
    """
    check_submission(package, parameters)
    experiment_id = _experiment_id(cluster, experiment)
    mark = f"submission {uuid.uuid4().hex}"  # by which to find the run when the answer is lost
    body = api.V2beta1Run(
        experiment_id=experiment_id,
        display_name=run_name or f"{package.name} {datetime.datetime.now():%Y-%m-%d %H:%M:%S}",
        description=f"{package.version_name}, {mark}",
        pipeline_spec=package.as_source,
        runtime_config=api.V2beta1RuntimeConfig(parameters=parameters),
        service_account=service_account,
    )
    run = cluster.call(
        cluster.client.runs.run_service_create_run, find=lambda: _find_run(cluster, experiment_id, mark), run=body
    )
    print(f"Run {body.display_name}: {_link(cluster, run.run_id)}", flush=True)
    return run.run_id


def wait(cluster, run_id, timeout_s=0):
    """Follow a run to its end, with a line for every change of a task's state.

    An interruption leaves the run going, says how to stop it, and ends the process with 130 (Ctrl-C) or 143 (SIGTERM).

    Args:
        cluster: the `Cluster`.
        run_id: which run.
        timeout_s: seconds to wait at most, 0 for no end.

    Raises:
        ClusterError: the run failed or was canceled (the message names the task and why), or did not end in time,
            or the cluster could not be reached any more.
    """
    try:
        run = _follow(cluster, run_id, timeout_s)
    except (KeyboardInterrupt, SystemExit) as error:
        stop = f"curl -X POST {cluster.url}/apis/v2beta1/runs/{run_id}:terminate"
        link = _link(cluster, run_id)
        print(f"interrupted; the run goes on: {link}; stop it there, or with: {stop}", file=sys.stderr, flush=True)
        # click would put an empty line after the message of a Ctrl-C.
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else error.code) from None
    if run.state != "SUCCEEDED":
        raise ClusterError(f"run {run_id} {_outcome(run)}; {_link(cluster, run_id)}")
    print(f"Run {run_id} SUCCEEDED", flush=True)


def upload(cluster, package):
    """Put the pipeline where the user interface lists it: a new pipeline, or a new version of the one of its name.

    Versions are named after their content, so the same content is there once.

    Raises:
        InvalidInput: as `check_images`.
        ClusterError: the cluster can't be reached or refuses.
    """
    check_images(package)
    pipeline = look(lambda: _find_pipeline(cluster, package.name))
    if pipeline is None:
        pipeline = cluster.call(
            cluster.client.pipeline_uploads.upload_pipeline,
            find=lambda: _find_pipeline(cluster, package.name),
            uploadfile=package.path,
            name=package.name,
            description=package.version_name,
            namespace=cluster.namespace,
        )
        action = "is new"
    elif look(lambda: _find_version(cluster, pipeline.pipeline_id, package.version_name)):
        action = "is there already, nothing was uploaded"
    else:
        cluster.call(
            cluster.client.pipeline_uploads.upload_pipeline_version,
            find=lambda: _find_version(cluster, pipeline.pipeline_id, package.version_name),
            uploadfile=package.path,
            name=package.version_name,
            pipelineid=pipeline.pipeline_id,
            description=package.version_name,
        )
        action = "is a new version"
    link = f"{cluster.url}/#/pipelines/details/{pipeline.pipeline_id}"
    print(f"Pipeline {package.name}: {package.version_name} {action}: {link}", flush=True)


def schedule(cluster, package, parameters, expression, name, experiment, service_account=None):
    """Run the pipeline at the times of a cron expression, in place of the experiment's schedule of the same name.

    KFP can't change a schedule. The new one is made first and the old one deleted after, so that a failure leaves
    two, and says so, rather than none.

    Args:
        cluster: the `Cluster`.
        package: the `Package`.
        parameters: the pipeline parameters that are given, by name.
        expression: six fields: seconds, minutes, hours, day of month, month, day of week.
        name: the schedule's name.
        experiment: name of the experiment, made when there is none.
        service_account: what the runs' pods run as, or None for the cluster's default.

    Raises:
        InvalidInput: as `check_submission`, or no such cron expression.
        ClusterError: the cluster can't be reached or refuses, or the old schedule could not be deleted.
    """
    cron.check(expression)
    check_submission(package, parameters)
    experiment_id = _experiment_id(cluster, experiment)
    old = _schedules(cluster, experiment_id, name)
    known = {schedule.recurring_run_id for schedule in old}
    body = api.V2beta1RecurringRun(
        experiment_id=experiment_id,
        display_name=name,
        description=package.version_name,
        pipeline_spec=package.as_source,
        runtime_config=api.V2beta1RuntimeConfig(parameters=parameters),
        trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=expression)),
        mode=api.RecurringRunMode.ENABLE,
        max_concurrency="1",
        no_catchup=True,
        service_account=service_account,
    )
    new = cluster.call(
        cluster.client.recurring_runs.recurring_run_service_create_recurring_run,
        find=lambda: _first(_schedules(cluster, experiment_id, name), lambda s: s.recurring_run_id not in known),
        recurring_run=body,
    )
    for schedule in old:
        _delete_schedule(cluster, schedule, new)
    verb = "updated" if old else "made"
    link = f"{cluster.url}/#/recurringrun/details/{new.recurring_run_id}"
    print(f"Schedule {name} {verb}, {expression}: {link}", flush=True)


def _follow(cluster, run_id, timeout_s):
    """Return the run once it has ended."""
    end = time.monotonic() + timeout_s
    states: dict[str, str] = {}
    polls, pause_s = iter(cluster.patience.polls_s), 0.0
    while True:
        run = _get_run(cluster, run_id)
        states = _report(run, states)
        if run.state in FINAL_STATES:
            return run
        left_s = end - time.monotonic()
        if timeout_s and left_s <= 0:
            link = _link(cluster, run_id)
            raise ClusterError(f"run {run_id} did not end in {timeout_s:g} s (state {run.state}) and goes on: {link}")
        pause_s = next(polls, pause_s)
        time.sleep(min(pause_s, left_s) if timeout_s else pause_s)


def _get_run(cluster, run_id):
    try:
        return cluster.call(
            cluster.client.runs.run_service_get_run, delays_s=cluster.patience.waiting_s, run_id=run_id
        )
    except ClusterError as error:
        if error.status == 404:
            raise
        raise ClusterError(f"{error}; the run goes on: {_link(cluster, run_id)}", error.status) from None


def _report(run, states):
    """Print what has changed since `states`, and return the states that are now known by task.

    The run's own state is among them, since not every server tells of tasks.
    """
    steps = sorted((task for task in _tasks(run) if _is_step(task)), key=lambda task: str(task.start_time))
    now = [(task.task_id or task.display_name, task.display_name, task.state) for task in steps]
    if run.state not in FINAL_STATES:
        now.insert(0, ("", "run", run.state))
    for key, name, state in now:
        if state and states.get(key) != state:
            print(f"{datetime.datetime.now():%H:%M:%S} {name}: {state}", flush=True)
            states = {**states, key: state}
    return states


def _outcome(run):
    """Say how a run ended that did not succeed: which task failed, and why."""
    failed = [task for task in _tasks(run) if task.state in FAILED_STATES]
    steps = [task for task in failed if _is_step(task)]
    culprits = sorted(steps or failed, key=lambda task: str(task.end_time))
    if run.state in FAILED_STATES and culprits:
        return f"FAILED in {culprits[0].display_name}: {_message([culprits[0], run, *failed])}"
    if run.state in FAILED_STATES:
        return f"FAILED: {_message([run])}"
    return run.state


def _message(sources):
    """Return the first message that one of the sources (tasks, or the run) has."""
    for source in sources:
        errors = [source.error, *(status.error for status in source.state_history or ())]
        for error in errors:
            if error is not None and error.message:
                return first_line(error.message)
    return "the API gives no reason, its log does"


def _tasks(run):
    return (run.run_details.task_details if run.run_details else None) or []


def _is_step(task):
    """Whether a task is one of the pipeline's rather than KFP's own, such as a driver or the workflow as a whole."""
    name = task.display_name or ""
    is_workflow = bool(task.child_tasks) and not task.parent_task_id and re.fullmatch(r".+-[a-z0-9]{5}", name)
    return bool(name) and not _PLUMBING.fullmatch(name) and not is_workflow


def _link(cluster, run_id):
    return f"{cluster.url}/#/runs/details/{run_id}"


def _named(name):
    """Return the API's filter for a display name, the way `kfp.Client` writes it (1 is EQUALS)."""
    return json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})


def _first(items, wanted):
    return next((item for item in items if wanted(item)), None)


def _pages(cluster, method, field, **arguments):
    """Yield the items of a list call, page by page."""
    token = None
    while True:
        page = cluster.call(method, page_size=100, page_token=token, **arguments)
        yield from getattr(page, field) or ()
        token = page.next_page_token
        if not token:
            return


def _experiment_id(cluster, name):
    experiments = cluster.client.experiments

    def find():
        found = _pages(
            cluster,
            experiments.experiment_service_list_experiments,
            "experiments",
            filter=_named(name),
            namespace=cluster.namespace,
        )
        return _first(found, lambda experiment: experiment.display_name == name)

    body = api.V2beta1Experiment(display_name=name, namespace=cluster.namespace)
    found = look(find) or cluster.call(experiments.experiment_service_create_experiment, find=find, experiment=body)
    return found.experiment_id


def _find_run(cluster, experiment_id, mark):
    list_runs = cluster.client.runs.run_service_list_runs
    runs = _pages(cluster, list_runs, "runs", experiment_id=experiment_id, sort_by="created_at desc")
    return _first(runs, lambda run: mark in (run.description or ""))


def _find_pipeline(cluster, name):
    found = _pages(
        cluster,
        cluster.client.pipelines.pipeline_service_list_pipelines,
        "pipelines",
        filter=_named(name),
        namespace=cluster.namespace,
    )
    return _first(found, lambda pipeline: pipeline.display_name == name)


def _find_version(cluster, pipeline_id, name):
    """Return the version that holds this content; a pipeline's first version only has it in its description."""
    versions = _pages(
        cluster,
        cluster.client.pipelines.pipeline_service_list_pipeline_versions,
        "pipeline_versions",
        pipeline_id=pipeline_id,
    )
    return _first(versions, lambda version: name in (version.display_name, version.description))


def _schedules(cluster, experiment_id, name):
    found = _pages(
        cluster,
        cluster.client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        experiment_id=experiment_id,
        filter=_named(name),
    )
    return [schedule for schedule in found if schedule.display_name == name]


def _delete_schedule(cluster, old, new):
    try:
        cluster.call(
            cluster.client.recurring_runs.recurring_run_service_delete_recurring_run,
            recurring_run_id=old.recurring_run_id,
        )
    except ClusterError as error:
        if error.status != 404:
            raise ClusterError(
                f"schedule {old.display_name} is there twice: {new.recurring_run_id} is new, and "
                f"{old.recurring_run_id} could not be deleted ({error}); delete it, or schedule again"
            ) from None
