"""The training loop of tune and train: a compiled epoch, and around it everything that happens once an epoch.

Keras' `fit` leaves most of a processor idle on small networks. Here the data stays in memory as uint8 and an epoch is
one XLA program: a permutation goes in, batches are gathered, the network is run and its weights are updated in
place. What is trained is a clone of the model in which only `Dropout` is replaced by one that XLA runs well; its
weights are copied back, so the result holds plain Keras layers. A model that can't be compiled this way is trained
by `fit`, one epoch at a time, inside the same loop.

Every random choice is a function of the seed and of where it is used: the permutation of (seed, epoch), a dropout
mask of (seed, layer, step, position). So continuing needs no random state but the number of the epoch.
"""

import gc
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields

import keras
import numpy as np
import tensorflow as tf

from components.core import events
from components.core.artifacts import Labelled, TrainingData
from components.core.hyperparameters import ChosenValues
from components.experiment.augmentation import augment
from components.experiment.network import create_model, search_space
from components.training.dropout import Clock, FastDropout

VALIDATION_BATCH = 2048
CALLS_AN_EPOCH = 8
TENSOR_ALIGNMENT = 64
NOT_DECAYED = ("bias", "beta", "gamma")


@dataclass(frozen=True)
class Recipe:
    """What the loop reads from a network's hyperparameters; see `components.experiment.network.Hyperparameters`.

    Only the first two are asked of another network's: what it does not have is left out of its training.
    """

    learning_rate: float
    batch_size: int
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    flip_images: bool = False
    erase_share: float = 0.0

    @classmethod
    def of(cls, hyperparameters):
        names = [field.name for field in fields(cls) if hasattr(hyperparameters, field.name)]
        return cls(**{name: getattr(hyperparameters, name) for name in names})


class TrainingFailed(RuntimeError):
    """Training produced a loss that is not a finite number."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        number: counted from 1.
        loss: mean training loss, with dropout and label smoothing as trained.
        accuracy: training accuracy over the batches as trained, 0 to 1.
        validation_loss: mean cross-entropy on the validation split.
        validation_accuracy: on the validation split, 0 to 1.
        learning_rate: at the epoch's end.
        seconds: wall time, validation included, compilation not.
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass
class Progress:
    """Where a training stands after its last finished epoch; with the network's variables it is all there is.

    Attributes:
        epochs: the finished epochs.
        best_weights: the model's weights after the epoch with the best validation accuracy, the earliest of equals.
        compile_seconds: wall time spent on tracing and compiling.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best_weights: list[np.ndarray] = field(default_factory=list)
    compile_seconds: float = 0.0

    @property
    def best(self) -> Epoch:
        return max(self.epochs, key=lambda epoch: (epoch.validation_accuracy, -epoch.number))

    @property
    def epochs_since_best(self):
        return len(self.epochs) - self.best.number

    def history(self):
        """Return the epochs as a dictionary with a list a figure, and the number of the chosen epoch."""
        names = [name for name in asdict(self.epochs[0]) if name != "number"]
        columns = {name: [getattr(epoch, name) for epoch in self.epochs] for name in names}
        return {**columns, "chosen_epoch": self.best.number}


def train_network(values, data: TrainingData, *, epochs: int, patience: int, seed: int, **options):
    """Return the model that Keras Tuner's flat `values` describe, trained, and its `Progress`.

    The result depends on the arguments alone, not on what this process trained before.

    Args:
        values: hyperparameters by name.
        data: training and validation split.
        epochs: see `fit`, as for `patience` and `seed`, which also decides the initial weights.
        **options: `on_epoch` and `checkpoint` of `fit`.
    """
    model, hyperparameters = _new_network(values, data, seed)
    return model, fit(model, hyperparameters, data, epochs=epochs, patience=patience, seed=seed, **options)


