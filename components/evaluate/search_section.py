"""What the report says of the search: what was planned and tried, what came of it, and what mattered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from components.core import journal
from components.evaluate import search_figures
from components.evaluate.axes import Axis, axes_of
from components.evaluate.coordinates_figure import parallel_coordinates
from components.evaluate.curves_figure import trial_curves
from components.evaluate.factors import are_conditions_known, factors_of, table_of
from components.evaluate.importance import MIN_TRIALS, Importance, importance
from components.evaluate.inputs import ReportInputs
from components.evaluate.machine_table import MOST_ROWS, MachineRow, machine_table
from components.evaluate.marks import value_limits
from components.evaluate.objective import Objective
from components.evaluate.rungs import Gain, Rung, Scored, comparable, gains, rungs_of
from components.evaluate.timeline_figure import busy_share, starts_of_rounds, timeline
from components.evaluate.trial_table import TrialTable, trial_table
from components.evaluate.trials import SearchRecord

MOST_SPANS = 2000
MOST_AXES = 24


@dataclass(frozen=True)
class ImportanceFigure:
    """The importance of the hyperparameters.

    Attributes:
        drawn: the figure.
        result: what it shows.
        worst_counted: where scores were cut off.
        unconditional: names of the hyperparameters that are only sometimes active, by no condition that is declared.
    """

    drawn: Markup
    result: Importance
    worst_counted: float
    unconditional: list[str]


@dataclass(frozen=True)
class SearchSection:
    """What the section shows.

    Attributes:
        search: the trials so far, at least one.
        endings: how many trials ended in which way, in words.
        median: of the completed trials' scores, or None where there are fewer than two.
        rungs: what came of the trials at each rung.
        gains: what lies between the rungs.
        history, curves, timeline, coordinates: figures; None of what can't be drawn.
        has_rounds: whether the timeline shows where rounds began.
        busy: the share of the workers' time in which they were training, or None.
        machines: what each did, the busiest first; empty where there was but one.
        importance: None where it can't be known.
        slices: a figure a hyperparameter.
        n_axes: how many hyperparameters could be drawn.
        table: the trials.
    """

    search: SearchRecord
    endings: list[str]
    median: float | None
    rungs: list[Rung]
    gains: list[Gain]
    history: Markup | None
    curves: Markup | None
    timeline: Markup | None
    has_rounds: bool
    busy: float | None
    machines: list[MachineRow]
    coordinates: Markup | None
    importance: ImportanceFigure | None
    slices: list[Markup]
    n_axes: int
    table: TrialTable

    @property
    def best_score(self) -> float | None:
        return self.search.objective.score(self.search.best) if self.search.best else None

    @property
    def n_epochs(self) -> int:
        """How many epochs the trials had, all together."""
        return sum(trial.epochs for trial in self.search.trials)

    @property
    def n_measured(self) -> int:
        return len(self.search.measured)

    @property
    def least_for_importance(self) -> int:
        return MIN_TRIALS

    @property
    def n_machines_shown(self) -> int:
        return min(len(self.machines), MOST_ROWS)

    @property
    def n_spans_shown(self) -> int:
        return min(len(self.search.spans), MOST_SPANS)


def search_section(inputs: ReportInputs) -> SearchSection | None:
    """Return what the section on the search shows, or None before a trial has finished."""
    search = inputs.search
    if search is None or not search.trials:
        return None
    objective, measured, scored = search.objective, search.measured, comparable(search)
    completed = objective.scores(trial for trial in search.trials if trial.status == "completed")
    axes = axes_of(search.space, measured)
    differing = len(measured) > 1 and any(_differs(axis, measured) for axis in axes)
    drawn = axes[:MOST_AXES] if differing else []
    spans = search.spans[-MOST_SPANS:]
    return SearchSection(
        search=search,
        endings=_endings(search),
        median=float(np.median(completed)) if len(completed) > 1 else None,
        rungs=rungs_of(search),
        gains=gains(search),
        history=search_figures.search_history(search) if measured else None,
        curves=trial_curves(search) if measured else None,
        timeline=timeline(spans, search.rungs) if spans else None,
        has_rounds=bool(starts_of_rounds(spans)),
        busy=busy_share(spans) if spans else None,
        machines=machine_table(search.spans),
        coordinates=parallel_coordinates(drawn, scored, objective) if drawn else None,
        importance=_importance(axes, scored, objective) if drawn and len(measured) >= MIN_TRIALS else None,
        slices=[search_figures.hyperparameter_slice(axis, scored, search, n) for n, axis in enumerate(drawn)],
        n_axes=len(axes),
        table=trial_table(search, axes_of(search.space, search.trials)),
    )


def _endings(search: SearchRecord) -> list[str]:
    words = {"stopped": "stopped early", "failed": "failed"}
    others = [f"{search.count(status)} {word}" for status, word in words.items() if search.count(status)]
    return [f"{search.count('completed')} completed", *others]


def _differs(axis: Axis, trials: Sequence[journal.Trial]) -> bool:
    """Say whether the trials differ in a hyperparameter."""
    return len({repr(trial.hyperparameters.get(axis.name)) for trial in trials}) > 1


def _importance(axes: list[Axis], scored: Sequence[Scored], objective: Objective) -> ImportanceFigure | None:
    scores = np.array([each.score for each in scored])
    low, high = value_limits(scores.tolist(), objective.direction)
    counted = np.maximum(scores, low) if objective.direction == "max" else np.minimum(scores, high)
    factors = factors_of(axes)
    result = importance(factors, table_of(axes, factors, [each.trial for each in scored]), counted)
    if result is None:
        return None
    worst = low if objective.direction == "max" else high
    unconditional = [
        axis.name for axis, factor in zip(axes, factors, strict=True) if not are_conditions_known(axis, factor)
    ]
    return ImportanceFigure(search_figures.importance_bars(axes, result), result, worst, unconditional)
