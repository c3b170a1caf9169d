"""Follows a run of somebody else, or of another terminal, by what it writes down: it is read and never touched."""

import fcntl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from components.core import events, journal
from components.core.errors import InvalidInput
from components.core.experiment import ACCURACY, Metric
from components.core.trial import Trial, best
from local import walker

PAUSE_S = 1.0
QUIET_S = 5.0
"""So long nothing must have been written before it is asked whether the run is going on at all."""

MOST_ROWS = 20
SUMMARY = "summary.json"


@dataclass(frozen=True)
class View:
    """A run at one moment.

    Attributes:
        trials: by number.
        max_trials: how many there will be, or None before the plan is made.
        objective: what the search optimizes.
        n_rounds: rounds that were decided.
        state: `waiting` for its search, `searching`, `ended`, or `interrupted`.
    """

    trials: tuple[Trial, ...] = ()
    max_trials: int | None = None
    objective: Metric = ACCURACY
    n_rounds: int = 0
    state: str = "waiting"

    @property
    def best(self) -> Trial | None:
        return best(self.trials, self.objective.direction)

    @property
    def line(self) -> str:
        """How it stands, in one line."""
        if not self.trials:
            return f"{self.state}: no trial has a result yet"
        of = "" if self.max_trials is None else f" of {self.max_trials}"
        n_epochs = sum(trial.epochs for trial in self.trials)
        told = f"{self.state}: {len(self.trials)}{of} trials, {events.counted(n_epochs, 'epoch')}"
        leader = self.best
        return told + (
            f", best {events.trial_result(leader, self.objective)} (trial {leader.number})" if leader else ""
        )


def watch(folder: Path, console: Console) -> View:
    """Show a run's trials until it has ended, and return how it stands then.

    On a terminal it is a table that is drawn anew, in a log a line for each trial that has come further.

    Raises:
        InvalidInput: the folder holds no run.
    """
    if not (folder / "run.json").is_file():
        raise InvalidInput(
            f"run must be the folder of a local run or the id of a run on Kubeflow, got {str(folder)!r}"
        )
    view = View()
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            for view in _views(folder):
                live.update(_table(view))
        return view
    seen: dict[int, Trial] = {}
    for view in _views(folder):
        for trial in [each for each in view.trials if seen.get(each.number) != each]:
            seen[trial.number] = trial
            line = events.trial_line(trial, view.best, len(view.trials), view.max_trials or 0, view.objective)
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(view.line, soft_wrap=True, markup=False, highlight=False)
    return view


def view_of(folder: Path) -> View:
    """Return how a run stands by its journal and its summary; `searching` also where nobody goes on with it."""
    path = folder / "state" / journal.FILE_NAME
    contents = journal.read(path) if path.is_file() else None
    state = "ended" if (folder / SUMMARY).is_file() else "searching" if contents and contents.header else "waiting"
    if contents is None or not contents.header:
        return View(state=state)
    header = contents.header
    objective = header.get("objective") or {}
    known = Metric(objective["name"], ACCURACY.compute, objective["direction"]) if objective else ACCURACY
    trials = tuple(journal.in_order(contents.trials))
    return View(trials, header["plan"]["max_trials"], known, len(contents.rounds), state)


def _views(folder: Path) -> Iterator[View]:
    """Yield a run whenever it has changed, and last how it stands when it has ended or nobody goes on with it."""
    last, changed_at = None, time.monotonic()
    while True:
        view = view_of(folder)
        if view != last:
            yield view
            last, changed_at = view, time.monotonic()
        if view.state == "ended":
            return
        if time.monotonic() - changed_at >= QUIET_S and not _is_going_on(folder):
            yield View(view.trials, view.max_trials, view.objective, view.n_rounds, "interrupted")
            return
        time.sleep(PAUSE_S)


def _is_going_on(folder: Path) -> bool:
    """Return whether a process has the run's folder locked."""
    try:
        with open(folder / walker.LOCK, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def _table(view: View) -> Table:
    table = Table(title=view.line, title_justify="left", box=None)
    for heading in ("trial", "score", "status", "epochs", "seconds", "hyperparameters"):
        table.add_column(heading)
    leader = view.best
    shown = [*([leader] if leader else []), *(each for each in reversed(view.trials) if each != leader)]
    for trial in shown[:MOST_ROWS]:
        row = (str(trial.number), events.trial_result(trial, view.objective), trial.status, str(trial.epochs))
        values = Text(events.values_line(trial.hyperparameters))
        table.add_row(*row, f"{trial.seconds:.1f}", values, style="bold green" if trial == leader else None)
    return table
