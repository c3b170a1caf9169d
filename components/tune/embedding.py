"""Configurations as points between which distances mean something, for the Gaussian process.

A number has a coordinate. A category has one for each of its values, so that all of them are equally far apart. A
hyperparameter that is only sometimes active has one more, which says whether it is; where it is not, its value is in
the middle and makes no difference.

Source: for the conditional ones, Hutter and Osborne 2013, "A kernel for hierarchical parameter spaces", whose
embedding this is in a plainer form.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.core.declaration import Declaration
from components.tune.unit_cube import UnitCube

MIDDLE = 0.5
ACTIVE = 0.5
"""How far a hyperparameter's being active moves a point: as far as half of a number's range."""


class Embedding:
    """Translates flat values into points, shape (n, n_columns), each column belonging to one hyperparameter.

    Args:
        cube: the search space.

    Attributes:
        owners: for each column the index of its hyperparameter, int, shape (n_columns,).
        n_hyperparameters: how many vary.
    """

    def __init__(self, cube: UnitCube) -> None:
        self._cube = cube
        self._sizes = [_n_columns(declaration, cube.space.is_static) for declaration in cube.varying]
        self.owners = np.repeat(np.arange(len(self._sizes)), self._sizes)
        self.n_hyperparameters = len(self._sizes)

    def points(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the points of configurations in flat values, float64."""
        rows = [self._point(values) for values in configurations]
        return np.array(rows, dtype=float).reshape(len(rows), len(self.owners))

    def _point(self, values: Mapping[str, Any]) -> list[float]:
        active = self._cube.active_keys(values)
        row: list[float] = []
        for declaration, size in zip(self._cube.varying, self._sizes, strict=True):
            is_active = declaration.key in active
            value = values[declaration.name] if is_active else None
            n_values = size - _is_conditional(declaration, self._cube.space.is_static)
            row += self._value(declaration, value, n_values) if is_active else _inactive(n_values)
            if n_values < size:
                row.append(ACTIVE if is_active else 0.0)
        return row

    def _value(self, declaration: Declaration, value: Any, n_values: int) -> list[float]:
        if n_values == 1:
            return [self._cube.coordinate(declaration, value)]
        # Two values are then a distance of 1 apart, as the two ends of a number's range are.
        return [float(value == known) / np.sqrt(2) for known in declaration.settings["values"]]


def _inactive(n_values: int) -> list[float]:
    return [MIDDLE] if n_values == 1 else [0.0] * n_values


def _n_columns(declaration: Declaration, is_static: bool) -> int:
    return (len(declaration.settings["values"]) if is_category(declaration) else 1) + _is_conditional(
        declaration, is_static
    )


def is_category(declaration: Declaration) -> bool:
    """Return whether a hyperparameter's values have no order: a `Choice` of text, or one that says so."""
    return declaration.kind == "Choice" and not declaration.settings.get("ordered")


def _is_conditional(declaration: Declaration, is_static: bool) -> bool:
    return bool(declaration.conditions) or not is_static
