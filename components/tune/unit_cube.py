"""A search space as the unit cube: a coordinate from 0 to 1 for each hyperparameter that varies."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from components.core.declaration import Condition, Declaration
from components.core.errors import InvalidInput
from components.core.space import Space


class UnitCube:
    """Translates between the flat values of a trial and points of the cube, on Keras Tuner's own scales.

    A hyperparameter that is not active stands at its default.

    Args:
        space: the search space.

    Attributes:
        space: the same.
        hyperparameters: the space as `keras_tuner.HyperParameters`.
        varying: the declarations that vary, a dimension each.
        n_dimensions: how many these are.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.hyperparameters = as_keras_tuner(space.declarations)
        pairs = zip(space.declarations, self.hyperparameters.space, strict=True)
        self._dimensions = [(declaration, hp) for declaration, hp in pairs if declaration.kind != "Fixed"]
        self.varying = [declaration for declaration, _ in self._dimensions]
        self.n_dimensions = len(self._dimensions)
        self._by_key = {declaration.key: hp for declaration, hp in self._dimensions}

    def default(self) -> np.ndarray:
        """Return the point of the defaults, shape (n_dimensions,)."""
        return np.array([hp.value_to_prob(hp.default) for _, hp in self._dimensions])

    def encode(self, trials: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the points of trials' flat values, shape (n_trials, n_dimensions)."""
        rows = [self._point(values) for values in trials]
        return np.array(rows, dtype=float).reshape(len(rows), self.n_dimensions)

    def decode(self, point: np.ndarray) -> dict[str, Any]:
        """Return the flat values of a point: those of the active hyperparameters, fixed ones included."""
        pairs = zip(self._dimensions, point, strict=True)
        return self.space.active_values({declared.key: hp.prob_to_value(at) for (declared, hp), at in pairs})

    def coordinate(self, declaration: Declaration, value: Any) -> float:
        """Return where a value lies in its hyperparameter's range, 0 to 1."""
        return float(self._by_key[declaration.key].value_to_prob(value))

    def active_keys(self, values: Mapping[str, Any]) -> set[str]:
        """Return the keys of the hyperparameters that are active in flat values."""
        if self.space.is_static:
            return {each.key for each in self.space.declarations if all(c.holds(values) for c in each.conditions)}
        return {declared.key for declared in self.space.named(values).active.values()}

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Say whether flat values are a point: one for each active hyperparameter, in its range, and no others."""
        reader = self.space.named(values)
        return reader.values.keys() == values.keys() and all(
            _in_range(declared, self._by_key.get(declared.key), values[name])
            for name, declared in reader.active.items()
        )

    def _point(self, values: Mapping[str, Any]) -> list[float]:
        keys = self.active_keys(values)
        return [
            hp.value_to_prob(values[declared.name] if declared.key in keys else hp.default)
            for declared, hp in self._dimensions
        ]


def as_keras_tuner(declarations: Sequence[Declaration]) -> kt.HyperParameters:
    """Return declarations as `keras_tuner.HyperParameters`, in their order.

    Raises:
        InvalidInput: a range that Keras Tuner does not take; the message names the hyperparameter.
    """
    space = [{"class_name": each.kind, "config": _config(each)} for each in declarations]
    try:
        return kt.HyperParameters.from_config({"space": space, "values": {}})
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"search_space must declare ranges that Keras Tuner knows: {error}") from None


def from_keras_tuner(hyperparameters: kt.HyperParameters) -> Space:
    """Return the `Space` of `keras_tuner.HyperParameters`."""
    declarations = []
    for hp in hyperparameters.space:
        config = hp.get_config()
        conditions = tuple(
            Condition(each["config"]["name"], tuple(each["config"]["values"])) for each in config.pop("conditions")
        )
        declarations.append(Declaration(config.pop("name"), type(hp).__name__, config, conditions))

    def search_space(hp: Any) -> Any:
        for declared in declarations:
            hp.declare(declared)
        return hp

    return Space(search_space, tuple(declarations), is_static=True)


def _config(declaration: Declaration) -> dict[str, Any]:
    conditions = [
        {"class_name": "Parent", "config": {"name": each.name, "values": list(each.values)}}
        for each in declaration.conditions
    ]
    return {**declaration.settings, "name": declaration.name, "conditions": conditions}


def _in_range(declaration: Declaration, hp: Any, value: Any) -> bool:
    """Say whether a value is one of those that a hyperparameter can have, and of their type."""
    if not declaration.allows(value):
        return False
    if declaration.kind not in ("Int", "Float"):
        return True
    return bool(np.isclose(hp.prob_to_value(hp.value_to_prob(value)), value, rtol=1e-9, atol=0))
