"""The project's tuner as a Keras tuner like any other."""

from typing import ClassVar

import keras
import keras_tuner as kt
import numpy as np
import pytest
import tensorflow as tf

from components.core.errors import InvalidInput
from components.core.space import discover
from components.experiment import EXPERIMENT
from components.tune import arguments
from components.tune.tuner import CustomTuner
from tests.idx import draw

IMAGES, LABELS = draw(48, n_classes=3)


def suggested(folder, n_trials, seed=3, score=lambda values: values["learning_rate"], **settings):
    """Return the hyperparameters of a search's first trials, each with its score before the next."""
    tuner = CustomTuner(max_trials=n_trials, seed=seed, directory=folder, **settings)
    chosen = []
    for _ in range(n_trials):
        trial = tuner.oracle.create_trial("tuner")
        if trial.status == "STOPPED":
            break
        chosen.append(trial.hyperparameters.values)
        tuner.oracle.update_trial(trial.trial_id, {tuner.oracle.objective.name: score(chosen[-1])})
        trial.status = "COMPLETED"
        tuner.oracle.end_trial(trial)
    return chosen


def test_a_suggestion_holds_the_active_hyperparameters_and_no_others(tmp_path):
    for values in suggested(tmp_path, 6):
        assert sum(name.startswith("units_") for name in values) == values["hidden_layers"]


def test_the_first_trial_is_the_default(tmp_path):
    first, default = suggested(tmp_path, 1)[0], discover(EXPERIMENT.search_space).active_values({})

    assert first == {**default, "learning_rate": pytest.approx(default["learning_rate"])}


def test_the_same_seed_gives_the_same_suggestions_and_another_seed_others(tmp_path):
    assert suggested(tmp_path / "a", 8) == suggested(tmp_path / "b", 8)
    assert suggested(tmp_path / "c", 4, seed=0)[1:] != suggested(tmp_path / "d", 4, seed=4_294_967_295)[1:]


def test_zero_is_a_seed(tmp_path):
    assert suggested(tmp_path / "a", 4, seed=0) == suggested(tmp_path / "b", 4, seed=0)


def test_after_its_initial_points_it_goes_where_the_score_is_better(tmp_path):
    """The score is the learning rate, whose range ends at 0.01: half of its points by chance lie below 0.0017."""
    rates = [values["learning_rate"] for values in suggested(tmp_path, 18)]
    assert np.median(rates[-6:]) > 0.005


def test_where_less_is_better_it_goes_the_other_way(tmp_path):
    objective = kt.Objective("val_loss", "min")
    rates = [values["learning_rate"] for values in suggested(tmp_path, 18, objective=objective)]
    assert np.median(rates[-6:]) < 0.001


def test_no_point_is_tried_twice_and_a_space_without_another_one_ends_the_search(tmp_path):
    space = kt.HyperParameters()
    space.Choice("batch_size", [32, 64])
    chosen = suggested(tmp_path, 9, hyperparameters=space, score=lambda values: 0.5)

    assert sorted(values["batch_size"] for values in chosen) == [32, 64]


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_what_has_no_effect_is_refused_by_name(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name} must be left out"):
        CustomTuner(max_trials=2, directory=tmp_path, **{name: 0.1})


def small_space():
    """Return the search space with a network that trains in no time, and two batch sizes."""
    space = kt.HyperParameters()
    space.Fixed("hidden_layers", 1)
    space.Fixed("units_0", 8)
    space.Fixed("flip_images", False)
    for name, value in (("normalization", "none"), ("dropout_rate", 0.0), ("learning_rate", 0.01)):
        space.Fixed(name, value)
    space.Choice("batch_size", [16, 32])
    return space


@pytest.fixture(scope="module")
def own_search(tmp_path_factory):
    """Return a tuner that has searched two trials with the project's own network."""
    folder = tmp_path_factory.mktemp("own")
    tuner = CustomTuner(max_trials=2, seed=0, hyperparameters=small_space(), directory=folder)
    tuner.search(IMAGES, LABELS, validation_data=(IMAGES, LABELS), epochs=4)
    return tuner


def test_it_searches_as_any_keras_tuner(own_search):
    best = own_search.get_best_hyperparameters()[0]

    scores = [known.score for known in own_search.oracle.trials.values()]
    assert len(scores) == 2 and max(scores) == own_search.oracle.get_best_trials()[0].score
    assert best.get("batch_size") in (16, 32)


