"""The training loop, held against Keras' own, on networks that train in milliseconds."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.core import events, models, scores
from components.core.data import DatasetInfo, Labelled, TrainingData
from components.core.experiment import CROSS_ENTROPY, Experiment, Metric
from components.core.hyperparameters import read_hyperparameters
from components.experiment import EXPERIMENT, recipe
from components.experiment.network import create_model
from components.experiment.space import Hyperparameters
from components.training import compiled_trainer, loop
from components.training.checkpoint import Checkpoint
from components.training.compiled_trainer import CompiledTrainer
from components.training.dropout import FastDropout, with_fast_dropout
from components.training.fit_trainer import FitTrainer
from components.training.randomness import StepRandom
from components.training.scaling import fit_normalization
from components.training.state import Course, Epoch, TrainingFailed, TrainingState
from components.training.trainer import Trainer, batches_of
from tests.idx import draw

LAST_WEIGHTS = dataclasses.replace(EXPERIMENT, averaged_share=0.0)
"""Validates and keeps the weights of the last step, as Keras' `fit` does."""

SHAPE = (6, 4)
FIRST_KERNEL = 3
"""Place among a network's weights, after the mean, the variance and the count of its normalization."""

VALUES = {
    "hidden_layers": 1,
    "units_0": 64,
    "normalization": "batch",
    "dropout_rate": 0.3,
    "learning_rate": 0.01,
    "flip_images": True,
    "batch_size": 32,
}


def labelled(n_images, seed=0, labels=None):
    images, drawn = draw(n_images, n_classes=3, shape=SHAPE, seed=seed)
    return Labelled(images, drawn if labels is None else labels)


def data(n_train=40, n_validation=30, random_labels=False):
    """Return a small problem that a network soon learns, or with random labels one that it never can."""
    labels = [np.random.default_rng(n).integers(0, 3, n) if random_labels else None for n in (n_train, n_validation)]
    info = DatasetInfo("drawn", ("a", "b", "c"), SHAPE)
    return TrainingData(labelled(n_train, 0, labels[0]), labelled(n_validation, 1, labels[1]), info, "")


def hyperparameters(**changes):
    values = {"units": (16,), "normalization": "batch", "dropout_rate": 0.0, "learning_rate": 0.01, "batch_size": 8}
    return Hyperparameters(**{**values, **changes})


def network(chosen, seed=5):
    keras.utils.set_random_seed(seed)
    model = create_model(chosen, SHAPE, 3)
    fit_normalization(model, labelled(1).inputs)
    return model


def train_by_fit(model, chosen, problem, epochs, seed):
    """Train with Keras' `fit`, on the batches that ours sees; return its losses and accuracies."""
    batches = [batches_of(len(problem.train), chosen.batch_size, seed, epoch + 1) for epoch in range(epochs)]
    targets = np.eye(3, dtype=np.float32)[problem.train.labels]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=chosen.label_smoothing)
    optimizer = recipe.optimizer(chosen, sum(len(epoch) for epoch in batches))
    model.compile(optimizer=optimizer, loss=loss, metrics=["categorical_accuracy"])
    history = [
        model.fit(
            problem.train.inputs[epoch.ravel()],
            targets[epoch.ravel()],
            batch_size=epoch.shape[1],
            shuffle=False,
            verbose=0,
        ).history
        for epoch in batches
    ]
    return [epoch["loss"][0] for epoch in history], [epoch["categorical_accuracy"][0] for epoch in history]


def train_by_ours(model, chosen, problem, epochs, seed):
    trainer = CompiledTrainer(LAST_WEIGHTS, model, chosen, problem, epochs, seed)
    figures = [trainer.train_epoch(epoch + 1) for epoch in range(epochs)]
    model.set_weights(trainer.weights())
    return [loss for loss, _ in figures], [accuracy for _, accuracy in figures]


RECIPES = {
    "plain": {"normalization": "none"},
    "batch normalization and label smoothing": {"normalization": "batch", "label_smoothing": 0.1},
    "layer normalization and weight decay": {"normalization": "layer", "weight_decay": 0.3},
}


@pytest.fixture(scope="module", params=RECIPES.values(), ids=RECIPES)
def both(request):
    """Return (ours, theirs): models, losses and accuracies after three epochs from the same initial weights."""
    chosen, problem = hyperparameters(**request.param), data(n_train=43)
    trained = []
    for train in (train_by_ours, train_by_fit):
        model = network(chosen)
        trained.append((model, *train(model, chosen, problem, epochs=3, seed=9)))
    return trained


