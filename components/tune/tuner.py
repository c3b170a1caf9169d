"""The project's Keras tuner."""

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from components.core import journal, models
from components.core.data import DatasetInfo, Labelled, TrainingData
from components.core.experiment import Experiment
from components.core.space import Space, discover
from components.experiment import EXPERIMENT
from components.training import loop
from components.tune.oracle import Oracle

N_INITIAL_POINTS = 8
NOISE = 0.05
BATCH_SIZES = [32, 64, 128, 256, 512]
ORACLE_SETTINGS = (
    "alpha",
    "beta",
    "allow_new_entries",
    "tune_new_entries",
    "max_retries_per_trial",
    "max_consecutive_failed_trials",
)


class CustomTuner(kt.tuners.BayesianOptimization):
    """Tunes a network by Bayesian optimization, its batch size included.

    Two ways to use it. The pipeline asks it for one trial after the other with `suggest`, trains them in worker
    processes and tells it with `observe`. And it is a Keras tuner like any other:

        tuner = CustomTuner(max_trials=10, seed=1, directory="search")
        tuner.search(images, labels, validation_data=(images, labels), epochs=5)
        tuner.get_best_hyperparameters()

    Args:
        hypermodel: builds and compiles a model from `keras_tuner.HyperParameters`, or None for the experiment.
        objective: what to optimize, a name or a `keras_tuner.Objective`; None for the experiment's, or with a
            hypermodel the validation accuracy.
        max_trials: trials in the search.
        num_initial_points: trials before the Gaussian process is used.
        seed: decides the suggestions, and initial weights, batches and dropout of every trial. Zero is a seed too.
        lag: see `Oracle`.
        experiment: the `Experiment` that is searched without a hypermodel.
        space: its search space where it is known already.
        **kwargs: Keras Tuner's own (`directory`, `project_name`, `overwrite`, …).
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int = 10,
        num_initial_points: int = N_INITIAL_POINTS,
        seed: int = 0,
        lag: int = 0,
        hyperparameters: kt.HyperParameters | None = None,
        experiment: Experiment = EXPERIMENT,
        space: Space | None = None,
        **kwargs: Any,
    ) -> None:
        oracle_settings = {name: kwargs.pop(name) for name in ORACLE_SETTINGS if name in kwargs}
        own = hypermodel is None and hyperparameters is None
        self._experiment = experiment
        oracle = Oracle(
            objective=objective or ("val_accuracy" if hypermodel else _objective(experiment)),
            max_trials=max_trials,
            num_initial_points=num_initial_points,
            seed=seed,
            lag=lag,
            space=(space or discover(experiment.search_space)) if own else None,
            **({} if own else {"hyperparameters": hyperparameters}),
            **{"alpha": NOISE, **oracle_settings},
        )
        # The parent's constructor would make an oracle of its own: its parent's takes the one it is given.
        super(kt.tuners.BayesianOptimization, self).__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Return the flat values of trial `number`, or None when the space holds no other point.

        Args:
            number: from 0; all trials before it have been suggested or observed.
        """
        values: dict[str, Any] | None = self.oracle.populate_space(str(number))["values"]
        if values is not None:
            self.oracle.add(number, values)
        return values

    def learn_from(self, earlier: list[journal.Trial]) -> int:
        """Learn from an earlier search's trials; see `Oracle.learn_from`."""
        n_learned: int = self.oracle.learn_from(earlier)
        return n_learned

    def observe(self, trial: journal.Trial) -> None:
        """Take in a finished trial."""
        self.oracle.add(trial.number, trial.hyperparameters, trial)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Train one trial with its own batch size; see `keras_tuner.Tuner.run_trial`.

        Args:
            trial: Keras Tuner's trial.
            *args: training images and labels.
            **kwargs: `validation_data` and `epochs`, and with a `hypermodel` whatever `fit` takes.
        """
        if self.hypermodel is None:
            return self._run_experiment(trial, *args, **kwargs)
        kwargs["batch_size"] = trial.hyperparameters.Choice("batch_size", BATCH_SIZES, default=128)
        return super().run_trial(trial, *args, **kwargs)

    def load_model(self, trial: Any) -> keras.Model:
        """Return the trained model of a trial of this search."""
        if self.hypermodel is not None:
            return super().load_model(trial)
        return models.load(self._model_path(trial), [])

    def _run_experiment(
        self,
        trial: Any,
        inputs: Any,
        labels: Any,
        validation_data: Any,
        epochs: int = 1,
        early_stopping_patience: int | None = None,
        callbacks: Any = None,
        verbose: Any = None,
    ) -> dict[str, float]:
        if callbacks:
            raise ValueError("callbacks must come with a hypermodel: the experiment's own loop calls none")
        model, state = loop.train_network(
            self._experiment,
            trial.hyperparameters.values,
            _training_data(inputs, labels, *validation_data),
            n_epochs=epochs,
            early_stopping_patience=epochs if early_stopping_patience is None else early_stopping_patience,
            seed=self.oracle.seed,
        )
        model.save(self._model_path(trial))
        return {
            "val_accuracy": max(epoch.validation_accuracy for epoch in state.epochs),
            "val_loss": min(epoch.validation_loss for epoch in state.epochs),
            _objective(self._experiment).name: state.best.objective,
        }

    def _model_path(self, trial: Any) -> Path:
        return Path(self.get_trial_dir(trial.trial_id)) / models.MODEL_FILE

    def _configure_tensorboard_dir(self, callbacks: Any, trial: Any, execution: int = 0) -> None:
        """Set up TensorBoard callbacks only where there are some: TensorFlow no longer brings TensorBoard."""
        if any(type(callback).__name__ == "TensorBoard" for callback in callbacks):
            super()._configure_tensorboard_dir(callbacks, trial, execution)


def _objective(experiment: Experiment) -> kt.Objective:
    """Return the experiment's objective as Keras Tuner's, `val_accuracy` for accuracy."""
    return kt.Objective(f"val_{experiment.objective.name.replace(' ', '_')}", experiment.objective.direction)


def _training_data(inputs: Any, labels: Any, validation_inputs: Any, validation_labels: Any) -> TrainingData:
    train = Labelled(_typed(inputs), np.asarray(labels).ravel())
    validation = Labelled(_typed(validation_inputs), np.asarray(validation_labels).ravel())
    names = tuple(map(str, range(int(np.max(labels)) + 1)))
    info = DatasetInfo("arrays", names, train.inputs.shape[1:], str(train.inputs.dtype))
    return TrainingData(train, validation, info, fingerprint="")


def _typed(inputs: Any) -> np.ndarray:
    array = np.asarray(inputs)
    return array if array.dtype == np.uint8 else array.astype(np.float32)