def test_its_best_model_is_the_trained_one(own_search):
    model = own_search.get_best_models()[0]

    accuracy = np.mean(model.predict(IMAGES, verbose=0).argmax(axis=1) == LABELS)
    assert accuracy == pytest.approx(own_search.oracle.get_best_trials()[0].score, abs=1e-6)


def test_it_sums_up_its_results(own_search, capsys):
    own_search.results_summary()

    assert "batch_size: 16" in capsys.readouterr().out


class Ending(keras.callbacks.Callback):
    """Ends each training after its second epoch, and keeps what it was told."""

    told: ClassVar[list] = []  # Keras Tuner gives each trial a copy of the callback

    def on_epoch_end(self, epoch, logs=None):
        self.told.append((epoch, sorted(logs), self.model.count_params()))
        self.model.stop_training = epoch == 1


class OfBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        """Look at a batch."""


def test_callbacks_hear_of_the_experiments_own_training_and_may_end_it(tmp_path):
    Ending.told.clear()
    tuner = CustomTuner(max_trials=2, seed=0, hyperparameters=small_space(), directory=tmp_path)
    tuner.search(IMAGES, LABELS, validation_data=(IMAGES, LABELS), epochs=4, callbacks=[Ending()])

    names = ["accuracy", "learning_rate", "loss", "val_accuracy", "val_loss"]
    assert [(epoch, told) for epoch, told, _ in Ending.told] == [(0, names), (1, names)] * 2


def test_a_callback_that_looks_at_batches_is_refused_before_the_training(tmp_path):
    tuner = CustomTuner(max_trials=2, seed=0, hyperparameters=small_space(), directory=tmp_path)

    with pytest.raises(InvalidInput, match="OfBatches has on_train_batch_end"):
        tuner.search(IMAGES, LABELS, validation_data=(IMAGES, LABELS), epochs=4, callbacks=[OfBatches()])


STEPS = []


class Recording(keras.callbacks.Callback):
    """Keeps the number of steps of each epoch; Keras Tuner gives each trial a copy of it."""

    def on_epoch_begin(self, epoch, logs=None):
        STEPS.append(self.params["steps"])


def build(hp):
    """Build and compile a user's own model."""
    units = hp.Int("units", 4, 8, step=4)
    layers = [keras.Input((6, 4)), keras.layers.Flatten(), keras.layers.Dense(units), keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def test_a_users_own_network_is_trained_with_each_trials_batch_size(tmp_path):
    STEPS.clear()
    tuner = CustomTuner(build, max_trials=3, seed=1, directory=tmp_path)

    tuner.search(IMAGES, LABELS, validation_data=(IMAGES, LABELS), epochs=1, verbose=0, callbacks=[Recording()])

    sizes = [known.hyperparameters.get("batch_size") for known in tuner.oracle.trials.values()]
    assert [-(-48 // size) for size in sizes] == STEPS
    assert tuner.get_best_hyperparameters()[0].get("units") in (4, 8)


def searching(tmp_path, *args, **kwargs):
    """Return a tuner of small networks after a search."""
    tuner = CustomTuner(max_trials=1, seed=0, hyperparameters=small_space(), directory=tmp_path)
    tuner.search(*args, **{"epochs": 1, **kwargs})
    return tuner


FLOATS = IMAGES.astype("float64")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 8}, "epoch, .* did you mean epochs"),
        ({"class_weight": {0: 2}}, "class_weight, .* the experiment's loss"),
        ({"sample_weight": LABELS}, "sample_weight"),
        ({"batch_size": 3}, "batch_size, .* it is a hyperparameter"),
        ({"validation_split": 0.1}, "validation_split, .* give validation_data"),
        ({"shuffle": False}, "shuffle, .* it takes x, y"),
        ({"validation_data": None}, "validation_data must be a pair .* got none"),
        ({"validation_data": (IMAGES, LABELS, LABELS)}, "pair .* a tuple of 3"),
        ({"validation_data": (IMAGES / 255, LABELS)}, "kind that x has, uint8, got float64"),
        ({"validation_data": (IMAGES[:, :5], LABELS)}, r"shape \(6, 4\) that x has, got \(5, 4\)"),
        ({"x": tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(8)}, "x must be an array, got a _Batch"),
        ({"x": [[1, 2], [3]]}, "x must be an array, got a list of 2"),
        ({"x": IMAGES.astype(str)}, "x must hold real numbers"),
        ({"x": np.where(FLOATS > 9, np.nan, FLOATS)}, "finite numbers"),
        ({"x": IMAGES.astype("int64") + (1 << 40)}, "integers up to 16,777,216"),
        ({"x": LABELS}, r"x must have a shape \(examples, …\)"),
        ({"y": np.eye(3)[LABELS]}, r"y must have the shape .* got \(48, 3\); of one-hot"),
        ({"y": LABELS[:-1]}, "y must hold a label an example, 48, got 47"),
        ({"y": LABELS - 1}, "y must hold class indices"),
        ({"y": LABELS + 0.5}, "y must hold class indices"),
        ({"y": LABELS * 1000}, "without large gaps"),
        ({"y": LABELS + 1, "validation_data": (IMAGES, LABELS + 1)}, "class indices from 0 .* got 1 to 3"),
        ({"epochs": 0}, "epochs must be an integer from 1, got 0"),
        ({"epochs": 2.5}, "epochs must be an integer from 1, got 2.5"),
        ({"early_stopping_patience": -1}, "early_stopping_patience must be an integer from 0"),
        ({"callbacks": [keras.callbacks.ReduceLROnPlateau()]}, "ReduceLROnPlateau changes Keras' own"),
        (
            {"callbacks": [keras.callbacks.LambdaCallback(on_train_batch_end=print)]},
            "LambdaCallback has on_train_batch",
        ),
        ({"callbacks": ["early"]}, "callbacks must be Keras callbacks"),
    ],
)
def test_an_argument_that_the_search_can_t_use_is_refused_by_name(tmp_path, change, message):
    usable = {"x": IMAGES, "y": LABELS, "validation_data": (IMAGES, LABELS)}
    with pytest.raises(InvalidInput, match=message):
        searching(tmp_path, **{**usable, **change})