def refit(
    values,
    data: TrainingData,
    *,
    epochs: int,
    chosen_epoch: int,
    seed: int,
    on_epoch: Callable[[Progress], bool | None] = lambda progress: None,
    checkpoint=None,
):
    """Return the model of `train_network`, trained anew on the validation images as well, up to the chosen epoch.

    Nothing is left to validate on: its weights are those after that epoch, whatever its figures are.

    Args:
        values: hyperparameters by name.
        data: training and validation split.
        epochs: the budget that the epoch was chosen from, over which the learning rate falls.
        chosen_epoch: counted from 1.
        seed: see `fit`, as for `on_epoch` and `checkpoint`.

    Raises:
        TrainingFailed: a loss became NaN or infinite.
    """
    model, hyperparameters = _new_network(values, data, seed)
    trainer = _make_trainer(model, hyperparameters, data.all_for_training(), epochs, seed)
    progress = _restored(trainer, checkpoint)
    _run_epochs(trainer, progress, lambda: len(progress.epochs) >= chosen_epoch, on_epoch, checkpoint)
    model.set_weights(trainer.weights())
    return model


def fit(
    model: keras.Model,
    hyperparameters,
    data: TrainingData,
    *,
    epochs: int,
    patience: int,
    seed: int,
    on_epoch: Callable[[Progress], bool | None] = lambda progress: None,
    checkpoint=None,
) -> Progress:
    """Train `model` in place and leave it with the weights of its best epoch.

    Args:
        model: a built Keras model, raw images to logits; not compiled.
        hyperparameters: see `components.experiment.network.Hyperparameters`.
        data: training and validation split.
        epochs: budget, over which the learning rate falls to zero along a cosine.
        patience: epochs without a better validation accuracy after which training ends; 0 is the same as 1.
        seed: decides permutations and dropout masks.
        on_epoch: called after each epoch; a true answer ends the training.
        checkpoint: keeps the state after each epoch and gives it back; see `components.train.checkpoint`.

    Raises:
        TrainingFailed: a loss became NaN or infinite.
    """
    trainer = _make_trainer(model, hyperparameters, data, epochs, seed)
    progress = _restored(trainer, checkpoint)
    _run_epochs(trainer, progress, lambda: _is_over(progress, epochs, patience), on_epoch, checkpoint)
    model.set_weights(progress.best_weights)
    return progress


def _new_network(values, data, seed):
    """Return a freshly initialized model, the same whatever this process did before, and its hyperparameters."""
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed)
    hyperparameters = search_space(ChosenValues(values))
    return create_model(hyperparameters, data.info.input_shape, data.info.n_classes), hyperparameters


def _restored(trainer, checkpoint):
    progress = (checkpoint and checkpoint.restore(trainer)) or Progress()
    progress.compile_seconds += trainer.compile_seconds
    return progress


def _run_epochs(trainer, progress, is_over, on_epoch, checkpoint):
    while not is_over():
        _run_epoch(trainer, progress)
        if checkpoint:
            checkpoint.save(trainer, progress)
        if on_epoch(progress):
            break


def _is_over(progress, epochs, patience):
    if not progress.epochs:
        return False
    return len(progress.epochs) >= epochs or progress.epochs_since_best >= max(1, patience)


def _run_epoch(trainer, progress):
    number = len(progress.epochs) + 1
    start = time.perf_counter()
    compiled_before = trainer.compile_seconds
    loss, accuracy = trainer.train_epoch(number)
    validation_loss, validation_accuracy = trainer.validate()
    compiling = trainer.compile_seconds - compiled_before
    if not (math.isfinite(loss) and math.isfinite(validation_loss)):
        raise TrainingFailed(
            f"the loss is not finite after epoch {number}: {loss} in training, {validation_loss} in validation"
        )
    rate = trainer.learning_rate()
    seconds = time.perf_counter() - start - compiling
    progress.epochs.append(Epoch(number, loss, accuracy, validation_loss, validation_accuracy, rate, seconds))
    progress.compile_seconds += compiling
    if progress.best.number == number:
        progress.best_weights = trainer.weights()


def batches_of(n_images, batch_size, seed, epoch):
    """Return an epoch's batches: image indices, int32, shape (n_steps, batch_size).

    Every image is in an epoch once, in a fresh order; the last batch, when images are left over, is filled up with
    the first ones of the same order, so that all batches have one size.
    """
    size = min(batch_size, n_images)
    order = np.random.default_rng([seed, epoch]).permutation(n_images).astype(np.int32)
    n_steps = math.ceil(n_images / size)
    return np.resize(order, (n_steps, size))