def test_the_compiled_loop_has_the_losses_of_fit(both):
    (_, ours, _), (_, theirs, _) = both

    assert ours == pytest.approx(theirs, rel=1e-4)


def test_the_compiled_loop_has_the_accuracies_of_fit(both):
    (_, _, ours), (_, _, theirs) = both

    assert ours == pytest.approx(theirs, abs=1e-6)


def test_the_compiled_loop_ends_with_the_weights_and_moving_statistics_of_fit(both):
    (ours, *_), (theirs, *_) = both

    for mine, fits in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(mine, fits, rtol=1e-3, atol=1e-4)


def test_training_moves_every_weight(both):
    (trained, *_), _ = both
    initial = network(hyperparameters(normalization="none")).get_weights()[FIRST_KERNEL]

    assert not np.allclose(trained.get_weights()[FIRST_KERNEL], initial, atol=1e-3)


def test_a_networks_own_regularizer_is_trained_as_in_fit():
    chosen, problem = hyperparameters(normalization="none"), data(n_train=16)
    weights = []
    for train in (train_by_ours, train_by_fit):
        keras.utils.set_random_seed(5)
        dense = keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.5))
        model = keras.Sequential([keras.Input(SHAPE, dtype="uint8"), keras.layers.Flatten(), dense])
        train(model, chosen, problem, epochs=2, seed=9)
        weights.append(model.get_weights()[0])

    assert np.allclose(*weights, atol=1e-4)


@pytest.mark.parametrize("part", [7, 10, 30, 64])
def test_validation_sees_every_image_once_whatever_the_size_of_its_parts(part, monkeypatch):
    monkeypatch.setattr(compiled_trainer, "VALIDATION_BATCH", part)
    chosen, problem = hyperparameters(), data()
    model = network(chosen)
    logits = model(problem.validation.inputs).numpy()

    loss, accuracy, objective = CompiledTrainer(EXPERIMENT, model, chosen, problem, 1, 1).validate()

    assert loss == pytest.approx(scores.cross_entropy(problem.validation.labels, logits), rel=1e-5)
    assert accuracy == objective == np.mean(logits.argmax(axis=-1) == problem.validation.labels)


def test_every_image_is_in_an_epoch_once():
    assert sorted(batches_of(12, 4, seed=1, epoch=1).ravel()) == list(range(12))


def test_every_epoch_has_an_order_of_its_own():
    first, second = (batches_of(100, 10, seed=1, epoch=epoch) for epoch in (1, 2))

    assert not np.array_equal(first, second)


def test_every_seed_has_an_order_of_its_own():
    first, second = (batches_of(100, 10, seed=seed, epoch=1) for seed in (0, 1))

    assert not np.array_equal(first, second)


def test_a_last_short_batch_is_filled_up_with_the_epochs_first_images():
    batches = batches_of(10, 4, seed=1, epoch=1)

    assert batches.shape == (3, 4)
    assert sorted(batches.ravel()[:10]) == list(range(10))
    assert batches[2, 2:].tolist() == batches[0, :2].tolist()


def test_a_batch_is_never_larger_than_the_data():
    assert batches_of(5, 512, seed=1, epoch=1).shape == (1, 5)


def test_the_loss_of_one_image_is_its_cross_entropy():
    """With logits of 0 and ln 3 the second class has probability 3/4."""
    loss = recipe.loss(hyperparameters(), tf.constant([1]), tf.constant([[0.0, math.log(3)]]))

    assert loss.numpy() == pytest.approx([-math.log(3 / 4)])


def test_a_smoothed_label_shares_its_probability_with_all_classes():
    """Of the label's probability 0.2 is spread evenly over both classes: 0.9 on the right one, 0.1 on the other."""
    loss = recipe.loss(hyperparameters(label_smoothing=0.2), tf.constant([1]), tf.constant([[0.0, math.log(3)]]))

    assert loss.numpy() == pytest.approx([-0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4)])


def test_the_learning_rate_falls_to_zero_along_a_cosine():
    optimizer = recipe.optimizer(hyperparameters(learning_rate=0.01), n_steps=4)
    optimizer.build([])
    rates = []
    for step in range(5):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))

    assert rates == pytest.approx([0.01 * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(5)], abs=1e-8)


