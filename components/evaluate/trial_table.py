"""The table of a search's trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.core import journal
from components.evaluate.axes import Axis
from components.evaluate.rungs import comparable, ranking
from components.evaluate.trials import SearchRecord
from components.pages.texts import text_of

MOST_ROWS = 1000
MOST_COLUMNS = 24


@dataclass(frozen=True)
class TrialRow:
    """A trial, its rung (from 1; 0: none), its score and its hyperparameters as text, empty where inactive."""

    trial: journal.Trial
    rung: int
    score: float | None
    values: list[str]
    is_best: bool


@dataclass(frozen=True)
class TrialTable:
    """What the table shows.

    Attributes:
        names: the hyperparameters that vary, of very many the first.
        are_numbers: whether all values of each are numbers.
        rows: the trials, of very many the best and the last.
        n_trials, n_names: how many trials and varying hyperparameters there are.
        constant: the values of the others, by name.
        has_reasons: whether some trial says why it ended.
    """

    names: list[str]
    are_numbers: list[bool]
    rows: list[TrialRow]
    n_trials: int
    n_names: int
    constant: dict[str, Any]
    has_reasons: bool

    @property
    def is_long(self) -> bool:
        return len(self.rows) > 40


def trial_table(search: SearchRecord, axes: Sequence[Axis]) -> TrialTable:
    """Return the table of a search whose varying hyperparameters are `axes`."""
    trials, names = rows_shown(search), [axis.name for axis in axes][:MOST_COLUMNS]
    varying = {axis.name for axis in axes}
    values = {name: value for trial in search.trials for name, value in trial.hyperparameters.items()}
    return TrialTable(
        names,
        [all(_is_number(t.hyperparameters[name]) for t in trials if name in t.hyperparameters) for name in names],
        [_row(trial, names, search) for trial in trials],
        len(search.trials),
        len(axes),
        {name: value for name, value in values.items() if name not in varying},
        any(trial.reason for trial in trials),
    )


def rows_shown(search: SearchRecord) -> list[journal.Trial]:
    """Return the trials to list, in order of number: all, or of very many the best and the last."""
    if len(search.trials) <= MOST_ROWS:
        return search.trials
    half = MOST_ROWS // 2
    last = {trial.number for trial in search.trials[-half:]}
    earlier = [each for each in comparable(search) if each.trial.number not in last]
    best = {each.trial.number for each in ranking(earlier, search.objective)[-half:]}
    return [trial for trial in search.trials if trial.number in best | last]


def _row(trial: journal.Trial, names: Sequence[str], search: SearchRecord) -> TrialRow:
    values = [text_of(trial.hyperparameters[name]) if name in trial.hyperparameters else "" for name in names]
    rung, score = search.rung_of(trial) + 1, search.objective.score(trial)
    return TrialRow(trial, rung, score, values, trial == search.best)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
