"""A local run's display: live progress on a terminal, plain lines in a log."""

import contextlib
import time

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from components.core import progress
from components.core.journal import in_order

LAST_TRIALS = 6


@contextlib.contextmanager
def listening():
    """Yield the console, while the events of this process go to a display that fits it."""
    console = Console()
    before = progress.listener
    display = _OnTerminal(console) if console.is_terminal else progress.PlainLines()
    progress.listener = display
    try:
        with contextlib.closing(display):
            yield console
    finally:
        progress.listener = before


class _OnTerminal(progress.PlainLines):
    """Shows the current step with a bar and the time left, and the best and the last trials."""

    def __init__(self, console):
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
        )
        self._tasks = {}
        self._trials = {}
        self._best = None
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)
        self._live.start()

    def close(self):
        self._live.stop()

    def note(self, text):
        self._console.print(text, markup=False, highlight=False)

    def step_started(self, name):
        self.note(f"{time.strftime('%H:%M:%S')} {name}")

    def trial_finished(self, trial, best, max_trials, known=()):
        self._trials.update({finished.number: finished for finished in (*known, trial)})
        self._best = best
        self._advance("trials", len(self._trials), max_trials)

    def epoch_finished(self, epoch, epochs):
        self._advance("epochs of the final training", epoch.number, epochs)

    def downloaded(self, received, total, name):
        self._advance(f"downloading {name}", received, total)

    def _advance(self, name, done, total):
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)

    def _render(self):
        grid = Table.grid()
        grid.add_row(self._bars)
        if self._trials:
            grid.add_row(self._trial_table())
        return grid

    def _trial_table(self):
        table = Table(title="last trials", title_justify="left", box=None)
        for heading in ("trial", "result", "epochs", "seconds", "hyperparameters"):
            table.add_column(heading)
        shown = in_order(self._trials.values())[-LAST_TRIALS:]
        best = [self._best] if self._best and self._best not in shown else []
        for trial in [*best, *shown]:
            table.add_row(*_row(trial), style="bold green" if trial == self._best else None)
        return table


def _row(trial):
    result = trial.status if trial.validation_accuracy is None else f"{trial.validation_accuracy:.4f}"
    values = " ".join(f"{name}={progress.short(value)}" for name, value in trial.hyperparameters.items())
    return str(trial.number + 1), result, str(trial.epochs), f"{trial.seconds:.1f}", values
