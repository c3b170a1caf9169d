"""A table of recorded trainings, in which a search looks up what it would have trained."""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.core.declaration import Condition, Declaration
from components.core.experiment import Direction
from components.core.space import Space

FOLDER = Path(__file__).with_name("tables")
N_END = 5
"""The end of a curve is the mean of so many epochs."""


@dataclass(frozen=True)
class Table:
    """Trainings of the configurations of a search space.

    Attributes:
        name: of the recording.
        direction: of the objective.
        space: the search space.
        configurations: flat values, each of which was trained with seed 0.
        curves: the objective of those trainings, shape (n, n_epochs). One that diverged has from there on the worst
            value of the table.
        repeats: the curves with other seeds, shape (n_seeds, n_epochs), by index of the configuration.
        epoch_seconds: processor seconds of an epoch, shape (n,).
        compile_seconds: processor seconds to build and compile, shape (n,).
        n_train: how many images were trained on.
    """

    name: str
    direction: Direction
    space: Space
    configurations: Sequence[dict[str, Any]]
    curves: np.ndarray
    repeats: Mapping[int, np.ndarray]
    epoch_seconds: np.ndarray
    compile_seconds: np.ndarray
    n_train: int

    def __len__(self) -> int:
        return len(self.configurations)

    @property
    def n_epochs(self) -> int:
        return int(self.curves.shape[1])

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.direction == "max" else -1

    def index(self, values: Mapping[str, Any]) -> int:
        """Return the index of a configuration."""
        return self._indices[_identity(values)]

    def objective(self, index: int, epoch: int) -> float:
        """Return the objective of a configuration after an epoch, counted from 1."""
        return float(self.curves[index, epoch - 1])

    @functools.cached_property
    def ends(self) -> np.ndarray:
        """The end of each configuration's curve with seed 0, as a search sees it, shape (n,)."""
        return _end(self.curves)

    @functools.cached_property
    def truth(self) -> np.ndarray:
        """How good each configuration is: the mean end of its curves with other seeds, shape (n,).

        A search sees seed 0 alone, so that luck in that training is none in the truth. Where other seeds were not
        recorded, as of configurations that no search should choose, it is the end of that curve.
        """
        return np.array(
            [_end(self.repeats[index]).mean() if index in self.repeats else end for index, end in enumerate(self.ends)]
        )

    def regret(self, index: int) -> float:
        """Return how much worse a configuration is than the table's best, in points (hundredths)."""
        signed = self.sign * self.truth
        return float(100 * (signed.max() - signed[index]))

    def noise(self, epoch: int) -> float:
        """Return the standard deviation between seeds of the objective after an epoch, counted from 1."""
        together = [np.vstack([self.curves[index], curves]) for index, curves in self.repeats.items()]
        variances = [curves[:, epoch - 1].var(ddof=1) for curves in together]
        return float(np.sqrt(np.mean(variances)))

    def nearest(self, values: Mapping[str, Any], untried: Sequence[int]) -> int:
        """Return which of the untried configurations is nearest to flat values.

        One with the same active hyperparameters goes before any other.
        """
        active = values.keys()
        alike = [index for index in untried if self.configurations[index].keys() == active] or list(untried)
        distances = ((self._points[alike] - self._point(values)) ** 2).sum(axis=1)
        return alike[int(np.argmin(distances))]

    @functools.cached_property
    def _indices(self) -> dict[str, int]:
        return {_identity(values): index for index, values in enumerate(self.configurations)}

    @functools.cached_property
    def _points(self) -> np.ndarray:
        return np.array([self._point(values) for values in self.configurations])

    def _point(self, values: Mapping[str, Any]) -> np.ndarray:
        parts = [_coordinates(declared, values.get(declared.name)) for declared in self.space.declarations]
        return np.array(list(itertools.chain.from_iterable(parts)))


def path_of(name: str | Path) -> Path:
    """Return the path of a table: of a file as it is, or by its name of one that comes with the benchmarks."""
    return Path(name) if Path(name).suffix else FOLDER / f"{name}.npz"


@functools.cache
def load(name: str | Path) -> Table:
    """Return a table by path or name, see `path_of`."""
    with np.load(path_of(name)) as file:
        columns = dict(file)
    about = json.loads(str(columns["about"]))
    first = columns["seed"] == 0
    worst = np.nanmin if about["direction"] == "max" else np.nanmax
    curves = np.where(np.isnan(columns["curves"]), worst(columns["curves"]), columns["curves"]).astype(float)
    numbers = columns["configuration"]
    repeats = {
        index: curves[(numbers == number) & ~first]
        for index, number in enumerate(numbers[first])
        if ((numbers == number) & ~first).any()
    }
    return Table(
        name=about["name"],
        direction=about["direction"],
        space=space_of(about["space"]),
        configurations=[about["configurations"][number] for number in numbers[first]],
        curves=curves[first],
        repeats=repeats,
        epoch_seconds=columns["epoch_seconds"][first].astype(float),
        compile_seconds=columns["compile_seconds"][first].astype(float),
        n_train=about["n_train"],
    )


def space_of(listed: Sequence[Mapping[str, Any]]) -> Space:
    """Return the space whose declarations `Space.as_list` has listed; its conditions alone say what is active."""
    declarations = tuple(_declaration(dict(each)) for each in listed)

    def search_space(hp: Any) -> Any:
        for declared in declarations:
            hp.declare(declared)
        return hp

    return Space(search_space, declarations, is_static=True)


def _declaration(listed: dict[str, Any]) -> Declaration:
    conditions = tuple(Condition(each["name"], tuple(each["values"])) for each in listed.pop("conditions"))
    return Declaration(listed.pop("name"), listed.pop("kind"), listed, conditions)


def _coordinates(declared: Declaration, value: Any) -> list[float]:
    """Return a value's coordinates: a share of its range, or of a category without order one a value."""
    settings = declared.settings
    if declared.kind == "Fixed":
        return []
    if declared.kind == "Boolean":
        return [0.5 if value is None else float(value)]
    if declared.kind == "Choice" and not settings["ordered"]:
        return [float(value == each) / np.sqrt(2) for each in settings["values"]]
    if value is None:
        return [0.5]
    if declared.kind == "Choice":
        return [settings["values"].index(value) / max(1, len(settings["values"]) - 1)]
    low, high = settings["min_value"], settings["max_value"]
    if settings["sampling"] == "log":
        low, high, value = np.log(low), np.log(high), np.log(value)
    return [float((value - low) / (high - low))]


def _end(curves: np.ndarray) -> np.ndarray:
    mean: np.ndarray = curves[:, -N_END:].mean(axis=1)
    return mean


def _identity(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)
