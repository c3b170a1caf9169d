"""What an experiment fixes for which data, and what it leaves to the search: mirroring is right for garments alone."""

from dataclasses import replace

import numpy as np
import pytest

from components.core import artifacts
from components.core.data import FASHION_MNIST, DatasetInfo, Labelled, TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.core.space import space_for
from components.experiment import EXPERIMENT
from components.training.inspection import unread_hyperparameters
from components.tune.search import SearchSettings, search
from components.tune.tuner import CustomTuner

IMAGES = DatasetInfo("drawn", ("a", "b", "c"), (6, 4))
ROWS = replace(IMAGES, input_shape=(5,), input_dtype="float32")
GARMENTS = DatasetInfo(FASHION_MNIST, tuple("0123456789"), (28, 28), known_as=FASHION_MNIST)


def kinds(info):
    return {each.name: each.kind for each in space_for(EXPERIMENT, info).declarations}


@pytest.mark.parametrize("source", ["fashion-mnist", "synthetic", "/data/garments", "arrays"])
def test_whether_images_are_mirrored_is_searched_on_data_that_is_not_fashion_mnist(source):
    space = space_for(EXPERIMENT, replace(IMAGES, source=source))

    assert {each.name: each.kind for each in space.declarations}["flip_images"] == "Boolean"
    assert space.active_values({})["flip_images"] is False
    assert "flip_images" in str(space).partition("; fixed: ")[0]


@pytest.mark.parametrize("source", ["fashion-mnist", "/data/garments"])
def test_fashion_mnist_is_mirrored_wherever_it_lies(source):
    space = space_for(EXPERIMENT, replace(GARMENTS, source=source))

    assert {each.name: each.kind for each in space.declarations}["flip_images"] == "Fixed"
    assert space.active_values({})["flip_images"] is True
    assert str(space).endswith("; fixed: weight_decay=0.2, label_smoothing=0.1, erase_share=0.3, flip_images=True")


def test_rows_of_numbers_are_neither_mirrored_nor_blanked_and_nothing_is_searched_for_it():
    space = space_for(EXPERIMENT, ROWS)
    labelled = Labelled(np.zeros((4, 5), np.float32), np.array([0, 1, 2, 0]))

    assert {"flip_images": False, "erase_share": 0.0}.items() <= space.active_values({}).items()
    assert kinds(ROWS)["flip_images"] == kinds(ROWS)["erase_share"] == "Fixed"
    assert unread_hyperparameters(EXPERIMENT, space, TrainingData(labelled, labelled, ROWS, "")) == []


@pytest.mark.parametrize("info", [IMAGES, ROWS, GARMENTS])
def test_what_a_space_says_is_read_back_by_every_step(info):
    values = space_for(EXPERIMENT, info).active_values({})

    assert read_hyperparameters(EXPERIMENT.search_space, values).flip_images == values["flip_images"]


def test_the_keras_tuner_which_knows_arrays_alone_searches_it(tmp_path):
    searched = {hp.name: type(hp).__name__ for hp in CustomTuner(directory=tmp_path).oracle.get_space().space}

    assert searched["flip_images"] == "Boolean"


def test_the_steps_are_told_what_the_data_is_known_as(tmp_path):
    labelled = Labelled(np.zeros((10, 28, 28), np.uint8), np.arange(10))
    artifacts.write_training_data(TrainingData(labelled, labelled, GARMENTS, ""), tmp_path / "data")

    assert artifacts.read_training_data(tmp_path / "data").info == GARMENTS


def branching(hp):
    if hp.Boolean("deep"):
        hp.Int("layers", 2, 9)
    return hp.Choice("kind", ["a", "b"]), hp.Float("rate", 0.1, 1.0), hp.Fixed("constant", 7)


def with_fixed(values):
    return space_for(Experiment(branching, lambda *_: None, fixed_for=lambda data: values), IMAGES)


def test_what_is_fixed_decides_the_branches_too():
    assert [each.name for each in with_fixed({"deep": False}).declarations] == ["deep", "kind", "rate", "constant"]
    assert with_fixed({"deep": True, "layers": 3, "constant": 8}).active_values({}) == {
        "deep": True,
        "layers": 3,
        "kind": "a",
        "rate": 0.1,
        "constant": 8,
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"deeper": True}, "fixed_for must name hyperparameters that search_space declares, and deeper is none"),
        ({"deep": False, "layers": 3}, "and layers is none"),
        ({"deep": "no"}, r"fixed_for must give deep a value of Boolean\(default=False\), got 'no'"),
        ({"kind": "c"}, r"fixed_for must give kind a value of Choice\(.*\), got 'c'"),
        ({"rate": 2.0}, r"fixed_for must give rate a value of Float\(.*\), got 2.0"),
        ({"rate": True}, "got True"),
        (["deep"], r"fixed_for must return values by the names of hyperparameters, got \['deep'\]"),
        (None, "fixed_for must return values by the names of hyperparameters, got None"),
    ],
)
def test_what_can_not_be_fixed_is_refused_by_name(values, message):
    with pytest.raises(InvalidInput, match=message):
        with_fixed(values)


def test_a_space_of_very_many_hyperparameters_is_told_in_a_line():
    def wide(hp):
        return [hp.Int(f"n_{number}", 0, 9) for number in range(40)]

    told = str(space_for(Experiment(wide, lambda *_: None), IMAGES))

    assert told.startswith("the search decides n_0, n_1, ") and told.endswith("n_15 and 24 more")


def glyphs(n, seed):
    """Return images of three shapes and, as classes of their own, of their mirror images."""
    random, shapes = np.random.default_rng(seed), np.random.default_rng(0)
    pictures = shapes.integers(0, 2, (3, 8, 8)) * 200
    labels = random.permutation(np.arange(n) % 6)
    images = np.concatenate([pictures, pictures[:, :, ::-1]])[labels]
    return Labelled(np.uint8(images + random.integers(0, 55, images.shape)), labels)


@pytest.mark.slow
def test_the_search_finds_that_images_which_are_told_apart_by_their_sides_are_not_to_be_mirrored(tmp_path):
    data = TrainingData(glyphs(384, 1), glyphs(96, 2), DatasetInfo("glyphs", tuple("abcdef"), (8, 8)), "")
    artifacts.write_training_data(data, tmp_path / "data")
    settings = {"max_trials": 2, "trial_epochs": 4, "training_epochs": 4, "stop_trials_early": False, "round_size": 2}

    found = search(
        EXPERIMENT, tmp_path / "data", SearchSettings(**settings, finalists=1, workers=1, seed=0), tmp_path / "state"
    )

    scores = {each.hyperparameters["flip_images"]: each.curve[-1] for each in found.trials}
    assert found.best.hyperparameters["flip_images"] is False
    assert scores[True] < 0.8 < scores[False]
