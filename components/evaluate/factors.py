"""The hyperparameters as a forest learns them, and how each is distributed over the declared space."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.core import journal
from components.evaluate.axes import Axis

MIDDLE = 0.5
INACTIVE = -1.0
"""Stands for the number of a hyperparameter that the space's conditions say is inactive: no number of a range."""


@dataclass(frozen=True)
class Factor:
    """A hyperparameter, independent of all others but for whether it is active.

    Attributes:
        columns: of the table, those that hold it: one, or one a category, so that no category lies between two others.
        levels: float array, shape (n_levels, n_columns), its values, all equally likely; None of a range without
            steps, which is uniform from 0 to 1 on the space's scale.
        inactive: float array, shape (n_columns,), what the table holds where it is not active.
        parent: place of the factor that decides whether it is active; None when nothing does.
        active: bool array, shape (n_levels of the parent,), at which of the parent's levels it is.
    """

    columns: slice
    levels: np.ndarray | None
    inactive: np.ndarray
    parent: int | None = None
    active: np.ndarray | None = None


def factors_of(axes: Sequence[Axis]) -> list[Factor]:
    """Return a `Factor` for each axis, a parent before its children as in the space."""
    found: list[Factor] = []
    start = 0
    for axis in axes:
        levels = _levels(axis)
        width = 1 if levels is None else levels.shape[1]
        parent = _parent(axis, axes[: len(found)])
        if parent is None:
            standing_in = np.full(width, MIDDLE) if levels is None or width == 1 else levels.mean(axis=0)
            found.append(Factor(slice(start, start + width), levels, standing_in))
        else:
            absent = np.full(width, INACTIVE if width == 1 else 0.0)
            found.append(Factor(slice(start, start + width), levels, absent, parent, _active(axis, axes[parent])))
        start += width
    return found


def are_conditions_known(axis: Axis, factor: Factor) -> bool:
    """Say whether it is known when a hyperparameter is active: always, or by a condition that the space declares."""
    return axis.always_active or factor.parent is not None


def table_of(axes: Sequence[Axis], factors: Sequence[Factor], trials: Sequence[journal.Trial]) -> np.ndarray:
    """Return the trials as the forest is given them, float array, shape (n_trials, n_columns of all factors)."""
    rows = [
        np.concatenate([_row(axis, factor, trial) for axis, factor in zip(axes, factors, strict=True)])
        for trial in trials
    ]
    return np.array(rows, dtype=float)


def _row(axis: Axis, factor: Factor, trial: journal.Trial) -> np.ndarray:
    """Return a trial's columns of one factor, shape (n_columns,)."""
    if axis.name not in trial.hyperparameters:
        return factor.inactive
    value = trial.hyperparameters[axis.name]
    if factor.levels is not None and factor.levels.shape[1] > 1:
        row: np.ndarray = factor.levels[axis.index(value)]
        return row
    return np.array([axis.position(value)])


def _levels(axis: Axis) -> np.ndarray | None:
    if not axis.is_stepped:
        return None
    if not axis.is_ordered and len(axis.values) > 2:  # of two categories, a number says as much
        return np.eye(len(axis.values))
    return np.array([[axis.position(value)] for value in axis.all_values])


def _parent(axis: Axis, earlier: Sequence[Axis]) -> int | None:
    """Return the place of the axis that alone decides whether `axis` is active, or None where none is known to.

    That is the innermost condition's, the same in every declaration, if the outer ones are also its own.
    """
    innermost = {conditions[-1][0] if conditions else None for conditions in axis.conditions}
    places = {each.name: place for place, each in enumerate(earlier)}
    if len(innermost) != 1 or (place := places.get(next(iter(innermost)) or "")) is None:
        return None
    outer = {condition for conditions in axis.conditions for condition in conditions[:-1] if condition[0] in places}
    known = {condition for conditions in earlier[place].conditions for condition in conditions}
    return place if earlier[place].is_stepped and outer <= known else None


def _active(axis: Axis, parent: Axis) -> np.ndarray:
    values = [value for conditions in axis.conditions for value in conditions[-1][1]]
    return np.array([any(value == each for each in values) for value in parent.all_values])
