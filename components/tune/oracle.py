"""Which hyperparameters come next: Keras Tuner's Bayesian optimization, repeatable and able to learn from the start.

What differs from the stock oracle, and why, is in docs/decisions/0002-search.md: every suggestion is a function of the
seed, the trial's number and the trials before it; the first points are spread out rather than drawn independently;
the acquisition function is evaluated on points that can really be run; trials in flight count with the Gaussian
process's own mean.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from scipy.stats import qmc
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel, Matern

from components.core import journal
from components.core.space import Space
from components.tune import stopping
from components.tune.unit_cube import UnitCube, from_keras_tuner

N_CANDIDATES = 2048
N_NEIGHBOURS = 64
N_CENTERS = 8
NEIGHBOUR_SPREAD = 0.12
N_KERNEL_RESTARTS = 1
LENGTH_SCALES = (0.2, 20.0)
KERAS_TUNER_STATUS = {
    "completed": TrialStatus.COMPLETED,
    "stopped": TrialStatus.STOPPED,
    "failed": TrialStatus.FAILED,
}


class Oracle(kt.oracles.BayesianOptimizationOracle):
    """Suggests hyperparameters; a suggestion depends on the seed, its number and the trials before it alone.

    Args:
        space: the search space, or None for the one that a hypermodel declares to Keras Tuner.
        lag: how many of the trials just before the one to suggest count as pending, finished or not.
        **kwargs: Keras Tuner's own.

    Attributes:
        learned: trials of an earlier search, observations that are no trials of this one.
    """

    def __init__(self, *, space: Space | None = None, lag: int = 0, **kwargs: Any) -> None:
        self._fixed_cube = UnitCube(space) if space else None
        if self._fixed_cube:
            kwargs["hyperparameters"] = self._fixed_cube.hyperparameters
        super().__init__(**kwargs)
        self.seed = kwargs["seed"]  # Keras Tuner takes a seed of zero for none
        self.lag = lag
        self.finished: dict[int, journal.Trial] = {}
        self.learned: list[Trial] = []

    @property
    def cube(self) -> UnitCube:
        """The space as a cube; a hypermodel may still be adding to it."""
        return self._fixed_cube or UnitCube(from_keras_tuner(self.hyperparameters))

    def learn_from(self, earlier: Iterable[journal.Trial]) -> int:
        """Observe an earlier search's trials, those that are points of this space, and return how many these are.

        They count as initial points, and may be tried again: this search's best is one of its own trials.

        Args:
            earlier: an earlier search's trials, by number.
        """
        measured = [trial for trial in earlier if trial.status != "failed" and trial.curve]
        fitting = [trial for trial in measured if self.cube.holds(trial.hyperparameters)]
        for known in fitting:
            trial = self._trial(f"earlier-{known.number}", known.hyperparameters, KERAS_TUNER_STATUS[known.status])
            trial.score = self._score_of(known, fitting)
            self.learned.append(trial)
        return len(fitting)

    def add(self, number: int, values: dict[str, Any], finished: journal.Trial | None = None) -> None:
        """Enter a trial: with the journal's line once it has finished, else as running."""
        status = TrialStatus.RUNNING if finished is None else KERAS_TUNER_STATUS[finished.status]
        trial = self._trial(str(number), values, status)
        if finished is not None:
            self.finished[number] = finished
            failed = finished.status == "failed"
            trial.score = None if failed else journal.score(finished, self.objective.direction)
        self.trials[str(number)] = trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return Keras Tuner's answer for trial `trial_id`: its values, or STOPPED when no new point is left."""
        number, cube = int(trial_id), self.cube
        rng = np.random.default_rng([self._seed_word(), number])
        before = sorted((trial for trial in self.trials.values() if _number(trial) < number), key=_number)
        points, scores = self._observations(cube, before, number)
        tried = {self._compute_values_hash(trial.hyperparameters.values) for trial in before}
        if number + len(self.learned) < self.num_initial_points or len(scores) < 2:
            candidates = self._initial_points(cube, number, rng)
            ranking: Iterable[int] = range(len(candidates))
        else:
            candidates = self._candidates(cube, points, scores, rng)
            pending = _encoded(cube, [trial for trial in before if _number(trial) >= number - self.lag])
            ranking = self._rank(candidates, points, scores, pending, number, rng)
        for index in ranking:
            values = cube.decode(candidates[index])
            if self._compute_values_hash(values) not in tried:
                return {"status": TrialStatus.RUNNING, "values": values}
        return {"status": TrialStatus.STOPPED, "values": None}

    def _trial(self, trial_id: str, values: dict[str, Any], status: str) -> Trial:
        chosen = self.hyperparameters.copy()
        chosen.values = dict(values)
        return Trial(chosen, trial_id=trial_id, status=status)

    def _seed_word(self) -> int:
        return int(self.seed) % 2**32

    def _observations(self, cube: UnitCube, before: Sequence[Trial], number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points, shape (n, d), and scores to minimize, shape (n,), of the trials that may be looked at."""
        visible = [trial for trial in before if _number(trial) < number - self.lag and trial.score is not None]
        finished = [self.finished[_number(trial)] for trial in visible if _number(trial) in self.finished]
        scores = [trial.score for trial in self.learned]
        for trial in visible:
            known = self.finished.get(_number(trial))
            scores.append(trial.score if known is None else self._score_of(known, finished))
        sign = -1 if self.objective.direction == "max" else 1
        return _encoded(cube, [*self.learned, *visible]), sign * np.array(scores)

    def _score_of(self, trial: journal.Trial, finished: Sequence[journal.Trial]) -> float:
        direction = self.objective.direction
        if trial.status == "stopped":
            return stopping.estimated_score(trial, finished, direction)
        return journal.score(trial, direction)

    def _initial_points(self, cube: UnitCube, number: int, rng: np.random.Generator) -> np.ndarray:
        """Return points to try in turn: the default for trial 0, else this number's of a scrambled Sobol sequence."""
        spare = rng.random((N_CANDIDATES, cube.n_dimensions))
        if number == 0 or not cube.n_dimensions:
            return np.vstack([cube.default()[None], spare])
        sequence = qmc.Sobol(cube.n_dimensions, rng=self._seed_word()).random_base2(number.bit_length())
        return np.vstack([sequence[number - 1 : number], spare])

    def _candidates(
        self, cube: UnitCube, points: np.ndarray, scores: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return points spread over the cube and around the best observed ones, snapped to values that exist."""
        dimensions = cube.n_dimensions
        spread = rng.random((N_CANDIDATES, dimensions))
        centers = points[np.argsort(scores, kind="stable")[:N_CENTERS]]
        steps = rng.normal(0, NEIGHBOUR_SPREAD, (len(centers), N_NEIGHBOURS, dimensions))
        moved = rng.random(steps.shape) < 0.5
        near = np.clip(centers[:, None] + steps * moved, 0, 1).reshape(-1, dimensions)
        return np.unique(cube.snap(np.vstack([spread, near])), axis=0)

    def _rank(
        self,
        candidates: np.ndarray,
        points: np.ndarray,
        scores: np.ndarray,
        pending: np.ndarray,
        number: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return the candidates' indices, the lowest confidence bound first (Srinivas et al. 2010, section 4).

        Pending trials enter with the process's own mean as their score (Ginsbourger et al. 2010, "kriging believer"):
        that narrows the bound around them and leaves the mean where it is.
        """
        process = self._fitted(points, scores, rng)
        if len(pending):
            scores = np.append(scores, process.predict(pending))
            points = np.vstack([points, pending])
            process = self._process(process.kernel_, optimizer=None).fit(points, scores)
        mean, deviation = process.predict(candidates, return_std=True)
        return np.argsort(mean - self._exploration(number) * deviation, kind="stable")

    def _exploration(self, number: int) -> float:
        """Return beta, which falls from Keras Tuner's own towards exploitation as trials are spent."""
        spent = (number - self.num_initial_points) / max(1, 40 - self.num_initial_points)
        return float(self.beta * max(0.25, 1 - spent))

    def _fitted(self, points: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> GaussianProcessRegressor:
        kernel = Matern(length_scale_bounds=LENGTH_SCALES, nu=2.5)
        process = self._process(kernel, n_restarts_optimizer=N_KERNEL_RESTARTS, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return process.fit(points, scores)

    def _process(self, kernel: Kernel, **settings: Any) -> GaussianProcessRegressor:
        return GaussianProcessRegressor(kernel, alpha=self.alpha, normalize_y=True, **settings)


def _encoded(cube: UnitCube, trials: Sequence[Trial]) -> np.ndarray:
    return cube.encode([trial.hyperparameters.values for trial in trials])


def _number(trial: Trial) -> int:
    return int(trial.trial_id)