@pytest.mark.parametrize(
    "setting", [{"loss": "mse"}, {"executions_per_trial": 3}, {"objective": "accuracy"}, {"metrics": ["accuracy"]}]
)
def test_a_setting_that_the_experiment_decides_is_refused_by_name(tmp_path, setting):
    with pytest.raises(InvalidInput, match=next(iter(setting))):
        CustomTuner(max_trials=1, directory=tmp_path, **setting)


def test_a_hyperparameter_that_the_experiment_has_not_is_refused_before_the_search(tmp_path):
    space = small_space()
    space.Fixed("momentum", 0.9)
    tuner = CustomTuner(max_trials=1, hyperparameters=space, directory=tmp_path)
    with pytest.raises(InvalidInput, match="search_space declares, and momentum is none"):
        tuner.search(IMAGES, LABELS, validation_data=(IMAGES, LABELS))


@pytest.mark.parametrize(
    "inputs",
    [
        IMAGES,
        IMAGES.astype("float64") / 255,
        (FLOATS - 99) / 70,
        IMAGES.astype("uint16") * 257,
        IMAGES.astype("int32"),
    ],
)
def test_numbers_of_any_type_are_trained_on_as_they_are(inputs):
    data = arguments.checked([inputs, LABELS[:, None]], {"validation_data": (inputs, LABELS.astype(float))}).data

    assert data.train.inputs.dtype == (np.uint8 if inputs.dtype == np.uint8 else np.float32)
    assert np.array_equal(data.train.inputs, inputs.astype(data.train.inputs.dtype))
    assert data.train.labels.shape == (48,) and np.array_equal(data.train.labels, data.validation.labels)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"x": 255 - IMAGES}, "data"), ({"validation_data": (IMAGES, LABELS[::-1])}, "data"), ({"epochs": 2}, "epochs")],
)
def test_a_directory_is_bound_to_the_data_and_the_epochs_of_its_trials(tmp_path, change, named):
    usable = {"x": IMAGES, "y": LABELS, "validation_data": (IMAGES, LABELS)}
    searching(tmp_path, **usable)
    searching(tmp_path, **usable)  # the same search is continued

    with pytest.raises(InvalidInput, match=f"{named} differ; name another directory"):
        searching(tmp_path, **{**usable, **change})


def test_a_users_own_network_takes_data_that_come_in_batches(tmp_path):
    batches = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(8)
    tuner = CustomTuner(build, max_trials=1, seed=1, directory=tmp_path)

    tuner.search(batches, validation_data=batches, epochs=1, verbose=0)

    assert tuner.oracle.get_best_trials()[0].score is not None
