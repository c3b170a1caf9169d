"""The figure on when which worker tried which trial."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from components.evaluate.search_figures import WIDTH
from components.evaluate.style import COLOUR, canvas, legend_above
from components.evaluate.svg import as_svg
from components.evaluate.trials import Span

Pauses = list[tuple[float, float]]

_OUTCOME_COLOURS = {"completed": "blue", "stopped": "orange", "failed": "ink", "lost": "grey"}


def timeline(spans: Sequence[Span]) -> Markup:
    """Return a lane a worker with its trials in time, coloured by outcome; times with no trial are cut out.

    Args:
        spans: at least one.
    """
    pauses, begin = _pauses(spans), min(span.started for span in spans)
    unit, seconds = _time_unit(_shifted(max(span.ended for span in spans), begin, pauses))
    lanes = {worker: row for row, worker in enumerate(sorted({span.worker for span in spans}))}
    height = min(26.0, max(3.0, 600 / len(lanes)))
    with canvas(WIDTH, height * len(lanes) + 84) as figure:
        plot = figure.add_subplot()
        for outcome, colour in _OUTCOME_COLOURS.items():
            chosen = [span for span in spans if span.outcome == outcome]
            starts = [_shifted(span.started, begin, pauses) / seconds for span in chosen]
            lengths = [(span.ended - span.started) / seconds for span in chosen]
            style: dict[str, Any] = {"color": COLOUR[colour], "edgecolor": COLOUR["page"], "linewidth": 0.8}
            rows = [lanes[span.worker] for span in chosen]
            plot.barh(rows, lengths, left=starts, height=0.72, label=outcome if chosen else None, **style)
        for start, _ in pauses:
            where = _shifted(start, begin, pauses) / seconds
            plot.axvline(where, color=COLOUR["muted"], linestyle=":", linewidth=1.2)
        _label_lanes(plot, lanes)
        plot.set_xlabel(f"Time since the first trial began ({unit})" + (", pauses cut out" if pauses else ""))
        plot.grid(False, axis="y")
        legend_above(figure)
        label = f"{len(spans)} trials of {len(lanes)} workers in time, with {len(pauses)} pauses cut out."
        return as_svg(figure, "timeline", label)


def _pauses(spans: Sequence[Span]) -> Pauses:
    """Return the times, start and end, in which no trial ran for more than a minute and a twentieth of the search."""
    busy = sum(span.ended - span.started for span in spans)
    ordered = sorted(spans, key=lambda each: each.started)
    pauses, end = [], ordered[0].started
    for span in ordered:
        if span.started - end > max(60, busy / 20):
            pauses.append((end, span.started))
        end = max(end, span.ended)
    return pauses


def _shifted(moment: float, begin: float, pauses: Pauses) -> float:
    """Return the seconds from `begin` to `moment` less the pauses between."""
    return moment - begin - sum(end - start for start, end in pauses if end <= moment)


def _time_unit(seconds: float) -> tuple[str, int]:
    """Return the name and the seconds of the unit that suits a length of time."""
    return ("s", 1) if seconds < 180 else ("min", 60) if seconds < 3 * 3600 else ("h", 3600)


def _label_lanes(plot: Axes, lanes: dict[int, int]) -> None:
    plot.set_ylim(len(lanes) - 0.4, -0.6)
    shown = [worker for worker in lanes if lanes[worker] % math.ceil(len(lanes) / 24) == 0]
    plot.set_yticks([lanes[worker] for worker in shown], [f"worker {worker}" for worker in shown])
