"""A compiled pipeline's graph, read for a run in this process: its tasks, their order, where their values come from.

Any construct that a local run does not know is refused by name, before anything has run.
"""

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from components.core.errors import PipelineError
from components.steps import component_function

UNDERSTOOD_TASK_FIELDS = {
    "cachingOptions",
    "componentRef",
    "dependentTasks",
    "inputs",
    "retryPolicy",
    "taskInfo",
}
UNDERSTOOD_GROUP_FIELDS = UNDERSTOOD_TASK_FIELDS | {"triggerPolicy"}

RUN = "{{$.pipeline_job_uuid}}"
"""Stands in a graph for what names the run."""

_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] (==|!=) ('[^']*'|true|false|-?[0-9.]+)")


@dataclass(frozen=True)
class Task:
    """A task of the graph, with all that KFP's executor needs to run it.

    Attributes:
        name: of the task, and of its folder.
        step: name of its component function.
        parameters: its parameters' values, by name.
        inputs: what the executor is told of each input artifact, by name.
        outputs: the same of each output artifact.
        folder: where its artifacts are.
    """

    name: str
    step: str
    parameters: dict[str, Any]
    inputs: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]
    folder: Path


class UnknownConstruct(PipelineError):
    """The graph uses what only a cluster can run."""


class Graph:
    """The graph of a compiled pipeline.

    Args:
        pipeline: a compiled pipeline, as `kfp.dsl.pipeline` returns it.

    Raises:
        UnknownConstruct: the graph uses a construct that a local run does not know.
    """

    def __init__(self, pipeline: Any) -> None:
        self._spec: dict[str, Any] = json_format.MessageToDict(pipeline.pipeline_spec)
        self._tasks: dict[str, dict[str, Any]] = {}
        self._conditions: dict[str, list[Condition]] = {}
        self._take_in(self._spec["root"]["dag"]["tasks"])
        for name in sorted(self._tasks):
            self._refuse_unknown(name)

    def defaults(self) -> dict[str, Any]:
        """Return the pipeline parameters that have a default, by name."""
        parameters = self._spec["root"].get("inputDefinitions", {}).get("parameters", {})
        return {name: _typed(definition.get("defaultValue"), definition) for name, definition in parameters.items()}

    def is_wanted(self, name: str, values: Mapping[str, Any]) -> bool:
        """Return whether a task runs with these pipeline parameters: whether all conditions that it is under hold."""
        return all(condition.holds(values) for condition in self._conditions[name])

    def in_order(self) -> list[str]:
        """Return the tasks' names, each after those that it depends on."""
        ordered: list[str] = []
        while len(ordered) < len(self._tasks):
            waiting = {name: task for name, task in self._tasks.items() if name not in ordered}
            ordered += sorted(name for name, task in waiting.items() if set(_producers(task)) <= set(ordered))
        return ordered

    def task(
        self,
        name: str,
        values: Mapping[str, Any],
        finished: Mapping[tuple[str, str], dict[str, Any]],
        output_dir: Path,
    ) -> Task:
        """Return a task with its parameters' values and its artifacts' places.

        Args:
            name: which task.
            values: all pipeline parameters, by name.
            finished: what the executor is told of each artifact there is, by task and output.
            output_dir: the folder with a folder a task.
        """
        inputs, definition = self._tasks[name].get("inputs", {}), self._definition(name)
        declared = definition.get("inputDefinitions", {}).get("parameters", {})
        given = {key: _parameter(source, values) for key, source in inputs.get("parameters", {}).items()}
        given = {key: output_dir.name if value == RUN else value for key, value in given.items()}
        defaults = {key: spec["defaultValue"] for key, spec in declared.items() if "defaultValue" in spec}
        outputs = definition.get("outputDefinitions", {}).get("artifacts", {})
        return Task(
            name,
            self._step(definition),
            {key: _typed(value, declared[key]) for key, value in {**defaults, **given}.items()},
            {key: finished[_producer(source)] for key, source in inputs.get("artifacts", {}).items()},
            {key: _output(output_dir / name, key, spec) for key, spec in outputs.items()},
            output_dir / name,
        )

    def _take_in(
        self, tasks: Mapping[str, dict[str, Any]], around: "_Around | None" = None, under: Sequence["Condition"] = ()
    ) -> None:
        """Keep tasks, those under a condition as if they stood beside it, with what the condition is handed."""
        for name, task in sorted(tasks.items()):
            placed = around.resolved(task) if around else task
            inside = self._spec["components"][task["componentRef"]["name"]].get("dag")
            if inside is None:
                if name in self._tasks:
                    raise UnknownConstruct(f"task {name} is there twice, which a local run does not know")
                self._tasks[name], self._conditions[name] = placed, list(under)
                continue
            condition = _condition(name, placed)
            self._take_in(inside["tasks"], _Around.of(placed), [*under, condition])

    def _definition(self, name: str) -> dict[str, Any]:
        return dict(self._spec["components"][self._tasks[name]["componentRef"]["name"]])

    def _step(self, definition: Mapping[str, Any]) -> str:
        """Return the name of a component's function, empty when it is no Python function."""
        executor = self._spec["deploymentSpec"]["executors"][definition["executorLabel"]]
        return component_function(executor.get("container", {}).get("args", [])) or ""

    def _refuse_unknown(self, name: str) -> None:
        task = self._tasks[name]
        strange = [
            *sorted(task.keys() - UNDERSTOOD_TASK_FIELDS),
            *self._unknown_kind(self._definition(name)),
            *_unknown_sources(task, "parameters", _is_known_parameter),
            *_unknown_sources(task, "artifacts", lambda source: source.keys() == {"taskOutputArtifact"}),
        ]
        if strange:
            raise UnknownConstruct(f"task {name} uses {', '.join(strange)}, which a local run does not know")

    def _unknown_kind(self, definition: Mapping[str, Any]) -> list[str]:
        if not self._step(definition):
            return ["a component that is no Python function"]
        return ["output parameters"] if "parameters" in definition.get("outputDefinitions", {}) else []