def test_biases_and_normalization_do_not_decay():
    chosen, problem = hyperparameters(weight_decay=0.5), data(n_train=8)
    trainer = CompiledTrainer(EXPERIMENT, network(chosen), chosen, problem, 1, 1)

    decayed = [v.path for v in trainer.trained.trainable_variables if trainer.optimizer._use_weight_decay(v)]
    assert [path.rpartition("/")[2] for path in decayed] == ["kernel", "kernel"]


@pytest.mark.parametrize("trainer_type", [CompiledTrainer, FitTrainer])
def test_training_sees_changed_images(trainer_type):
    """A network that only adds up its pixels learns nothing from images that are blank."""
    blank = dataclasses.replace(EXPERIMENT, augment=lambda hyperparameters, inputs, random: tf.zeros_like(inputs))
    chosen, problem = hyperparameters(units=(), normalization="none"), data(n_train=8)
    model = network(chosen)
    kernel = model.layers[-1].get_weights()[0]

    trainer = trainer_type(blank, model, chosen, problem, 1, 1)
    trainer.train_epoch(1)

    trained = trainer.trained.layers[-1].get_weights()
    assert np.array_equal(trained[0], kernel) and not np.array_equal(trained[1], np.zeros(3))


def train_network(values=VALUES, problem=None, course=None, experiment=EXPERIMENT, **options):
    problem = data() if problem is None else problem
    return loop.train_network(experiment, values, problem, course or Course(2, seed=1), **options)


def test_training_ends_after_patience_epochs_without_a_better_one():
    _, state = train_network({**VALUES, "dropout_rate": 0.0}, data(200), Course(40, seed=1, patience=3))

    assert len(state.epochs) == state.best.number + 3 < 40


def test_training_ends_with_its_budget():
    _, state = train_network()

    assert [epoch.number for epoch in state.epochs] == [1, 2]


@pytest.fixture(scope="module")
def hopeless():
    """Return a model and its progress after training on random labels, its best epoch by luck and not the last."""
    problem = data(n_train=60, random_labels=True)
    return problem, *train_network(VALUES, problem, Course(12, seed=4))


def test_the_weights_of_the_best_epoch_are_restored(hopeless):
    problem, model, state = hopeless
    hits = model.predict(problem.validation.inputs, verbose=0).argmax(axis=1) == problem.validation.labels

    assert np.mean(hits) == pytest.approx(state.best.validation_accuracy, abs=1e-6)
    assert state.best.validation_accuracy > state.epochs[-1].validation_accuracy


def test_the_best_epoch_is_the_earliest_of_equals(hopeless):
    _, _, state = hopeless
    accuracies = [epoch.validation_accuracy for epoch in state.epochs]

    assert state.best.number == 1 + accuracies.index(max(accuracies))


def test_the_history_has_a_figure_an_epoch_and_the_chosen_one(hopeless):
    _, _, state = hopeless
    history = state.history()

    assert history.pop("chosen_epoch") == state.best.number
    assert {len(column) for column in history.values()} == {12}
    assert history.keys() >= {"loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds"}


def test_a_trained_model_holds_plain_keras_layers(tmp_path, hopeless):
    problem, model, _ = hopeless
    models.write(model, {}, tmp_path / "model")

    loaded = models.read(tmp_path / "model")

    assert [type(layer).__name__ for layer in loaded.layers].count("Dropout") == 1
    assert all(type(layer).__module__.startswith("keras.") for layer in loaded.layers)
    images = problem.validation.inputs
    assert np.array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


def test_on_epoch_hears_of_each_epoch_and_may_end_the_training():
    heard = []

    train_network(course=Course(9, seed=1), on_epoch=lambda state: heard.append(1) or len(heard) == 2)

    assert len(heard) == 2


def test_a_loss_that_is_not_a_number_fails_the_training():
    with pytest.raises(TrainingFailed, match="the loss is not finite after epoch"):
        train_network({**VALUES, "learning_rate": 1e38}, course=Course(9, seed=1))


def test_an_objective_that_is_not_a_number_fails_the_training_by_name():
    nowhere = dataclasses.replace(EXPERIMENT, objective=Metric("margin", lambda labels, logits: math.nan))

    with pytest.raises(TrainingFailed, match="the objective margin is not finite after epoch 1: nan"):
        train_network(experiment=nowhere)


def weights_after_an_epoch(seed, **changes):
    model, _ = train_network({**VALUES, **changes}, course=Course(1, seed))
    return model.get_weights()


