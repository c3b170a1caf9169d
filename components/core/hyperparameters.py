"""Hyperparameters read back from Keras Tuner's flat values, without Keras Tuner."""

import contextlib

from components.core.errors import InvalidInput


class ChosenValues:
    """Stands in for `keras_tuner.HyperParameters` where the values are known: each method returns its value.

    A conditional hyperparameter whose condition does not hold has no value and is None, as in Keras Tuner.
    """

    def __init__(self, values):
        self.values = dict(values)
        self._inactive = False

    def Int(self, name, *_, **conditions):
        return self._value(name, conditions)

    def Float(self, name, *_, **conditions):
        return self._value(name, conditions)

    def Choice(self, name, *_, **conditions):
        return self._value(name, conditions)

    def Boolean(self, name, *_, **conditions):
        return self._value(name, conditions)

    def Fixed(self, name, value, **conditions):
        return self.values.get(name, value)

    def get(self, name):
        return self._value(name, {})

    @contextlib.contextmanager
    def conditional_scope(self, parent_name, parent_values):
        outside, self._inactive = (
            self._inactive,
            self._inactive or self.values.get(parent_name) not in _as_list(parent_values),
        )
        try:
            yield
        finally:
            self._inactive = outside

    def _value(self, name, conditions):
        if name in self.values:
            return self.values[name]
        parent = conditions.get("parent_name")
        if not self._inactive and (
            parent is None or self.values.get(parent) in _as_list(conditions.get("parent_values"))
        ):
            raise InvalidInput(
                f"best_hyperparameters must hold every hyperparameter of the search space, and {name} is missing; "
                "run the tune step again after a change of search_space"
            )
        return None


def _as_list(values):
    return list(values) if isinstance(values, (list, tuple)) else [values]
