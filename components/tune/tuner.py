"""The search: Keras Tuner's Bayesian optimization, made repeatable and able to learn from the first trials on.

What differs from the stock tuner, and why, is in docs/decisions/0002-search.md: every suggestion is a function of the
seed, the trial's number and the trials before it; the first points are spread out rather than drawn independently;
the acquisition function is evaluated on points that can really be run; trials in flight count with the Gaussian
process's own mean.
"""

import warnings
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from scipy.stats import qmc
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from components.core import artifacts
from components.experiment.network import search_space
from components.training import loop as training
from components.tune import stopping, warm_start

N_INITIAL_POINTS = 8
N_CANDIDATES = 2048
N_NEIGHBOURS = 64
N_CENTERS = 8
NEIGHBOUR_SPREAD = 0.12
NOISE = 0.05
N_KERNEL_RESTARTS = 1
LENGTH_SCALES = (0.2, 20.0)
BATCH_SIZES = [32, 64, 128, 256, 512]
ORACLE_SETTINGS = (
    "alpha",
    "beta",
    "allow_new_entries",
    "tune_new_entries",
    "max_retries_per_trial",
    "max_consecutive_failed_trials",
)
KERAS_TUNER_STATUS = {
    "completed": TrialStatus.COMPLETED,
    "stopped": TrialStatus.STOPPED,
    "failed": TrialStatus.FAILED,
}


def declared_space():
    """Return a `keras_tuner.HyperParameters` with all of `search_space` declared, conditional ones included."""
    space = kt.HyperParameters()
    search_space(space)
    return space