def test_the_same_seed_gives_the_same_weights_whatever_was_trained_before():
    first = weights_after_an_epoch(seed=0)
    between = weights_after_an_epoch(seed=1)
    again = weights_after_an_epoch(seed=0)

    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.allclose(first[FIRST_KERNEL], between[FIRST_KERNEL])


def test_the_objective_decides_which_epoch_is_kept(hopeless):
    problem, *_ = hopeless
    experiment = dataclasses.replace(EXPERIMENT, objective=CROSS_ENTROPY)

    _, state = train_network(VALUES, problem, Course(12, seed=4), experiment)

    losses = [epoch.validation_loss for epoch in state.epochs]
    assert [epoch.objective for epoch in state.epochs] == losses
    assert state.best.number == 1 + losses.index(min(losses))


class OwnStep(keras.Model):
    """A network with a step of its own, which only `fit` calls."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, images):
        return self.dense(tf.reshape(tf.cast(images, tf.float32) / 255, [-1, 24]))

    def train_step(self, data):
        return super().train_step(data)


class Subclassed(OwnStep):
    """A network that no graph of layers describes, so it can't be cloned."""

    train_step = keras.Model.train_step


def built(model):
    model(np.zeros((1, *SHAPE), np.uint8))
    return model


@pytest.fixture
def said(monkeypatch):
    """Return the list that what is said goes to."""
    lines = []
    monkeypatch.setattr(events, "listener", events.Forwarding(lines.append))
    return lines


def trained(model, experiment=EXPERIMENT, **changes):
    keras.utils.set_random_seed(1)
    return loop.fit(experiment, built(model()), hyperparameters(**changes), data(200), Course(8, seed=1))


def test_a_network_with_a_step_of_its_own_is_trained_by_fit_and_one_line_says_so(said):
    state = trained(OwnStep)

    assert said == [
        "this model can't be compiled as a whole (it has a train_step of its own); training it with Keras' fit, slower"
    ]
    assert state.compiled == "fit" and state.best.validation_accuracy > 0.9


def test_a_network_that_is_no_graph_of_layers_is_trained_as_a_tensorflow_graph(said):
    state = trained(Subclassed)

    assert said == [] and state.compiled == "graph" and state.best.validation_accuracy > 0.9


def dense_network():
    layers = keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(3)
    return keras.Sequential([keras.Input(SHAPE), *layers])


def test_what_xla_does_not_know_is_trained_as_a_graph_and_one_line_says_so(said):
    def loss(hyperparameters, labels, logits):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return losses + tf.ensure_shape(tf.numpy_function(np.zeros_like, [losses], tf.float32), losses.shape)

    state = trained(dense_network, dataclasses.replace(EXPERIMENT, loss=loss))

    assert len(said) == 1 and "can't be compiled with XLA" in said[0] and "training it as a graph" in said[0]
    assert state.compiled == "graph" and state.best.validation_accuracy > 0.9


def test_what_the_loop_can_not_compile_is_trained_by_fit_and_one_line_says_so(said):
    def augment(hyperparameters, inputs, random):
        return tf.constant(inputs.numpy())

    experiment = dataclasses.replace(EXPERIMENT, augment=augment)
    state = trained(dense_network, experiment)

    assert len(said) == 1 and "training it with Keras' fit" in said[0]
    assert state.compiled == "fit" and state.best.validation_accuracy > 0.9


def test_fit_has_the_losses_of_the_compiled_loop():
    chosen, problem = hyperparameters(label_smoothing=0.1), data(n_train=43)
    ours, theirs = (kind(EXPERIMENT, network(chosen), chosen, problem, 2, 9) for kind in (CompiledTrainer, FitTrainer))

    for epoch in (1, 2):
        assert ours.train_epoch(epoch) == pytest.approx(theirs.train_epoch(epoch), rel=1e-4)
        assert ours.validate() == pytest.approx(theirs.validate(), rel=1e-4)


def test_a_graph_has_the_losses_of_xla():
    chosen, problem = hyperparameters(flip_images=True), data(n_train=43)
    graph, xla = (
        CompiledTrainer(EXPERIMENT, network(chosen), chosen, problem, 2, 9, compiled) for compiled in ("graph", "xla")
    )

    for epoch in (1, 2):
        assert graph.train_epoch(epoch) == pytest.approx(xla.train_epoch(epoch), rel=1e-4)


