"""The training loop of tune and train: what happens once an epoch.

Every random choice is a function of the seed and of where it is used: the permutation of (seed, epoch), a mask of
(seed, stream, step, position). So continuing needs no random state but the variables and the number of the epoch.
"""

import gc
import time
from collections.abc import Callable
from typing import Any, Protocol

import keras
import tensorflow as tf

from components.core import events
from components.core.data import TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.training.compilation import Compilation, compilation_of
from components.training.compiled_trainer import CompiledTrainer
from components.training.fit_trainer import FitTrainer
from components.training.scaling import fit_normalization
from components.training.state import Epoch, TrainingState
from components.training.trainer import Trainer

OnEpoch = Callable[[TrainingState], bool | None]

FALLBACKS: dict[Compilation, tuple[Compilation, ...]] = {
    "xla": ("xla", "graph", "fit"),
    "graph": ("graph", "fit"),
    "fit": ("fit",),
}


class Checkpoint(Protocol):
    """Keeps a training's state after each epoch, and gives it back; see `components.train.checkpoint`."""

    def save(self, trainer: Trainer, state: TrainingState) -> None: ...

    def restore(self, trainer: Trainer, state: TrainingState) -> None: ...


def nothing_to_do(state: TrainingState) -> None:
    """Let the training go on."""


def train_network(
    experiment: Experiment,
    values: dict[str, Any],
    data: TrainingData,
    *,
    n_epochs: int,
    early_stopping_patience: int,
    seed: int,
    on_epoch: OnEpoch = nothing_to_do,
    checkpoint: Checkpoint | None = None,
) -> tuple[keras.Model, TrainingState]:
    """Return the model that Keras Tuner's flat `values` describe, trained, and its `TrainingState`.

    The result depends on the arguments alone, not on what this process trained before.

    Args:
        experiment: the `Experiment`.
        values: hyperparameters by name.
        data: training and validation split.
        n_epochs: see `fit`, as for the others; `seed` also decides the initial weights.
        early_stopping_patience: see `fit`.
        seed: see `fit`.
        on_epoch: see `fit`.
        checkpoint: see `fit`.
    """
    model, hyperparameters = new_network(experiment, values, data, seed)
    state = fit(
        experiment,
        model,
        hyperparameters,
        data,
        n_epochs=n_epochs,
        early_stopping_patience=early_stopping_patience,
        seed=seed,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
    )
    return model, state


def refit(
    experiment: Experiment,
    values: dict[str, Any],
    data: TrainingData,
    *,
    n_epochs: int,
    chosen_epoch: int,
    seed: int,
    on_epoch: OnEpoch = nothing_to_do,
    checkpoint: Checkpoint | None = None,
) -> keras.Model:
    """Return the model of `train_network`, trained anew on the validation split as well, up to the chosen epoch.

    Nothing is left to validate on: its weights are those after that epoch, whatever its figures are.

    Args:
        experiment: the `Experiment`.
        values: hyperparameters by name.
        data: training and validation split.
        n_epochs: the budget that the epoch was chosen from, over which the learning rate falls.
        chosen_epoch: counted from 1.
        seed: see `fit`, as for `on_epoch` and `checkpoint`.
        on_epoch: see `fit`.
        checkpoint: see `fit`.

    Raises:
        TrainingFailed: a loss became NaN or infinite.
    """
    model, hyperparameters = new_network(experiment, values, data, seed)
    trainer = make_trainer(experiment, model, hyperparameters, data.all_for_training(), n_epochs, seed)
    state = _begun(experiment, trainer, checkpoint)
    _run_epochs(trainer, state, lambda: len(state.epochs) >= chosen_epoch, on_epoch, checkpoint)
    model.set_weights(trainer.weights())
    return model


