"""The figures on what a search found: functions from trials to SVG."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from components.core import journal
from components.evaluate.axes import Axis
from components.evaluate.importance import Importance
from components.evaluate.objective import Objective
from components.evaluate.style import COLOUR, canvas, legend_above, whole_numbers
from components.evaluate.svg import as_svg
from components.evaluate.texts import score_text, shorten

WIDTH = 400
MOST_MARKS = 600
"""More trials than this are thinned out in a figure, where they could not be told apart."""

_MARKERS: dict[str, dict[str, Any]] = {
    "completed": {"marker": "o", "s": 26, "color": COLOUR["blue"], "alpha": 0.85},
    "stopped": {"marker": "o", "s": 24, "facecolors": "none", "edgecolors": COLOUR["orange"], "linewidths": 1.2},
}

Trials = Sequence[journal.Trial]
Ticks = list[tuple[float, str]]


def thinned(trials: Trials, objective: Objective, most: int = MOST_MARKS) -> list[journal.Trial]:
    """Return at most `most` of the trials, in order of number: the best quarter, and of the rest every n-th."""
    if len(trials) <= most:
        return list(trials)
    ranked = ranking(trials, objective)[::-1]
    best, rest = ranked[: most // 4], journal.in_order(ranked[most // 4 :])
    return journal.in_order(best + rest[:: math.ceil(len(rest) / (most - len(best)))])


def ranking(trials: Trials, objective: Objective) -> list[journal.Trial]:
    """Return the trials from the worst to the best, those without a score first."""

    def key(trial: journal.Trial) -> float:
        score = objective.score(trial)
        return -math.inf if score is None else objective.sign * score

    return sorted(trials, key=key)


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


def search_history(trials: Trials, objective: Objective) -> Markup:
    """Return the score of each trial over its number, and the best so far."""
    trials = journal.in_order(trials)
    measured = [trial for trial in trials if objective.score(trial) is not None]
    best, shown = objective.best(trials), thinned(measured, objective)
    with canvas(WIDTH, 300) as figure:
        axes = figure.add_subplot()
        axes.set_ylim(*value_limits(objective.scores(measured), objective.direction))
        axes.set_xlim(-0.02 * trials[-1].number - 0.5, 1.02 * trials[-1].number + 0.5)
        _draw_best_so_far(axes, trials, objective)
        _draw_trials(axes, shown, [trial.number for trial in shown], objective)
        _draw_failed(axes, [trial.number for trial in trials if trial.status == "failed"], objective)
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set(xlabel="Trial number", ylabel=shorten(objective.on_validation, 34))
        legend_above(figure)
        found = "None completed."
        if best:
            found = f"The best completed one is trial {best.number} with {score_text(objective.scores([best])[0])}."
        return as_svg(figure, "search-history", f"{objective.on_validation} of {len(trials)} trials. {found}")


def search_curves(runs: Mapping[str, Trials], objective: Objective, number: int = 0) -> Markup:
    """Return the best value so far of several searches for one objective in one plot.

    Args:
        runs: the trials of a run by its name; in each, at least one trial has completed.
        objective: of all of them.
        number: counts the figures of this kind on a page.
    """
    styles = [("blue", "-"), ("orange", "-"), ("green", "-"), ("ink", "-"), ("blue", "--"), ("orange", "--")]
    with canvas(700, 380) as figure:
        axes = figure.add_subplot()
        for place, (name, trials) in enumerate(runs.items()):
            colour, dash = styles[place % len(styles)]
            numbers, values = best_so_far(trials, objective)
            axes.step(numbers, values, dash, where="post", color=COLOUR[colour], label=shorten(name, 30), marker=".")
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set(xlabel="Trial number", ylabel=shorten(f"Best {objective.in_words} so far", 44))
        legend_above(figure, columns=2)
        label = f"Best {objective.in_words} so far of {len(runs)} searches."
        return as_svg(figure, f"search-curves-{number}", label)


def best_so_far(trials: Trials, objective: Objective) -> tuple[list[int], np.ndarray]:
    """Return the numbers of the trials and, for each, the best completed score until then (NaN before any)."""
    trials = journal.in_order(trials)
    scores = [objective.score(trial) if trial.status == "completed" else None for trial in trials]
    signed = [-np.inf if score is None else objective.sign * score for score in scores]
    best = np.maximum.accumulate(signed)
    return [trial.number for trial in trials], np.where(np.isinf(best), np.nan, objective.sign * best)


def importance_bars(axes: Sequence[Axis], result: Importance) -> Markup:
    """Return a bar a hyperparameter: the share of the variance that it explains, with its spread between trees."""
    order = np.argsort(result.main)[::-1][:20]
    names = [shorten(axes[index].name, 24) for index in order]
    with canvas(WIDTH, 24 * len(order) + 54) as figure:
        plot = figure.add_subplot()
        rows = np.arange(len(order))
        main, spread = result.main[order], result.spread[order]
        plot.barh(rows, 100 * main, height=0.62, color=COLOUR["blue"])
        ends = 100 * np.clip([main - spread, main + spread], 0, 1)
        plot.hlines(rows, *ends, color=COLOUR["ink"], linewidth=1.2)
        plot.set_yticks(rows, names, color=COLOUR["ink"])
        plot.set(ylim=(len(order) - 0.4, -0.6), xlabel="Share of the variance explained alone (%)")
        plot.set_xlim(0, max(10, 1.05 * ends.max()))
        plot.spines["left"].set_visible(False)
        plot.grid(False, axis="y")
        told = ", ".join(f"{axes[index].name} {result.main[index]:.0%}" for index in order[:5])
        return as_svg(figure, "importance", f"Importance of hyperparameters. {told}.")


def hyperparameter_slice(axis: Axis, trials: Trials, objective: Objective, number: int) -> Markup:
    """Return the score of each trial against one of its hyperparameters.

    Args:
        axis: the hyperparameter's `Axis`.
        trials: trials with a score, with this hyperparameter active or not.
        objective: what they were to optimize.
        number: counts the slices of a page.
    """
    active = thinned([trial for trial in trials if axis.name in trial.hyperparameters], objective, 300)
    with canvas(250, 190) as figure:
        plot = figure.add_subplot()
        plot.set(ylim=value_limits(objective.scores(trials), objective.direction), xlim=(-0.12, 1.12))
        places = [axis.position(trial.hyperparameters[axis.name]) for trial in active]
        _draw_trials(plot, active, places, objective)
        ticks = apart(axis.ticks(4), 0.3)
        plot.set_xticks([where for where, _ in ticks], [shorten(text, 9) for _, text in ticks])
        plot.yaxis.set_major_locator(MaxNLocator(4))
        plot.set_xlabel(shorten(axis.name, 28), color=COLOUR["ink"])
        plot.set_ylabel(shorten(objective.short_name.capitalize() if objective.is_accuracy else objective.name, 20))
        label = f"{objective.on_validation} of {len(active)} trials against {axis.name}."
        return as_svg(figure, f"slice-{number}", label)


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


def _draw_best_so_far(axes: Axes, trials: Trials, objective: Objective) -> None:
    numbers, values = best_so_far(trials, objective)
    if not np.isnan(values).all():
        axes.step(numbers, values, where="post", color=COLOUR["green"], linewidth=2, label="best so far")


def _draw_trials(axes: Axes, trials: Trials, places: Sequence[float], objective: Objective) -> None:
    """Draw a mark a trial; those worse than the axis reaches stand on its edge as triangles."""
    edge = _worst_edge(axes, objective)
    for status, marks in _MARKERS.items():
        pairs = zip(places, trials, strict=True)
        shown = [(x, y) for x, t in pairs if t.status == status and (y := objective.score(t)) is not None]
        inside = [point for point in shown if objective.sign * (point[1] - edge) >= 0]
        beyond = [x for x, y in shown if objective.sign * (y - edge) < 0]
        if inside:
            axes.scatter(*zip(*inside, strict=True), **marks, label=status, zorder=3)
        if beyond:
            style = {**marks, "marker": "v" if objective.direction == "max" else "^"}
            axes.scatter(beyond, [edge] * len(beyond), **style, clip_on=False, zorder=3)


def _draw_failed(axes: Axes, numbers: Sequence[int], objective: Objective) -> None:
    if numbers:
        marks: dict[str, Any] = {"marker": "x", "s": 22, "color": COLOUR["ink"], "linewidths": 1.3}
        edges = [_worst_edge(axes, objective)] * len(numbers)
        axes.scatter(numbers, edges, **marks, clip_on=False, zorder=4, label="failed")


def _worst_edge(axes: Axes, objective: Objective) -> float:
    low, high = axes.get_ylim()
    return float(low if objective.direction == "max" else high)
