"""The training loop of tune and train: what happens once an epoch.

Every random choice is a function of the seed and of where it is used: the permutation of (seed, epoch), a mask of
(seed, stream, step, position). So continuing needs no random state but the variables and the number of the epoch.
"""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.core import events
from components.core.data import TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.training.checkpoint import Checkpoint
from components.training.compilation import Compilation, compilation_of
from components.training.compiled_trainer import CompiledTrainer
from components.training.fit_trainer import FitTrainer
from components.training.scaling import fit_normalization
from components.training.state import Course, Epoch, TrainingState
from components.training.trainer import Trainer

OnEpoch = Callable[[TrainingState], bool | None]

FALLBACKS: dict[Compilation, tuple[Compilation, ...]] = {
    "xla": ("xla", "graph", "fit"),
    "graph": ("graph", "fit"),
    "fit": ("fit",),
}


def train_network(
    experiment: Experiment,
    values: dict[str, Any],
    data: TrainingData,
    course: Course,
    *,
    state: TrainingState | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[keras.Model, TrainingState]:
    """Return the model that Keras Tuner's flat `values` describe, trained, and its `TrainingState`.

    The result depends on the experiment, the values, the data and the course alone: not on what this process trained
    before, nor on where an earlier process was interrupted.

    Args:
        experiment: the `Experiment`.
        values: hyperparameters by name.
        data: training and validation split.
        course: the `Course`.
        state: see `fit`, as for `on_epoch` and `checkpoint`.
        on_epoch: see `fit`.
        checkpoint: see `fit`.
    """
    model, hyperparameters = new_network(experiment, values, data, course.seed)
    state = fit(
        experiment, model, hyperparameters, data, course, state=state, on_epoch=on_epoch, checkpoint=checkpoint
    )
    return model, state


def refit(
    experiment: Experiment,
    values: dict[str, Any],
    data: TrainingData,
    course: Course,
    *,
    chosen_epoch: int,
    on_epoch: OnEpoch | None = None,
    checkpoint: Checkpoint | None = None,
) -> keras.Model:
    """Return the model of `train_network`, trained anew on the validation split as well, up to the chosen epoch.

    Nothing is left to validate on: its weights are those after that epoch, whatever its figures are.

    Args:
        experiment: the `Experiment`.
        values: hyperparameters by name.
        data: training and validation split.
        course: the `Course` in which the epoch was chosen.
        chosen_epoch: counted from 1.
        on_epoch: see `fit`.
        checkpoint: see `fit`.

    Raises:
        TrainingFailed: a loss became NaN or infinite.
    """
    course = replace(course, last=chosen_epoch, patience=0)
    model, hyperparameters = new_network(experiment, values, data, course.seed)
    trainer = make_trainer(experiment, model, hyperparameters, data.all_for_training(), course)
    state = TrainingState(experiment.objective)
    _restore(trainer, state, _take_up(state, course, checkpoint))
    _run_epochs(trainer, state, course, on_epoch, checkpoint)
    model.set_weights(trainer.weights())
    return model


def fit(
    experiment: Experiment,
    model: keras.Model,
    hyperparameters: Any,
    data: TrainingData,
    course: Course,
    *,
    state: TrainingState | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainingState:
    """Train `model` in place and leave it with the weights of its best epoch by the experiment's objective.

    Args:
        experiment: the `Experiment`.
        model: a built Keras model, raw inputs to logits; not compiled.
        hyperparameters: what `search_space` returned.
        data: training and validation split.
        course: the `Course`.
        state: a new `TrainingState` to fill, for a caller who wants what there is of it after an exception.
        on_epoch: called after each epoch; a true answer ends the training.
        checkpoint: keeps the training and gives it back. One that is over already is not compiled again.

    Raises:
        TrainingFailed: a loss or the objective became NaN or infinite.
    """
    state = TrainingState(experiment.objective) if state is None else state
    saved = _take_up(state, course, checkpoint)
    if not course.is_over(state):
        trainer = make_trainer(experiment, model, hyperparameters, data, course)
        _restore(trainer, state, saved)
        _run_epochs(trainer, state, course, on_epoch, checkpoint)
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
    experiment: Experiment, model: keras.Model, hyperparameters: Any, data: TrainingData, course: Course
) -> Trainer:
    """Return the trainer for a model by the rule of `compilation_of`, or the next one where that can't be compiled."""
    initial = model.get_weights()
    wanted = compilation_of(model)
    reason = "it has a train_step of its own" if wanted == "fit" else ""
    arguments = experiment, model, hyperparameters, data, course.n_epochs, course.seed
    for compiled in FALLBACKS[wanted][:-1]:
        try:
            trainer = CompiledTrainer(*arguments, compiled)
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
    return FitTrainer(*arguments)


def _take_up(state: TrainingState, course: Course, checkpoint: Checkpoint | None) -> Iterator[np.ndarray] | None:
    """Put the state where a saved training stands; return the trainer's variables there, None without one."""
    saved = checkpoint.read(course) if checkpoint else None
    if saved is None:
        return None
    state.compiled, state.epochs, state.best_weights = saved.compiled, saved.epochs, saved.best_weights
    return saved.variables


def _restore(trainer: Trainer, state: TrainingState, variables: Iterator[np.ndarray] | None) -> None:
    """Put the trainer where the state stands, or both at the beginning where nothing fits."""
    state.compile_seconds += trainer.compile_seconds
    if variables is not None and state.compiled == trainer.compiled:
        trainer.restore(variables)
        return
    if variables is not None:
        events.note(
            f"the training was compiled as {state.compiled}, and is now as {trainer.compiled}: it starts again"
        )
    state.compiled, state.epochs, state.best_weights = trainer.compiled, [], []


def _run_epochs(
    trainer: Trainer, state: TrainingState, course: Course, on_epoch: OnEpoch | None, checkpoint: Checkpoint | None
) -> None:
    is_over = course.is_over(state)
    while not is_over:
        _run_epoch(trainer, state)
        is_over = course.is_over(state)
        if checkpoint and (is_over or checkpoint.every_epoch):
            checkpoint.save(trainer, state)
        if on_epoch and on_epoch(state):
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