def test_an_experiment_of_two_parts_is_trained_with_the_defaults():
    def create(hyperparameters, input_shape, n_classes):
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.Dense(n_classes)(keras.layers.Flatten()(inputs)))

    minimal = Experiment(search_space=lambda hp: hp.Int("units", 1, 2), create_model=create)
    _, state = train_network({"units": 1}, experiment=minimal)

    assert len(state.epochs) == 2


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"batch_size": lambda h: 0}, "batch_size must be an integer from 1, got 0"),
        ({"batch_size": lambda h: 1.5}, "batch_size must be an integer from 1, got 1.5"),
        ({"optimizer": lambda h, n: "adam"}, "optimizer must return a Keras optimizer, got str"),
        (
            {"optimizer": lambda h, n: keras.optimizers.SGD(use_ema=True)},
            "optimizer must give ema_overwrite_frequency with use_ema",
        ),
        ({"loss": lambda h, labels, logits: tf.reduce_mean(logits)}, "loss must return a number an example"),
        ({"augment": lambda h, inputs, random: inputs[:, :2]}, "augment must return inputs of the shape"),
    ],
)
def test_a_part_that_returns_something_else_is_refused_by_name(part, message, said):
    with pytest.raises(ValueError, match=message):
        trained(dense_network, dataclasses.replace(EXPERIMENT, **part))


def test_a_dropout_inside_a_nested_model_is_replaced_too():
    inner = keras.Sequential([keras.Input((24,)), keras.layers.Dropout(0.5)])
    outer = keras.Sequential([keras.Input(SHAPE, dtype="uint8"), keras.layers.Flatten(), inner])

    clone = with_fast_dropout(outer, StepRandom(1))

    assert type(clone.layers[-1].layers[-1]) is FastDropout


@pytest.fixture(scope="module")
def refitted():
    """Return (problem, model) after a refit on random labels to the third of six epochs."""
    problem = data(n_train=60, random_labels=True)
    return problem, loop.refit(EXPERIMENT, VALUES, problem, Course(6, seed=4), chosen_epoch=3)


def test_a_refit_ends_with_the_chosen_epoch_of_a_training_on_all_images(refitted):
    problem, model = refitted
    same = network(read_hyperparameters(EXPERIMENT.search_space, VALUES), seed=4)
    chosen = read_hyperparameters(EXPERIMENT.search_space, VALUES)
    trainer = CompiledTrainer(EXPERIMENT, same, chosen, problem.all_for_training(), 6, 4)
    for epoch in (1, 2, 3):
        trainer.train_epoch(epoch)

    assert len(problem.all_for_training().train) == 60 + 30
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), trainer.weights(), strict=True))


def test_a_refit_that_was_interrupted_ends_as_if_it_had_not_been(refitted, tmp_path):
    problem, model = refitted
    checkpoint = Checkpoint(tmp_path / "refit.npz", {"a": "key"})

    for options in ({"on_epoch": lambda state: True}, {}):
        continued = loop.refit(
            EXPERIMENT, VALUES, problem, Course(6, seed=4), chosen_epoch=3, checkpoint=checkpoint, **options
        )

    assert same_arrays(model.get_weights(), continued.get_weights())


def test_a_refit_has_no_patience(refitted):
    problem, model = refitted

    patient = loop.refit(EXPERIMENT, VALUES, problem, Course(6, seed=4, last=5, patience=1), chosen_epoch=3)

    assert same_arrays(model.get_weights(), patient.get_weights())


def same_arrays(some, others):
    return all(np.array_equal(*pair) for pair in zip(some, others, strict=True))


class Snapshots:
    """A trainer's average of one weight, which is set by hand, and nothing else of it."""

    take_snapshot = Trainer.take_snapshot
    weights = Trainer.weights

    def __init__(self, share, initial=0.0, dtype="float32"):
        self.experiment = dataclasses.replace(EXPERIMENT, averaged_share=share)
        self.trained = keras.Sequential([keras.Input((1,)), OneWeight(dtype)])
        self._averages = [tf.Variable(weight.value) for weight in self.trained.weights]
        self.trained.weights[0].assign([initial])

    def average_of(self, values):
        for number, value in enumerate(values, start=1):
            self.trained.weights[0].assign([value])
            self.take_snapshot(number)
        return self.weights()[0].item()


