"""A hyperparameter as `search_space` declares it: name, kind, range and conditions, by Keras Tuner's rules."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.core.errors import InvalidInput

SAMPLINGS = ("linear", "log", "reverse_log")


@dataclass(frozen=True)
class Condition:
    """A hyperparameter under it is active only while the one of this name has one of the values."""

    name: str
    values: tuple[Any, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        return self.name in values and values[self.name] in self.values


@dataclass(frozen=True)
class Declaration:
    """A hyperparameter as it is declared.

    Attributes:
        name: with the scopes it is declared in, as Keras Tuner writes them (`scope/name`).
        kind: `Int`, `Float`, `Choice`, `Boolean` or `Fixed`.
        settings: Keras Tuner's own by name: range, step, sampling, values, default.
        conditions: all of them must hold for it to be active.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    conditions: tuple[Condition, ...] = ()

    @functools.cached_property
    def key(self) -> str:
        """What tells it from others of its name, which may have another range under another condition."""
        return f"{self.name} {self.kind} {self.settings} {self.conditions}"

    @property
    def default(self) -> Any:
        """The value it has when nothing else is chosen, as in Keras Tuner."""
        if self.kind == "Fixed":
            return self.settings["value"]
        if self.settings["default"] is not None or self.kind == "Boolean":
            return self.settings["default"]
        if self.kind == "Choice":
            values = self.settings["values"]
            return None if None in values else values[0]
        return self.settings["min_value"]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-like values, as a journal's header has it."""
        conditions = [{"name": each.name, "values": list(each.values)} for each in self.conditions]
        default = {} if self.kind == "Fixed" else {"default": self.default}
        return {"name": self.name, "kind": self.kind, **self.settings, **default, "conditions": conditions}

    def __str__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items() if value is not None)
        return f"{self.kind}({settings})"

    def allows(self, value: Any) -> bool:
        """Say whether a value is in its range and of its type; on which steps of a range, is not looked at."""
        if self.kind == "Fixed":
            return bool(value == self.settings["value"])
        if self.kind == "Boolean":
            return isinstance(value, bool)
        if self.kind == "Choice":
            return any(value == known and type(value) is type(known) for known in self.settings["values"])
        kind = int if self.kind == "Int" else (int, float)
        is_number = isinstance(value, kind) and not isinstance(value, bool)
        return is_number and bool(self.settings["min_value"] <= value <= self.settings["max_value"])

    def fixed_at(self, value: Any) -> "Declaration":
        """Return it as one that is not searched; one that was fixed already may have another value.

        Raises:
            InvalidInput: the value is not in its range.
        """
        if self.kind != "Fixed" and not self.allows(value):
            raise InvalidInput(f"fixed_for must give {self.name} a value of {self}, got {value!r}")
        return Declaration(self.name, "Fixed", {"value": value}, self.conditions)

    def refuse_impossible(self) -> None:
        """Refuse a range that holds no value, or not the default.

        Raises:
            InvalidInput: the message names the hyperparameter and the rule.
        """
        if self.kind in ("Int", "Float"):
            self._refuse_impossible_range()
        elif self.kind == "Choice":
            values = self.settings["values"]
            self._require(bool(values), "have at least one value")
            self._require(self.default in values, "have a default that is one of its values")

    def _refuse_impossible_range(self) -> None:
        low, high, step = self.settings["min_value"], self.settings["max_value"], self.settings["step"]
        sampling = self.settings["sampling"]
        self._require(all(math.isfinite(end) for end in (low, high)), "have ends that are finite")
        self._require(low <= high, "have a min_value that is at most its max_value")
        self._require(sampling in SAMPLINGS, f"have a sampling of {', '.join(SAMPLINGS)}")
        self._require(sampling == "linear" or low > 0, f"have a min_value above 0 with sampling {sampling!r}")
        least = 0 if sampling == "linear" else 1
        self._require(step is None or step > least, f"have a step above {least} with sampling {sampling!r}")
        self._require(low <= self.default <= high, "have a default within its range")

    def _require(self, holds: bool, rule: str) -> None:
        if not holds:
            raise InvalidInput(f"search_space: {self.name} must {rule}, got {self}")
