"""The search's choices: repeatable, better than chance, and at home in Keras Tuner."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from benchmarks import surrogate
from components.core.hyperparameters import read_hyperparameters
from components.core.journal import Trial
from components.core.space import discover
from components.experiment import EXPERIMENT
from components.tune import stopping
from components.tune.tuner import N_INITIAL_POINTS, CustomTuner
from components.tune.unit_cube import UnitCube
from tests.idx import draw

IMAGES, LABELS = draw(48, n_classes=3)


def trial(number, values, accuracy, status="completed", curve=None):
    measured = None if status == "failed" else accuracy
    curve = curve if curve is not None else [] if status == "failed" else [accuracy]
    return Trial(number, status, values, measured, curve, len(curve), 1.0, None)


def accuracy_of(values, seed):
    return surrogate.observed_accuracy(read(values), seed)


def read(values):
    return read_hyperparameters(EXPERIMENT.search_space, values)


def suggested(folder, n_trials, seed=3, lag=0, results=accuracy_of):
    """Return the hyperparameters of a search's first trials, each observed as `results` says before the next."""
    tuner = CustomTuner(max_trials=n_trials, seed=seed, lag=lag, directory=folder)
    chosen = []
    for number in range(n_trials):
        values = tuner.suggest(number)
        tuner.observe(trial(number, values, results(values, number)))
        chosen.append(values)
    return chosen


def test_a_suggestion_holds_the_active_hyperparameters_and_no_others(tmp_path):
    for values in suggested(tmp_path, 6):
        widths = sum(name.startswith("units_") for name in values)
        assert widths == values["hidden_layers"]


def test_the_first_trial_is_the_default(tmp_path):
    first, default = suggested(tmp_path, 1)[0], discover(EXPERIMENT.search_space).active_values({})

    assert first == {**default, "learning_rate": pytest.approx(default["learning_rate"])}


def test_the_same_seed_gives_the_same_suggestions(tmp_path):
    n_trials = N_INITIAL_POINTS + 3

    assert suggested(tmp_path / "a", n_trials) == suggested(tmp_path / "b", n_trials)


@pytest.mark.parametrize("seeds", [(0, 1), (0, 4_294_967_295)])
def test_another_seed_gives_other_suggestions(seeds, tmp_path):
    first, second = (suggested(tmp_path / str(seed), 4, seed=seed) for seed in seeds)

    assert first[1:] != second[1:]


def test_zero_is_a_seed(tmp_path):
    assert suggested(tmp_path / "a", 4, seed=0) == suggested(tmp_path / "b", 4, seed=0)


def test_a_rebuilt_tuner_suggests_what_the_one_that_ran_on_suggests(tmp_path):
    whole = suggested(tmp_path / "a", N_INITIAL_POINTS + 2)
    rebuilt = CustomTuner(max_trials=20, seed=3, directory=tmp_path / "b")
    for number, values in enumerate(whole[:-1]):
        rebuilt.observe(trial(number, values, accuracy_of(values, number)))

    assert rebuilt.suggest(len(whole) - 1) == whole[-1]


def next_after(folder, results, lag):
    """Return what follows ten trials that ended as `results` say, in the order of their numbers."""
    tuner = CustomTuner(max_trials=20, seed=3, lag=lag, directory=folder)
    for number, values in enumerate(suggested(folder / "points", 10)):
        tuner.observe(trial(number, values, results[number]))
    return tuner.suggest(10)


def test_a_pending_trial_is_pending_whatever_its_result(tmp_path):
    known = list(np.linspace(0.8, 0.87, 8))

    good = next_after(tmp_path / "a", [*known, 0.99, 0.99], lag=2)
    bad = next_after(tmp_path / "b", [*known, 0.1, 0.1], lag=2)

    assert good == bad


def test_a_trial_that_has_finished_counts(tmp_path):
    known = list(np.linspace(0.8, 0.87, 8))

    good = next_after(tmp_path / "a", [*known, 0.99, 0.99], lag=0)
    bad = next_after(tmp_path / "b", [*known, 0.1, 0.1], lag=0)

    assert good != bad


def test_a_pending_trial_that_runs_counts_as_one_that_has_finished(tmp_path):
    points = suggested(tmp_path / "points", 10)
    tuners = [CustomTuner(max_trials=20, seed=3, lag=2, directory=tmp_path / name) for name in "ab"]
    for tuner in tuners:
        for number, values in enumerate(points[:8]):
            tuner.observe(trial(number, values, accuracy_of(values, number)))
    for number in (8, 9):
        tuners[0].observe(trial(number, points[number], 0.5))
        tuners[1].oracle.add(number, points[number])

    assert tuners[0].suggest(10) == tuners[1].suggest(10)


def test_no_point_is_tried_twice(tmp_path):
    chosen = suggested(tmp_path, 20)

    assert len({str(sorted(values.items())) for values in chosen}) == 20


def test_a_failed_trial_is_no_observation_and_is_not_tried_again(tmp_path):
    tuner = CustomTuner(max_trials=20, seed=3, directory=tmp_path)
    for number in range(9):
        values = tuner.suggest(number)
        tuner.observe(trial(number, values, accuracy_of(values, number), "failed" if number == 4 else "completed"))
    before = list(tuner.oracle.trials.values())

    points, scores = tuner.oracle._observations(tuner.oracle.cube, before, 9)

    assert len(points) == len(scores) == 8
    assert tuner.suggest(9) not in [known.hyperparameters.values for known in before]


