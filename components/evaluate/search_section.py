"""What the report says of the search: what was tried, what came of it, and what mattered."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from components.core import journal
from components.evaluate import search_figures
from components.evaluate.axes import Axis, axes_of, positions
from components.evaluate.coordinates_figure import parallel_coordinates
from components.evaluate.importance import MIN_TRIALS, Importance, importance
from components.evaluate.inputs import ReportInputs
from components.evaluate.timeline_figure import timeline
from components.evaluate.trial_table import TrialTable, trial_table
from components.evaluate.trials import SearchRecord

MOST_SPANS = 2000
MOST_AXES = 24


@dataclass(frozen=True)
class ImportanceFigure:
    """The importance of the hyperparameters: the figure, what it rests on, and where scores were cut off."""

    drawn: Markup
    result: Importance
    worst_counted: float


@dataclass(frozen=True)
class SearchSection:
    """What the section shows.

    Attributes:
        search: the trials so far, at least one.
        endings: how many trials ended in which way, in words.
        gain: how much better the best completed trial is than the first, or None.
        median: of the completed trials' scores, or None where there are fewer than two.
        history, timeline, coordinates: figures; None of what can't be drawn.
        importance: None where it can't be known.
        slices: a figure a hyperparameter.
        n_axes: how many hyperparameters could be drawn.
        table: the trials.
    """

    search: SearchRecord
    endings: list[str]
    gain: float | None
    median: float | None
    history: Markup | None
    timeline: Markup | None
    coordinates: Markup | None
    importance: ImportanceFigure | None
    slices: list[Markup]
    n_axes: int
    table: TrialTable

    @property
    def best_score(self) -> float | None:
        return self.search.objective.score(self.search.best) if self.search.best else None

    @property
    def n_measured(self) -> int:
        return len(self.search.measured)

    @property
    def least_for_importance(self) -> int:
        return MIN_TRIALS

    @property
    def n_spans_shown(self) -> int:
        return min(len(self.search.spans), MOST_SPANS)


def search_section(inputs: ReportInputs) -> SearchSection | None:
    """Return what the section on the search shows, or None before a trial has finished."""
    search = inputs.search
    if search is None or not search.trials:
        return None
    objective, measured = search.objective, search.measured
    completed = objective.scores(trial for trial in search.trials if trial.status == "completed")
    best = objective.score(search.best) if search.best else None
    axes = axes_of(search.space, measured)
    comparable = len(measured) > 1 and any(_differs(axis, measured) for axis in axes)
    drawn = axes[:MOST_AXES] if comparable else []
    return SearchSection(
        search=search,
        endings=_endings(search),
        gain=None if best is None or len(completed) < 2 else objective.sign * (best - completed[0]),
        median=float(np.median(completed)) if len(completed) > 1 else None,
        history=search_figures.search_history(search.trials, objective) if measured else None,
        timeline=timeline(search.spans[-MOST_SPANS:]) if search.spans else None,
        coordinates=parallel_coordinates(drawn, measured, objective) if drawn else None,
        importance=_importance(axes, search) if drawn and len(measured) >= MIN_TRIALS else None,
        slices=[search_figures.hyperparameter_slice(axis, measured, objective, n) for n, axis in enumerate(drawn)],
        n_axes=len(axes),
        table=trial_table(search, axes_of(search.space, search.trials)),
    )


def _endings(search: SearchRecord) -> list[str]:
    words = {"stopped": "stopped early", "failed": "failed"}
    others = [f"{search.count(status)} {word}" for status, word in words.items() if search.count(status)]
    return [f"{search.count('completed')} completed", *others]


def _differs(axis: Axis, trials: list[journal.Trial]) -> bool:
    """Say whether the trials differ in a hyperparameter."""
    return len({repr(trial.hyperparameters.get(axis.name)) for trial in trials}) > 1


def _importance(axes: list[Axis], search: SearchRecord) -> ImportanceFigure | None:
    objective, scores = search.objective, np.array(search.objective.scores(search.measured))
    low, high = search_figures.value_limits(scores.tolist(), objective.direction)
    counted = np.maximum(scores, low) if objective.direction == "max" else np.minimum(scores, high)
    result = importance(positions(axes, search.measured), counted)
    if result is None:
        return None
    worst = low if objective.direction == "max" else high
    return ImportanceFigure(search_figures.importance_bars(axes, result), result, worst)
