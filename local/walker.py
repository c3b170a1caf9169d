"""Runs a compiled pipeline in this process, without a cluster or a container engine.

It walks the very graph that Kubeflow gets and hands each task to `kfp.dsl.executor.Executor`, the class that runs it
in the container too. A step whose inputs, parameters and code are unchanged since it last finished is not run again.
"""

import contextlib
import fcntl
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import json_format
from kfp.dsl.executor import Executor

from components.core import artifacts, events, files
from components.core.errors import InvalidInput
from images import references

EXECUTOR_OUTPUT = "executor_output.json"
RECORD = "step.json"
LOCK = ".lock"
PLACES = ("state_dir",)
UNDERSTOOD_TASK_FIELDS = {
    "cachingOptions",
    "componentRef",
    "dependentTasks",
    "inputs",
    "retryPolicy",
    "taskInfo",
}


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
    metrics: dict


@dataclass(frozen=True)
class _Task:
    """A task of the graph, with all that the executor needs to run it."""

    name: str
    function: object
    parameters: dict
    inputs: dict
    outputs: dict
    folder: Path


def run(pipeline, components, arguments, output_dir):
    """Run a pipeline's tasks in order and return their `StepResult`s, in that order.

    Args:
        pipeline: a compiled pipeline, as `kfp.dsl.pipeline` returns it.
        components: component by function name.
        arguments: pipeline parameters by name; the others have their defaults.
        output_dir: gets a folder a step, with the step's artifacts.

    Raises:
        InvalidInput: what a step refuses.
        NotImplementedError: the graph uses a construct that this runner does not know.
    """
    graph = json_format.MessageToDict(pipeline.pipeline_spec)
    _refuse_unknown(graph)
    values = {**_defaults(graph), **arguments}
    finished: dict = {}
    return [
        _run_task(_resolve(graph, name, components, values, finished, Path(output_dir)), finished)
        for name in _in_order(graph)
    ]


@contextlib.contextmanager
def locked(output_dir):
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


def _defaults(graph):
    parameters = graph["root"].get("inputDefinitions", {}).get("parameters", {})
    return {name: _typed(definition.get("defaultValue"), definition) for name, definition in parameters.items()}


def _refuse_unknown(graph):
    """Refuse a graph with a construct that this runner does not know, before anything has run."""
    for name, task in sorted(graph["root"]["dag"]["tasks"].items()):
        definition = graph["components"][task["componentRef"]["name"]]
        strange = [
            *sorted(task.keys() - UNDERSTOOD_TASK_FIELDS),
            *_unknown_kind(graph, definition),
            *_unknown_sources(task, "parameters", _is_known_parameter),
            *_unknown_sources(task, "artifacts", lambda source: source.keys() == {"taskOutputArtifact"}),
        ]
        if strange:
            raise NotImplementedError(f"task {name} uses {', '.join(strange)}, which a local run does not know")


def _unknown_kind(graph, definition):
    if "executorLabel" not in definition:
        return ["a nested pipeline"]
    container = graph["deploymentSpec"]["executors"][definition["executorLabel"]].get("container", {})
    if "--function_to_execute" not in container.get("args", []):
        return ["a component that is no Python function"]
    return ["output parameters"] if "parameters" in definition.get("outputDefinitions", {}) else []


def _unknown_sources(task, kind, is_known):
    sources = task.get("inputs", {}).get(kind, {})
    return [f"{', '.join(source)} for {name}" for name, source in sources.items() if not is_known(source)]


def _is_known_parameter(source):
    """Whether a parameter is a pipeline's parameter or a constant; text can hold a placeholder of either."""
    constant = source.get("runtimeValue", {}).get("constant")
    return source.keys() == {"componentInputParameter"} or (
        source.keys() == {"runtimeValue"} and constant is not None and "{{$" not in str(constant)
    )


def _in_order(graph):
    """Return the tasks' names, each after those that it depends on."""
    tasks = graph["root"]["dag"]["tasks"]
    ordered: list[str] = []
    while len(ordered) < len(tasks):
        ready = [name for name in tasks if name not in ordered and set(_producers(tasks[name])) <= set(ordered)]
        ordered += sorted(ready)
    return ordered


def _producers(task):
    artifacts_in = task.get("inputs", {}).get("artifacts", {}).values()
    return [source["taskOutputArtifact"]["producerTask"] for source in artifacts_in] + task.get("dependentTasks", [])


def _resolve(graph, name, components, values, finished, output_dir):
    """Return a task with its parameters' values and its artifacts' places."""
    task = graph["root"]["dag"]["tasks"][name]
    definition = graph["components"][task["componentRef"]["name"]]
    inputs = task.get("inputs", {})
    folder = output_dir / name
    declared = definition.get("inputDefinitions", {}).get("parameters", {})
    given = {key: _parameter(source, values) for key, source in inputs.get("parameters", {}).items()}
    defaults = {key: spec["defaultValue"] for key, spec in declared.items() if "defaultValue" in spec}
    outputs = definition.get("outputDefinitions", {})
    return _Task(
        name,
        components[_function_name(graph, definition)],
        {key: _typed(value, declared[key]) for key, value in {**defaults, **given}.items()},
        {key: _input(source, finished) for key, source in inputs.get("artifacts", {}).items()},
        {key: _output(folder, key, spec) for key, spec in outputs.get("artifacts", {}).items()},
        folder,
    )