def test_a_space_without_an_untried_point_ends_the_search(tmp_path):
    space = kt.HyperParameters()
    space.Choice("batch_size", [32, 64])
    tuner = CustomTuner(max_trials=9, seed=3, hyperparameters=space, directory=tmp_path)
    chosen = [tuner.suggest(number) for number in range(3)]

    assert sorted(values["batch_size"] for values in chosen[:2]) == [32, 64] and chosen[2] is None


def best_of_search(folder, n_trials, seed):
    """Return the true accuracy of the trial that looks best at the end of a search."""
    points = suggested(folder, n_trials, seed, results=lambda values, n: accuracy_of(values, 1_000 * seed + n))
    return best_of(points, seed)


def best_of(points, seed):
    observed = [accuracy_of(values, 1_000 * seed + number) for number, values in enumerate(points)]
    return surrogate.true_accuracy(read(points[int(np.argmax(observed))]))


def random_points(n_trials, seed):
    """Return points drawn independently, as a random search draws them."""
    rng, cube = np.random.default_rng(seed), UnitCube(discover(EXPERIMENT.search_space))
    return [cube.decode(rng.random(cube.n_dimensions)) for _ in range(n_trials)]


@pytest.mark.slow
def test_after_the_initial_points_the_search_beats_random_search(tmp_path):
    """On a known function, 20 searches of 28 trials; chance alone gives two standard errors once in forty times."""
    ours = np.array([best_of_search(tmp_path / str(seed), 28, seed) for seed in range(20)])
    chance = np.array([best_of(random_points(28, seed), seed) for seed in range(400)])

    error = np.hypot(ours.std(ddof=1) / np.sqrt(len(ours)), chance.std(ddof=1) / np.sqrt(len(chance)))
    assert ours.mean() - chance.mean() > 2 * error


def completed(*curves):
    return [trial(number, {}, max(curve), curve=curve) for number, curve in enumerate(curves)]


FIVE = completed([0.1, 0.3, 0.5], [0.2, 0.4, 0.6], [0.3, 0.5, 0.7], [0.4, 0.6, 0.8], [0.5, 0.7, 0.9])


def test_the_threshold_is_the_median_of_the_mean_accuracies_so_far():
    """Means after two epochs are 0.2 to 0.6, after three 0.3 to 0.7; the first of three epochs is free."""
    assert stopping.thresholds(FIVE, 3) == [None, pytest.approx(0.4), pytest.approx(0.5)]


def test_nothing_is_asked_before_five_trials_have_completed():
    assert stopping.thresholds(FIVE[:4], 3) == [None, None, None]


def test_stopped_and_failed_trials_set_no_threshold():
    others = [trial(5, {}, 0.99, "stopped", [0.99]), trial(6, {}, None, "failed")]

    assert stopping.thresholds([*FIVE, *others], 3) == stopping.thresholds(FIVE, 3)


def test_a_third_of_the_epochs_is_free():
    assert [threshold is None for threshold in stopping.thresholds(FIVE, 9)] == [True] * 3 + [False] * 6


def test_a_trial_that_converged_early_counts_with_its_mean_to_the_end():
    early = [*FIVE[1:], *completed([0.9])]

    assert stopping.thresholds(early, 3)[2] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("curve", "hopeless"), [([0.1], False), ([0.1, 0.39], True), ([0.1, 0.4], False), ([0.45, 0.1], False)]
)
def test_a_trial_is_hopeless_when_its_best_is_below_the_threshold(curve, hopeless):
    assert stopping.is_hopeless(curve, [None, 0.4, 0.5], "max") is hopeless


def test_a_trials_last_epoch_is_never_taken_from_it():
    assert not stopping.is_hopeless([0.1, 0.1, 0.1], [None, 0.4, 0.5], "max")


def test_where_less_is_better_a_trial_is_hopeless_when_its_best_is_above_the_threshold():
    assert stopping.is_hopeless([0.9, 0.6], [None, 0.5, 0.4], "min")
    assert not stopping.is_hopeless([0.9, 0.4], [None, 0.5, 0.4], "min")


def test_where_less_is_better_a_stopped_trial_is_credited_with_the_median_loss_that_fell():
    """After two epochs the three fell by 0.2 each on their way to the end: 0.75 is worth 0.55."""
    falling = completed([0.9, 0.7, 0.5], [0.8, 0.6, 0.4], [0.7, 0.5, 0.3])
    stopped = trial(9, {}, 0.5, "stopped", [0.9, 0.75])

    assert stopping.estimated_score(stopped, falling, "min") == pytest.approx(0.55)


def test_a_stopped_trial_is_credited_with_the_median_gain_of_the_others():
    """After two epochs the five gained 0.2 each on their way to the end: 0.35 is worth 0.55."""
    stopped = trial(9, {}, 0.35, "stopped", [0.1, 0.35])

    assert stopping.estimated_score(stopped, FIVE, "max") == pytest.approx(0.55)


def test_a_stopped_trial_is_never_worth_more_than_the_median():
    stopped = trial(9, {}, 0.65, "stopped", [0.1, 0.65])

    assert stopping.estimated_score(stopped, FIVE, "max") == pytest.approx(0.7)


def test_a_stopped_trial_among_none_that_completed_stands_for_itself():
    stopped = trial(9, {}, 0.35, "stopped", [0.1, 0.35])

    assert stopping.estimated_score(stopped, [stopped], "max") == 0.35


def small_space():
    """Return the search space with a network that trains in no time, and two batch sizes."""
    space = kt.HyperParameters()
    space.Fixed("hidden_layers", 1)
    space.Fixed("units_0", 8)
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
