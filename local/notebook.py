"""A run's progress in a notebook: one bar that is redrawn in its place, and the last lines of what the run says."""

import html
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from components.core import events
from components.core.experiment import ACCURACY, Metric
from components.core.trial import Trial

LAST_LINES = 6


class InNotebook(events.PlainLines):
    """Draws into the output of the cell that is running."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html = HTML
        self._handle = display(HTML(""), display_id=True)
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._step, self._done, self._total = "", 0, 0
        self._trial_epochs: dict[int, int] = {}
        self._final_epochs: dict[str, int] = {}

    def note(self, text: str) -> None:
        self._lines.append(text)
        self._draw()

    def step_started(self, name: str) -> None:
        self._step, self._done, self._total = name, 0, 0
        self._draw()

    def step_finished(self, name: str, seconds: float) -> None:
        self._done = self._total
        super().step_finished(name, seconds)

    def search_started(self, trials: Sequence[Trial], plan_total: int, objective: Metric = ACCURACY) -> None:
        self._total = plan_total
        self._trial_epochs = {trial.number: trial.epochs for trial in trials}
        super().search_started(trials, plan_total, objective)

    def stretch_finished(
        self, trial: Trial, best: Trial | None, n_started: int, max_trials: int, objective: Metric = ACCURACY
    ) -> None:
        self._trial_epochs[trial.number] = trial.epochs
        self._done = sum(self._trial_epochs.values())
        leader = f", best {events.trial_result(best, objective)} (trial {best.number})" if best else ""
        self.note(f"trial {trial.number}: {events.trial_result(trial, objective)}{leader}")

    def finals_started(self, epochs: Mapping[str, int], n_epochs: int) -> None:
        self._final_epochs, self._total = dict(epochs), n_epochs * len(epochs)
        super().finals_started(epochs, n_epochs)

    def final_epoch_finished(self, name: str, epoch: int, n_epochs: int, objective: float) -> None:
        self._final_epochs[name] = epoch
        self._done = sum(self._final_epochs.values())
        super().final_epoch_finished(name, epoch, n_epochs, objective)

    def close(self) -> None:
        self._handle.update(self._html(""))

    def _draw(self) -> None:
        bar = f"<progress value={self._done} max={self._total}></progress>" if self._total else ""
        lines = "<br>".join(html.escape(line) for line in self._lines)
        title: Any = f"<b>{html.escape(self._step)}</b> {bar}"
        self._handle.update(self._html(f"{title}<br><small>{lines}</small>"))
