"""How a search stands after each round: a line for the log, and a page beside the journal for whoever looks in."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.core import events, files, journal
from components.core.experiment import Metric
from components.core.plan import Plan, expected_epochs
from components.core.trial import Trial, best
from components.tune.planning import duration

PAGE = "progress.html"
RELOAD_S = 30
HERE = "this machine"
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}td,th{padding:.2rem .8rem .2rem 0;text-align:left}"
    "td{border-top:1px solid #8884}.n{text-align:right;font-variant-numeric:tabular-nums}"
)


@dataclass(frozen=True)
class Progress:
    """A search between two rounds, or at its end.

    Attributes:
        plan: what it spends.
        objective: what it optimizes.
        trials: all configurations so far, by number.
        n_rounds: rounds that have been decided.
        in_flight: the machine of each configuration that is being trained, by number; empty for this machine.
        seconds_left: about how long it still takes, or None where nothing tells.
        has_ended: whether this is its end.
    """

    plan: Plan
    objective: Metric
    trials: Sequence[Trial]
    n_rounds: int
    in_flight: Mapping[int, str]
    seconds_left: float | None = None
    has_ended: bool = False

    @property
    def line(self) -> str:
        """One line for a log."""
        leader = best(self.trials, self.objective.direction)
        told = [f"round {self.n_rounds}: {len(self.trials)} of {self.plan.max_trials} trials begun", self._epochs()]
        if leader:
            told.append(f"best {events.trial_result(leader, self.objective)} (trial {leader.number})")
        if self.in_flight:
            told.append("running on: " + ", ".join(_place(*each) for each in sorted(self.in_flight.items())))
        if self.seconds_left is not None:
            told.append(f"about {duration(self.seconds_left)} left")
        return ", ".join(told)

    @property
    def page(self) -> str:
        """A page with all trials, the best first, that loads itself again until the search has ended."""
        again = "" if self.has_ended else f'<meta http-equiv="refresh" content="{RELOAD_S}">'
        left = "" if self.seconds_left is None else f" About {duration(self.seconds_left)} left."
        state = "This search has ended." if self.has_ended else f"This search is unfinished.{left}"
        running = "; ".join(_place(*each) for each in sorted(self.in_flight.items()))
        in_flight = f"<p>In flight: {html.escape(running)}.</p>" if running else ""
        heads = "".join(f"<th>{name}</th>" for name in ("Trial", "Score", "Epochs", "Seconds", "Hyperparameters"))
        rows = "\n".join(self._row(trial) for trial in self._ranked())
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Search, round {self.n_rounds}</title><style>{STYLE}</style></head>\n<body><h1>The search</h1>"
            f"<p>{state}</p><p>Plan: {html.escape(str(self.plan))}. Round {self.n_rounds}: {len(self.trials)} trials "
            f"begun, {self._epochs()}.</p>{in_flight}\n<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n"
            "</tbody></table></body></html>\n"
        )

    def write(self, state_dir: Path) -> None:
        """Write the page in the place of the last one."""
        files.write_bytes(self.page.encode(errors="backslashreplace"), state_dir / PAGE)

    def _epochs(self) -> str:
        return f"{sum(trial.epochs for trial in self.trials)} of about {expected_epochs(self.plan)[0]} epochs"

    def _ranked(self) -> list[Trial]:
        sign = 1 if self.objective.direction == "max" else -1
        measured = [trial for trial in self.trials if trial.status != "failed"]
        measured.sort(key=lambda trial: (-self.plan.rung_of(trial.epochs), -sign * journal.score(trial)))
        return [*measured, *(trial for trial in self.trials if trial.status == "failed")]

    def _row(self, trial: Trial) -> str:
        score = html.escape(events.trial_result(trial, self.objective))
        values = html.escape(
            trial.reason or "" if trial.status == "failed" else events.values_line(trial.hyperparameters)
        )
        numbers = "".join(f'<td class="n">{value}</td>' for value in (score, trial.epochs, f"{trial.seconds:.1f}"))
        return f'<tr><td class="n">{trial.number}</td>{numbers}<td>{values}</td></tr>'


def _place(number: int, machine: str) -> str:
    return f"trial {number} on {machine or HERE}"
