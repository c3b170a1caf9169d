"""What `search_space` is called with: it answers with values, and takes down what is declared.

It has the methods of `keras_tuner.HyperParameters` and its rules for scopes and conditions, and needs no Keras Tuner.
One run of `search_space` tells everything: which hyperparameters there are, their ranges, and which are active.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from components.core.declaration import Condition, Declaration
from components.core.errors import InvalidInput


class HyperparameterReader:
    """Stands in for `keras_tuner.HyperParameters` in one call of `search_space`.

    An inactive hyperparameter has no value and is None, as in Keras Tuner.

    Args:
        choose: what value an active declaration has.

    Attributes:
        declared: all declarations so far, active or not, by key.
        active: the active ones, by name.
        values: their values, by name.
    """

    def __init__(self, choose: Callable[[Declaration], Any]) -> None:
        self._choose = choose
        self._fixed: Mapping[str, Any] = {}
        self._scopes: list[str] = []
        self._conditions: list[Condition] = []
        self._first: dict[tuple[str, tuple[Condition, ...]], Declaration] = {}
        self.declared: dict[str, Declaration] = {}
        self.active: dict[str, Declaration] = {}
        self.values: dict[str, Any] = {}

    def fix(self, values: Mapping[str, Any]) -> None:
        """Take hyperparameters, by name, for fixed at these values from now on, however they are declared."""
        self._fixed = values

    def Int(
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = "linear",
        default: int | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        return self._number("Int", name, min_value, max_value, step, sampling, default, parent_name, parent_values)

    def Float(
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        return self._number("Float", name, min_value, max_value, step, sampling, default, parent_name, parent_values)

    def Choice(
        self,
        name: str,
        values: Any,
        ordered: bool | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        if ordered is None:
            ordered = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        settings = {"values": list(values), "ordered": ordered, "default": default}
        return self._read("Choice", name, settings, parent_name, parent_values)

    def Boolean(
        self, name: str, default: bool = False, parent_name: str | None = None, parent_values: Any = None
    ) -> Any:
        return self._read("Boolean", name, {"default": default}, parent_name, parent_values)

    def Fixed(self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None) -> Any:
        return self._read("Fixed", name, {"value": value}, parent_name, parent_values)

    @contextlib.contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    @contextlib.contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        parent = self._full(parent_name)
        if not any(declaration.name == parent for declaration in self.declared.values()):
            raise InvalidInput(f"search_space must declare {parent} before a condition on it, and it does not")
        values = parent_values if isinstance(parent_values, (list, tuple)) else (parent_values,)
        self._conditions.append(Condition(parent, tuple(values)))
        try:
            yield
        finally:
            self._conditions.pop()

    def get(self, name: str) -> Any:
        """Return the value of an active hyperparameter.

        Raises:
            InvalidInput: it is not declared, or not active.
        """
        full = self._full(name)
        if full not in self.values:
            raise InvalidInput(f"search_space must declare the hyperparameter {full} before it is read")
        return self.values[full]

    __getitem__ = get

    def __contains__(self, name: str) -> bool:
        return self._full(name) in self.values

    def _number(
        self,
        kind: str,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None,
        sampling: str | None,
        default: float | None,
        parent_name: str | None,
        parent_values: Any,
    ) -> Any:
        sampling = (sampling or "linear").lower()
        if kind == "Int" and step is None and sampling == "linear":
            step = 1
        settings = {"min_value": min_value, "max_value": max_value, "step": step, "sampling": sampling}
        return self._read(kind, name, {**settings, "default": default}, parent_name, parent_values)

    def _read(
        self, kind: str, name: str, settings: Mapping[str, Any], parent_name: str | None, parent_values: Any
    ) -> Any:
        if parent_name is not None:
            with self.conditional_scope(parent_name, parent_values):
                return self._read(kind, name, settings, None, None)
        plain = {key: _plain(value) for key, value in settings.items()}
        declaration = Declaration(self._full(name), kind, plain, tuple(self._conditions))
        declaration.refuse_impossible()
        if declaration.name in self._fixed:
            declaration = declaration.fixed_at(self._fixed[declaration.name])
        return self.declare(declaration)

    def declare(self, declaration: Declaration) -> Any:
        """Take down a declaration, and return its value, or None when it is not active."""
        self._refuse_another_range(declaration)
        self.declared[declaration.key] = declaration
        if not all(condition.holds(self.values) for condition in declaration.conditions):
            return None
        if declaration.name not in self.values:
            self.values[declaration.name] = self._choose(declaration)
            self.active[declaration.name] = declaration
        return self.values[declaration.name]

    def _refuse_another_range(self, declaration: Declaration) -> None:
        """Refuse a second declaration of a name that could never count, since the first one has given the value."""
        known = self._first.setdefault((declaration.name, declaration.conditions), declaration)
        if known.key != declaration.key:
            raise InvalidInput(
                f"search_space must declare {known.name} once, or the same each time, and declares it as "
                f"{known} and as {declaration}; give one of them another name"
            )

    def _full(self, name: str) -> str:
        return "/".join([*self._scopes, str(name)])


def read_hyperparameters(search_space: Callable[[Any], Any], values: Mapping[str, Any]) -> Any:
    """Return what `search_space` makes of known values.

    Args:
        search_space: the experiment's.
        values: Keras Tuner's flat values: one for each active hyperparameter, by name.

    Raises:
        InvalidInput: a value is missing, or one is of no hyperparameter that is active.
    """

    def choose(declaration: Declaration) -> Any:
        if declaration.name not in values and declaration.kind == "Fixed":
            return declaration.default
        if declaration.name not in values:
            raise InvalidInput(
                f"best_hyperparameters must hold every hyperparameter of the search space, and {declaration.name} is "
                "missing; run the tune step again after a change of search_space"
            )
        return values[declaration.name]

    reader = HyperparameterReader(choose)
    hyperparameters = search_space(reader)
    unknown = sorted(values.keys() - reader.values.keys())
    if unknown:
        raise InvalidInput(
            f"best_hyperparameters must hold no other hyperparameters than the search space has, and {unknown[0]} is "
            "none that is active; run the tune step again after a change of search_space"
        )
    return hyperparameters


def _plain(value: Any) -> Any:
    """Return numpy's numbers as Python's, which JSON knows."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.item() if hasattr(value, "item") else value