def make_optimizer(recipe, total_steps):
    """Return AdamW (Loshchilov and Hutter 2019) whose rate falls to zero along a cosine (2017, equation 5).

    Keras' `Adam` with a decay is AdamW; without one it saves a pass over the weights.
    """
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, total_steps)
    optimizer = keras.optimizers.Adam(rate, weight_decay=recipe.weight_decay or None)
    optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
    return optimizer


def cross_entropy(labels, logits, smoothing=0.0):
    """Return each image's cross-entropy with labels smoothed towards the uniform distribution.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.
    """
    logs = tf.nn.log_softmax(logits)
    of_label = -tf.gather(logs, labels, batch_dims=1)
    return (1 - smoothing) * of_label - smoothing * tf.reduce_mean(logs, axis=-1)


def _make_trainer(model, hyperparameters, data, epochs, seed):
    """Return the compiled trainer, or the one that uses `fit` where the model can't be compiled."""
    initial = model.get_weights()
    try:
        trainer = CompiledTrainer(model, hyperparameters, data, epochs, seed)
        trainer.compile()
        return trainer
    except (ValueError, TypeError, NotImplementedError, tf.errors.OpError) as error:
        model.set_weights(initial)
        events.note(
            f"this model can't be compiled as a whole ({_first_line(error)}); training it with Keras' fit, slower"
        )
        return FitTrainer(model, hyperparameters, data, epochs, seed)


def _first_line(error):
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:200]


class _Trainer:
    """What both trainers share: the optimizer, the batches, and the state that a checkpoint keeps."""

    def __init__(self, trained, hyperparameters, data, epochs, seed):
        self.trained = trained
        self.recipe = Recipe.of(hyperparameters)
        self.seed = seed
        self.n_images = len(data.train)
        self.n_steps = len(self._batches(1))
        self.optimizer = make_optimizer(self.recipe, epochs * self.n_steps)
        self.optimizer.build(trained.trainable_variables)
        self.compile_seconds = 0.0

    def weights(self):
        return self.trained.get_weights()

    def state(self):
        """Return the value of every variable that the next epoch starts from."""
        return [variable.numpy() for variable in self._variables()]

    def restore(self, state):
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def learning_rate(self):
        return float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))

    def _variables(self):
        return [*self.trained.variables, *self.optimizer.variables]

    def _batches(self, epoch):
        return batches_of(self.n_images, self.recipe.batch_size, self.seed, epoch)


class CompiledTrainer(_Trainer):
    """Trains a clone of the model, an epoch being a few calls of one XLA program."""

    def __init__(self, model, hyperparameters, data, epochs, seed):
        self._clock = Clock(seed)
        super().__init__(clone_for_training(model, self._clock), hyperparameters, data, epochs, seed)
        self._train = _resident(data.train)
        self._validation = _resident(data.validation)
        self._train_steps = tf.function(self._steps, jit_compile=True, autograph=False)
        self._validate = tf.function(self._validation_sums, autograph=False)

    def compile(self):
        """Compile both programs, without running a step."""
        start = time.perf_counter()
        self._train_steps(*self._train, tf.constant(self._batches(1)), tf.constant(0), tf.constant(0))
        self.compile_seconds += time.perf_counter() - start

    def train_epoch(self, number):
        """Return mean loss and accuracy of one epoch, trained in a few calls so that a signal is heard in time."""
        batches = tf.constant(self._batches(number))
        bounds = np.linspace(0, self.n_steps, min(CALLS_AN_EPOCH, self.n_steps) + 1).astype(int)
        sums = np.zeros(2)
        for first, last in itertools.pairwise(bounds):
            sums += self._train_steps(
                *self._train, batches, tf.constant(first, tf.int32), tf.constant(last, tf.int32)
            ).numpy()
        loss, hits = sums / (self.n_steps * batches.shape[1])
        return float(loss), float(hits)

    def validate(self):
        """Return mean loss and accuracy on the validation split."""
        loss, hits = self._validate(*self._validation).numpy() / self._validation[1].shape[0]
        return float(loss), float(hits)

    def _steps(self, images, labels, batches, first, last):
        """Run the steps from `first` up to `last`; return the sums of loss and hits over their images."""

        def body(step, sums):
            return step + 1, sums + self._step(images, labels, batches[step])

        # Not `tf.range(first, last)`: XLA compiles that anew for every pair of bounds.
        return tf.while_loop(lambda step, _: step < last, body, (first, tf.zeros(2)))[1]

    def _step(self, images, labels, batch):
        self._clock.set(tf.cast(self.optimizer.iterations.value, tf.uint32))
        inputs = augment(tf.gather(images, batch), self.recipe, self._clock)
        targets = tf.gather(labels, batch)
        variables = self.trained.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.trained(inputs, training=True)
            losses = cross_entropy(targets, logits, self.recipe.label_smoothing)
            loss = tf.reduce_mean(losses) + sum(self.trained.losses)  # a forked network's regularizers
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.apply(gradients, variables)
        return tf.stack([tf.reduce_sum(losses), _hits(targets, logits)])

    def _validation_sums(self, images, labels):
        def body(first, sums):
            part = slice(first, first + VALIDATION_BATCH)
            logits = self.trained(images[part], training=False)
            sums += tf.stack([tf.reduce_sum(cross_entropy(labels[part], logits)), _hits(labels[part], logits)])
            return first + VALIDATION_BATCH, sums

        return tf.while_loop(lambda first, _: first < labels.shape[0], body, (0, tf.zeros(2)))[1]


