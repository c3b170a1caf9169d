"""The points of a search space at which an experiment is tried out: each built, and looked at without training."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.core import models
from components.core.data import TrainingData
from components.core.errors import PipelineError
from components.core.experiment import Experiment
from components.core.space import Space, corners, random_choices

N_RANDOM = 8
MOST_CORNERS = 60
N_EXAMPLES = 4


@dataclass(frozen=True)
class Point:
    """One point of the space.

    Attributes:
        name: what is special about it.
        values: its flat values.
    """

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Built:
    """What was found when a point's network was built.

    Attributes:
        point: the point.
        n_parameters: of its network, or None when it failed.
        problem: why it failed, or None.
    """

    point: Point
    n_parameters: int | None
    problem: str | None = None


def points_of(space: Space) -> list[Point]:
    """Return the points to try: defaults, all lowest, all highest, each hyperparameter at its ends, some at random."""
    found: dict[str, Point] = {}
    for name, choices in _named_choices(space):
        values = space.active_values(choices)
        found.setdefault(repr(sorted(values.items(), key=lambda item: item[0])), Point(name, values))
    return list(found.values())


def build(experiment: Experiment, point: Point, data: TrainingData, folder: Path) -> Built:
    """Build a point's network, and save it with what it says of a few examples.

    Args:
        experiment: the `Experiment`.
        point: the point.
        data: training and validation split.
        folder: gets `model.keras`, and `logits.npz` with `inputs` and `logits`.
    """
    from components.training.loop import new_network
    from components.tune.network_check import output_problem

    try:
        model, _ = new_network(experiment, point.values, data, seed=0)
        models.refuse_unregistered(model)
        inputs = np.asarray(data.train.inputs[:N_EXAMPLES])
        logits = np.asarray(model(inputs, training=False))
        problem = output_problem(logits, data.info.n_classes)
        if problem:
            return Built(point, model.count_params(), problem)
        folder.mkdir(parents=True)
        model.save(folder / models.MODEL_FILE)
        np.savez(folder / "logits.npz", allow_pickle=False, inputs=inputs, logits=logits)
    except Exception as error:
        return Built(point, None, one_line(error))
    return Built(point, model.count_params())


def one_line(error: BaseException) -> str:
    """Return an error as one line of at most 300 characters; the project's own speak for themselves."""
    text = " ".join(str(error).split())
    return (text if isinstance(error, PipelineError) else f"{type(error).__name__}: {text}")[:300]


def _named_choices(space: Space) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {declaration.key: declaration.name for declaration in space.declarations}
    for number, choices in enumerate(corners(space)[:MOST_CORNERS]):
        special = ", ".join(f"{names[key]}={value}" for key, value in choices.items())
        yield ("defaults", "all lowest", "all highest")[number] if number < 3 else special, choices
    keyed = {declaration.key: declaration for declaration in space.declarations}
    for number, choices in enumerate(random_choices(keyed, N_RANDOM)):
        yield f"random {number + 1}", choices
