"""The figures of trials by epoch."""

import itertools
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes

from components.core.trial import end_score
from components.evaluate.finals import Final
from components.evaluate.marks import WIDTH, Style, apart, kinds, thinned, value_limits
from components.evaluate.objective import Objective
from components.evaluate.rungs import Scored, rungs_of
from components.evaluate.style import COLOUR, canvas, legend_above, whole_numbers
from components.evaluate.svg import as_svg
from components.evaluate.trials import SearchRecord
from components.pages.texts import plural, score_text, shorten

MOST_CURVES = 200
FINAL_COLOURS = ("blue", "green", "ink", "grey")


def trial_curves(search: SearchRecord) -> Markup:
    """Return the curve of each trial by epoch, up to where it ended, with the rungs as rules and the best stressed."""
    objective, best = search.objective, search.best
    curved = [Scored(trial, end_score(trial.curve)) for trial in search.trials if trial.curve]
    shown, last = thinned(curved, objective, MOST_CURVES), max(search.rungs[-1], *(len(e.trial.curve) for e in curved))
    with canvas(WIDTH, 300) as figure:
        axes = figure.add_subplot()
        ends = [value for each in curved for value in each.trial.curve]
        axes.set_ylim(*value_limits(ends, objective.direction))
        axes.set_xlim(1 - 0.03 * last, 1.03 * last)
        for rung in search.rungs if search.has_rungs else ():
            axes.axvline(rung, color=COLOUR["muted"], linewidth=1, linestyle=":", zorder=1)
        faint: Style = {"alpha": max(0.3, min(1.0, 25 / len(shown)))}
        for kind in kinds(search):
            drawn = [each.trial.curve for each in shown if each.trial.number in kind.numbers and each.trial != best]
            for place, curve in enumerate(drawn):
                _draw_curve(axes, curve, {**faint, **kind.line}, kind.label if place == 0 else None)
        broken = [each.trial.curve for each in shown if each.trial.status == "failed"]
        for place, curve in enumerate(broken):
            style: Style = {"color": COLOUR["ink"], "linestyle": ":"}
            _draw_curve(axes, curve, style, "failed" if place == 0 else None, marker="x")
        if best:
            style = {"color": COLOUR["orange"], "linewidth": 2.4, "zorder": 4}
            _draw_curve(axes, best.curve, style, f"best: trial {best.number}")
        axes.grid(False, axis="x")
        _label_epochs(axes, search, last)
        axes.set(xlabel="Epochs", ylabel=shorten(objective.on_validation, 34))
        legend_above(figure)
        told = ", ".join(f"{rung.n_reached} reached {plural(rung.epochs, 'epoch')}" for rung in rungs_of(search))
        label = f"{objective.on_validation} of {len(curved)} trials by epoch; {told}. {search.best_in_words}"
        return as_svg(figure, "trial-curves", label)


def final_curves(finals: Sequence[Final], objective: Objective) -> Markup:
    """Return the objective of each final by epoch, a colour a configuration and the one that was kept stressed.

    Args:
        finals: at least one with a curve.
        objective: what they were to optimize.
    """
    curved = [final for final in finals if final.curve]
    colours = dict(zip(dict.fromkeys(final.number for final in curved), itertools.cycle(FINAL_COLOURS), strict=False))
    with canvas(WIDTH, 300) as figure:
        axes = figure.add_subplot()
        axes.set_ylim(*value_limits([value for final in curved for value in final.curve], objective.direction))
        for final in sorted(curved, key=lambda each: each.is_kept):
            kept: Style = {"color": COLOUR["orange"], "linewidth": 2.4} if final.is_kept else {}
            name = f"trial {final.number}, seed {final.seed}"
            _draw_curve(axes, final.curve, {"color": COLOUR[colours[final.number]], **kept}, shorten(name, 28))
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set(xlabel="Epoch", ylabel=shorten(objective.on_validation, 34))
        legend_above(figure, columns=2)
        told = ", ".join(
            f"trial {final.number} with seed {final.seed} {score_text(final.score)}"
            for final in curved
            if final.score is not None
        )
        return as_svg(figure, "final-curves", f"{objective.on_validation} of {len(curved)} finals by epoch: {told}.")


def _draw_curve(axes: Axes, curve: Sequence[float], style: Style, label: str | None, marker: str = "o") -> None:
    """Draw a curve by epoch with a mark at its end."""
    epochs, last = range(1, len(curve) + 1), len(curve) - 1
    axes.plot(epochs, curve, marker=marker, markersize=3.5, markevery=[last], label=label, **{"linewidth": 1, **style})


def _label_epochs(axes: Axes, search: SearchRecord, last: int) -> None:
    """Label the rungs where there is room for them."""
    if search.has_rungs:
        kept = apart([(rung / last, str(rung)) for rung in search.rungs], 0.1)
        axes.set_xticks([round(where * last) for where, _ in kept])
    else:
        axes.xaxis.set_major_locator(whole_numbers())