class FitTrainer(_Trainer):
    """Trains any Keras model by `fit`, one epoch a call, on the same batches."""

    def __init__(self, model, hyperparameters, data, epochs, seed):
        super().__init__(model, hyperparameters, data, epochs, seed)
        self._clock = Clock(seed)
        self._data = data
        model.compile(optimizer=self.optimizer, loss=self._loss, metrics=["accuracy"])

    def train_epoch(self, number):
        batches = self._batches(number)
        self._clock.set(tf.constant(number, tf.uint32))
        images = augment(tf.constant(self._data.train.inputs[batches.ravel()]), self.recipe, self._clock)
        labels = self._data.train.labels[batches.ravel()]
        result = self.trained.fit(images, labels, batch_size=batches.shape[1], epochs=1, shuffle=False, verbose=0)
        return result.history["loss"][0], result.history["accuracy"][0]

    def validate(self):
        images, labels = self._data.validation.inputs, self._data.validation.labels
        logits = self.trained.predict(images, batch_size=VALIDATION_BATCH, verbose=0)
        loss = tf.reduce_mean(cross_entropy(tf.constant(labels), tf.constant(logits)))
        return float(loss), float(np.mean(logits.argmax(axis=-1) == labels))

    def _loss(self, labels, logits):
        labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)  # `fit` hands them on as floats, in a column
        return cross_entropy(labels, logits, self.recipe.label_smoothing)


def clone_for_training(model, clock):
    """Return a clone of `model` with the same weights, in which each plain `Dropout` is a `FastDropout`."""
    n_dropouts = 0

    def clone_layer(layer):
        nonlocal n_dropouts
        config = layer.get_config()
        if type(layer) is not keras.layers.Dropout or config["noise_shape"]:
            return layer.__class__.from_config(config)
        n_dropouts += 1
        return FastDropout(config["rate"], clock, stream=n_dropouts, name=layer.name)

    clone = keras.models.clone_model(model, clone_function=clone_layer, recursive=True)
    clone.set_weights(model.get_weights())
    return clone


def _hits(labels, logits):
    return tf.reduce_sum(tf.cast(tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels, tf.float32))


def _resident(labelled: Labelled):
    """Return images and labels as tensors.

    On a CPU the images share the array's memory, so that processes which map one file share one copy. TensorFlow
    aborts on memory that is not aligned, as that of a slice may be: such an array is copied.
    """
    images = np.ascontiguousarray(labelled.inputs)
    labels = tf.constant(labelled.labels.astype(np.int32))
    aligned = images.ctypes.data % TENSOR_ALIGNMENT == 0 and images.flags.writeable
    if aligned and not tf.config.list_physical_devices("GPU"):
        return tf.experimental.dlpack.from_dlpack(images.__dlpack__()), labels
    return tf.constant(images), labels
