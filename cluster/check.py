"""Tries a cluster out for a person who doubts it: a small run with the images and options that a real one will have.

A second run of the same search shows whether another pod goes on from the volume. What was made is removed again.
"""

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import kfp_server_api
from kfp import dsl

from cluster import logs, runs, waiting
from cluster.answers import call_once
from cluster.client import Connection
from cluster.connection import Cluster, connect
from cluster.errors import ClusterError
from cluster.lookup import experiment_id
from cluster.options import STATE_MOUNT, ClusterOptions
from cluster.package import Package, check_submission, package_of
from cluster.placement import place_helper
from components.steps import STEPS

SMALL = {
    "data_source": "synthetic",
    "max_trials": 2,
    "trial_epochs": 1,
    "round_size": 2,
    "finalists": 1,
    "training_epochs": 2,
}
LARGER = {**SMALL, "max_trials": 3}
REACHED = tuple(name for name, step in STEPS.items() if not step.uses_registry)
"""The steps of a run that names no registry."""

VERSION_PATH = "/apis/v1beta1/healthz"
CONTINUING = re.compile(r"continuing the search after")
ON_A_GPU = re.compile(r"worker 0 on \S+")
PENDING = (
    "its pod could not start: `kubectl describe pod` says why. An image that can't be pulled: make push, "
    "--image-pull-secret; no node with what it asks for: --resource, --node-selector, --toleration"
)
NOT_CONTINUED = "give a claim that other pods see too, and that locks files (ReadWriteMany, or one node)"


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes:
        subject: the thing.
        suits: whether it does; None where it could not be tried.
        said: what was seen.
        way_out: what to do where it does not suit.
    """

    subject: str
    suits: bool | None
    said: str
    way_out: str = ""


def check(
    connection: Connection,
    build: Callable[..., Any],
    options: ClusterOptions,
    parameters: dict[str, Any],
    service_account: str | None,
    limit_s: float,
) -> Iterator[Finding]:
    """Yield what is found of a cluster, as it is found.

    Args:
        connection: where it is.
        build: makes the pipeline, of options and the folder for its state, as the steps see it.
        options: what its tasks are given.
        parameters: pipeline parameters beside those of the small run.
        service_account: what its pods run as, or None for the cluster's default.
        limit_s: seconds that each run is followed.

    Raises:
        InvalidInput: something given can't be used at all.
    """
    mark = uuid.uuid4().hex[:8]
    folder = f"{STATE_MOUNT}/check-{mark}" if options.state_volume_claim else ""
    package = package_of(build(options, state_dir=folder))
    check_submission(package, parameters)
    try:
        cluster = connect(connection)
    except ClusterError as error:
        yield Finding("API", False, str(error))
        return
    yield Finding("API", True, f"{cluster.url}, {_version(cluster)}")
    experiment = f"check-{mark}"
    try:
        made = experiment_id(cluster, experiment)
    except ClusterError as error:
        yield Finding("rights", False, str(error))
        return
    where = f"namespace {cluster.namespace}" if cluster.namespace else "one namespace for all"
    trial = _Trial(cluster, experiment, service_account, limit_s, [])
    try:
        yield Finding("rights", True, f"may make experiments; {where}")
        yield from _tried(trial, package, folder, parameters, options)
    finally:
        left = trial.remove(made)
    yield Finding("clean-up", not left, left or "experiment and runs are deleted", "delete them in the interface")


@dataclass
class _Trial:
    """The runs of a check.

    Attributes:
        cluster: where.
        experiment: the name of theirs.
        service_account: what their pods run as.
        limit_s: seconds that each is followed.
        run_ids: of those that were begun.
    """

    cluster: Cluster
    experiment: str
    service_account: str | None
    limit_s: float
    run_ids: list[str]

    def run(self, package: Package, parameters: dict[str, Any]) -> Any:
        """Return a run as the API describes it at its end, or when it was followed for long enough."""
        run_id = runs.submit(self.cluster, package, parameters, self.experiment, service_account=self.service_account)
        self.run_ids.append(run_id)
        with contextlib.suppress(waiting.NotEnded):
            return waiting.follow(self.cluster, run_id, self.limit_s)
        return self.cluster.call(self.cluster.client.runs.run_service_get_run, run_id=run_id)

    def remove(self, experiment: str) -> str:
        """End and delete all runs and the experiment; return what could not be deleted, or nothing."""
        service = self.cluster.client.runs
        left = []
        for run_id in self.run_ids:
            with contextlib.suppress(ClusterError):  # one that has ended can't be ended
                call_once(service.run_service_terminate_run, {"run_id": run_id})
            try:
                self.cluster.call(service.run_service_delete_run, run_id=run_id)
            except ClusterError as error:
                left.append(f"run {run_id}: {error}")
        try:
            delete = self.cluster.client.experiments.experiment_service_delete_experiment
            self.cluster.call(delete, experiment_id=experiment)
        except ClusterError as error:
            left.append(f"experiment {self.experiment}: {error}")
        return "; ".join(left)


def _tried(
    trial: _Trial, package: Package, folder: str, parameters: dict[str, Any], options: ClusterOptions
) -> Iterator[Finding]:
    """Yield what the runs show: of each step, the GPUs and the state volume."""
    try:
        run = trial.run(package, {**SMALL, **parameters})
    except ClusterError as error:
        yield Finding("runs", False, str(error))
        return
    yield Finding("runs", True, f"run {run.run_id} as {trial.service_account or 'the default account'}")
    steps = [_step(trial.cluster, run, name) for name in REACHED]
    yield from steps
    if options.gpus:
        yield _gpu(trial.cluster, run)
    if folder and run.state not in waiting.FINAL_STATES:
        left = folder.removeprefix(STATE_MOUNT)
        yield Finding("state volume", None, f"not tried, since the run did not end; {left} may be left on it")
    elif folder:
        yield _state(trial, package, parameters, is_well=all(each.suits for each in steps))
        yield _removed(trial, folder, options)


def _step(cluster: Cluster, run: Any, name: str) -> Finding:
    """Return what became of a step."""
    task = logs.step_of(run, name)
    state = task.state if task else None
    subject = f"step {name}"
    if state == "SUCCEEDED":
        return Finding(subject, True, f"succeeded{_took(task)}")
    if state in waiting.FAILED_STATES:
        return Finding(subject, False, waiting.reason_of(cluster, run, task), "what its log says")
    if run.state in waiting.FINAL_STATES:
        return Finding(subject, None, "was not reached")
    return Finding(subject, False, f"had not ended when it was followed no longer ({state or 'not begun'})", PENDING)


def _gpu(cluster: Cluster, run: Any) -> Finding:
    if found := _line(cluster, run, ON_A_GPU):
        return Finding("GPU", True, found)
    way_out = "build the images with GPU=1; see that the node's driver suits them, and --accelerator its resource"
    return Finding("GPU", False, "tune found none", way_out)


def _state(trial: _Trial, package: Package, parameters: dict[str, Any], is_well: bool) -> Finding:
    """Return whether another pod goes on with the search that the first run has left on the volume."""
    subject = "state volume"
    if not is_well:
        return Finding(subject, None, "not tried, since the run did not succeed")
    try:
        run = trial.run(package, {**LARGER, **parameters})
        found = _line(trial.cluster, run, CONTINUING)
    except ClusterError as error:
        return Finding(subject, False, str(error), NOT_CONTINUED)
    if found:
        return Finding(subject, True, f"is written to and locked by the user; another pod goes on: {found}")
    return Finding(subject, False, "another pod did not go on with the search", NOT_CONTINUED)


def _removed(trial: _Trial, folder: str, options: ClusterOptions) -> Finding:
    """Remove the folder of the check's searches from the state volume."""
    with contextlib.suppress(ClusterError):
        if trial.run(package_of(_removal(folder, options)), {}).state == "SUCCEEDED":
            return Finding("state folder", True, "is removed")
    return Finding("state folder", False, f"{folder.removeprefix(STATE_MOUNT)} is left on the volume", "remove it")


