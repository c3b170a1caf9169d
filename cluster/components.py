"""Each step as a component file, for pipelines of other people: `kfp.components.load_component_from_file` reads it."""

import copy
import importlib
from collections.abc import Mapping
from pathlib import Path

from kfp import compiler

from components.steps import ALL_STEPS


def write(folder: Path, images: Mapping[str, str]) -> list[Path]:
    """Write `NAME.yaml` for each step and return the paths, in the order of the graph.

    Args:
        folder: where they go; it is made where it is not there.
        images: the image reference of each step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(name, folder / f"{name}.yaml", images[name]) for name in ALL_STEPS]


def _write(name: str, path: Path, image: str) -> Path:
    component = copy.deepcopy(getattr(importlib.import_module(f"components.{name}.component"), name))
    component.component_spec.implementation.container.image = image
    compiler.Compiler().compile(component, str(path))
    return path
