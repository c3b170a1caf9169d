"""A search from its settings to its result: the header that binds its journal, and what it is run with."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core import artifacts, code_digest, events, journal
from components.core.data import TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.space import Space, discover
from components.tune import warm_start
from components.tune.workers import Pool


@dataclass(frozen=True)
class SearchSettings:
    """What decides a search besides its data; see the table of pipeline parameters.

    `workers` is the resolved number, at least 1; `warm_start` is the path of an earlier journal, or empty.
    """

    max_trials: int
    trial_epochs: int
    trial_time_limit_s: int
    stop_trials_early: bool
    workers: int
    early_stopping_patience: int
    seed: int
    warm_start: str = ""

    @property
    def lag(self) -> int:
        """How many of the trials just before one count as pending when it is suggested."""
        return 2 * (self.workers - 1)

    @property
    def trial_settings(self) -> dict[str, int]:
        """What a worker is told of them, for `components.tune.trials.TrialSettings`."""
        return {
            "n_epochs": self.trial_epochs,
            "early_stopping_patience": self.early_stopping_patience,
            "seed": self.seed,
        }


@dataclass
class SearchResult:
    """A finished search.

    Attributes:
        trials: all trials, by number.
        best: the best completed one.
        seconds: wall time by purpose (`epochs`, `compilation`, `start_up`, `suggestions`), summed over workers.
        n_learned: how many trials of an earlier search it learned from; none of them is among `trials`.
    """

    trials: list[journal.Trial]
    best: journal.Trial
    seconds: dict[str, float]
    n_learned: int = 0


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
        InvalidInput: damaged data, a hyperparameter that nothing reads, or a journal that is locked, damaged or of
            another search.
        SearchFailed: no trial completed.
    """
    data = artifacts.read_training_data(training_data)
    finished = _n_finished(state_dir)
    if settings.max_trials < finished:
        rule = f"max_trials must be at least the {finished} trials that {state_dir} holds"
        raise InvalidInput(f"{rule}, got {settings.max_trials}")
    earlier = warm_start.load(settings.warm_start, state_dir, experiment.objective)
    space = discover(experiment.search_space)
    setup = {"training_data": str(training_data), "settings": settings.trial_settings}
    with Pool(min(settings.workers, settings.max_trials - finished), setup, settings.trial_time_limit_s) as pool:
        # Keras Tuner and Keras are imported here, while the workers import TensorFlow.
        from components.training.inspection import refuse_unread_hyperparameters
        from components.tune.search_loop import SearchLoop
        from components.tune.tuner import CustomTuner

        with tempfile.TemporaryDirectory() as unused:
            tuner = CustomTuner(
                max_trials=settings.max_trials,
                seed=settings.seed,
                lag=settings.lag,
                experiment=experiment,
                space=space,
                directory=unused,
            )
            if not finished:
                refuse_unread_hyperparameters(experiment, space, data)
            with journal.Journal.open(state_dir, header(experiment, space, data, settings, earlier)) as opened:
                if opened.dropped_torn_line:
                    events.warn(f"dropped a torn last line of {Path(state_dir) / journal.FILE_NAME}, left by a crash")
                return SearchLoop(experiment.objective, settings, opened, tuner, pool, Path(state_dir), earlier).run()


def header(
    experiment: Experiment, space: Space, data: TrainingData, settings: SearchSettings, earlier: bytes
) -> dict[str, Any]:
    """Return what decides the search: with the same header and one seed, the same trials."""
    return {
        "training_data": data.fingerprint,
        "search_space": space.as_list(),
        "code": code_digest.code_digests(),
        "versions": code_digest.versions(code_digest.SEARCH_PACKAGES),
        "objective": {"name": experiment.objective.name, "direction": experiment.objective.direction},
        "trial_epochs": settings.trial_epochs,
        "early_stopping_patience": settings.early_stopping_patience,
        "stop_trials_early": settings.stop_trials_early,
        "workers": settings.workers,
        "seed": settings.seed,
        **({"warm_start": hashlib.sha256(earlier).hexdigest()} if earlier else {}),
    }


def _n_finished(state_dir: str | Path) -> int:
    path = Path(state_dir) / journal.FILE_NAME
    return len(journal.read(path).trials) if path.exists() else 0
