"""A training that is killed in each epoch and at each step of each save ends as the one that is not."""

import json
import subprocess
import sys

import pytest

from tests import runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["xla", "graph", "fit"])
def trainings(request, tmp_path_factory):
    """Return what `tests.train_process` found: `kills`, and the results of the `whole` and the `killed` training."""
    words = [sys.executable, "-m", "tests.train_process", str(tmp_path_factory.mktemp("state")), request.param]
    done = subprocess.run(words, capture_output=True, text=True, cwd=runs.ROOT, env=runs.environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_was_killed_before_and_after_each_epoch_and_during_each_save(trainings):
    n_epochs = len(trainings["whole"]["loss"])
    points = {(kill["epoch"], kill["point"]) for kill in trainings["kills"]}

    assert points >= {(epoch, point) for epoch in range(1, n_epochs + 1) for point in range(5)}


def test_a_kill_loses_at_most_the_epoch_it_was_in(trainings):
    assert all(kill["left"] in (kill["epoch"] - 1, kill["epoch"]) for kill in trainings["kills"])


def test_the_chosen_weights_are_the_uninterrupted_ones(trainings):
    assert trainings["killed"]["weights"] == trainings["whole"]["weights"]


def test_the_history_is_the_uninterrupted_one_but_for_seconds(trainings):
    assert trainings["killed"] == trainings["whole"]


def test_the_best_epoch_is_not_the_last_one_here_so_that_choosing_it_matters(trainings):
    assert trainings["whole"]["chosen_epoch"] < len(trainings["whole"]["loss"])