class Oracle(kt.oracles.BayesianOptimizationOracle):
    """Suggests hyperparameters; a suggestion depends on the seed, its number and the trials before it alone.

    Attributes:
        lag: how many of the trials just before the one to suggest count as pending, finished or not.
        learned: trials of an earlier search, observations that are no trials of this one.
    """

    def __init__(self, *, lag=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = kwargs["seed"]  # Keras Tuner takes a seed of zero for none
        self.lag = lag
        self.records = {}
        self.learned = []

    def learn_from(self, earlier):
        """Observe an earlier search's trials, those that are points of this space, and return how many these are.

        They count as initial points, and may be tried again: this search's best is one of its own trials.

        Args:
            earlier: `components.core.journal.Trial`s, by number.
        """
        measured = [trial for trial in earlier if trial.status != "failed" and trial.curve]
        fitting = [trial for trial in measured if warm_start.fits(trial.hyperparameters, self.hyperparameters)]
        for record in fitting:
            chosen = self.hyperparameters.copy()
            chosen.values = dict(record.hyperparameters)
            trial = Trial(chosen, trial_id=f"earlier-{record.number}", status=KERAS_TUNER_STATUS[record.status])
            stopped = record.status == "stopped"
            trial.score = stopping.estimated_accuracy(record, fitting) if stopped else record.validation_accuracy
            self.learned.append(trial)
        return len(fitting)

    def add(self, number, values, record=None):
        """Enter a trial: with its journal record once it has finished, else as running."""
        chosen = self.hyperparameters.copy()
        chosen.values = dict(values)
        status = TrialStatus.RUNNING if record is None else KERAS_TUNER_STATUS[record.status]
        trial = Trial(chosen, trial_id=str(number), status=status)
        if record is not None:
            self.records[number] = record
            trial.score = record.validation_accuracy
        self.trials[str(number)] = trial

    def populate_space(self, trial_id):
        """Return Keras Tuner's answer for trial `trial_id`: its values, or STOPPED when no new point is left."""
        number = int(trial_id)
        rng = np.random.default_rng([self._seed_word(), number])
        before = sorted((trial for trial in self.trials.values() if int(trial.trial_id) < number), key=_number)
        points, scores = self._observations(before, number)
        tried = {self._key(trial.hyperparameters.values) for trial in before}
        if number + len(self.learned) < self.num_initial_points or len(scores) < 2:
            candidates = self._initial_points(number, rng)
            ranking = range(len(candidates))
        else:
            candidates = self._candidates(points, scores, rng)
            ranking = self._rank(candidates, points, scores, self._pending(before, number), number, rng)
        for index in ranking:
            values = self._vector_to_values(candidates[index])
            if self._key(values) not in tried:
                return {"status": TrialStatus.RUNNING, "values": values}
        return {"status": TrialStatus.STOPPED, "values": None}

    def _seed_word(self):
        return int(self.seed) % 2**32

    def _key(self, values):
        return self._compute_values_hash(values)

    def _observations(self, before, number):
        """Return points, shape (n, d), and scores to minimize, shape (n,), of the trials that may be looked at."""
        visible = [trial for trial in before if _number(trial) < number - self.lag]
        records = [self.records[_number(trial)] for trial in visible if _number(trial) in self.records]
        seen = [trial for trial in visible if trial.score is not None]
        scores = [trial.score for trial in self.learned] + [self._score(trial, records) for trial in seen]
        sign = -1 if self.objective.direction == "max" else 1
        return self._encode([*self.learned, *seen]), sign * np.array(scores)

    def _score(self, trial, records):
        record = self.records.get(_number(trial))
        if record is None or record.status != "stopped":
            return trial.score
        return stopping.estimated_accuracy(record, records)

    def _pending(self, before, number):
        hidden = [trial for trial in before if _number(trial) >= number - self.lag]
        return self._encode(hidden)

    def _encode(self, trials):
        """Return the trials' points in the unit cube, shape (n, d); an inactive one stands at its default."""
        space = self._nonfixed_space()
        rows = [[self._coordinate(hp, trial.hyperparameters) for hp in space] for trial in trials]
        return np.array(rows, dtype=float).reshape(len(rows), len(space))

    def _coordinate(self, hp, chosen):
        active = hp.name in chosen.values and chosen.is_active(hp)
        return hp.value_to_prob(chosen.values[hp.name] if active else hp.default)

    def _initial_points(self, number, rng):
        """Return points to try in turn: the default for trial 0, else this number's of a scrambled Sobol sequence."""
        space = self._nonfixed_space()
        dimensions = len(space)
        spare = rng.random((N_CANDIDATES, dimensions))
        if number == 0:
            first = np.array([[hp.value_to_prob(hp.default) for hp in space]])
        else:
            sequence = qmc.Sobol(dimensions, rng=self._seed_word()).random_base2(number.bit_length())
            first = sequence[number - 1 : number]
        return np.vstack([first, spare])

    def _candidates(self, points, scores, rng):
        """Return points spread over the cube and around the best observed ones, snapped to values that exist."""
        dimensions = points.shape[1]
        spread = rng.random((N_CANDIDATES, dimensions))
        centers = points[np.argsort(scores, kind="stable")[:N_CENTERS]]
        steps = rng.normal(0, NEIGHBOUR_SPREAD, (len(centers), N_NEIGHBOURS, dimensions))
        moved = rng.random(steps.shape) < 0.5
        near = np.clip(centers[:, None] + steps * moved, 0, 1).reshape(-1, dimensions)
        return np.unique(self._snap(np.vstack([spread, near])), axis=0)

    def _snap(self, vectors):
        """Return the points that the trials would stand at if they were run."""
        space = self._nonfixed_space()
        snapped = vectors.copy()
        for column, hp in enumerate(space):
            lookup = {}
            for row, prob in enumerate(vectors[:, column]):
                value = hp.prob_to_value(prob)
                if value not in lookup:
                    lookup[value] = hp.value_to_prob(value)
                snapped[row, column] = lookup[value]
        return self._reset_inactive(snapped, space)

    def _reset_inactive(self, vectors, space):
        columns = {hp.name: column for column, hp in enumerate(space)}
        for column, hp in enumerate(space):
            for condition in hp.conditions:
                if condition.name not in columns:
                    continue
                parent = space[columns[condition.name]]
                values = [parent.prob_to_value(prob) for prob in vectors[:, columns[condition.name]]]
                inactive = np.array([value not in condition.values for value in values])
                vectors[inactive, column] = hp.value_to_prob(hp.default)
        return vectors

    def _rank(self, candidates, points, scores, pending, number, rng):
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

    def _exploration(self, number):
        """Return beta, which falls from Keras Tuner's own towards exploitation as trials are spent."""
        spent = (number - self.num_initial_points) / max(1, 40 - self.num_initial_points)
        return self.beta * max(0.25, 1 - spent)

    def _fitted(self, points, scores, rng):
        kernel = Matern(length_scale_bounds=LENGTH_SCALES, nu=2.5)
        process = self._process(kernel, n_restarts_optimizer=N_KERNEL_RESTARTS, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return process.fit(points, scores)

    def _process(self, kernel, **settings):
        return GaussianProcessRegressor(kernel, alpha=self.alpha, normalize_y=True, **settings)


class CustomTuner(kt.tuners.BayesianOptimization):
    """Tunes a network by Bayesian optimization, its batch size included.

    Two ways to use it. The pipeline asks it for one trial after the other with `suggest`, trains them in worker
    processes and tells it with `observe`. And it is a Keras tuner like any other:

        tuner = CustomTuner(max_trials=10, seed=1, directory="search")
        tuner.search(images, labels, validation_data=(images, labels), epochs=5)
        tuner.get_best_hyperparameters()

    Args:
        hypermodel: builds and compiles a model from `keras_tuner.HyperParameters`, or None for the network and the
            search space of `components.experiment.network`.
        objective: what to optimize, a name or a `keras_tuner.Objective`.
        max_trials: trials in the search.
        num_initial_points: trials before the Gaussian process is used.
        seed: decides the suggestions, and initial weights, batches and dropout of every trial. Zero is a seed too.
        lag: see `Oracle`.
        **kwargs: Keras Tuner's own (`directory`, `project_name`, `overwrite`, …).
    """

    def __init__(
        self,
        hypermodel=None,
        objective="val_accuracy",
        max_trials=10,
        num_initial_points=N_INITIAL_POINTS,
        seed=0,
        lag=0,
        hyperparameters=None,
        **kwargs,
    ):
        oracle_settings = {name: kwargs.pop(name) for name in ORACLE_SETTINGS if name in kwargs}
        oracle = Oracle(
            objective=objective,
            max_trials=max_trials,
            num_initial_points=num_initial_points,
            seed=seed,
            lag=lag,
            hyperparameters=hyperparameters or (None if hypermodel else declared_space()),
            **{"alpha": NOISE, **oracle_settings},
        )
        # The parent's constructor would make an oracle of its own: its parent's takes the one it is given.
        super(kt.tuners.BayesianOptimization, self).__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)

    def suggest(self, number):
        """Return the flat values of trial `number`, or None when the space holds no other point.

        Args:
            number: from 0; all trials before it have been suggested or observed.
        """
        values = self.oracle.populate_space(str(number))["values"]
        if values is not None:
            self.oracle.add(number, values)
        return values

    def learn_from(self, earlier):
        """Learn from an earlier search's trials; see `Oracle.learn_from`."""
        return self.oracle.learn_from(earlier)

    def observe(self, trial):
        """Take in a finished `components.core.journal.Trial`."""
        self.oracle.add(trial.number, trial.hyperparameters, trial)

    def run_trial(self, trial, *args, **kwargs):
        """Train one trial with its own batch size; see `keras_tuner.Tuner.run_trial`.

        Args:
            trial: Keras Tuner's trial.
            *args: training images and labels.
            **kwargs: `validation_data` and `epochs`, and with a `hypermodel` whatever `fit` takes.
        """
        if self.hypermodel is None:
            return self._run_own_network(trial, *args, **kwargs)
        kwargs["batch_size"] = trial.hyperparameters.Choice("batch_size", BATCH_SIZES, default=128)
        return super().run_trial(trial, *args, **kwargs)

    def load_model(self, trial):
        """Return the trained model of a trial of this search."""
        if self.hypermodel is not None:
            return super().load_model(trial)
        return keras.saving.load_model(self._model_path(trial), compile=False, safe_mode=True)

    def _run_own_network(self, trial, images, labels, validation_data, epochs=1, patience=None, **_):
        validation_images, validation_labels = validation_data
        data = artifacts.TrainingData(
            artifacts.Labelled(np.asarray(images), np.asarray(labels)),
            artifacts.Labelled(np.asarray(validation_images), np.asarray(validation_labels)),
            artifacts.DatasetInfo("arrays", tuple(map(str, range(int(np.max(labels)) + 1))), np.shape(images)[1:]),
            fingerprint="",
        )
        patience = epochs if patience is None else patience
        values = trial.hyperparameters.values
        model, progress = training.train_network(values, data, epochs=epochs, patience=patience, seed=self.oracle.seed)
        model.save(self._model_path(trial))
        history = progress.history()
        return {"val_accuracy": max(history["validation_accuracy"]), "val_loss": min(history["validation_loss"])}

    def _model_path(self, trial):
        return Path(self.get_trial_dir(trial.trial_id)) / "model.keras"

    def _configure_tensorboard_dir(self, callbacks, trial, execution=0):
        """Set up TensorBoard callbacks only where there are some: TensorFlow no longer brings TensorBoard."""
        if any(type(callback).__name__ == "TensorBoard" for callback in callbacks):
            super()._configure_tensorboard_dir(callbacks, trial, execution)


def _number(trial):
    return int(trial.trial_id)
