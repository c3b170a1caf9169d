"""What figures of trials have in common: kinds of trials, their marks, and the limits of an axis of scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from components.evaluate.objective import Objective
from components.evaluate.rungs import Scored, ranking
from components.evaluate.style import COLOUR, ramp
from components.evaluate.trials import SearchRecord
from components.pages.texts import plural

WIDTH = 400
MOST_MARKS = 600
"""More trials than this are thinned out in a figure, where they could not be told apart."""

Style = dict[str, Any]
Ticks = list[tuple[float, str]]


@dataclass(frozen=True)
class Kind:
    """Trials that look alike in a figure: what the legend calls them, which they are, and how marks and lines look."""

    label: str
    numbers: frozenset[int]
    marks: Style
    line: Style


def kinds(search: SearchRecord) -> list[Kind]:
    """Return the kinds of trials that have a score: by the rung that they reached, or else by their status."""
    if not search.has_rungs:
        filled = {"marker": "o", "s": 26, "color": COLOUR["blue"], "alpha": 0.85}
        hollow = {"marker": "o", "s": 24, "facecolors": "none", "edgecolors": COLOUR["orange"], "linewidths": 1.2}
        looks = {"completed": (filled, COLOUR["blue"]), "stopped": (hollow, COLOUR["grey"])}
        statuses = {trial.number: trial.status for trial in search.measured}
        return [Kind(name, _numbers(statuses, name), marks, {"color": line}) for name, (marks, line) in looks.items()]
    reached = {trial.number: max(0, search.rung_of(trial)) for trial in search.measured}
    return [
        _rung_kind(epochs, _numbers(reached, rung), rung / (len(search.rungs) - 1))
        for rung, epochs in enumerate(search.rungs)
    ]


def thinned(scored: Sequence[Scored], objective: Objective, most: int = MOST_MARKS) -> list[Scored]:
    """Return at most `most` of the trials, in order of number: the best quarter, and of the rest every n-th."""
    if len(scored) <= most:
        return list(scored)
    ranked = ranking(scored, objective)[::-1]
    best, rest = ranked[: most // 4], _in_order(ranked[most // 4 :])
    return _in_order(best + rest[:: math.ceil(len(rest) / (most - len(best)))])


def value_limits(values: Sequence[float], direction: str = "max") -> tuple[float, float]:
    """Return the lowest and the highest value to draw: outliers far worse than the rest don't flatten it.

    Far worse is one and a half times as far beyond the worst quartile as the best value is on the other side of it.
    """
    sign = 1 if direction == "max" else -1
    signed = sign * np.asarray(values, float)
    size = float(np.abs(signed).max()) or 1.0
    low, quartile, high = signed.min(), np.quantile(signed, 0.25), signed.max()
    low = max(low, quartile - 1.5 * max(high - quartile, 0.005 * size))
    margin = max(0.06 * (high - low), 0.002 * size)
    ends = sign * float(low - margin), sign * float(high + margin)
    return min(ends), max(ends)


def apart(ticks: Ticks, least: float) -> Ticks:
    """Return the ticks without those whose text would touch the one before; the last one stays."""
    kept: Ticks = []
    for where, text in sorted(ticks):
        width = least * max(0.5, min(len(text), 14) / 5)
        while kept and where >= 0.99 and where - kept[-1][0] < width:
            kept.pop()
        if not kept or where - kept[-1][0] >= width:
            kept.append((where, text))
    return kept


def draw_marks(axes: Axes, points: Sequence[tuple[float, float]], kind: Kind, objective: Objective) -> None:
    """Draw marks of one kind; those worse than the axis reaches stand on its edge as triangles."""
    edge = _worst_edge(axes, objective)
    inside = [point for point in points if objective.sign * (point[1] - edge) >= 0]
    beyond = [x for x, y in points if objective.sign * (y - edge) < 0]
    if inside:
        axes.scatter(*zip(*inside, strict=True), **kind.marks, label=kind.label, zorder=3)
    if beyond:
        style = {**kind.marks, "marker": "v" if objective.direction == "max" else "^"}
        axes.scatter(beyond, [edge] * len(beyond), **style, clip_on=False, zorder=3)


def draw_failed(axes: Axes, numbers: Sequence[int], objective: Objective) -> None:
    if numbers:
        marks: dict[str, Any] = {"marker": "x", "s": 22, "color": COLOUR["ink"], "linewidths": 1.3}
        edges = [_worst_edge(axes, objective)] * len(numbers)
        axes.scatter(numbers, edges, **marks, clip_on=False, zorder=4)


def _worst_edge(axes: Axes, objective: Objective) -> float:
    low, high = axes.get_ylim()
    return float(low if objective.direction == "max" else high)


def _numbers(kinds_by_number: Mapping[int, Any], kind: Any) -> frozenset[int]:
    return frozenset(number for number, own in kinds_by_number.items() if own == kind)


def _rung_kind(epochs: int, numbers: frozenset[int], share: float) -> Kind:
    """Return the kind of a rung that lies so far up, from 0 for the lowest to 1."""
    colour = ramp("value", share)
    marks = {"marker": "o", "s": 22 + 10 * share, "color": colour, "linewidths": 0}
    return Kind(plural(epochs, "epoch"), numbers, marks, {"color": colour})


def _in_order(scored: Sequence[Scored]) -> list[Scored]:
    return sorted(scored, key=lambda each: each.trial.number)