class OneWeight(keras.layers.Layer):
    def __init__(self, weight_dtype):
        super().__init__()
        self.weight_dtype = weight_dtype

    def build(self, _):
        self.add_weight(shape=(1,), dtype=self.weight_dtype, initializer="zeros")

    def call(self, inputs):
        return inputs


def test_a_half_is_averaged_with_weights_that_grow_by_one():
    """With a share of 1/2 snapshot k of n counts k times: (1 * 3 + 2 * 6 + 3 * 1) / 6."""
    assert Snapshots(0.5).average_of([3.0, 6.0, 1.0]) == pytest.approx(3.0)


def test_a_tenth_is_averaged_by_the_closed_form_of_polynomial_decay():
    """With a decay of e snapshot k counts as k (k + 1) … (k + e - 1), and a share of 1/10 is a decay of 9."""
    values = np.random.default_rng(0).normal(size=30)
    counts = [math.prod(range(k, k + 9)) for k in range(1, 31)]

    assert Snapshots(0.1).average_of(values) == pytest.approx(np.average(values, weights=counts), rel=1e-4)


def test_without_a_share_the_average_is_the_last_snapshot():
    assert Snapshots(0.0).average_of([3.0, 6.0, 1.5]) == 1.5


def test_the_first_snapshot_is_its_own_average_whatever_the_weights_were():
    assert Snapshots(0.1, initial=77.0).average_of([3.0]) == 3.0


def test_an_integer_is_not_averaged():
    assert Snapshots(0.5, dtype="int32").average_of([3, 6, 1]) == 1


def test_an_epoch_of_few_steps_has_a_snapshot_a_step():
    chosen, problem = hyperparameters(), data(n_train=24)
    trainer = CompiledTrainer(EXPERIMENT, network(chosen), chosen, problem, 1, 1)

    assert trainer.n_snapshots == trainer.n_steps == 3


@pytest.mark.parametrize("trainer_type", [CompiledTrainer, FitTrainer])
def test_validation_leaves_the_weights_that_are_trained_as_they_are(trainer_type):
    chosen, problem = hyperparameters(), data()
    trainer = trainer_type(EXPERIMENT, network(chosen), chosen, problem, 2, 1)
    trainer.train_epoch(1)
    before = trainer.state()

    trainer.validate()

    assert same_arrays(before, trainer.state())
    assert not same_arrays(trainer.trained.get_weights(), trainer.weights())


def without_seconds(state):
    return [dataclasses.replace(epoch, seconds=0.0) for epoch in state.epochs]


def train(kind, course, **options):
    """Train a small network on random labels by the compiled trainer or by `fit`; return its `TrainingState`."""
    problem = data(n_train=60, random_labels=True)
    if kind == "compiled":
        return train_network(VALUES, problem, course, **options)[1]
    keras.utils.set_random_seed(course.seed)
    return loop.fit(EXPERIMENT, built(OwnStep()), hyperparameters(), problem, course, **options)


@pytest.fixture(scope="module", params=["compiled", "fit"])
def whole(request):
    """Return which trainer, the whole schedule of six epochs, and what each state of the training was."""
    epochs, best_weights = [], []

    def keep(state):
        epochs.append(list(without_seconds(state)))
        best_weights.append(state.best_weights)

    train(request.param, Course(6, seed=4), on_epoch=keep)
    return request.param, epochs, best_weights


def assert_is_its_beginning(state, whole, n):
    """Assert that a training is the first n epochs of the whole one, to the last digit."""
    _, epochs, best_weights = whole
    assert without_seconds(state) == epochs[n - 1]
    assert same_arrays(state.best_weights, best_weights[n - 1])


@pytest.mark.parametrize("last", [1, 4])
def test_a_training_that_stops_earlier_is_the_beginning_of_the_longer_one(whole, last):
    assert_is_its_beginning(train(whole[0], Course(6, seed=4, last=last)), whole, last)


def test_a_training_that_goes_on_twice_is_the_uninterrupted_one(whole, tmp_path):
    checkpoint = Checkpoint(tmp_path / "0.npz", {"a": "key"}, every_epoch=False)
    for last in (2, 3, 6):
        state = train(whole[0], Course(6, seed=4, last=last), checkpoint=checkpoint)

        assert_is_its_beginning(state, whole, last)