def _removal(folder: str, options: ClusterOptions) -> Any:
    @dsl.container_component
    def remove_state() -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image=options.images["tune"], command=["rm", "-rf", folder])

    @dsl.pipeline(name="remove-the-state-of-a-check")
    def pipeline() -> None:
        place_helper(remove_state(), options)

    return pipeline


def _line(cluster: Cluster, run: Any, wanted: re.Pattern[str]) -> str:
    """Return the first line of the search's log in which something stands, or nothing."""
    task = logs.step_of(run, "tune")
    lines = logs.lines_of(cluster, run, task) if task else iter(())
    return next((line.strip() for line in lines if wanted.search(line)), "")


def _took(task: Any) -> str:
    if not (task.start_time and task.end_time):
        return ""
    return f" in {(task.end_time - task.start_time).total_seconds():.0f} s"


def _version(cluster: Cluster) -> str:
    """Return the server's version; the API of version 2 does not tell it, that of version 1 beside it does."""
    client = cluster.client.runs.api_client
    try:
        said = client.call_api(
            VERSION_PATH, "GET", auth_settings=["Bearer"], response_type="object", _return_http_data_only=True
        )
        return f"Kubeflow Pipelines {said['tag_name']}"
    except (kfp_server_api.ApiException, KeyError, TypeError, ValueError):
        return "a Kubeflow Pipelines 2 that tells no version"
