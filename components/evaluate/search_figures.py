"""The figures on what a search found: functions from trials to SVG."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from components.core import journal
from components.evaluate.axes import Axis
from components.evaluate.importance import Importance
from components.evaluate.marks import WIDTH, apart, draw_failed, draw_marks, kinds, thinned, value_limits
from components.evaluate.rungs import Scored
from components.evaluate.style import COLOUR, canvas, legend_above, whole_numbers
from components.evaluate.svg import as_svg
from components.evaluate.trials import SearchRecord
from components.pages.texts import shorten


def search_history(search: SearchRecord) -> Markup:
    """Return the scores of each trial over its number, one at each rung that it reached, and the best so far."""
    trials, objective = search.trials, search.objective
    points = {trial.number: _scores(search, trial) for trial in search.measured}
    shown = thinned([Scored(trial, points[trial.number][-1]) for trial in search.measured], objective)
    with canvas(WIDTH, 300) as figure:
        axes = figure.add_subplot()
        axes.set_ylim(*value_limits([score for scores in points.values() for score in scores], objective.direction))
        axes.set_xlim(-0.02 * trials[-1].number - 0.5, 1.02 * trials[-1].number + 0.5)
        _draw_best_so_far(axes, search)
        numbers = [each.trial.number for each in shown]
        for number in numbers:
            axes.plot([number] * len(points[number]), points[number], color=COLOUR["grey"], linewidth=0.8, zorder=2)
        for rung, kind in enumerate(kinds(search)):
            if search.has_rungs:
                chosen = [(n, points[n][rung]) for n in numbers if len(points[n]) > rung]
            else:
                chosen = [(n, points[n][-1]) for n in numbers if n in kind.numbers]
            draw_marks(axes, chosen, kind, objective)
        draw_failed(axes, [trial.number for trial in trials if trial.status == "failed"], objective)
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set(xlabel="Trial number", ylabel=shorten(f"Score ({objective.in_words})", 40))
        legend_above(figure)
        return as_svg(figure, "search-history", f"Scores of {len(trials)} trials. {search.best_in_words}")


def search_curves(runs: Mapping[str, SearchRecord], number: int = 0) -> Markup:
    """Return the best score so far of several searches for one objective in one plot.

    Args:
        runs: a search by the run's name; in each, at least one trial has completed.
        number: counts the figures of this kind on a page.
    """
    objective = next(iter(runs.values())).objective
    styles = [("blue", "-"), ("orange", "-"), ("green", "-"), ("ink", "-"), ("blue", "--"), ("orange", "--")]
    with canvas(700, 380) as figure:
        axes = figure.add_subplot()
        for place, (name, search) in enumerate(runs.items()):
            colour, dash = styles[place % len(styles)]
            spent = np.cumsum([trial.epochs for trial in search.trials])
            values, label = best_so_far(search), shorten(name, 30)
            axes.step(spent, values, dash, where="post", color=COLOUR[colour], label=label, marker=".")
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set(xlabel="Epochs of the trials so far", ylabel=shorten(f"Best score so far ({objective.in_words})", 44))
        legend_above(figure, columns=2)
        label = f"Best score so far, {objective.in_words}, of {len(runs)} searches."
        return as_svg(figure, f"search-curves-{number}", label)


def best_so_far(search: SearchRecord) -> np.ndarray:
    """Return, for each trial in order of number, the best completed score until then (NaN before any)."""
    sign = search.objective.sign
    scores = [search.objective.score(trial) if trial.status == "completed" else None for trial in search.trials]
    best = np.maximum.accumulate([-np.inf if score is None else sign * score for score in scores])
    return np.where(np.isinf(best), np.nan, sign * best)


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


def hyperparameter_slice(axis: Axis, scored: Sequence[Scored], search: SearchRecord, number: int) -> Markup:
    """Return the comparable score of each trial against one of its hyperparameters.

    Args:
        axis: the hyperparameter's `Axis`.
        scored: the trials, with this hyperparameter active or not.
        search: whose they are.
        number: counts the slices of a page.
    """
    objective = search.objective
    active = thinned([each for each in scored if axis.name in each.trial.hyperparameters], objective, 300)
    with canvas(250, 190) as figure:
        plot = figure.add_subplot()
        plot.set(ylim=value_limits([each.score for each in scored], objective.direction), xlim=(-0.12, 1.12))
        for kind in kinds(search):
            chosen = [each for each in active if each.trial.number in kind.numbers]
            points = [(axis.position(each.trial.hyperparameters[axis.name]), each.score) for each in chosen]
            draw_marks(plot, points, kind, objective)
        ticks = apart(axis.ticks(4), 0.3)
        plot.set_xticks([where for where, _ in ticks], [shorten(text, 9) for _, text in ticks])
        plot.yaxis.set_major_locator(MaxNLocator(4))
        plot.set_xlabel(shorten(axis.title, 28), color=COLOUR["ink"])
        plot.set_ylabel(shorten(objective.short_name.capitalize() if objective.is_accuracy else objective.name, 20))
        label = f"{objective.on_validation} of {len(active)} trials against {axis.name}."
        return as_svg(figure, f"slice-{number}", label)


def _scores(search: SearchRecord, trial: journal.Trial) -> list[float]:
    """Return a trial's scores at the rungs that it reached, or else at its end."""
    if not search.has_rungs or search.rung_of(trial) < 0:
        return search.objective.scores([trial])
    return [search.score_at(trial, rung) for rung in range(search.rung_of(trial) + 1)]


def _draw_best_so_far(axes: Axes, search: SearchRecord) -> None:
    numbers, values = [trial.number for trial in search.trials], best_so_far(search)
    if not np.isnan(values).all():
        axes.step(numbers, values, where="post", color=COLOUR["green"], linewidth=2, label="best so far")
