"""The project's Keras tuner."""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.errors import FatalValueError

from components.core import code_digest, files, journal, models
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.core.plan import Plan, make_plan
from components.core.space import Space, discover, space_for
from components.experiment import EXPERIMENT
from components.training import loop
from components.training.state import Course, TrainingState
from components.tune import arguments
from components.tune.network_check import refuse_unusable_network
from components.tune.oracle import Oracle
from components.tune.rounds import NOTHING, Rounds, Stretch
from components.tune.suggestions import Suggester, Values

BATCH_SIZES = [32, 64, 128, 256, 512]
ORACLE_SETTINGS = (
    "alpha",
    "beta",
    "allow_new_entries",
    "tune_new_entries",
    "max_retries_per_trial",
    "max_consecutive_failed_trials",
)
FOR_A_HYPERMODEL = ("optimizer", "loss", "metrics", "distribution_strategy", "max_model_size", "executions_per_trial")
BINDING = "search.json"
"""What the trials in a directory have in common, beside Keras Tuner's own files."""


class CustomTuner(kt.tuners.BayesianOptimization):
    """Tunes a network by Bayesian optimization, its batch size included.

    Two ways to use it. The pipeline asks it for one round after the other with `next_round`, has them trained by
    worker processes, and in the end for the `finalists`. And it is a Keras tuner like any other:

        tuner = CustomTuner(max_trials=10, seed=1, directory="search")
        tuner.search(images, labels, validation_data=(images, labels), epochs=5)
        tuner.get_best_hyperparameters()

    Args:
        hypermodel: builds and compiles a model from `keras_tuner.HyperParameters`, or None for the experiment.
        objective: what to optimize, a name or a `keras_tuner.Objective`; None for the experiment's, or with a
            hypermodel the validation accuracy.
        max_trials: trials in the search.
        num_initial_points: trials before the Gaussian process is used; None for a share of `max_trials`.
        seed: decides the suggestions, and initial weights, batches and dropout of every trial. Zero is a seed too.
        experiment: the `Experiment` that is searched without a hypermodel.
        space: its search space where it is known already.
        plan: what a search in rounds spends; None where it is used as a Keras tuner.
        learned: trials of an earlier search to learn from, in rounds.
        candidates: the only configurations that rounds may choose from, or None for the whole space.
        **kwargs: Keras Tuner's own (`directory`, `project_name`, `overwrite`, …).
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        seed: int = 0,
        hyperparameters: kt.HyperParameters | None = None,
        experiment: Experiment = EXPERIMENT,
        space: Space | None = None,
        plan: Plan | None = None,
        learned: Sequence[journal.Trial] = (),
        candidates: Sequence[Values] | None = None,
        **kwargs: Any,
    ) -> None:
        oracle_settings = {name: kwargs.pop(name) for name in ORACLE_SETTINGS if name in kwargs}
        own = hypermodel is None and hyperparameters is None
        self._experiment = experiment
        self._given_space = hyperparameters
        if hypermodel is None:
            _refuse_for_experiment(experiment, objective, kwargs)
        if own:
            space = space or discover(experiment.search_space)
        oracle = Oracle(
            objective=objective or ("val_accuracy" if hypermodel else _objective(experiment)),
            max_trials=max_trials,
            num_initial_points=num_initial_points or _n_initial(max_trials),
            seed=seed,
            space=space if own else None,
            **({} if own else {"hyperparameters": hyperparameters}),
            **oracle_settings,
        )
        # The parent's constructor would make an oracle of its own: its parent's takes the one it is given.
        super(kt.tuners.BayesianOptimization, self).__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)
        if plan is not None and space is not None:
            suggester = Suggester(space, seed, candidates)
            self._rounds = Rounds(plan, suggester, experiment.objective.direction, learned)

    def next_round(self, trials: Sequence[journal.Trial], running: Mapping[int, int] = NOTHING) -> list[Stretch]:
        """Return what to train next after all `trials` so far; see `Rounds.next`."""
        return self._rounds.next(trials, running)

    def runs_on(self, stretch: Stretch) -> bool:
        """Return whether a stretch may run while the next round does; see `Rounds.runs_on`."""
        return self._rounds.runs_on(stretch)

    def finalists(self, trials: Sequence[journal.Trial]) -> list[journal.Trial]:
        """Return the configurations to train to the end; see `Rounds.finalists`."""
        return self._rounds.finalists(trials)

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Run the trials that are left; see `keras_tuner.Tuner.search`.

        Args:
            *args: inputs, numbers of shape (n, …), and labels, class indices from 0, shape (n,) or (n, 1).
            **kwargs: `validation_data`, a pair of the same, `epochs`, `early_stopping_patience`, `callbacks` and
                `verbose`; with a `hypermodel` whatever `fit` takes but `batch_size`.

        Raises:
            InvalidInput: an argument that can't be used, or trials of other data or settings in the directory.
        """
        x = kwargs.get("x", args[0] if args else None)
        bound: dict[str, Any] = {"epochs": kwargs.get("epochs", 1)}
        if self.hypermodel is None:
            asked = arguments.checked(args, kwargs)
            if self._given_space is not None:
                _refuse_other_space(self._experiment, self._given_space)
            else:
                refuse_unusable_network(self._experiment, space_for(self._experiment, asked.data.info), asked.data)
            bound |= {
                "seed": self.oracle.seed,
                "early_stopping_patience": asked.early_stopping_patience,
                "code": code_digest.code_digests(),
            }
        elif "batch_size" in kwargs and not arguments.comes_in_batches(x):
            raise InvalidInput("search must not be given batch_size, which is a hyperparameter here; leave it out")
        given = [*args, *(kwargs[name] for name in sorted(kwargs) if name != "callbacks")]
        self._bind({"data": arguments.fingerprint(given), **bound})
        super().search(*args, **kwargs)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Train one trial with its own batch size; see `search`, and `keras_tuner.Tuner.run_trial`."""
        if self.hypermodel is None:
            try:
                return self._run_experiment(trial, arguments.checked(args, kwargs))
            except InvalidInput as error:  # not of this trial: Keras Tuner would note it as failed and go on
                raise FatalValueError(str(error)) from error
        if not arguments.comes_in_batches(kwargs.get("x", args[0] if args else None)):
            kwargs["batch_size"] = trial.hyperparameters.Choice("batch_size", BATCH_SIZES, default=128)
        return super().run_trial(trial, *args, **kwargs)

    def _bind(self, bound: dict[str, Any]) -> None:
        """Bind the directory's trials to what decides them, and refuse to add trials of anything else."""
        path = Path(self.project_dir) / BINDING
        bound = json.loads(json.dumps(bound, default=str))
        if self.oracle.trials and path.is_file():
            known = json.loads(path.read_text())
            changed = [name for name in bound if known.get(name) != bound[name]]
            if changed:
                raise InvalidInput(
                    f"directory must hold trials of this search, and in those of {self.project_dir} "
                    f"{', '.join(changed)} differ; name another directory, or give overwrite=True"
                )
        files.write_json(bound, path)

    def load_model(self, trial: Any) -> keras.Model:
        """Return the trained model of a trial of this search."""
        if self.hypermodel is not None:
            return super().load_model(trial)
        return models.load(self._model_path(trial), [])

    def _run_experiment(self, trial: Any, asked: arguments.SearchArguments) -> dict[str, float]:
        model, hyperparameters = loop.new_network(
            self._experiment, trial.hyperparameters.values, asked.data, self.oracle.seed
        )
        told = _Told(model, copy.deepcopy(asked.callbacks), asked.epochs)
        state = loop.fit(
            self._experiment,
            model,
            hyperparameters,
            asked.data,
            Course(asked.epochs, self.oracle.seed, patience=asked.early_stopping_patience),
            on_epoch=told.of_epoch,
        )
        told.of_end()
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


