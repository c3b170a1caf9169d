"""Training by a compiled program over data that stays in memory.

Keras' `fit` leaves most of a processor idle on small networks. Here a permutation goes in, batches are gathered from
memory, the network is run and its weights are updated in place, many steps a call.
"""

import itertools
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.core.data import Labelled, TrainingData
from components.core.experiment import Experiment
from components.training.compilation import Compilation, has_gpu
from components.training.dropout import with_fast_dropout
from components.training.randomness import StepRandom
from components.training.trainer import VALIDATION_BATCH, Trainer

TENSOR_ALIGNMENT = 64


class CompiledTrainer(Trainer):
    """Trains by a few calls an epoch of one compiled program.

    With XLA it trains a clone of the model in which only `Dropout` is replaced, by one that XLA runs well.
    """

    def __init__(
        self,
        experiment: Experiment,
        model: keras.Model,
        hyperparameters: Any,
        data: TrainingData,
        n_epochs: int,
        seed: int,
        compiled: Compilation = "xla",
    ) -> None:
        random = StepRandom(seed)
        trained = with_fast_dropout(model, random) if compiled == "xla" else model
        super().__init__(experiment, trained, hyperparameters, data, n_epochs, seed, random)
        self.compiled = compiled
        self._train = _resident(data.train)
        self._validation = _resident(data.validation)[0]
        self._train_steps = tf.function(self._steps, jit_compile=compiled == "xla", autograph=False)
        self._validate = tf.function(self._logits_of_part, autograph=False)

    def compile(self) -> None:
        """Compile the training program, without running a step."""
        start = time.perf_counter()
        self._train_steps(*self._train, tf.constant(self._batches(1)), tf.constant(0), tf.constant(0))
        self.compile_seconds += time.perf_counter() - start

    def train_epoch(self, number: int) -> tuple[float, float]:
        """Return mean loss and accuracy of one epoch, trained in a few calls so that a signal is heard in time."""
        batches = tf.constant(self._batches(number))
        bounds = np.linspace(0, self.n_steps, self.n_snapshots + 1).astype(np.int32)
        sums = np.zeros(2)
        for call, (first, last) in enumerate(itertools.pairwise(bounds), start=1):
            sums += self._train_steps(*self._train, batches, tf.constant(first), tf.constant(last)).numpy()
            self.take_snapshot((number - 1) * self.n_snapshots + call)
        loss, hits = sums / (self.n_steps * batches.shape[1])
        return float(loss), float(hits)

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        starts = range(0, len(inputs), VALIDATION_BATCH)
        return np.concatenate([self._validate(self._validation, tf.constant(first)).numpy() for first in starts])

    def _steps(self, inputs: Any, labels: Any, batches: Any, first: Any, last: Any) -> Any:
        """Run the steps from `first` up to `last`; return the sums of loss and hits over their examples."""

        def body(step: Any, sums: Any) -> Any:
            return step + 1, sums + self._step(inputs, labels, batches[step])

        # Not `tf.range(first, last)`: XLA compiles that anew for every pair of bounds.
        return tf.while_loop(lambda step, _: step < last, body, (first, tf.zeros(2)))[1]

    def _step(self, inputs: Any, labels: Any, batch: Any) -> Any:
        self.random.set_step(self.optimizer.iterations.value)
        seen, targets = self._augmented(tf.gather(inputs, batch)), tf.gather(labels, batch)
        variables = self.trained.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.trained(seen, training=True)
            losses = self._losses(targets, logits)
            loss = tf.reduce_mean(losses) + sum(self.trained.losses)  # those of regularizers
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.apply(gradients, variables)
        hits = tf.argmax(logits, axis=-1, output_type=targets.dtype) == targets
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.float32))])

    def _logits_of_part(self, inputs: Any, first: Any) -> Any:
        return self.trained(inputs[first : first + VALIDATION_BATCH], training=False)


def _resident(labelled: Labelled) -> tuple[Any, Any]:
    """Return inputs and labels as tensors.

    On a CPU the inputs share the array's memory, so that processes which map one file share one copy. TensorFlow
    aborts on memory that is not aligned, as that of a slice may be: such an array is copied.
    """
    inputs = np.ascontiguousarray(labelled.inputs)
    labels = tf.constant(labelled.labels.astype(np.int32))
    aligned = inputs.ctypes.data % TENSOR_ALIGNMENT == 0 and inputs.flags.writeable
    if aligned and not has_gpu():
        return tf.experimental.dlpack.from_dlpack(inputs.__dlpack__()), labels
    return tf.constant(inputs), labels