def _function_name(graph, definition):
    container = graph["deploymentSpec"]["executors"][definition["executorLabel"]]["container"]
    arguments = container["args"]
    return arguments[arguments.index("--function_to_execute") + 1]


def _parameter(source, values):
    if "componentInputParameter" in source:
        return values[source["componentInputParameter"]]
    return source["runtimeValue"]["constant"]


def _input(source, finished):
    producer = source["taskOutputArtifact"]
    return finished[producer["producerTask"], producer["outputArtifactKey"]]


def _output(folder, name, spec):
    return {"name": name, "uri": str((folder / name).absolute()), "metadata": {}, "type": spec["artifactType"]}


def _typed(value, definition):
    """Return a parameter as its declared type: the graph holds every number as a float."""
    if definition["parameterType"] == "NUMBER_INTEGER" and isinstance(value, float):
        return int(value)
    return value


def _run_task(task, finished):
    """Run a task, or keep what it left, and enter its artifacts into `finished`."""
    key = _key(task)
    record = _read_record(task, key)
    if record:
        events.note(f"{task.name}: unchanged, kept from an earlier run")
    else:
        record = _execute(task, key)
    for name, message in _output_messages(task).items():
        finished[task.name, name] = message
    return StepResult(task.name, record["seconds"], record["reused"], _metrics(task))


def _execute(task, key):
    events.listener.step_started(task.name)
    start = time.perf_counter()
    Executor(_executor_input(task), task.function).execute()
    seconds = round(time.perf_counter() - start, 3)
    record = {"key": key, "seconds": seconds, "outputs": _fingerprints(task)}
    files.write_json(record, task.folder / RECORD)
    events.listener.step_finished(task.name, seconds)
    return {**record, "reused": False}


def _read_record(task, key):
    """Return what the step's last run left, or None when it must run: changed, unfinished or damaged since."""
    try:
        record = json.loads((task.folder / RECORD).read_bytes())
        unchanged = record["key"] == key and record["outputs"] == _fingerprints(task)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {**record, "reused": True} if unchanged else None


def _fingerprints(task):
    """Return what a step left, by name: its artifacts, those that have a file, and the executor's output."""
    written = {name: Path(output["uri"]) for name, output in task.outputs.items() if Path(output["uri"]).exists()}
    sums = {name: _checked_fingerprint(path) for name, path in written.items()}
    return {**sums, EXECUTOR_OUTPUT: files.sha256(task.folder / EXECUTOR_OUTPUT)}


def _checked_fingerprint(path):
    if path.is_dir():
        manifest = json.loads((path / artifacts.MANIFEST).read_bytes())
        artifacts.verify(path, manifest["kind"])
    return artifacts.fingerprint(path)


def _key(task):
    """Return what a step's result depends on: parameters, what stands behind them, inputs, and code."""
    parameters = {name: value for name, value in task.parameters.items() if name not in PLACES}
    return files.digest(
        {
            "parameters": parameters,
            "files": {name: content_digest(value) for name, value in parameters.items()},
            "inputs": {name: artifacts.fingerprint(message["uri"]) for name, message in task.inputs.items()},
            "code": {path: hashlib.sha256(data).hexdigest() for path, data in references.app_files(task.name).items()},
        }
    )


def content_digest(value):
    """Return a digest of the files behind a parameter that is a path, or None."""
    if not isinstance(value, str) or not value:
        return None
    path = Path(value.removeprefix("file://"))
    if not path.exists():
        return None
    inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return files.digest(
        {str(file.relative_to(path) if path.is_dir() else file.name): files.sha256(file) for file in inside}
    )


def _executor_input(task):
    return {
        "inputs": {"parameterValues": task.parameters, "artifacts": _as_lists(task.inputs)},
        "outputs": {
            "artifacts": _as_lists(task.outputs),
            "outputFile": str((task.folder / EXECUTOR_OUTPUT).absolute()),
        },
    }


def _as_lists(messages):
    return {name: {"artifacts": [message]} for name, message in messages.items()}


def _output_messages(task):
    """Return the output artifacts with the metadata that the step gave them."""
    left = json.loads((task.folder / EXECUTOR_OUTPUT).read_bytes())["artifacts"]
    return {
        name: {**message, "metadata": left[name]["artifacts"][0]["metadata"]} for name, message in task.outputs.items()
    }


def _metrics(task):
    messages = _output_messages(task)
    return next((m["metadata"] for m in messages.values() if m["type"].get("schemaTitle") == "system.Metrics"), {})
