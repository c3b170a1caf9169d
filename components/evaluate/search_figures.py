"""The figures on the search: functions from trials to SVG text."""

import math

import numpy as np

from components.core import journal
from components.evaluate.axes import positions
from components.evaluate.style import COLOUR, N_RAMP, as_svg, canvas, ramp, shorten, whole_numbers

WIDTH = 400
MOST_MARKS = 600
"""More trials than this are thinned out in a figure, where they could not be told apart."""

_MARKERS = {
    "completed": {"marker": "o", "s": 26, "color": COLOUR["blue"], "alpha": 0.85},
    "stopped": {"marker": "o", "s": 24, "facecolors": "none", "edgecolors": COLOUR["orange"], "linewidths": 1.2},
}
_OUTCOMES = {"completed": "blue", "stopped": "orange", "failed": "ink", "lost": "grey"}


def thinned(trials, most=MOST_MARKS):
    """Return at most `most` of the trials, in order of number: the best quarter, and of the rest every n-th."""
    if len(trials) <= most:
        return list(trials)
    ranked = sorted(trials, key=lambda trial: -_value(trial))
    best, rest = ranked[: most // 4], journal.in_order(ranked[most // 4 :])
    return journal.in_order(best + rest[:: math.ceil(len(rest) / (most - len(best)))])


def value_limits(values):
    """Return the lowest and highest accuracy to draw: outliers far below the rest don't flatten it.

    Far below is one and a half times as far under the lower quartile as the best value is above it.
    """
    low, quartile, high = np.min(values), np.quantile(values, 0.25), np.max(values)
    low = max(low, quartile - 1.5 * max(high - quartile, 0.005))
    margin = max(0.06 * (high - low), 0.002)
    return float(max(low - margin, -0.02)), float(min(high + margin, 1.02))


def search_history(trials):
    """Return the value of each trial over its number, and the best so far."""
    trials = journal.in_order(trials)
    measured = [trial for trial in trials if trial.status != "failed"]
    best = journal.best(trials)
    with canvas(WIDTH, 300) as figure:
        axes = figure.add_subplot()
        low, high = value_limits([_value(trial) for trial in measured])
        axes.set_ylim(low, high)
        axes.set_xlim(-0.02 * trials[-1].number - 0.5, 1.02 * trials[-1].number + 0.5)
        _draw_best_so_far(axes, trials)
        _draw_trials(axes, thinned(measured), [trial.number for trial in thinned(measured)])
        _draw_failed(axes, [trial.number for trial in trials if trial.status == "failed"])
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set(xlabel="Trial number", ylabel="Validation accuracy")
        _legend_above(figure)
        found = (
            f"The best completed one is trial {best.number} with {_value(best):.4f}." if best else "None completed."
        )
        return as_svg(figure, "search-history", f"Validation accuracy of {len(trials)} trials by number. {found}")


def search_curves(runs):
    """Return the best validation accuracy so far of several searches in one plot.

    Args:
        runs: a dictionary from a name to the trials of a run; at least one trial has completed.
    """
    styles = [("blue", "-"), ("orange", "-"), ("green", "-"), ("ink", "-"), ("blue", "--"), ("orange", "--")]
    with canvas(700, 380) as figure:
        axes = figure.add_subplot()
        for number, (name, trials) in enumerate(runs.items()):
            colour, dash = styles[number % len(styles)]
            numbers, values = best_so_far(trials)
            axes.step(numbers, values, dash, where="post", color=COLOUR[colour], label=shorten(name, 30), marker=".")
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set(xlabel="Trial number", ylabel="Best validation accuracy so far")
        _legend_above(figure, columns=2)
        return as_svg(figure, "search-curves", f"Best validation accuracy so far of {len(runs)} searches.")


def best_so_far(trials):
    """Return the numbers of the trials and, for each, the best completed accuracy until then (NaN before any)."""
    trials = journal.in_order(trials)
    values = [_value(trial) if trial.status == "completed" else -np.inf for trial in trials]
    best = np.maximum.accumulate(values)
    return [trial.number for trial in trials], np.where(np.isinf(best), np.nan, best)


def parallel_coordinates(axes, trials):
    """Return one line a trial through its hyperparameters, coloured by its rank, the best on top.

    The axes lie below each other, so that their names can be read and the figure fits on a narrow screen.

    Args:
        axes: the `Axis` that vary.
        trials: trials with an accuracy.
    """
    trials = sorted(thinned(trials, 300), key=_value)
    table, rows = _spread_out(axes, np.nan_to_num(positions(axes, trials), nan=-0.1)), np.arange(len(axes))
    with canvas(WIDTH, 46 * len(axes) + 50) as figure:
        plot = figure.add_subplot()
        plot.set(xlim=(-0.15, 1.06), ylim=(len(axes) - 0.3, -0.95))
        plot.set_axis_off()
        for line, share in zip(table, np.linspace(0, 1, len(trials)), strict=True):
            faint = min(1.0, 20 / len(trials))
            look = {"alpha": faint + (1 - faint) * share**4, "linewidth": 0.8 + (0.4 + 0.8 * faint) * share**2}
            plot.plot(line, rows, color=ramp("value", share), **look)
        for row, axis in enumerate(axes):
            _draw_coordinate(plot, row, axis)
        _draw_ramp(plot, trials[0], trials[-1])
        label = f"Hyperparameters of {len(trials)} trials; each is a line, coloured by the rank of its accuracy."
        return as_svg(figure, "parallel-coordinates", label)


def importance_bars(axes, result):
    """Return a bar a hyperparameter: the share of the variance that it explains, with its spread between trees."""
    order = np.argsort(result.main)[::-1][:20]
    names = [shorten(axes[index].name, 24) for index in order]
    with canvas(WIDTH, 24 * len(order) + 54) as figure:
        plot = figure.add_subplot()
        rows = np.arange(len(order))
        plot.barh(rows, 100 * result.main[order], height=0.62, color=COLOUR["blue"])
        ends = 100 * np.clip(
            [result.main[order] - result.spread[order], result.main[order] + result.spread[order]], 0, 1
        )
        plot.hlines(rows, *ends, color=COLOUR["ink"], linewidth=1.2)
        plot.set_yticks(rows, names, color=COLOUR["ink"])
        plot.set(ylim=(len(order) - 0.4, -0.6), xlabel="Share of the variance explained alone (%)")
        plot.set_xlim(0, max(10, 1.05 * ends.max()))
        plot.spines["left"].set_visible(False)
        plot.grid(False, axis="y")
        told = ", ".join(f"{axes[index].name} {result.main[index]:.0%}" for index in order[:5])
        return as_svg(figure, "importance", f"Importance of hyperparameters. {told}.")


def hyperparameter_slice(axis, trials, number):
    """Return the accuracy of each trial against one of its hyperparameters.

    Args:
        axis: the hyperparameter's `Axis`.
        trials: trials with an accuracy, with this hyperparameter active or not.
        number: counts the slices of a page.
    """
    limits = value_limits([_value(trial) for trial in trials])
    active = thinned([trial for trial in trials if axis.name in trial.hyperparameters], 300)
    with canvas(250, 190) as figure:
        plot = figure.add_subplot()
        plot.set(ylim=limits, xlim=(-0.12, 1.12))
        _draw_trials(plot, active, [axis.position(trial.hyperparameters[axis.name]) for trial in active])
        ticks = _apart(axis.ticks(4), 0.3)
        plot.set_xticks([where for where, _ in ticks], [shorten(text, 9) for _, text in ticks])
        plot.yaxis.get_major_locator().set_params(nbins=4)
        plot.set_xlabel(shorten(axis.name, 28), color=COLOUR["ink"])
        plot.set_ylabel("Accuracy")
        label = f"Validation accuracy of {len(active)} trials against {axis.name}."
        return as_svg(figure, f"slice-{number}", label)


def timeline(spans):
    """Return a lane a worker with its trials in time, coloured by outcome; times with no trial are cut out.

    Args:
        spans: the `Span` list, at least one.
    """
    pauses, begin = _pauses(spans), min(span.started for span in spans)
    unit, seconds = _time_unit(_shifted(max(span.ended for span in spans), begin, pauses))
    lanes = {worker: row for row, worker in enumerate(sorted({span.worker for span in spans}))}
    height = min(26.0, max(3.0, 600 / len(lanes)))
    with canvas(WIDTH, height * len(lanes) + 84) as figure:
        plot = figure.add_subplot()
        for outcome, colour in _OUTCOMES.items():
            chosen = [span for span in spans if span.outcome == outcome]
            starts = [_shifted(span.started, begin, pauses) / seconds for span in chosen]
            lengths = [(span.ended - span.started) / seconds for span in chosen]
            look = {"color": COLOUR[colour], "edgecolor": COLOUR["page"], "linewidth": 0.8, "height": 0.72}
            rows = [lanes[span.worker] for span in chosen]
            plot.barh(rows, lengths, left=starts, label=outcome if chosen else None, **look)
        for start, _ in pauses:
            where = _shifted(start, begin, pauses) / seconds
            plot.axvline(where, color=COLOUR["muted"], linestyle=":", linewidth=1.2)
        _label_lanes(plot, lanes)
        plot.set_xlabel(f"Time since the first trial began ({unit})" + (", pauses cut out" if pauses else ""))
        plot.grid(False, axis="y")
        _legend_above(figure)
        label = f"{len(spans)} trials of {len(lanes)} workers in time, with {len(pauses)} pauses cut out."
        return as_svg(figure, "timeline", label)


def _value(trial):
    return -1.0 if trial.validation_accuracy is None else trial.validation_accuracy


def _draw_best_so_far(axes, trials):
    numbers, values = best_so_far(trials)
    if not np.isnan(values).all():
        axes.step(numbers, values, where="post", color=COLOUR["green"], linewidth=2, label="best so far")


def _draw_trials(axes, trials, places):
    """Draw a mark a trial; those below the axis' lower limit stand on it as triangles."""
    floor = axes.get_ylim()[0]
    for status, marks in _MARKERS.items():
        shown = [(x, t.validation_accuracy) for x, t in zip(places, trials, strict=True) if t.status == status]
        inside, below = [p for p in shown if p[1] >= floor], [p for p in shown if p[1] < floor]
        if inside:
            axes.scatter(*zip(*inside, strict=True), **marks, label=status, zorder=3)
        if below:
            style = {**marks, "marker": "v"}
            axes.scatter([x for x, _ in below], [floor] * len(below), **style, clip_on=False, zorder=3)


def _draw_failed(axes, numbers):
    if numbers:
        floor = axes.get_ylim()[0]
        marks = {"marker": "x", "s": 22, "color": COLOUR["ink"], "linewidths": 1.3}
        axes.scatter(numbers, [floor] * len(numbers), **marks, clip_on=False, zorder=4, label="failed")


def _legend_above(figure, columns=4):
    figure.legend(loc="outside upper left", ncols=columns)


def _spread_out(axes, table):
    """Return the table with the lines that meet in the same value of a few moved apart a little, always alike."""
    places = 0.05 * (np.arange(len(table)) * 0.618 % 1 - 0.5)
    few = np.array([len(axis.values) <= 12 for axis in axes])
    return table + np.outer(places, few) * (len(table) > 20)


def _draw_coordinate(plot, row, axis):
    """Draw one axis of the parallel coordinates: its line, its name above, its ticks below."""
    plot.hlines(row, 0, 1, color=COLOUR["muted"], linewidth=1)
    start = 0 if axis.always_active else -0.1
    plot.text(start, row - 0.17, shorten(axis.name, 40), weight="bold", va="bottom")
    ticks = axis.ticks() if axis.always_active else [(-0.1, "off"), *axis.ticks()]
    for where, text in _apart(ticks, 0.1):
        plot.vlines(where, row - 0.06, row + 0.06, color=COLOUR["muted"], linewidth=1)
        plot.text(where, row + 0.13, shorten(text, 14), ha="center", va="top", size=9.5, color=COLOUR["muted"])


def _draw_ramp(plot, worst, best):
    """Draw the key of the colours above the first axis."""
    for step in range(N_RAMP):
        plot.hlines(-0.82, 0.42 + 0.04 * step, 0.46 + 0.04 * step, color=COLOUR[f"value-{step}"], linewidth=7)
    plot.text(0.4, -0.82, f"worst {_value(worst):.4f}", ha="right", va="center", size=9, color=COLOUR["muted"])
    plot.text(0.76, -0.82, f"{_value(best):.4f} best", ha="left", va="center", size=9, color=COLOUR["muted"])


def _apart(ticks, least):
    """Return the ticks without those whose text would touch the one before; the last one stays."""
    kept: list[tuple[float, str]] = []
    for where, text in sorted(ticks):
        width = least * max(0.5, min(len(text), 14) / 5)
        while kept and where >= 0.99 and where - kept[-1][0] < width:
            kept.pop()
        if not kept or where - kept[-1][0] >= width:
            kept.append((where, text))
    return kept


def _pauses(spans):
    """Return the times, start and end, in which no trial ran for more than a minute and a twentieth of the search."""
    busy = sum(span.ended - span.started for span in spans)
    pauses, end = [], None
    for span in sorted(spans, key=lambda each: each.started):
        if end is not None and span.started - end > max(60, busy / 20):
            pauses.append((end, span.started))
        end = span.ended if end is None else max(end, span.ended)
    return pauses


def _shifted(moment, begin, pauses):
    """Return the seconds from `begin` to `moment` less the pauses between."""
    return moment - begin - sum(end - start for start, end in pauses if end <= moment)


def _time_unit(seconds):
    """Return the name and the seconds of the unit that suits a length of time."""
    return ("s", 1) if seconds < 180 else ("min", 60) if seconds < 3 * 3600 else ("h", 3600)


def _label_lanes(plot, lanes):
    plot.set_ylim(len(lanes) - 0.4, -0.6)
    shown = [worker for worker in lanes if lanes[worker] % math.ceil(len(lanes) / 24) == 0]
    plot.set_yticks([lanes[worker] for worker in shown], [f"worker {worker}" for worker in shown])
