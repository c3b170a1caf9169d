"""Training by Keras' own `fit`, for models that can't be compiled as a whole."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.core.data import TrainingData
from components.core.experiment import Experiment
from components.training.compilation import Compilation
from components.training.randomness import StepRandom
from components.training.trainer import VALIDATION_BATCH, Trainer


class FitTrainer(Trainer):
    """Trains any Keras model by `fit`, one epoch a call, on the same batches."""

    compiled: Compilation = "fit"

    def __init__(
        self,
        experiment: Experiment,
        model: keras.Model,
        hyperparameters: Any,
        data: TrainingData,
        n_epochs: int,
        seed: int,
    ) -> None:
        super().__init__(experiment, model, hyperparameters, data, n_epochs, seed, StepRandom(seed))
        model.compile(optimizer=self.optimizer, loss=self._loss, metrics=["accuracy"])

    def train_epoch(self, number: int) -> tuple[float, float]:
        batches = self._batches(number)
        self.random.set_step(number)
        inputs = self._augmented(tf.constant(self._data.train.inputs[batches.ravel()]))
        labels = self._data.train.labels[batches.ravel()]
        result = self.trained.fit(
            inputs,
            labels,
            batch_size=batches.shape[1],
            epochs=1,
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=self._snapshots(number))],
        )
        return float(result.history["loss"][0]), float(result.history["accuracy"][0])

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        return np.asarray(self.trained.predict(inputs, batch_size=VALIDATION_BATCH, verbose=0))

    def _snapshots(self, epoch: int) -> Callable[[int, Any], None]:
        """Return what takes an epoch's snapshots, called after each step, counted from 0."""
        last_steps = (np.linspace(0, self.n_steps, self.n_snapshots + 1).astype(int)[1:] - 1).tolist()

        def after(batch: int, logs: Any) -> None:  # Keras gives the second by its name
            if batch in last_steps:
                self.take_snapshot((epoch - 1) * self.n_snapshots + last_steps.index(batch) + 1)

        return after

    def _loss(self, labels: Any, logits: Any) -> Any:
        # `fit` hands labels on as floats, in a column
        return self._losses(tf.cast(tf.reshape(labels, [-1]), tf.int32), logits)
