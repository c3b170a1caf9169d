"""What a task wrote: the API knows no reason for a failure, its log does."""

import re
from collections.abc import Iterator
from typing import Any

import kfp_server_api
import urllib3

from cluster.answers import REQUEST_TIMEOUT_S
from cluster.connection import Cluster
from cluster.errors import ClusterError
from components.core.errors import InvalidInput
from components.steps import STEPS

EXECUTOR = "executor"
"""What the API calls the attempts of a task, as opposed to its driver."""

MOST_CHARACTERS = 300
ENCODING = "utf-8"

_LAUNCHER = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d")
"""How a line begins that Kubeflow's launcher wrote around the step's own."""

_PLUMBING = re.compile(r"root|root-driver|executor|.*-driver|.*\(\d+\)")
"""What KFP adds around each task: a driver that resolves its inputs, an executor for each attempt, and the root."""


def tasks_of(run: Any) -> list[Any]:
    """Return all tasks that the API tells of, KFP's own included."""
    return (run.run_details.task_details if run.run_details else None) or []


def is_step(task: Any) -> bool:
    """Whether a task is one of the pipeline's rather than KFP's own, such as a driver or the workflow as a whole."""
    name = task.display_name or ""
    is_workflow = bool(task.child_tasks) and not task.parent_task_id and re.fullmatch(r".+-[a-z0-9]{5}", name)
    return bool(name) and not _PLUMBING.fullmatch(name) and not is_workflow


def lines_of(cluster: Cluster, run: Any, step: Any) -> Iterator[str]:
    """Yield the lines of a task's last attempt, also when its pod is gone.

    Args:
        cluster: where it ran.
        run: as the API describes it.
        step: one of its tasks.

    Raises:
        ClusterError: there is no log, or it can't be had.
    """
    node = _node_of(run, step)
    if node is None:
        raise ClusterError(
            f"{step.display_name} of run {run.run_id} has no log: it has not begun, or came from the cache"
        )
    answers = (_answer(cluster, path, query) for path, query in _addresses(cluster, run, node))
    answer = next((each for each in answers if each is not None), None)
    if answer is None:
        raise ClusterError(f"{cluster.url} has no log of {step.display_name} of run {run.run_id}")
    try:
        rest = ""
        for part in answer.stream(2**16):
            *lines, rest = (rest + part.decode(ENCODING, "replace")).split("\n")
            yield from lines
        if rest:
            yield rest
    except urllib3.exceptions.HTTPError as error:
        raise ClusterError(f"the log of {step.display_name} of run {run.run_id} broke off: {error}") from None
    finally:
        answer.close()


def last_words(cluster: Cluster, run: Any, step: Any) -> str | None:
    """Return the last line that a task itself wrote, of one that raised its error; None when it can't be had."""
    last = None
    try:
        for line in lines_of(cluster, run, step):
            if line.strip() and not _LAUNCHER.match(line.strip()):
                last = line.strip()
    except ClusterError:
        return last and last[:MOST_CHARACTERS]
    return last and last[:MOST_CHARACTERS]


def show(cluster: Cluster, run_id: str, name: str | None) -> None:
    """Print the log of a step of a run, or of the step that failed, or else of the last one that began.

    Raises:
        InvalidInput: the run has no such step.
        ClusterError: there is no log, or the API can't be reached.
    """
    run = cluster.call(cluster.client.runs.run_service_get_run, run_id=run_id)
    steps = sorted((task for task in tasks_of(run) if is_step(task)), key=lambda task: str(task.start_time))
    named = [task for task in steps if name is None or _is_named(task, name)]
    if not named:
        known = ", ".join(task.display_name for task in steps) or "none yet"
        raise InvalidInput(f"step must be one of run {run_id}, which are {known}, got {name!r}")
    failed = [task for task in named if task.state in ("FAILED", "ERROR")]
    for line in lines_of(cluster, run, (failed or named)[-1]):
        print(line)


def step_of(run: Any, name: str) -> Any:
    """Return the task of a step, which has its title for a name, or None."""
    return next((task for task in tasks_of(run) if is_step(task) and _is_named(task, name)), None)


def _is_named(task: Any, name: str) -> bool:
    titles = (name, STEPS[name].title) if name in STEPS else (name,)
    return _slug(task.display_name) in map(_slug, titles)


def _slug(name: str | None) -> str:
    return re.sub(r"\W+", "-", name or "").lower()


def _node_of(run: Any, step: Any) -> str | None:
    """Return the node of a task's last attempt."""
    executors = [task for task in tasks_of(run) if task.display_name == EXECUTOR]
    own = [task for task in executors if task.parent_task_id == step.task_id]
    if not own and len(failed := [task for task in executors if task.state == step.state]) == 1:
        own = failed  # some servers tell of no parents
    attempts = [child.pod_name for task in own for child in task.child_tasks or () if child.pod_name]
    return attempts[-1] if attempts else next((task.pod_name for task in own if task.pod_name), None)


def _addresses(cluster: Cluster, run: Any, node: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return where the log may be: at the API server itself, and behind the address of the user interface."""
    query = [("podname", node), ("runid", run.run_id), ("createdat", f"{run.created_at:%Y-%m-%d}")]
    if cluster.namespace:
        query.append(("podnamespace", cluster.namespace))
    return [(f"/apis/v1alpha1/runs/{run.run_id}/nodes/{node}/log", []), ("/k8s/pod/logs", query)]


def _answer(cluster: Cluster, path: str, query: list[tuple[str, str]]) -> Any:
    """Return the open answer of one address, or None when it has no log: an error there may have status 200."""
    client = cluster.client.runs.api_client
    try:
        answer = client.call_api(
            path,
            "GET",
            query_params=query,
            header_params={"Accept": "*/*"},
            auth_settings=["Bearer"],
            response_type="file",
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=REQUEST_TIMEOUT_S,
        )
    except (kfp_server_api.ApiException, urllib3.exceptions.HTTPError):
        return None
    content_type = str(answer.headers.get("Content-Type", ""))
    if "json" in content_type or "html" in content_type:
        answer.close()
        return None
    return answer