class _Told:
    """Tells Keras callbacks what happens in a training that is not Keras' own.

    They hear of epochs; the model has the weights of its best epoch so far by then.
    """

    def __init__(self, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback], n_epochs: int) -> None:
        self._model = model
        self._callbacks = keras.callbacks.CallbackList(callbacks, model=model, epochs=n_epochs, add_history=False)
        model.stop_training = False
        self._callbacks.on_train_begin()

    def of_epoch(self, state: TrainingState) -> bool:
        """Tell of the last epoch; return whether a callback ends the training."""
        epoch = state.epochs[-1]
        if state.best is epoch:
            self._model.set_weights(state.best_weights)
        logs = {
            "loss": epoch.loss,
            "accuracy": epoch.accuracy,
            "val_loss": epoch.validation_loss,
            "val_accuracy": epoch.validation_accuracy,
            "learning_rate": epoch.learning_rate,
        }
        self._callbacks.on_epoch_begin(epoch.number - 1)
        self._callbacks.on_epoch_end(epoch.number - 1, logs)
        return bool(self._model.stop_training)

    def of_end(self) -> None:
        self._callbacks.on_train_end()


def _refuse_for_experiment(experiment: Experiment, objective: Any, kwargs: Mapping[str, Any]) -> None:
    """Refuse what a search with the experiment's own network would pass over.

    Raises:
        InvalidInput: the message names it.
    """
    for name in FOR_A_HYPERMODEL:
        if kwargs.get(name) is not None:
            raise InvalidInput(f"{name} must be left out without a hypermodel: the experiment decides it")
    known = {"val_accuracy": "max", "val_loss": "min", _objective(experiment).name: experiment.objective.direction}
    name = getattr(objective, "name", objective)
    if objective is not None and (not isinstance(name, str) or name not in known):
        raise InvalidInput(f"objective must be one of {', '.join(known)} without a hypermodel, got {name}")
    if getattr(objective, "direction", known.get(name)) != known.get(name):
        raise InvalidInput(f"objective {name} must have the direction {known[name]}, got {objective.direction}")


def _refuse_other_space(experiment: Experiment, hyperparameters: kt.HyperParameters) -> None:
    """Refuse Keras Tuner's hyperparameters where the experiment has not the same ones."""
    try:
        read_hyperparameters(experiment.search_space, hyperparameters.values)
    except InvalidInput as error:
        what = str(error).partition(", and ")[2].partition(";")[0]
        raise InvalidInput(f"hyperparameters must be those that search_space declares, and {what}") from None


def _n_initial(max_trials: int | None) -> int:
    """Return how many trials of a search, one at a time, come before the process is used."""
    one = {"trial_epochs": 1, "training_epochs": 1, "round_size": 1, "finalists": 1, "processors": 1}
    return make_plan(max_trials=max_trials or 10, stop_trials_early=False, **one).n_initial


def _objective(experiment: Experiment) -> kt.Objective:
    """Return the experiment's objective as Keras Tuner's, `val_accuracy` for accuracy."""
    return kt.Objective(f"val_{experiment.objective.name.replace(' ', '_')}", experiment.objective.direction)
