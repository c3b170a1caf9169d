"""The hyperparameters of a search as axes to draw and learn from: scale, ends, order, conditions are the space's.

Only what nothing is declared of (in a journal from before the header held the space) goes by the values that were
tried: numbers are on a linear scale between their ends, anything else is a choice. An inactive hyperparameter is
missing from a trial.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.core import journal
from components.pages.texts import text_of

Declaration = Mapping[str, Any]

MOST_STEPS = 64
"""A range of more steps than this gets round numbers for ticks."""

MOST_APART, GAP = 4, 0.1
"""How many values can stand before the start of a logarithmic axis, and how much of the axis each takes."""


@dataclass(frozen=True)
class Axis:
    """One hyperparameter.

    Attributes:
        name: as in the search space.
        scale: `linear`, `log`, `reverse_log` or `choice`.
        values: the values that can be told apart, in order: choices as declared, steps of a range; or the two ends.
        is_stepped: whether `values` are all there are.
        always_active: whether every trial has it.
        is_ordered: whether the values have an order: False of a boolean, and of a choice that isn't declared ordered.
        apart: values that have no place on the scale, as zero has none on a logarithmic one; they stand before it.
        conditions: for each declaration of the name what must hold for it to be active, the outermost first: pairs of
            the name of another hyperparameter and its values.
    """

    name: str
    scale: str
    values: tuple[Any, ...]
    is_stepped: bool
    always_active: bool
    is_ordered: bool = True
    apart: tuple[Any, ...] = ()
    conditions: tuple[tuple[tuple[str, tuple[Any, ...]], ...], ...] = ()

    @property
    def varies(self) -> bool:
        return len(self.all_values) > 1

    @property
    def all_values(self) -> tuple[Any, ...]:
        """The values in order, those apart first."""
        return (*self.apart, *self.values)

    @property
    def title(self) -> str:
        """The name, with the scale where it isn't a plain one."""
        words = {"log": " (log scale)", "reverse_log": " (reverse log scale)"}
        return self.name + words.get(self.scale, "")

    def position(self, value: Any) -> float:
        """Return where `value` lies between the start (0) and the end (1) of the axis."""
        if value in self.apart:
            return GAP * self.apart.index(value)
        start = GAP * len(self.apart)
        return start + (1 - start) * self._share(value)

    def index(self, value: Any) -> int:
        """Return the place of one of `values`, from 0."""
        return _index(self.values, value)

    def _share(self, value: Any) -> float:
        """Return where a value lies on the scale, 0 to 1."""
        if len(self.values) < 2:
            return 0.5
        if self.scale == "choice":
            return self.index(value) / (len(self.values) - 1)
        low, high = self.values[0], self.values[-1]
        if self.scale == "log":
            return math.log(value / low) / math.log(high / low)
        if self.scale == "reverse_log":
            return 1 - math.log((high + low - value) / low) / math.log(high / low)
        return float((value - low) / (high - low))

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Return pairs of position and text, both ends among them; about `most` unless it is a choice."""
        marks = self.values if self.scale == "choice" else self._marks(most)
        return [(self.position(mark), text_of(mark)) for mark in (*self.apart, *marks)]

    def _marks(self, most: int) -> list[Any]:
        low, high = self.values[0], self.values[-1]
        between: list[Any]
        if self.is_stepped:
            between = list(self.values)[:: math.ceil((len(self.values) - 1) / (most - 1)) or 1]
        elif self.scale == "log":
            between = _decades(low, high, most)
        else:
            step = _round_step((high - low) / (most - 1))
            step = math.ceil(step) if isinstance(low, int) and isinstance(high, int) else step
            between = [_tidy(n * step) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
        return sorted({low, high, *(mark for mark in between if low < mark < high)})


def axes_of(space: Sequence[Declaration], trials: Sequence[journal.Trial]) -> list[Axis]:
    """Return an `Axis` for each hyperparameter of the trials that can vary, in the order of the space."""
    tried: dict[str, list[Any]] = {}
    for trial in trials:
        for name, value in trial.hyperparameters.items():
            tried.setdefault(name, []).append(value)
    declared: dict[str, list[Declaration]] = {}
    for declaration in space:
        declared.setdefault(declaration["name"], []).append(declaration)
    axes = [
        _axis(name, declared.get(name, []), tried[name], len(tried[name]) == len(trials))
        for name in dict.fromkeys([*declared, *tried])
        if name in tried
    ]
    return [axis for axis in axes if axis.varies]


def positions(axes: Sequence[Axis], trials: Sequence[journal.Trial]) -> np.ndarray:
    """Return where each trial lies on each axis.

    Returns:
        Float array, shape (n_trials, n_axes), 0 to 1; NaN where the hyperparameter was not active.
    """
    table = np.full((len(trials), len(axes)), np.nan)
    for row, trial in enumerate(trials):
        for column, axis in enumerate(axes):
            if axis.name in trial.hyperparameters:
                table[row, column] = axis.position(trial.hyperparameters[axis.name])
    return table


def _axis(name: str, declarations: Sequence[Declaration], tried: Sequence[Any], always_active: bool) -> Axis:
    """Return the axis of all declarations of one name, which may have other ranges under other conditions."""
    ranges = [each for each in declarations if each["kind"] in ("Int", "Float")]
    fixed = [each["value"] for each in declarations if each["kind"] == "Fixed"]
    chosen = [value for each in declarations for value in _choices(each)]
    conditions = tuple(_conditions(each) for each in declarations)
    if chosen or (declarations and not ranges) or not all(_is_number(value) for value in (*fixed, *tried)):
        values, ordered = _distinct([*chosen, *fixed, *_sorted(tried)]), _are_ordered(declarations)
        return Axis(name, "choice", values, True, always_active, ordered, conditions=conditions)
    ends = [each[end] for each in ranges for end in ("min_value", "max_value")]
    scale, others = _scale(ranges), {*fixed, *tried}
    apart = tuple(sorted(value for value in others if value <= 0)) if scale != "linear" else ()
    if len(apart) > MOST_APART:
        scale, apart = "linear", ()
    on_scale = [*ends, *(others - {*apart})]
    low, high = min(on_scale), max(on_scale)
    steps = _steps(ranges[0]) if len(ranges) == 1 and [low, high] == ends else []
    values = tuple(steps) if len(steps) > 1 else (low, high) if low < high else (low,)
    return Axis(name, scale, values, len(steps) > 1, always_active, apart=apart, conditions=conditions)


def _scale(ranges: Sequence[Declaration]) -> str:
    """Return the scale of ranges of one name; of several, a logarithmic one shows the others too, if it can."""
    scales = {each["sampling"] or "linear" for each in ranges} or {"linear"}
    if len(scales) == 1:
        return str(scales.pop())
    return "log" if "log" in scales and all(each["min_value"] > 0 for each in ranges) else "linear"


def _conditions(declaration: Declaration) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return tuple((each["name"], tuple(each["values"])) for each in declaration.get("conditions") or ())


def _are_ordered(declarations: Sequence[Declaration]) -> bool:
    """Return whether choices have an order: a single declaration says so or, in an older header, has only numbers."""
    if len(declarations) != 1 or declarations[0]["kind"] != "Choice":
        return False
    said = declarations[0].get("ordered")
    return all(_is_number(value) for value in declarations[0]["values"]) if said is None else bool(said)


def _choices(declaration: Declaration) -> list[Any]:
    if declaration["kind"] == "Boolean":
        return [False, True]
    return list(declaration["values"]) if declaration["kind"] == "Choice" else []


def _steps(declaration: Declaration) -> list[Any]:
    """Return all values of a range, none when it has no steps or very many of them."""
    low, high, step = declaration["min_value"], declaration["max_value"], declaration.get("step")
    is_whole = declaration["kind"] == "Int"
    if step is None and is_whole and declaration["sampling"] == "linear":
        step = 1
    if not step or low >= high:
        return []
    if declaration["sampling"] in ("log", "reverse_log"):
        powers = [low * step**n for n in range(MOST_STEPS + 1) if low * step**n <= high * (1 + 1e-9)]
        found = powers if declaration["sampling"] == "log" else [high + low - power for power in reversed(powers)]
    else:
        n = math.floor((high - low) / step + 1e-9) + 1
        found = [low + index * step for index in range(min(n, MOST_STEPS + 1))]
    if len(found) > MOST_STEPS:
        return []
    return [int(value) if is_whole else _tidy(value) for value in found]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Return the powers of ten between two numbers or, where those are few, also their doubles and fivefolds."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [10.0**exponent for exponent in exponents if low < 10.0**exponent < high]
    if len(powers) < 2:
        return [_tidy(m * 10.0**n) for n in exponents for m in (1, 2, 5) if low < m * 10.0**n < high]
    return powers[:: math.ceil(len(powers) / most)]


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the values once each, in order; 1 and 1.0 are the same choice, 1 and true are two."""
    found: dict[tuple[str, str], Any] = {}
    for value in values:
        found.setdefault(_key(value), value)
    return tuple(found.values())


def _sorted(values: Sequence[Any]) -> list[Any]:
    if all(_is_number(value) for value in values):
        return sorted(values)
    return sorted(values, key=_key)


def _index(values: Sequence[Any], value: Any) -> int:
    return [_key(known) for known in values].index(_key(value))


def _key(value: Any) -> tuple[str, str]:
    return ("number", str(float(value))) if _is_number(value) else (type(value).__name__, str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _tidy(number: float) -> float:
    """Return a number without the last digits, which a sum of steps gets wrong."""
    return float(f"{number:.12g}")


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= least * (1 - 1e-9))
