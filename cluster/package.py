"""A compiled pipeline, and what is refused of it before anything is sent."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.options import DATA_MOUNT, REGISTRY_MOUNT, STATE_MOUNT
from components.core.errors import InvalidInput
from components.core.parameters import check, local_path, shown_source
from images.references import check_immutable


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
    spec: dict[str, Any]
    platforms: dict[str, Any]
    digest: str

    @property
    def version_name(self) -> str:
        """The name of the pipeline's version that holds exactly this content."""
        return f"{self.name}-{self.digest[:12]}"

    @property
    def images(self) -> list[str]:
        """The image references of all tasks."""
        return [executor["container"]["image"] for executor in self.spec["deploymentSpec"]["executors"].values()]

    @property
    def mounts(self) -> set[str]:
        """The paths at which a task has a volume."""
        executors = (
            self.platforms.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        )
        return {mount["mountPath"] for executor in executors.values() for mount in executor.get("pvcMount", ())}

    @property
    def as_source(self) -> dict[str, Any]:
        """The pipeline as a run's `pipeline_spec`."""
        return {"pipeline_spec": self.spec, "platform_spec": self.platforms} if self.platforms else self.spec


def read_package(path: str | Path) -> Package:
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


def package_of(graph: Any) -> Package:
    """Return the `Package` of a graph that KFP has made of a pipeline function; its file is not kept."""
    from kfp import compiler

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(graph, str(path))
        return read_package(path)


def check_images(package: Package) -> None:
    """Refuse a pipeline with an image reference that can change its meaning.

    Raises:
        InvalidInput: the message names the reference and the reason.
    """
    for image in package.images:
        check_immutable(image)


def check_submission(package: Package, parameters: Mapping[str, Any]) -> None:
    """Refuse what would fail on the cluster, or run something else than what is here.

    Args:
        package: the compiled pipeline.
        parameters: the pipeline parameters that are given, by name.

    Raises:
        InvalidInput: a parameter breaks its rule, an image reference can change its meaning, or `data_source` or
            `warm_start` or `registry` is a path that the cluster can't see.
    """
    check(**parameters)
    check_images(package)
    source, warm_start = parameters.get("data_source", ""), parameters.get("warm_start", "")
    if shown_source(source) != source:
        raise InvalidInput(
            f"data_source must have no query on a cluster, which keeps and shows it, got {shown_source(source)!r}; "
            "give credentials by a secret or the pods' identity, see docs/data.md"
        )
    if source and (path := local_path(source)) is not None:
        _check_path("data_source", path, package, DATA_MOUNT, "--data-volume-claim")
    registry = parameters.get("registry", "")
    if registry and (path := local_path(registry)) is not None:
        _check_path("registry", path, package, REGISTRY_MOUNT, "--registry-volume-claim")
    if warm_start:
        _check_path("warm_start", warm_start, package, STATE_MOUNT, "--state-volume-claim")


def _check_path(name: str, path: str, package: Package, mount: str, option: str) -> None:
    """Refuse a path that is on no volume of the pipeline's."""
    if mount not in package.mounts:
        raise InvalidInput(
            f"{name} must not be a path on this machine, which the cluster can't see, got {path!r}; "
            f"put it on a volume, give {option} NAME and use a path under {mount}"
        )
    if not Path(os.path.normpath(path)).is_relative_to(mount):
        raise InvalidInput(f"{name} must lie under {mount}, where the volume is mounted, got {path!r}")