@dataclass(frozen=True)
class Condition:
    """A pipeline parameter that must be, or must not be, a constant."""

    source: dict[str, Any]
    is_equal: bool
    constant: Any

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether it does with these pipeline parameters."""
        return bool(_parameter(self.source, values) == self.constant) == self.is_equal


@dataclass(frozen=True)
class _Around:
    """What a condition hands to the tasks under it: sources of parameters and artifacts, and what it waits for."""

    parameters: Mapping[str, dict[str, Any]]
    artifacts: Mapping[str, dict[str, Any]]
    dependent_tasks: Sequence[str]

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> "_Around":
        inputs = task.get("inputs", {})
        return cls(inputs.get("parameters", {}), inputs.get("artifacts", {}), task.get("dependentTasks", []))

    def resolved(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return a task under the condition as it would stand beside it."""
        inputs = task.get("inputs", {})
        parameters = {
            name: self.parameters.get(source.get("componentInputParameter", ""), source)
            for name, source in inputs.get("parameters", {}).items()
        }
        artifacts = {
            name: self.artifacts.get(source.get("componentInputArtifact", ""), source)
            for name, source in inputs.get("artifacts", {}).items()
        }
        dependent = [*self.dependent_tasks, *task.get("dependentTasks", [])]
        return {**task, "inputs": {"parameters": parameters, "artifacts": artifacts}, "dependentTasks": dependent}


def _condition(name: str, task: Mapping[str, Any]) -> Condition:
    """Return the condition that a nested graph is under.

    Raises:
        UnknownConstruct: it is none, or of a kind that a local run does not know.
    """
    strange = sorted(task.keys() - UNDERSTOOD_GROUP_FIELDS)
    text = task.get("triggerPolicy", {}).get("condition", "")
    match = _CONDITION.fullmatch(text)
    source = task.get("inputs", {}).get("parameters", {}).get(match[1]) if match else None
    if strange or not match or source is None or not _is_known_parameter(source):
        what = ", ".join(strange) or (f"the condition {text}" if text else "a nested pipeline")
        raise UnknownConstruct(f"task {name} uses {what}, which a local run does not know")
    written = match[3]
    constant = written[1:-1] if written.startswith("'") else json.loads(written)
    return Condition(source, match[2] == "==", constant)


def import_component(step: str) -> Any:
    """Return a step's component, from `components/STEP/component.py`."""
    return getattr(importlib.import_module(f"components.{step}.component"), step)


def _unknown_sources(task: Mapping[str, Any], kind: str, is_known: Callable[[dict[str, Any]], bool]) -> Iterator[str]:
    for name, source in task.get("inputs", {}).get(kind, {}).items():
        if not is_known(source):
            yield f"{', '.join(source)} for {name}"


def _is_known_parameter(source: dict[str, Any]) -> bool:
    """Whether a parameter is a pipeline's parameter, a constant without a placeholder, or what names the run."""
    constant = source.get("runtimeValue", {}).get("constant")
    return source.keys() == {"componentInputParameter"} or (
        source.keys() == {"runtimeValue"} and constant is not None and (constant == RUN or "{{$" not in str(constant))
    )


def _producers(task: Mapping[str, Any]) -> list[str]:
    artifacts_in = task.get("inputs", {}).get("artifacts", {}).values()
    return [_producer(source)[0] for source in artifacts_in] + list(task.get("dependentTasks", []))


def _producer(source: Mapping[str, Any]) -> tuple[str, str]:
    """Return task and output that an input artifact comes from."""
    producer = source["taskOutputArtifact"]
    return producer["producerTask"], producer["outputArtifactKey"]


def _parameter(source: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    if "componentInputParameter" in source:
        return values[source["componentInputParameter"]]
    return source["runtimeValue"]["constant"]


def _output(folder: Path, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "uri": str((folder / name).absolute()), "metadata": {}, "type": spec["artifactType"]}


def _typed(value: Any, definition: Mapping[str, Any]) -> Any:
    """Return a parameter as its declared type: the graph holds every number as a float."""
    if definition["parameterType"] == "NUMBER_INTEGER" and isinstance(value, float):
        return int(value)
    return value
