"""The model of a run: that of the best final."""

import keras

from components.core import events
from components.train.finals import TrainedFinal
from components.training import loop
from components.training.checkpoint import Checkpoint
from components.workers import devices


def model_of(trained: TrainedFinal) -> keras.Model:
    """Return the model of a final, with its best epoch's weights."""
    devices.leave_to_workers()
    training = trained.training
    model, _ = loop.new_network(
        training.experiment, training.final.hyperparameters, training.data, training.course.seed
    )
    model.set_weights(trained.state.best_weights)
    return model


def refitted(trained: TrainedFinal) -> keras.Model:
    """Return the model of a final, trained anew up to its best epoch, on the validation split as well.

    A training that was interrupted goes on after its last finished epoch.

    Raises:
        TrainingFailed: a loss became NaN or infinite.
    """
    devices.take_one()
    training, last = trained.training, trained.state.best.number
    return loop.refit(
        training.experiment,
        training.final.hyperparameters,
        training.data,
        training.course,
        chosen_epoch=last,
        checkpoint=Checkpoint(training.refit_file, {**training.key, "refit": True}),
        on_epoch=lambda state: events.listener.refit_epoch_finished(state.epochs[-1], last),
    )
