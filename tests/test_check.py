"""`check` tries the experiment out, and says what must be mended."""

import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest

from components.core.data import DatasetInfo, Labelled, TrainingData
from components.core.experiment import Experiment
from components.core.space import discover
from local.check_points import Point, build, points_of
from tests import runs
from tests.idx import draw

DATA = TrainingData(
    Labelled(*draw(8, n_classes=3, shape=(6, 4))),
    Labelled(*draw(8, n_classes=3, shape=(6, 4))),
    DatasetInfo("drawn", ("a", "b", "c"), (6, 4)),
    "",
)


def network(*layers, n_classes=3):
    return keras.Sequential([keras.Input((6, 4)), keras.layers.Flatten(), *layers, keras.layers.Dense(n_classes)])


def problem_of(make, folder):
    experiment = Experiment(search_space=lambda hp: hp.Int("units", 1, 2), create_model=lambda *_: make())
    return build(experiment, Point("defaults", {"units": 1}), DATA, folder / "0").problem


def search_space(hp):
    return hp.Int("units", 4, 64), hp.Choice("kind", ["a", "b"]), hp.Float("rate", 0.1, 0.9)


def test_the_points_hold_defaults_corners_and_random_ones_and_none_twice():
    points = points_of(discover(search_space))
    names = [point.name for point in points]

    assert names[:3] == ["defaults", "all highest", "units=64"] and "random 1" in names
    assert len({str(point.values) for point in points}) == len(points)


def test_a_network_that_builds_is_saved_with_what_it_says(tmp_path):
    assert problem_of(network, tmp_path) is None
    assert {path.name for path in (tmp_path / "0").iterdir()} == {"model.keras", "logits.npz"}


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: network(n_classes=4), "must give 3 logits an example, and gives shape (4,)"),
        (lambda: network(keras.layers.Rescaling(np.inf)), "numbers that are not finite"),
        (lambda: keras.Sequential([network(), keras.layers.Softmax()]), "gives probabilities: leave out the softmax"),
        (lambda: network(Unregistered()), "Unregistered must be registered with Keras"),
        (lambda: network(keras.layers.Reshape((5, 5))), "ValueError"),
    ],
)
def test_a_network_that_can_not_be_used_is_named_with_the_reason(make, message, tmp_path):
    assert message in problem_of(make, tmp_path)
    assert not (tmp_path / "0").exists()


def run_check(*arguments, **options):
    words = runs.command("check", *arguments, **options)
    return subprocess.run(words, capture_output=True, text=True, env=runs.environment())


@pytest.mark.slow
def test_the_project_s_own_experiment_has_no_problem(tiny_data):
    done = run_check(data_source=tiny_data)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("of them trained: no problem.")
    assert "The whole run takes about" in done.stdout and "xla" in done.stdout


def test_bad_input_is_one_line_and_status_2(tmp_path):
    done = run_check(data_source=tmp_path)

    assert done.returncode == 2 and done.stderr.startswith("error: data_source") and done.stderr.count("\n") == 1


def test_what_fails_in_every_way_is_still_told_in_sentences(tmp_path):
    from local.check import check

    broken = Experiment(search_space=lambda hp: hp.Int("units", 5, 1), create_model=lambda *_: network())
    report = check(broken, DATA, {"seed": 0}, workers=1)

    assert report.problems and report.estimate_s is None
    assert dataclasses.asdict(report)["trained"] == [] and sys.exc_info() == (None, None, None)
