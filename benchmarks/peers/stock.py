"""What both stock tuners have in common: network, batch size and data, as Keras Tuner's guides have them."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner as kt

from benchmarks.peers.keras_network import VALIDATION_BATCH_SIZE, Report, compiled_network
from benchmarks.peers.space import declare
from benchmarks.peers.task import Task


class Network(kt.HyperModel):
    """Builds a trial's network and fits it with the trial's batch size."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.numbers = itertools.count()
        self.n_features = task.split("validation")[0].shape[1]

    def build(self, hp: Any) -> keras.Model:
        return compiled_network(declare(hp, self.task.space), self.n_features, self.task.n_classes)

    def fit(self, hp: Any, model: keras.Model, *args: Any, callbacks: Any = (), **kwargs: Any) -> Any:
        callbacks = [*callbacks, Report(self.task, next(self.numbers))]
        return model.fit(*args, batch_size=hp.get("batch_size"), callbacks=callbacks, **kwargs)


def search(task: Task, make_tuner: Callable[..., kt.Tuner], **fit_arguments: Any) -> None:
    """Search until the time is up, or the tuner has no more to try.

    Args:
        task: what to do.
        make_tuner: a Keras tuner, or one with some of its arguments.
        **fit_arguments: for `fit`, besides the data.
    """
    task.end_in_time()
    folder = task.output.with_suffix(".tuner")
    tuner = make_tuner(Network(task), objective="val_accuracy", seed=task.seed, directory=folder)
    tuner.search(
        *task.split("train"),
        validation_data=task.split("validation"),
        validation_batch_size=VALIDATION_BATCH_SIZE,
        verbose=0,
        **fit_arguments,
    )
