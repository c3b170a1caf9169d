"""What the cluster hands to a component and expects of it: the command in the compiled pipeline, an executor input in
JSON as KFP's launcher writes it, and the output metadata that the component leaves.

The same contract is held against an environment of an image's locked requirements, and against the image.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from components.core import artifacts
from pipeline import COMPONENTS, build

PLACEHOLDER = "{{$}}"

ARGUMENTS = {
    "prepare": {"data_source": "synthetic", "validation_fraction": 0.1, "seed": 7},
    "tune": {
        "max_trials": 1,
        "trial_epochs": 1,
        "trial_time_limit_s": 0,
        "stop_trials_early": True,
        "workers": 1,
        "patience": 1,
        "seed": 7,
    },
    "train": {"epochs": 1, "patience": 1, "seed": 7},
    "evaluate": {},
}
"""Parameters by step, those that have no default."""

FOREIGN = {
    "prepare": ("tensorflow", "keras", "keras_tuner", "matplotlib"),
    "tune": ("matplotlib",),
    "train": ("keras_tuner", "matplotlib"),
    "evaluate": ("keras_tuner",),
}
"""Packages that a step's image must not hold."""


@dataclass(frozen=True)
class Task:
    """One task as the cluster starts it.

    Attributes:
        step: the component's name.
        command: the command and its arguments, the placeholder filled in.
        outputs: URI by name of the artifacts it must leave.
        output_file: where it must leave its output metadata.
    """

    step: str
    command: tuple[str, ...]
    outputs: dict[str, str]
    output_file: str


def task(step, root, into=None, **changed):
    """Return a step's `Task`.

    Args:
        step: the component's name.
        root: URI of the folder with each step's outputs.
        into: URI of the folder for this step's outputs, `root` when None.
        **changed: parameters other than `ARGUMENTS`.
    """
    spec = build().pipeline_spec
    component = spec.components[f"comp-{step}"]
    container = spec.deployment_spec["executors"][component.executor_label]["container"]
    producers = spec.root.dag.tasks[step].inputs.artifacts
    inputs = {
        name: _artifact(name, wanted, f"{root}/{producers[name].task_output_artifact.producer_task}")
        for name, wanted in component.input_definitions.artifacts.items()
    }
    folder = f"{into or root}/{step}"
    outputs = {
        name: _artifact(name, wanted, folder) for name, wanted in component.output_definitions.artifacts.items()
    }
    output_file = f"{local(folder)}/output_metadata.json"
    executor_input = {
        "inputs": {"parameterValues": {**ARGUMENTS[step], **changed}, "artifacts": inputs},
        "outputs": {"artifacts": outputs, "outputFile": output_file},
    }
    filled = json.dumps(executor_input)
    command = tuple(filled if part == PLACEHOLDER else part for part in (*container["command"], *container["args"]))
    uris = {name: listed["artifacts"][0]["uri"] for name, listed in outputs.items()}
    return Task(step, command, uris, output_file)


def local(uri):
    """Return the path at which a component finds a URI, as KFP maps object stores to folders."""
    return uri.replace("minio://", "/minio/")


def check(done, folder=None):
    """Check what a task left.

    Args:
        done: the `Task`.
        folder: where the component's root folder is seen from here, when it ran in a root of its own.

    Raises:
        AssertionError: an output is not as the graph declares it.
    """
    here = (lambda path: Path(folder) / path.lstrip("/")) if folder else Path
    metadata = json.loads(here(done.output_file).read_bytes())["artifacts"]
    assert metadata.keys() == done.outputs.keys()
    for name, uri in done.outputs.items():
        (artifact,) = metadata[name]["artifacts"]
        assert artifact["uri"] == uri
        if name.endswith("metrics"):
            assert artifact["metadata"], f"{done.step} logged nothing to {name}"
        else:
            _check_artifact(here(local(uri)), name)


def imports_none_of(step):
    """Return a program that fails when the environment holds a package that the step's image must not hold."""
    found = f"[name for name in {FOREIGN[step]!r} if importlib.util.find_spec(name)]"
    return f"import importlib.util, sys; sys.exit({found} or None)"


def whole_artifacts(done, folder=None):
    """Return the names of the outputs that look whole: what a step that failed must not leave."""
    here = (lambda path: Path(folder) / path.lstrip("/")) if folder else Path
    paths = {name: here(local(uri)) for name, uri in done.outputs.items()}
    return [name for name, path in paths.items() if path.is_file() or (path / artifacts.MANIFEST).exists()]


def steps():
    return tuple(COMPONENTS)


def _check_artifact(path, name):
    if path.is_dir():
        artifacts.verify(path, name)
    else:
        assert path.stat().st_size > 0


def _artifact(name, wanted, folder):
    kind = {"schemaTitle": wanted.artifact_type.schema_title, "schemaVersion": wanted.artifact_type.schema_version}
    return {"artifacts": [{"name": name, "type": kind, "uri": f"{folder}/{name}", "metadata": {}}]}
