"""The parallel coordinates of a search: its trials as lines through their hyperparameters."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from components.evaluate.axes import Axis, positions
from components.evaluate.marks import WIDTH, apart, thinned
from components.evaluate.objective import Objective
from components.evaluate.rungs import Scored, ranking
from components.evaluate.style import COLOUR, N_RAMP, canvas, ramp
from components.evaluate.svg import as_svg
from components.pages.texts import score_text, shorten


def parallel_coordinates(axes: Sequence[Axis], scored: Sequence[Scored], objective: Objective) -> Markup:
    """Return one line a trial through its hyperparameters, coloured by its rank, the best on top.

    The axes lie below each other, so that their names can be read and the figure fits on a narrow screen.

    Args:
        axes: the `Axis` that vary.
        scored: trials with scores that can be compared.
        objective: what they were to optimize.
    """
    ranked = ranking(thinned(scored, objective, 300), objective)
    trials = [each.trial for each in ranked]
    table, rows = _spread_out(axes, np.nan_to_num(positions(axes, trials), nan=-0.1)), np.arange(len(axes))
    with canvas(WIDTH, 46 * len(axes) + 50) as figure:
        plot = figure.add_subplot()
        plot.set(xlim=(-0.15, 1.06), ylim=(len(axes) - 0.3, -0.95))
        plot.set_axis_off()
        for line, share in zip(table, np.linspace(0, 1, len(trials)), strict=True):
            faint = min(1.0, 20 / len(trials))
            line_style = {"alpha": faint + (1 - faint) * share**4, "linewidth": 0.8 + (0.4 + 0.8 * faint) * share**2}
            plot.plot(line, rows, color=ramp("value", share), **line_style)
        for row, axis in enumerate(axes):
            _draw_axis(plot, row, axis)
        _draw_ramp(plot, [ranked[0].score, ranked[-1].score])
        label = f"Hyperparameters of {len(trials)} trials; each is a line, coloured by its rank in {objective.name}."
        return as_svg(figure, "parallel-coordinates", label)


def _spread_out(axes: Sequence[Axis], table: np.ndarray) -> np.ndarray:
    """Return the table with the lines that meet in the same value of a few moved apart a little, always alike."""
    places = 0.05 * (np.arange(len(table)) * 0.618 % 1 - 0.5)
    few = np.array([axis.is_stepped and len(axis.values) <= 12 for axis in axes])
    spread: np.ndarray = table + np.outer(places, few) * (len(table) > 20)
    return spread


def _draw_axis(plot: Axes, row: int, axis: Axis) -> None:
    """Draw one axis: its line, its name above, its ticks below."""
    plot.hlines(row, 0, 1, color=COLOUR["muted"], linewidth=1)
    start = 0 if axis.always_active else -0.1
    plot.text(start, row - 0.17, shorten(axis.title, 40), weight="bold", va="bottom")
    ticks = axis.ticks() if axis.always_active else [(-0.1, "off"), *axis.ticks()]
    for where, text in apart(ticks, 0.1):
        plot.vlines(where, row - 0.06, row + 0.06, color=COLOUR["muted"], linewidth=1)
        plot.text(where, row + 0.13, shorten(text, 14), ha="center", va="top", size=9.5, color=COLOUR["muted"])


def _draw_ramp(plot: Axes, ends: Sequence[float]) -> None:
    """Draw the key of the colours, from the worst score to the best, above the first axis."""
    for step in range(N_RAMP):
        plot.hlines(-0.82, 0.42 + 0.04 * step, 0.46 + 0.04 * step, color=COLOUR[f"value-{step}"], linewidth=7)
    worst, best = (score_text(end) for end in ends)
    plot.text(0.4, -0.82, f"worst {worst}", ha="right", va="center", size=9, color=COLOUR["muted"])
    plot.text(0.76, -0.82, f"{best} best", ha="left", va="center", size=9, color=COLOUR["muted"])