def test_a_training_that_was_interrupted_goes_on_after_its_last_epoch(whole, tmp_path):
    checkpoint = Checkpoint(tmp_path / "0.npz", {"a": "key"})
    train(whole[0], Course(6, seed=4), checkpoint=checkpoint, on_epoch=lambda state: len(state.epochs) == 3)
    heard = []

    state = train(whole[0], Course(6, seed=4), checkpoint=checkpoint, on_epoch=lambda s: heard.append(len(s.epochs)))

    assert heard == [4, 5, 6]
    assert_is_its_beginning(state, whole, 6)


def lose(path):
    path.unlink()


def damage(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("spoil", [lose, damage])
def test_a_training_whose_checkpoint_is_lost_or_damaged_is_the_same(whole, spoil, tmp_path):
    checkpoint = Checkpoint(tmp_path / "0.npz", {"a": "key"})
    train(whole[0], Course(6, seed=4, last=2), checkpoint=checkpoint)
    spoil(tmp_path / "0.npz")

    assert_is_its_beginning(train(whole[0], Course(6, seed=4), checkpoint=checkpoint), whole, 6)


def test_a_training_that_is_over_is_not_compiled_again(tmp_path, monkeypatch):
    course, checkpoint = Course(6, seed=4, last=2), Checkpoint(tmp_path / "0.npz", {"a": "key"})
    model, state = train_network(course=course, checkpoint=checkpoint)
    monkeypatch.setattr(loop, "make_trainer", None)

    again, same = train_network(course=course, checkpoint=checkpoint)

    assert same.epochs == state.epochs and same_arrays(model.get_weights(), again.get_weights())


def test_a_checkpoint_of_another_compilation_is_not_used_and_one_line_says_so(tmp_path, said):
    course, checkpoint = Course(6, seed=4, last=2), Checkpoint(tmp_path / "0.npz", {"a": "key"})
    plain = hyperparameters()
    path = tmp_path / "0.npz"
    loop.fit(EXPERIMENT, network(plain), plain, data(), course, checkpoint=checkpoint)
    with np.load(path) as saved:
        arrays = dict(saved)
    arrays["figures"] = np.array(str(arrays["figures"]).replace('"compiled": "xla"', '"compiled": "graph"'))
    np.savez(path, **arrays)

    state = loop.fit(EXPERIMENT, network(plain), plain, data(), Course(6, seed=4, last=3), checkpoint=checkpoint)

    assert said == ["the training was compiled as graph, and is now as xla: it starts again"]
    assert [epoch.number for epoch in state.epochs] == [1, 2, 3] and state.compiled == "xla"


def state_of(*objectives):
    epochs = [Epoch(number, 0.5, 0.6, 0.7, 0.8, each, 0.001, 1.5) for number, each in enumerate(objectives, start=1)]
    return TrainingState(EXPERIMENT.objective, "xla", epochs)


OVER = [
    (Course(9, 1), [], False),
    (Course(2, 1), [0.1, 0.2], True),
    (Course(9, 1, last=2), [0.1, 0.2], True),
    (Course(9, 1), [0.9, 0.1, 0.1, 0.1], False),
    (Course(9, 1, patience=3), [0.9, 0.1, 0.1], False),
    (Course(9, 1, patience=3), [0.9, 0.1, 0.1, 0.1], True),
    (Course(9, 1, patience=3, waits_from=4), [0.9, 0.1, 0.1, 0.1, 0.1, 0.1], False),
    (Course(9, 1, patience=3, waits_from=4), [0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], True),
    (Course(9, 1, patience=3, waits_from=1), [0.1, 0.1, 0.9, 0.1, 0.1], False),
]


@pytest.mark.parametrize(("course", "objectives", "over"), OVER)
def test_a_training_is_over_at_its_end_or_when_its_patience_is_which_is_counted_from_an_epoch_on(
    course, objectives, over
):
    assert course.is_over(state_of(*objectives)) is over


def test_a_training_that_would_have_been_over_earlier_is_known():
    """After the third epoch it had waited twice for a better one."""
    course = Course(9, 1, patience=2)

    assert course.ended_before(state_of(0.9, 0.1, 0.1, 0.95))
    assert not course.ended_before(state_of(0.9, 0.1, 0.1))
    assert not course.ended_before(state_of(0.9, 0.1, 0.95, 0.1))
    assert not course.ended_before(TrainingState(EXPERIMENT.objective))


def test_a_training_beyond_its_end_is_known():
    assert Course(9, 1, last=2).ended_before(state_of(0.1, 0.2, 0.3))
