"""The hyperparameters that a search tried, as axes to draw and to learn from.

Their names, kinds and ranges are the user's, so they are inferred from the trials: a number or a choice, and for
a number whether its scale is logarithmic. An inactive hyperparameter is missing from a trial.
"""

import math
from dataclasses import dataclass

import numpy as np

LOG_DECADES = 1.5
"""A positive number that spans more decades than this gets a logarithmic scale."""


@dataclass(frozen=True)
class Axis:
    """One hyperparameter.

    Attributes:
        name: as in the search space.
        scale: `linear`, `log` or `choice`.
        values: the distinct values that were tried, in order.
        always_active: whether every trial has it.
    """

    name: str
    scale: str
    values: tuple
    always_active: bool

    @property
    def varies(self):
        return len(self.values) > 1

    def position(self, value):
        """Return where `value` lies between the lowest (0) and the highest (1) that was tried."""
        if not self.varies:
            return 0.5
        if self.scale == "choice":
            return _index(self.values, value) / (len(self.values) - 1)
        low, high, here = (self._scaled(number) for number in (self.values[0], self.values[-1], value))
        return (here - low) / (high - low)

    def ticks(self, most=5):
        """Return at most about `most` pairs of position and text, from the lowest value to the highest."""
        few = self.scale == "choice" or len(self.values) <= most
        marks = self.values if few else self._round_marks(most)
        return [(self.position(mark), text_of(mark)) for mark in marks]

    def _scaled(self, number):
        return math.log(number) if self.scale == "log" else number

    def _round_marks(self, most):
        low, high = self.values[0], self.values[-1]
        if self.scale == "log":
            base = 2 if _all_powers_of_two(self.values) else 10
            first, last = math.ceil(math.log(low, base) - 1e-9), math.floor(math.log(high, base) + 1e-9)
            step = max(1, math.ceil((last - first) / (most - 1)))
            return [base**exponent for exponent in range(first, last + 1, step)]
        step = _round_step((high - low) / (most - 1))
        return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def axes_of(trials):
    """Return an `Axis` for each hyperparameter of the trials, in the order in which they first appear."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.hyperparameters))
    return [_axis(name, [trial.hyperparameters.get(name, _MISSING) for trial in trials]) for name in names]


def positions(axes, trials):
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


def text_of(value):
    """Return a hyperparameter's value as short text: three significant digits, `yes` and `no`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _float_text(value)
    return str(value)


_MISSING = object()


def _float_text(value):
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"


def _axis(name, entries):
    present = [value for value in entries if value is not _MISSING]
    always_active = len(present) == len(entries)
    if not all(_is_number(value) for value in present):
        return Axis(name, "choice", _distinct(present), always_active)
    values = tuple(sorted(set(present)))
    return Axis(name, "log" if _is_logarithmic(values) else "linear", values, always_active)


def _is_logarithmic(values):
    """Say whether positive values are spread out more evenly on a logarithmic scale than on a linear one."""
    low, middle, high = values[0], values[len(values) // 2], values[-1]
    if low <= 0 or len(values) < 3:
        return low > 0 and math.log10(high / low) > LOG_DECADES
    if _all_powers_of_two(values):
        return True
    linear, logarithmic = (middle - low) / (high - low), math.log(middle / low) / math.log(high / low)
    return math.log10(high / low) > LOG_DECADES and abs(logarithmic - 0.5) < abs(linear - 0.5)


def _all_powers_of_two(values):
    return all(math.frexp(value)[0] == 0.5 for value in values)


def _distinct(values):
    """Return the values once each, sorted as text; 1, 1.0 and true are the same choice only if equal in type."""
    return tuple(dict(sorted((_key(value), value) for value in values)).values())


def _index(values, value):
    return [_key(known) for known in values].index(_key(value))


def _key(value):
    return (type(value).__name__, str(value))


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _round_step(least):
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= least * (1 - 1e-9))
