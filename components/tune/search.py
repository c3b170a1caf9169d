"""A search from its settings to its result: its plan, the header that binds its journal, and what it is run with."""

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core import artifacts, code_digest, events, journal
from components.core.data import TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.plan import Plan
from components.core.space import Space, space_for
from components.tune import planning, warm_start
from components.tune.executor import executor_for
from components.workers import devices

TIMELINE = "timeline.jsonl"


@dataclass(frozen=True)
class SearchSettings:
    """What decides a search besides its data; see the table of pipeline parameters.

    `workers` is the resolved number, at least 1, and `workers_wanted` the parameter; `warm_start` is the path of an
    earlier journal, or empty.
    """

    max_trials: int
    trial_epochs: int
    training_epochs: int
    stop_trials_early: bool
    round_size: int
    finalists: int
    workers: int
    seed: int
    trial_time_limit_s: int = 0
    time_budget_s: int = 0
    warm_start: str = ""
    workers_wanted: int = 0
    pods: int = 0
    dask_scheduler: str = ""
    worker_timeout_s: int = 0
    dashboard: bool = False


@dataclass
class SearchResult:
    """A finished search.

    Attributes:
        plan: what it spent.
        trials: all configurations, by number.
        finalists: those to train to the end, the most promising first.
        seconds: time by purpose (`epochs`, `compilation`, `start_up`, `suggestions`), summed over workers, and the
            wall time of the `search` as a whole.
        n_learned: how many trials of an earlier search it learned from; none of them is among `trials`.
    """

    plan: Plan
    trials: list[journal.Trial]
    finalists: list[journal.Trial]
    seconds: dict[str, float] = field(default_factory=dict)
    n_learned: int = 0

    @property
    def best(self) -> journal.Trial:
        """The configuration that is believed best."""
        return self.finalists[0]


def search(
    experiment: Experiment, training_data: str | Path, settings: SearchSettings, state_dir: str | Path
) -> SearchResult:
    """Run a search to its end, continuing what `state_dir` holds of it, and return its `SearchResult`.

    Args:
        experiment: the `Experiment`.
        training_data: path of the artifact.
        settings: the `SearchSettings`.
        state_dir: folder of the journal.

    Raises:
        InvalidInput: damaged data, a hyperparameter that nothing reads, networks that do not fit the data or can't be
            loaded again, or a journal that is locked, damaged or of another search.
        SearchFailed: no trial came to a result.
    """
    data = artifacts.read_training_data(training_data)
    earlier = warm_start.load(settings.warm_start, state_dir, experiment.objective)
    space = space_for(experiment, data.info)
    setup = {"training_data": str(training_data), "fingerprint": data.fingerprint}
    with (
        journal.Journal.lock(state_dir) as opened,
        tempfile.TemporaryDirectory() as unused,
        executor_for(settings, setup) as pool,
    ):
        if settings.max_trials < len(opened.trials) and not settings.time_budget_s:
            rule = f"max_trials must be at least the {len(opened.trials)} trials that {state_dir} holds"
            raise InvalidInput(f"{rule}, got {settings.max_trials}")
        # These bring Keras, which takes seconds: what is refused above is refused at once.
        from components.training.inspection import refuse_unread_hyperparameters
        from components.tune.network_check import refuse_unusable_network
        from components.tune.search_loop import SearchLoop
        from components.tune.tuner import CustomTuner

        devices.leave_to_workers()
        if not opened.trials:
            for refuse in (refuse_unread_hyperparameters, refuse_unusable_network):
                refuse(experiment, space, data, settings.trial_time_limit_s)
        plan = planning.plan_for(settings, opened.header, pool, space, Path(state_dir))
        events.note(str(space))
        opened.begin(header(experiment, space, data, settings, plan, earlier))
        if opened.dropped_torn_line:
            events.warn(f"dropped a torn last line of {Path(state_dir) / journal.FILE_NAME}, left by a crash")
        learned = warm_start.usable(earlier, space, state_dir)
        tuner = CustomTuner(
            max_trials=plan.max_trials,
            seed=settings.seed,
            experiment=experiment,
            space=space,
            plan=plan,
            learned=learned,
            directory=unused,
        )
        loop = SearchLoop(
            experiment.objective,
            plan,
            settings.seed,
            opened,
            tuner,
            pool,
            Path(state_dir),
            memory_bytes=pool.memory_bytes,
        )
        return loop.run(n_learned=len(learned))


def header(
    experiment: Experiment, space: Space, data: TrainingData, settings: SearchSettings, plan: Plan, earlier: bytes
) -> dict[str, Any]:
    """Return what decides the search: with the same header and one number of trials, the same trials."""
    return {
        "training_data": data.fingerprint,
        "search_space": space.as_list(),
        "code": code_digest.code_digests(),
        "versions": code_digest.versions(code_digest.SEARCH_PACKAGES),
        "objective": {"name": experiment.objective.name, "direction": experiment.objective.direction},
        "plan": plan.as_dict(),
        "time_budget_s": settings.time_budget_s,
        "seed": settings.seed,
        **({"warm_start": hashlib.sha256(earlier).hexdigest()} if earlier else {}),
    }
