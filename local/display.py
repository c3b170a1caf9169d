"""A local run's display: live progress on a terminal, plain lines in a log."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from components.core import events
from components.core.experiment import ACCURACY, Metric
from components.core.trial import Trial, best

LAST_TRIALS = 6


@contextlib.contextmanager
def listening() -> Iterator[Console]:
    """Yield the console, while the events of this process go to a display that fits it."""
    console = Console()
    before = events.listener
    display: events.PlainLines = _OnTerminal(console) if console.is_terminal else events.PlainLines()
    events.listener = display
    try:
        with contextlib.closing(display):
            yield console
    finally:
        events.listener = before


class _TimeLeft(ProgressColumn):
    """How long the rest will take at the pace so far; what an earlier run has done (`known`) tells no pace."""

    def render(self, task: Task) -> Text:
        done = task.completed - task.fields["known"]
        if task.finished or not task.total or done <= 0 or task.elapsed is None:
            return Text("")
        seconds = round(task.elapsed / done * (task.total - task.completed))
        return Text(f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left", style="cyan")


class _OnTerminal(events.PlainLines):
    """Shows each step with a bar, search and training with the time left, and the best and the last trials."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = [BarColumn(20), TextColumn("{task.fields[count]}"), TimeElapsedColumn(), _TimeLeft()]
        self._progress = Progress(TextColumn("{task.description}"), *columns, console=console)
        self._tasks: dict[str, TaskID] = {}
        self._step = ""
        self._trials: dict[int, Trial] = {}
        self._best: Trial | None = None
        self._planned = 0
        self._objective = ACCURACY
        self._final_epochs: dict[str, int] = {}
        self._most_final_epochs = 0
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)
        self._live.start()

    def close(self) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def step_started(self, name: str) -> None:
        self._step = name
        self._begin(name)

    def step_finished(self, name: str, seconds: float) -> None:
        self._progress.update(self._tasks[name], total=1, completed=1)

    def search_started(self, trials: Sequence[Trial], plan_total: int, objective: Metric = ACCURACY) -> None:
        self._objective = objective
        self._trials = {trial.number: trial for trial in trials}
        self._best = best(trials, objective.direction)
        self._planned = plan_total
        self._advance_search(known=self._trained)

    def stretch_finished(
        self, trial: Trial, best: Trial | None, n_started: int, max_trials: int, objective: Metric = ACCURACY
    ) -> None:
        self._trials.pop(trial.number, None)  # the one heard of last stands last
        self._trials[trial.number] = trial
        self._best = best
        self._advance_search()

    def round_finished(self, line: str) -> None:
        """Leave it to the bar and the table, which say the same."""

    @property
    def _trained(self) -> int:
        return sum(trial.epochs for trial in self._trials.values())

    def _advance_search(self, **fields: Any) -> None:
        """Move the bar of the search; how many epochs there will be is an estimate, which may fall short."""
        self._advance(self._step, self._trained, max(self._planned, self._trained), "epochs", **fields)

    def finals_started(self, epochs: Mapping[str, int], n_epochs: int) -> None:
        self._final_epochs = dict(epochs)
        self._most_final_epochs = n_epochs * len(epochs)
        self._advance_finals(known=sum(epochs.values()))

    def final_epoch_finished(self, name: str, epoch: int, n_epochs: int, objective: float) -> None:
        self._final_epochs[name] = epoch
        self._advance_finals()

    def final_finished(self, name: str, epochs: int, n_epochs: int, best: float, chosen_epoch: int) -> None:
        self._final_epochs[name] = epochs
        self._most_final_epochs -= n_epochs - epochs
        self._advance_finals()

    def _advance_finals(self, **fields: Any) -> None:
        self._advance(self._step, sum(self._final_epochs.values()), self._most_final_epochs, "epochs", **fields)

    def refit_epoch_finished(self, epoch: events.FinishedEpoch, n_epochs: int) -> None:
        if "refit" not in self._tasks:
            self._begin("refit")
            self._advance("refit", epoch.number - 1, n_epochs, "epochs", known=epoch.number - 1)
        self._advance("refit", epoch.number, n_epochs, "epochs")

    def downloaded(self, received: int, total: int | None, name: str) -> None:
        if name not in self._tasks:
            self._begin(name)
        self._advance(name, received / 1e6, total and total / 1e6, "MB", digits=1)

    def _begin(self, name: str) -> None:
        self._tasks[name] = self._progress.add_task(name, total=None, count="", known=0)

    def _advance(self, name: str, done: float, total: float | None, unit: str, digits: int = 0, **fields: Any) -> None:
        count = f"{done:.{digits}f}" + (f"/{total:.{digits}f}" if total else "") + f" {unit}"
        self._progress.update(self._tasks[name], completed=done, total=total, count=count, **fields)

    def _render(self) -> Table:
        grid = Table.grid()
        grid.add_row(self._progress)
        if self._trials:
            grid.add_row(self._trial_table())
        return grid

    def _trial_table(self) -> Table:
        table = Table(title="best and last trials", title_justify="left", box=None)
        for heading in ("trial", "score", "epochs", "seconds", "hyperparameters"):
            table.add_column(heading)
        shown = list(self._trials.values())[-LAST_TRIALS:]
        leader = [self._best] if self._best and self._best not in shown else []
        for trial in [*leader, *shown]:
            table.add_row(*_row(trial, self._objective), style="bold green" if trial == self._best else None)
        return table


def _row(trial: Trial, objective: Metric) -> tuple[str, str, str, str, Text]:
    result = events.trial_result(trial, objective)
    values = Text(events.values_line(trial.hyperparameters))
    return str(trial.number), result, str(trial.epochs), f"{trial.seconds:.1f}", values
