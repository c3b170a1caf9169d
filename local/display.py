"""A local run's display: live progress on a terminal, plain lines in a log."""

import contextlib

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from components.core import events
from components.core.journal import best, in_order

LAST_TRIALS = 6


@contextlib.contextmanager
def listening():
    """Yield the console, while the events of this process go to a display that fits it."""
    console = Console()
    before = events.listener
    display = _OnTerminal(console) if console.is_terminal else events.PlainLines()
    events.listener = display
    try:
        with contextlib.closing(display):
            yield console
    finally:
        events.listener = before


class _TimeLeft(ProgressColumn):
    """How long the rest will take at the pace so far; what an earlier run has done (`known`) tells no pace."""

    def render(self, task):
        done = task.completed - task.fields["known"]
        if task.finished or not task.total or done <= 0:
            return Text("")
        seconds = round(task.elapsed / done * (task.total - task.completed))
        return Text(f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left", style="cyan")


class _OnTerminal(events.PlainLines):
    """Shows each step with a bar, search and training with the time left, and the best and the last trials."""

    def __init__(self, console):
        self._console = console
        columns = [BarColumn(20), TextColumn("{task.fields[count]}"), TimeElapsedColumn(), _TimeLeft()]
        self._bars = Progress(TextColumn("{task.description}"), *columns, console=console)
        self._tasks = {}
        self._step = ""
        self._trials = {}
        self._best = None
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)
        self._live.start()

    def close(self):
        self._live.stop()

    def note(self, text):
        self._console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def step_started(self, name):
        self._step = name
        self._begin(name)

    def step_finished(self, name, seconds):
        self._bars.update(self._tasks[name], total=1, completed=1)

    def search_started(self, finished, max_trials, objective):
        self._trials = {trial.number: trial for trial in finished}
        self._best = best(finished)
        self._advance(self._step, len(finished), max_trials, "trials", known=len(finished))

    def trial_finished(self, trial, best, max_trials, objective):
        self._trials[trial.number] = trial
        self._best = best
        self._advance(self._step, len(self._trials), max_trials, "trials")

    def epoch_finished(self, epoch, epochs):
        self._advance_epochs(self._step, epoch, epochs)

    def refit_epoch_finished(self, epoch, epochs):
        if "refit" not in self._tasks:
            self._begin("refit")
        self._advance_epochs("refit", epoch, epochs)

    def _advance_epochs(self, name, epoch, epochs):
        earlier = {} if self._bars.tasks[self._tasks[name]].total else {"known": epoch.number - 1}
        self._advance(name, epoch.number, epochs, "epochs", **earlier)

    def downloaded(self, received, total, name):
        if name not in self._tasks:
            self._begin(name)
        self._advance(name, received / 1e6, total and total / 1e6, "MB", digits=1)

    def _begin(self, name):
        self._tasks[name] = self._bars.add_task(name, total=None, count="", known=0)

    def _advance(self, name, done, total, unit, digits=0, **fields):
        count = f"{done:.{digits}f}" + (f"/{total:.{digits}f}" if total else "") + f" {unit}"
        self._bars.update(self._tasks[name], completed=done, total=total, count=count, **fields)

    def _render(self):
        grid = Table.grid()
        grid.add_row(self._bars)
        if self._trials:
            grid.add_row(self._trial_table())
        return grid

    def _trial_table(self):
        table = Table(title="best and last trials", title_justify="left", box=None)
        for heading in ("trial", "result", "epochs", "seconds", "hyperparameters"):
            table.add_column(heading)
        shown = in_order(self._trials.values())[-LAST_TRIALS:]
        leader = [self._best] if self._best and self._best not in shown else []
        for trial in [*leader, *shown]:
            table.add_row(*_row(trial), style="bold green" if trial == self._best else None)
        return table


def _row(trial):
    result = trial.status if trial.validation_accuracy is None else f"{trial.validation_accuracy:.4f}"
    values = " ".join(f"{name}={events.short(value)}" for name, value in trial.hyperparameters.items())
    return str(trial.number + 1), result, str(trial.epochs), f"{trial.seconds:.1f}", Text(values)
