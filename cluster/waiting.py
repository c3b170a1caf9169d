"""Following a run to its end."""

import datetime
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from cluster import logs
from cluster.answers import first_line
from cluster.connection import Cluster
from cluster.errors import ClusterError
from cluster.runs import link

FINAL_STATES = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED", "ERROR")
FAILED_STATES = ("FAILED", "ERROR")

NO_REASON = "neither the API nor a log gives a reason"


class NotEnded(ClusterError):
    """A run was followed for long enough, and goes on."""


def wait(
    cluster: Cluster, run_id: str, timeout_s: float = 0, at_each_look: Callable[[Any], None] | None = None
) -> None:
    """Follow a run to its end, with a line for every change of a task's state.

    An interruption leaves the run going, says how to stop it, and ends the process with 130 (Ctrl-C) or 143 (SIGTERM);
    so does the end of who reads the output, with the error that it is.

    Args:
        cluster: where it runs.
        run_id: which run.
        timeout_s: seconds to wait at most, 0 for no end.
        at_each_look: called with the run, as the API describes it then.

    Raises:
        ClusterError: the run failed or was canceled (the message names the task and why), or did not end in time,
            or the cluster could not be reached any more.
    """
    try:
        run = follow(cluster, run_id, timeout_s, at_each_look)
    except (KeyboardInterrupt, SystemExit, BrokenPipeError) as error:
        stop = f"curl -X POST {cluster.url}/apis/v2beta1/runs/{run_id}:terminate"
        page = link(cluster, run_id)
        print(f"interrupted; the run goes on: {page}; stop it there, or with: {stop}", file=sys.stderr, flush=True)
        if isinstance(error, BrokenPipeError):
            raise
        # click would put an empty line after the message of a Ctrl-C.
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else error.code) from None
    if run.state != "SUCCEEDED":
        raise ClusterError(f"run {run_id} {_outcome(cluster, run)}; {link(cluster, run_id)}")
    print(f"Run {run_id} SUCCEEDED", flush=True)


def follow(
    cluster: Cluster, run_id: str, timeout_s: float = 0, at_each_look: Callable[[Any], None] | None = None
) -> Any:
    """Return the run once it has ended, with a line for every change of a task's state; see `wait`.

    Raises:
        NotEnded: it has not after `timeout_s` seconds, where that is not 0.
        ClusterError: the cluster could not be reached any more.
    """
    end = time.monotonic() + timeout_s
    states: dict[str, str] = {}
    polls, pause_s = iter(cluster.patience.polls_s), 0.0
    while True:
        run = _get_run(cluster, run_id)
        states = _report(run, states)
        if at_each_look:
            at_each_look(run)
        if run.state in FINAL_STATES:
            return run
        left_s = end - time.monotonic()
        if timeout_s and left_s <= 0:
            page = link(cluster, run_id)
            raise NotEnded(f"run {run_id} did not end in {timeout_s:g} s (state {run.state}) and goes on: {page}")
        pause_s = next(polls, pause_s)
        time.sleep(min(pause_s, left_s) if timeout_s else pause_s)


def _get_run(cluster: Cluster, run_id: str) -> Any:
    try:
        return cluster.call(
            cluster.client.runs.run_service_get_run, delays_s=cluster.patience.waiting_s, run_id=run_id
        )
    except ClusterError as error:
        if error.status == 404:
            raise
        raise ClusterError(f"{error}; the run goes on: {link(cluster, run_id)}", error.status) from None


def _report(run: Any, states: dict[str, str]) -> dict[str, str]:
    """Print what has changed since `states`, and return the states that are now known by task.

    The run's own state is among them, since not every server tells of tasks.
    """
    steps = sorted((task for task in logs.tasks_of(run) if logs.is_step(task)), key=lambda task: str(task.start_time))
    now = [(task.task_id or task.display_name, task.display_name, task.state) for task in steps]
    if run.state not in FINAL_STATES:
        now.insert(0, ("", "run", run.state))
    for key, name, state in now:
        if state and states.get(key) != state:
            print(f"{datetime.datetime.now():%H:%M:%S} {name}: {state}", flush=True)
            states = {**states, key: state}
    return states


def _outcome(cluster: Cluster, run: Any) -> str:
    """Say how a run ended that did not succeed: which task failed, why, and how to go on."""
    if any(status.state == "CANCELING" for status in run.state_history or ()):
        return "was terminated"
    failed = [task for task in logs.tasks_of(run) if task.state in FAILED_STATES]
    steps = [task for task in failed if logs.is_step(task)]
    culprits = sorted(steps or failed, key=lambda task: str(task.end_time))
    if run.state not in FAILED_STATES:
        return str(run.state)
    if not culprits:
        return f"FAILED: {_message([run]) or NO_REASON}"
    culprit = culprits[0]
    reason = reason_of(cluster, run, culprit)
    more = f"python pipeline.py logs {run.run_id} shows more"
    return f"FAILED in {culprit.display_name}: {reason}; {more}; Retry on its page, or submitting again, goes on"


def reason_of(cluster: Cluster, run: Any, step: Any) -> str:
    """Return why a task failed: what the API says, or else the last line that it wrote."""
    failed = [task for task in logs.tasks_of(run) if task.state in FAILED_STATES]
    return _message([step, run, *failed]) or logs.last_words(cluster, run, step) or NO_REASON


def _message(sources: Iterable[Any]) -> str | None:
    """Return the first message that one of the sources (tasks, or the run) has."""
    for source in sources:
        errors = [source.error, *(status.error for status in source.state_history or ())]
        for error in errors:
            if error is not None and error.message:
                return first_line(error.message)
    return None
