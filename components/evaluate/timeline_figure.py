"""The figure on when which worker trained which trial."""

import math
from collections.abc import Collection, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from components.evaluate.marks import WIDTH
from components.evaluate.style import COLOUR, canvas, legend_above, ramp
from components.evaluate.svg import as_svg
from components.evaluate.trials import Span
from components.pages.texts import plural

Pauses = list[tuple[float, float]]
Lane = tuple[int, str]

_OUTCOMES = {"completed": "blue", "stopped": "orange", "failed": "ink", "deferred": "grey", "lost": "grey"}
MOST_ROUNDS = 60


def timeline(spans: Sequence[Span], rungs: Sequence[int]) -> Markup:
    """Return a lane a worker with its stretches of trials in time, coloured by the rung that they led to.

    Attempts that came to nothing have colours of their own, and times in which nothing ran are cut out.

    Args:
        spans: at least one.
        rungs: of the search.
    """
    pauses, begin = _pauses(spans), min(span.started for span in spans)
    whole = _shifted(max(span.ended for span in spans), begin, pauses)
    unit, seconds = _time_unit(whole)
    lanes = {lane: row for row, lane in enumerate(sorted({span.lane for span in spans}))}
    height = min(26.0, max(3.0, 600 / len(lanes)))
    with canvas(WIDTH, height * len(lanes) + 84) as figure:
        plot = figure.add_subplot()
        gap: dict[str, Any] = {"edgecolor": COLOUR["page"], "linewidth": min(0.8, 40 * len(lanes) / len(spans))}
        for label, colour, chosen in _kinds(spans, rungs):
            starts = [_shifted(span.started, begin, pauses) / seconds for span in chosen]
            lengths = [span.seconds / seconds for span in chosen]
            rows = [lanes[span.lane] for span in chosen]
            plot.barh(rows, lengths, left=starts, height=0.72, label=label, color=colour, **gap)
        for start, _ in pauses:
            where = _shifted(start, begin, pauses) / seconds
            plot.axvline(where, color=COLOUR["muted"], linestyle=":", linewidth=1.2)
        for start in starts_of_rounds(spans):
            where = _shifted(start, begin, pauses) / seconds
            plot.axvline(where, color=COLOUR["muted"], linewidth=0.8, zorder=0)
        _label_lanes(plot, lanes)
        plot.set_xlabel(f"Time since the first trial began ({unit})" + (", pauses cut out" if pauses else ""))
        plot.grid(False)
        legend_above(figure)
        label = f"{plural(len(spans), 'attempt')} of {plural(len(lanes), 'worker')} in time"
        label += f", with {plural(len(pauses), 'pause')} cut out."
        return as_svg(figure, "timeline", label)


def busy_share(spans: Sequence[Span]) -> float:
    """Return the share of all workers' time in which they were training, 0 to 1; see `busy_share_of`."""
    return busy_share_of({span.lane for span in spans}, spans)


def busy_share_of(lanes: Collection[Lane], spans: Sequence[Span]) -> float:
    """Return the share of some workers' time in a search in which they were training, pauses left out, 0 to 1.

    A worker of another machine has time from its first stretch on and, when it was lost, to the end of its last one.
    """
    begin, end, pauses = min(span.started for span in spans), max(span.ended for span in spans), _pauses(spans)
    whole = trained = 0.0
    for lane in lanes:
        own = sorted((span for span in spans if span.lane == lane), key=lambda span: span.started)
        came = own[0].started if own[0].machine else begin
        went = own[-1].ended if own[-1].machine and own[-1].outcome == "lost" else end
        whole += _shifted(went, begin, pauses) - _shifted(came, begin, pauses)
        trained += sum(span.seconds for span in own)
    return trained / whole if whole > 0 else 1.0


def _kinds(spans: Sequence[Span], rungs: Sequence[int]) -> list[tuple[str, str, list[Span]]]:
    """Return label, colour and members of each kind of spans that there is: by rung, or else by outcome."""
    found = []
    for place, epochs in enumerate(rungs):
        reaching = [span for span in spans if span.outcome == "finished" and span.last == epochs]
        share = place / (len(rungs) - 1) if len(rungs) > 1 else 1.0
        found.append((f"to {plural(epochs, 'epoch')}", ramp("value", share), reaching))
    members = [span for span in spans if span.outcome == "finished" and span.last not in rungs]
    found.append(("finished", COLOUR["blue"], members))
    for outcome, colour in _OUTCOMES.items():
        found.append((outcome, COLOUR[colour], [span for span in spans if span.outcome == outcome]))
    return [kind for kind in found if kind[2]]


def starts_of_rounds(spans: Sequence[Span]) -> list[float]:
    """Return when the first stretch of each round but the first began; none where they are too many to draw."""
    begun: dict[int, float] = {}
    for span in spans:
        if span.round is not None:
            begun[span.round] = min(span.started, begun.get(span.round, math.inf))
    return sorted(begun.values())[1:] if len(begun) <= MOST_ROUNDS else []


def _pauses(spans: Sequence[Span]) -> Pauses:
    """Return the times, start and end, in which no trial ran for more than a minute and a twentieth of the search."""
    busy = sum(span.seconds for span in spans)
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


def _label_lanes(plot: Axes, lanes: dict[Lane, int]) -> None:
    plot.set_ylim(len(lanes) - 0.4, -0.6)
    shown = [lane for lane in lanes if lanes[lane] % math.ceil(len(lanes) / 24) == 0]
    plot.set_yticks([lanes[lane] for lane in shown], [f"worker {worker}" for worker, _ in shown])
