"""Runs a compiled pipeline in this process, without a cluster or a container engine.

It walks the very graph that Kubeflow gets and hands each task to `kfp.dsl.executor.Executor`, the class that runs it
in the container too. A step whose inputs, parameters and code are unchanged since it last finished is not run again.
"""

import contextlib
import fcntl
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp.dsl.executor import Executor

from components.core import artifacts, events, files
from components.core.errors import InvalidInput
from images.contents import app_files
from local.graph import Graph, Task, import_component

EXECUTOR_OUTPUT = "executor_output.json"
STEP_FILE = "step.json"
LOCK = ".lock"

WHERE_NOT_WHAT = ("state_dir",)
"""Parameters that say where a step keeps its state; its result does not depend on them."""

WRITTEN_TO = ("registry",)
"""Parameters whose files a step writes: it has not changed by what they hold."""


@dataclass(frozen=True)
class StepResult:
    """A finished step.

    Attributes:
        name: of its task.
        seconds: wall time when it ran.
        reused: whether it was kept from an earlier run rather than run now.
        metrics: its KFP metrics, by name.
    """

    name: str
    seconds: float
    reused: bool
    metrics: dict[str, Any]


def run(pipeline: Any, arguments: Mapping[str, Any], output_dir: str | Path) -> list[StepResult]:
    """Run a pipeline's tasks in order and return their results, in that order.

    Args:
        pipeline: a compiled pipeline, as `kfp.dsl.pipeline` returns it.
        arguments: pipeline parameters by name; the others have their defaults.
        output_dir: gets a folder a step, with the step's artifacts.

    Raises:
        InvalidInput: what a step refuses.
        UnknownConstruct: the graph uses a construct that a local run does not know.
    """
    graph = Graph(pipeline)
    values = {**graph.defaults(), **arguments}
    finished: dict[tuple[str, str], dict[str, Any]] = {}
    results = []
    for name in graph.in_order():
        if not graph.is_wanted(name, values):
            continue
        task = graph.task(name, values, finished, Path(output_dir))
        results.append(_run_task(task))
        finished |= {(name, output): message for output, message in _output_messages(task).items()}
    return results


@contextlib.contextmanager
def locked(output_dir: str | Path) -> Iterator[None]:
    """Keep a second run out of a folder while the block runs. The lock ends with its process, however it ends.

    Raises:
        InvalidInput: another run is using the folder.
    """
    with open(Path(output_dir) / LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(
                f"output_dir must be used by one run at a time, and another uses {output_dir}"
            ) from None
        yield


def content_digest(value: Any) -> str | None:
    """Return a digest of the files behind a parameter that is a path, or None."""
    if not isinstance(value, str) or not value:
        return None
    path = Path(value.removeprefix("file://"))
    if not path.exists():
        return None
    inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return files.digest({str(file.relative_to(path.parent)): _sha256(file) for file in inside})


def _sha256(file: Path) -> str:
    """Return the digest of a file's bytes; of one that may not be read, which no step can have read, of none."""
    try:
        return files.sha256(file)
    except OSError:
        return ""


def _run_task(task: Task) -> StepResult:
    """Run a task, or keep what it left."""
    key = _key(task)
    seconds = _seconds_of_unchanged(task, key)
    reused = seconds is not None
    if reused:
        events.note(f"{task.name}: unchanged, kept from an earlier run")
    else:
        seconds = _execute(task, key)
    return StepResult(task.name, seconds or 0.0, reused, _metrics(task))


def _execute(task: Task, key: str) -> float:
    """Run a task, write down that it has finished, and return how many seconds it took."""
    events.listener.step_started(task.name)
    start = time.perf_counter()
    Executor(_executor_input(task), import_component(task.step)).execute()
    seconds = round(time.perf_counter() - start, 3)
    files.write_json({"key": key, "seconds": seconds, "outputs": _fingerprints(task)}, task.folder / STEP_FILE)
    events.listener.step_finished(task.name, seconds)
    return seconds


def _seconds_of_unchanged(task: Task, key: str) -> float | None:
    """Return how long the step's last run took, or None when it must run: changed, unfinished or damaged since."""
    try:
        last = json.loads((task.folder / STEP_FILE).read_bytes())
        unchanged = last["key"] == key and last["outputs"] == _fingerprints(task)
        return float(last["seconds"]) if unchanged else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fingerprints(task: Task) -> dict[str, str]:
    """Return what a step left, by name: its artifacts, those that have a file, and the executor's output."""
    written = {name: Path(output["uri"]) for name, output in task.outputs.items() if Path(output["uri"]).exists()}
    sums = {name: _checked_fingerprint(path) for name, path in written.items()}
    return {**sums, EXECUTOR_OUTPUT: files.sha256(task.folder / EXECUTOR_OUTPUT)}


def _checked_fingerprint(path: Path) -> str:
    if path.is_dir():
        manifest = json.loads((path / artifacts.MANIFEST).read_bytes())
        artifacts.verify(path, manifest["kind"])
    return str(artifacts.fingerprint(path))


def _key(task: Task) -> str:
    """Return what a step's result depends on: parameters, what stands behind them, inputs, and code."""
    parameters = {name: value for name, value in task.parameters.items() if name not in WHERE_NOT_WHAT}
    return str(
        files.digest(
            {
                "parameters": parameters,
                "files": {name: content_digest(value) for name, value in parameters.items() if name not in WRITTEN_TO},
                "inputs": {name: artifacts.fingerprint(message["uri"]) for name, message in task.inputs.items()},
                "code": {path: hashlib.sha256(data).hexdigest() for path, data in app_files(task.step).items()},
            }
        )
    )


def _executor_input(task: Task) -> dict[str, Any]:
    return {
        "inputs": {"parameterValues": task.parameters, "artifacts": _as_lists(task.inputs)},
        "outputs": {
            "artifacts": _as_lists(task.outputs),
            "outputFile": str((task.folder / EXECUTOR_OUTPUT).absolute()),
        },
    }


def _as_lists(messages: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {"artifacts": [message]} for name, message in messages.items()}


def _output_messages(task: Task) -> dict[str, dict[str, Any]]:
    """Return the output artifacts with the metadata that the step gave them."""
    left = json.loads((task.folder / EXECUTOR_OUTPUT).read_bytes())["artifacts"]
    return {
        name: {**message, "metadata": left[name]["artifacts"][0]["metadata"]} for name, message in task.outputs.items()
    }


def _metrics(task: Task) -> dict[str, Any]:
    messages = _output_messages(task).values()
    return next((m["metadata"] for m in messages if m["type"].get("schemaTitle") == "system.Metrics"), {})
