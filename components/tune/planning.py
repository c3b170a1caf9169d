"""The plan for a search on this machine, and how long it will take."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from components.core import events, files
from components.core.plan import ROUND_SHARE, Plan, expected_epochs, make_plan
from components.core.space import Space
from components.tune.suggestions import Suggester
from components.workers import count
from components.workers.pool import Executor, Finished
from components.workers.stretch import Outcome, Stretch

WEIGHTS = "weights"
OTHER_STEPS_S = 15.0
"""What a run takes beside search and finals: preparing the data, evaluating, and starting twice."""

IDLE_SHARE = 0.1
"""Of the processors' time, what rounds lose at their ends."""

LEAST_TRIALS, LEAST_RUNG, LEAST_EPOCHS = 4, 2, 4
MOST_SCALE = 64.0


@dataclass(frozen=True)
class Pace:
    """How fast trainings are here, on average over a few configurations.

    Attributes:
        epoch_s: seconds an epoch.
        start_s: seconds before the first epoch of a stretch: building and compiling.
        spent_s: seconds that have passed until this was known.
    """

    epoch_s: float
    start_s: float
    spent_s: float

    def seconds(self, plan: Plan, workers: int) -> float:
        """Return the expected wall time of a whole run after this plan."""
        search_epochs, finals_epochs = expected_epochs(plan)
        n_stretches = sum(max(1, plan.max_trials // 3**rung) for rung in range(len(plan.rungs)))
        search = (search_epochs * self.epoch_s + n_stretches * self.start_s) / workers / (1 - IDLE_SHARE)
        side_by_side = min(workers, plan.finals)
        finals = (finals_epochs * self.epoch_s + plan.finals * self.start_s) / side_by_side
        return float(self.spent_s + search + finals + OTHER_STEPS_S)


def plan_for(settings: Any, header: dict[str, Any], pool: Executor, space: Space, state_dir: Path) -> Plan:
    """Return the plan of a search, and tell it.

    A search that was begun keeps what its journal's header says; for a new one, what is left to the machine (0) is
    decided, and a time budget turned into a plan, by the pace of a few first epochs.

    Args:
        settings: the `SearchSettings`.
        header: of the journal in `state_dir`, empty when there is none.
        pool: the idle workers.
        space: the search space.
        state_dir: keeps what the first epochs gave, from which their configurations go on.
    """
    plan = make_plan(
        max_trials=settings.max_trials,
        trial_epochs=settings.trial_epochs,
        training_epochs=settings.training_epochs,
        stop_trials_early=settings.stop_trials_early,
        round_size=settings.round_size or ROUND_SHARE * settings.pods,
        finalists=settings.finalists,
        processors=count.side_by_side(),
    )
    if "plan" in header:
        plan = _as_begun(plan, settings, header)
        events.note(str(plan))
        return plan
    pace = measured_pace(plan, settings.seed, pool, space, state_dir)
    if pace is None:
        events.note(str(plan))
        return plan
    if settings.time_budget_s:
        measured_for, plan = plan, scaled(plan, settings, pace, pool.n_workers)
        if plan.training_epochs != measured_for.training_epochs:  # the first epochs were of another schedule
            files.remove(state_dir / WEIGHTS)
    seconds = pace.seconds(plan, pool.n_workers)
    width, unit = min(pool.n_workers, len(pool.devices) or pool.n_workers), "GPU" if pool.devices else "processor"
    events.note(f"{plan}, about {duration(seconds)} on {width} {unit}{'' if width == 1 else 's'}")
    if 0 < settings.time_budget_s < seconds:
        events.warn(f"no plan is over in time_budget_s, {settings.time_budget_s} s: the smallest one takes longer")
    return plan


def _as_begun(plan: Plan, settings: Any, header: dict[str, Any]) -> Plan:
    """Return the plan with which a search goes on: what was left to the machine, or to a time budget, is as it was."""
    begun = Plan(**{**header["plan"], "rungs": tuple(header["plan"]["rungs"])})
    if settings.time_budget_s and header.get("time_budget_s") == settings.time_budget_s:
        return begun
    if not settings.round_size:
        plan = replace(plan, round_size=begun.round_size)
    if not settings.finalists:
        plan = replace(plan, finalists=min(plan.max_trials, begun.finalists), finals=begun.finals)
    return plan


def measured_pace(plan: Plan, seed: int, pool: Executor, space: Space, state_dir: Path) -> Pace | None:
    """Return the pace of one epoch of the first configurations side by side, or None when none could be trained.

    Their weights are kept: the search goes on from them, so that little is lost.
    """
    values = Suggester(space, seed).spread(min(len(pool.idle), plan.n_initial), [])
    share = pool.memory_bytes // pool.n_workers
    for slot, (number, each) in zip(pool.idle, enumerate(values), strict=False):
        checkpoint = str(weights_path(state_dir, number))
        first_epoch = Stretch(number, each, 1, plan.training_epochs, seed, checkpoint)
        pool.assign(slot, replace(first_epoch, memory_bytes=share, memory_bytes_alone=pool.memory_bytes))
    outcomes: list[tuple[float, Outcome]] = []
    while pool.running:
        outcomes += [(event.seconds, event.outcome) for event in pool.wait() if isinstance(event, Finished)]
    good = [(seconds, outcome) for seconds, outcome in outcomes if outcome.curve]
    if not good:
        return None
    epoch_s = fmean(outcome.epoch_seconds for _, outcome in good)
    start_s = fmean(max(0.0, seconds - outcome.epoch_seconds) for seconds, outcome in good)
    return Pace(epoch_s, start_s, pool.start_up_seconds / max(1, len(pool.idle)) + max(seconds for seconds, _ in good))


def scaled(plan: Plan, settings: Any, pace: Pace, workers: int) -> Plan:
    """Return the largest plan, in the proportions of `plan`, that is over within the time budget.

    Trials and epochs grow alike. The smallest plan there is may take longer; then it is taken all the same.
    """
    low, high = 0.0, MOST_SCALE
    for _ in range(30):
        middle = (low + high) / 2
        fits = pace.seconds(_times(plan, settings, middle), workers) <= settings.time_budget_s
        low, high = (middle, high) if fits else (low, middle)
    return _times(plan, settings, low)


def _times(plan: Plan, settings: Any, factor: float) -> Plan:
    larger = make_plan(
        max_trials=max(LEAST_TRIALS, round(plan.max_trials * factor)),
        trial_epochs=max(LEAST_RUNG, round(settings.trial_epochs * factor)),
        training_epochs=max(LEAST_EPOCHS, round(plan.training_epochs * factor)),
        stop_trials_early=settings.stop_trials_early,
        round_size=plan.round_size,
        finalists=plan.finalists,
        processors=1,
    )
    return replace(larger, finals=plan.finals)


def weights_path(state_dir: Path, number: int) -> Path:
    """Return where a trial's checkpoint is kept."""
    return state_dir / WEIGHTS / f"{number:04}.npz"


def duration(seconds: float) -> str:
    """Return a time in words, to about five seconds."""
    if seconds < 100:
        return f"{max(5, 5 * math.ceil(seconds / 5))} s"
    minutes, rest = divmod(10 * math.ceil(seconds / 10), 60)
    if minutes < 60:
        return f"{minutes} min{f' {rest} s' if rest else ''}"
    return f"{minutes // 60} h{f' {minutes % 60} min' if minutes % 60 else ''}"
