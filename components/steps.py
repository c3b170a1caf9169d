"""The pipeline's steps and its other images, one entry each: what it holds, asks of a cluster, and may keep.

Images, placement on a cluster, the local run, the command line's choices and the tests all follow from this table. To
add a step: a folder `components/NAME` with a `component.py` that holds a component named NAME, an entry here, and a
line in the graph in `pipeline.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from components.core.errors import InvalidInput


@dataclass(frozen=True)
class Resources:
    """What one task asks of the cluster.

    Attributes:
        cpu_request: processors it is scheduled by, as Kubernetes writes them (`2`, `500m`).
        cpu_limit: processors it may use.
        memory_request: memory it is scheduled by (`4Gi`, `512Mi`).
        memory_limit: memory at which it is killed.
        timeout_s: seconds after which one attempt is killed, at least 1.
        retries: attempts after the first, 0 or more. A retry waits 30 s, then twice as long each time.
    """

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    timeout_s: int
    retries: int


@dataclass(frozen=True, kw_only=True)
class Image:
    """What an image holds.

    Attributes:
        packages: the dependency group: a stage of the Dockerfile.
        shared: the folders of `components/` beside `core` and the image's own.
        takes_gpu: whether there is one with CUDA, too, for where an accelerator is asked for.
    """

    packages: str
    shared: tuple[str, ...] = ()
    takes_gpu: bool = False


@dataclass(frozen=True, kw_only=True)
class Step(Image):
    """What the rooms that run a step know of it, beside its image.

    Attributes:
        title: what a person reads in a run's graph.
        resources: what it asks for by default.
        cached: whether old outputs are used when inputs and image are the same.
        keeps_state: whether the state volume is mounted, and the step is started again there when it was killed.
        reads_data: whether the volume with the user's own data is mounted.
        starts_workers: whether it starts pods of its own, and is told how to place them.
        deploys: whether it makes a service, and is told what the service's pods have.
        uses_registry: whether the volume with a registry of models is mounted, and its credentials are there.
    """

    title: str
    resources: Resources
    cached: bool = True
    keeps_state: bool = False
    reads_data: bool = False
    starts_workers: bool = False
    deploys: bool = False
    uses_registry: bool = False


STEPS = {
    "prepare": Step(
        title="Prepare the data",
        packages="prepare",
        resources=Resources("500m", "2", "1Gi", "2Gi", timeout_s=3_600, retries=3),
        shared=("remote", "sources"),
        reads_data=True,
    ),
    "tune": Step(
        title="Tune the hyperparameters",
        packages="tune",
        resources=Resources("2", "8", "4Gi", "16Gi", timeout_s=86_400, retries=3),
        shared=("experiment", "kube", "machines", "training", "workers"),
        takes_gpu=True,
        keeps_state=True,
        starts_workers=True,
    ),
    "train": Step(
        title="Train the best model",
        packages="train",
        resources=Resources("2", "8", "2Gi", "8Gi", timeout_s=21_600, retries=2),
        shared=("experiment", "training", "workers"),
        takes_gpu=True,
        keeps_state=True,
    ),
    "evaluate": Step(
        title="Evaluate on the test images",
        packages="evaluate",
        resources=Resources("1", "4", "2Gi", "4Gi", timeout_s=3_600, retries=2),
        shared=("experiment", "pages"),
        cached=False,
    ),
    "promote": Step(
        title="Register and promote the model",
        packages="promote",
        resources=Resources("1", "4", "2Gi", "4Gi", timeout_s=3_600, retries=2),
        shared=("experiment", "pages", "registry", "remote"),
        cached=False,
        uses_registry=True,
    ),
    "deploy": Step(
        title="Deploy the version in service",
        packages="deploy",
        resources=Resources("250m", "1", "512Mi", "1Gi", timeout_s=7_200, retries=1),
        shared=("kube", "registry", "remote"),
        cached=False,
        deploys=True,
        uses_registry=True,
    ),
    "track": Step(
        title="Record the run in MLflow",
        packages="track",
        resources=Resources("250m", "1", "512Mi", "2Gi", timeout_s=3_600, retries=2),
        shared=("experiment",),
        cached=False,
    ),
}
"""Step by the name of its folder and its component function, in the order of the graph: the pipeline's."""

OTHER_STEPS = {
    "predict": Step(
        title="Predict",
        packages="predict",
        resources=Resources("2", "8", "2Gi", "8Gi", timeout_s=21_600, retries=2),
        shared=("experiment", "inference", "registry", "remote", "sources"),
        cached=False,
        reads_data=True,
        uses_registry=True,
    ),
}
"""Steps of graphs of their own."""

ALL_STEPS = {**STEPS, **OTHER_STEPS}

IMAGES: dict[str, Image] = {
    **ALL_STEPS,
    "serve": Image(
        packages="serve",
        shared=("experiment", "inference", "pages", "registry", "remote", "sources"),
    ),
}
"""Image by the name of its folder: the steps', and that of the server which a model goes into service with."""


def component_function(arguments: Sequence[str]) -> str | None:
    """Return the component function that a container's arguments name, or None when they name none."""
    flag = "--function_to_execute"
    return arguments[arguments.index(flag) + 1] if flag in arguments else None


def check_is_step(name: str) -> None:
    """Refuse what has no entry in the table.

    Raises:
        InvalidInput: the message names it, and the place where the entry belongs.
    """
    if name not in ALL_STEPS:
        raise InvalidInput(f"{name} must have an entry in components/steps.py, which has {', '.join(ALL_STEPS)}")
