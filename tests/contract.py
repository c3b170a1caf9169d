"""What the cluster hands to a component and expects of it: the command in the compiled pipeline, an executor input in
JSON as KFP's launcher writes it, and the output metadata that the component leaves.

`make image-test` holds it against the images.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import json_format

from components.core import artifacts
from components.steps import IMAGES, STEPS
from local.graph import RUN
from pipeline import build
from tests.graph_tasks import tasks_of

PLACEHOLDER = "{{$}}"
INTEGER = "NUMBER_INTEGER"

SMALL = {
    "data_source": "synthetic",
    "max_trials": 1,
    "trial_epochs": 1,
    "workers": 1,
    "training_epochs": 1,
    "early_stopping_patience": 1,
    "seed": 7,
    "registry": "/minio/registry",
    "mlflow": "http://127.0.0.1:9",
    "export": "savedmodel,onnx",
}
"""Pipeline parameters of a run that ends soon; the others have their defaults."""

FOREIGN = {
    "base": ("tensorflow", "keras", "keras_tuner", "matplotlib", "fsspec"),
    "prepare": ("tensorflow", "keras", "keras_tuner", "matplotlib"),
    "tune": ("matplotlib", "PIL"),
    "train": ("keras_tuner", "matplotlib", "fsspec"),
    "evaluate": ("keras_tuner", "fsspec"),
    "promote": ("keras_tuner",),
    "deploy": ("tensorflow", "keras", "keras_tuner", "matplotlib", "mlflow", "PIL"),
    "track": ("tensorflow", "keras", "keras_tuner", "matplotlib", "kubernetes_asyncio"),
    "serve": ("keras_tuner", "matplotlib", "onnx", "mlflow"),
    "predict": ("keras_tuner", "matplotlib", "kserve", "mlflow"),
}
"""Packages that an image must not hold, by the group that it is built on."""


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


def task(step, root, into=None, graph=build, **changed):
    """Return a step's `Task`.

    Args:
        step: the component's name.
        root: URI of the folder with each step's outputs.
        into: URI of the folder for this step's outputs, `root` when None.
        graph: makes the pipeline that the step is in.
        **changed: the component's parameters that are other than the pipeline gives with `SMALL`.
    """
    spec = json_format.MessageToDict(graph().pipeline_spec)
    task_name = step.replace("_", "-")  # as KFP names it
    component = spec["components"][f"comp-{task_name}"]
    container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    given = tasks_of(spec)[task_name]["inputs"]
    producers = given.get("artifacts", {})
    inputs = {
        name: _artifact(name, wanted, f"{root}/{producers[name]['taskOutputArtifact']['producerTask']}")
        for name, wanted in component.get("inputDefinitions", {}).get("artifacts", {}).items()
    }
    folder = f"{into or root}/{step}"
    declared = component["outputDefinitions"]["artifacts"]
    outputs = {name: _artifact(name, wanted, folder) for name, wanted in declared.items()}
    output_file = f"{local(folder)}/output_metadata.json"
    executor_input = {
        "inputs": {"parameterValues": {**_parameters(spec, given), **changed}, "artifacts": inputs},
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
    found = f"[name for name in {FOREIGN[IMAGES[step].packages]!r} if importlib.util.find_spec(name)]"
    return f"import importlib.util, sys; sys.exit({found} or None)"


def whole_artifacts(done, folder=None):
    """Return the names of the outputs that look whole: what a step that failed must not leave."""
    here = (lambda path: Path(folder) / path.lstrip("/")) if folder else Path
    paths = {name: here(local(uri)) for name, uri in done.outputs.items()}
    return [name for name, path in paths.items() if path.is_file() or (path / artifacts.MANIFEST).exists()]


def steps():
    return tuple(STEPS)


def _parameters(spec, given):
    """Return a task's parameters, from the pipeline's or as constants."""
    pipeline = spec["root"]["inputDefinitions"]["parameters"]
    values = {**{name: wanted.get("defaultValue") for name, wanted in pipeline.items()}, **SMALL}
    whole = {name for name, wanted in pipeline.items() if wanted["parameterType"] == INTEGER}
    found = {}
    for name, source in given.get("parameters", {}).items():
        if parameter := source.get("componentInputParameter"):
            found[name] = int(values[parameter]) if parameter in whole else values[parameter]
        else:
            constant = source["runtimeValue"]["constant"]
            found[name] = "a-run-s-id" if constant == RUN else constant
    return found


def _check_artifact(path, name):
    if path.is_dir():
        artifacts.verify(path, name)
    else:
        assert path.stat().st_size > 0


def _artifact(name, wanted, folder):
    return {"artifacts": [{"name": name, "type": wanted["artifactType"], "uri": f"{folder}/{name}", "metadata": {}}]}