def fit(
    experiment: Experiment,
    model: keras.Model,
    hyperparameters: Any,
    data: TrainingData,
    *,
    n_epochs: int,
    early_stopping_patience: int,
    seed: int,
    on_epoch: OnEpoch = nothing_to_do,
    checkpoint: Checkpoint | None = None,
) -> TrainingState:
    """Train `model` in place and leave it with the weights of its best epoch by the experiment's objective.

    Args:
        experiment: the `Experiment`.
        model: a built Keras model, raw inputs to logits; not compiled.
        hyperparameters: what `search_space` returned.
        data: training and validation split.
        n_epochs: epoch budget, which the schedule is made for.
        early_stopping_patience: epochs without a better objective after which training ends; 0 is the same as 1.
        seed: decides permutations and random choices.
        on_epoch: called after each epoch; a true answer ends the training.
        checkpoint: keeps the state after each epoch and gives it back.

    Raises:
        TrainingFailed: a loss or the objective became NaN or infinite.
    """
    trainer = make_trainer(experiment, model, hyperparameters, data, n_epochs, seed)
    state = _begun(experiment, trainer, checkpoint)
    _run_epochs(trainer, state, lambda: state.is_over(n_epochs, early_stopping_patience), on_epoch, checkpoint)
    model.set_weights(state.best_weights)
    return state


def new_network(
    experiment: Experiment, values: dict[str, Any], data: TrainingData, seed: int
) -> tuple[keras.Model, Any]:
    """Return a freshly initialized model, the same whatever this process did before, and its hyperparameters."""
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed)
    hyperparameters = read_hyperparameters(experiment.search_space, values)
    model = experiment.create_model(hyperparameters, data.info.input_shape, data.info.n_classes)
    if not model.built or not model.weights:
        raise InvalidInput(
            "create_model must return a model that is built and has weights; begin it with keras.Input(input_shape)"
        )
    fit_normalization(model, data.train.inputs)
    return model, hyperparameters


def make_trainer(
    experiment: Experiment, model: keras.Model, hyperparameters: Any, data: TrainingData, n_epochs: int, seed: int
) -> Trainer:
    """Return the trainer for a model by the rule of `compilation_of`, or the next one where that can't be compiled."""
    initial = model.get_weights()
    wanted = compilation_of(model)
    reason = "it has a train_step of its own" if wanted == "fit" else ""
    for compiled in FALLBACKS[wanted][:-1]:
        try:
            trainer = CompiledTrainer(experiment, model, hyperparameters, data, n_epochs, seed, compiled)
            trainer.compile()
        except InvalidInput:
            raise
        except (ValueError, TypeError, NotImplementedError, AttributeError, tf.errors.OpError) as error:
            model.set_weights(initial)
            reason = _first_line(error)
            continue
        if reason:
            events.note(f"this model can't be compiled with XLA ({reason}); training it as a graph, slower")
        return trainer
    events.note(f"this model can't be compiled as a whole ({reason}); training it with Keras' fit, slower")
    return FitTrainer(experiment, model, hyperparameters, data, n_epochs, seed)


def _begun(experiment: Experiment, trainer: Trainer, checkpoint: Checkpoint | None) -> TrainingState:
    state = TrainingState(experiment.objective, trainer.compiled)
    if checkpoint:
        checkpoint.restore(trainer, state)
    state.compile_seconds += trainer.compile_seconds
    return state


def _run_epochs(
    trainer: Trainer,
    state: TrainingState,
    is_over: Callable[[], bool],
    on_epoch: OnEpoch,
    checkpoint: Checkpoint | None,
) -> None:
    while not is_over():
        _run_epoch(trainer, state)
        if checkpoint:
            checkpoint.save(trainer, state)
        if on_epoch(state):
            break


def _run_epoch(trainer: Trainer, state: TrainingState) -> None:
    number = len(state.epochs) + 1
    start = time.perf_counter()
    loss, accuracy = trainer.train_epoch(number)
    validation_loss, validation_accuracy, objective = trainer.validate()
    seconds = time.perf_counter() - start
    rate = trainer.learning_rate()
    epoch = Epoch(number, loss, accuracy, validation_loss, validation_accuracy, objective, rate, seconds)
    state.refuse_divergence(epoch)
    state.epochs.append(epoch)
    if state.best.number == number:
        state.best_weights = trainer.weights()


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:200]
