"""What the benchmark makes of the peers' reports and of this project's own runs; the peers' lock and search space."""

import ast
import json
import os
from pathlib import Path

import keras_tuner
import numpy as np
import pytest

from benchmarks.peers import comparison, environment, own, space
from benchmarks.peers.comparison import Course
from components.core.space import discover
from components.experiment.space import search_space

FOLDER = Path(environment.__file__).parent
SPACE = [each for each in discover(search_space).as_list() if each["kind"] != "Fixed"]


def line(seconds, accuracy, trial=0):
    return {"seconds": seconds, "trial": trial, "epoch": 1, "accuracy": accuracy}


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))


def test_the_best_accuracy_so_far_never_falls():
    course = Course([line(10, 0.8), line(20, 0.7), line(30, 0.9)])

    assert [course.best_at(seconds) for seconds in (9, 10, 25, 30)] == [None, 0.8, 0.8, 0.9]


def test_an_accuracy_is_reached_with_the_first_epoch_that_has_it_or_never():
    course = Course([line(10, 0.8), line(20, 0.7), line(30, 0.9)])

    assert [course.seconds_to(accuracy) for accuracy in (0.8, 0.85, 0.95)] == [10, 30, None]


def test_trials_are_counted_once_however_many_epochs_they_have():
    assert Course([line(1, 0.1, 0), line(2, 0.2, 0), line(3, 0.3, 4)]).n_trials == 2


def test_the_table_has_means_with_errors_trials_and_the_time_of_each_seed_to_either_goal():
    ends = dict.fromkeys(comparison.PEERS, 0.5) | {comparison.STOCK[1]: 0.6, comparison.TORCH: 0.8}
    courses = {name: [Course([line(8, end)]), Course([line(8, end)])] for name, end in ends.items()}
    courses["this project"] = [Course([line(2, 0.6)]), Course([line(4, 0.8, 0), line(5, 0.7, 1)])]

    assert comparison.goals_of(courses, 8) == {comparison.STOCK[1]: 0.6, comparison.TORCH: 0.8}
    assert comparison.rows(courses, 8)[-1] == [
        *("this project", "–", "–", "0.7000 ± 0.1000", "0.7000 ± 0.1000"),
        *("2", "2, 4", "–, 4"),
    ]


def test_an_epoch_of_a_search_is_known_when_the_stretch_that_it_is_of_has_ended(tmp_path):
    ended = [(0, "finished", 105), (1, "lost", 106), (1, "finished", 108), (0, "finished", 110)]
    write_lines(
        tmp_path / "state/timeline.jsonl",
        [{"number": number, "outcome": outcome, "ended": at} for number, outcome, at in ended],
    )
    trials = [
        {"number": 0, "curve": [0.5, 0.6]},
        {"number": 1, "curve": [0.7]},
        {"number": 0, "curve": [0.5, 0.6, 0.8]},
    ]
    write_lines(tmp_path / "state/trials.jsonl", [{"format": 3}, {"round": []}, {"attempt": 0}, *trials])

    found = [tuple(each.values()) for each in own.lines(tmp_path, began=100)]

    assert found == [(5, 0, 1, 0.5), (5, 0, 2, 0.6), (8, 1, 1, 0.7), (10, 0, 3, 0.8)]


def test_half_a_line_of_a_run_that_was_killed_is_left_out(tmp_path):
    write_lines(tmp_path / "state/timeline.jsonl", [{"number": 0, "outcome": "finished", "ended": 105}])
    write_lines(tmp_path / "state/trials.jsonl", [{"number": 0, "curve": [0.5]}])
    for name in ("timeline", "trials"):
        with open(tmp_path / f"state/{name}.jsonl", "a") as file:
            file.write('{"number": 1')

    assert [each["accuracy"] for each in own.lines(tmp_path, began=100)] == [0.5]


def test_epochs_of_a_final_are_counted_back_from_its_checkpoint(tmp_path):
    epochs = [
        {"number": number, "validation_accuracy": accuracy, "seconds": seconds}
        for number, accuracy, seconds in [(1, 0.5, 9), (2, 0.6, 2), (3, 0.7, 3)]
    ]
    (tmp_path / "state/finals").mkdir(parents=True)
    checkpoint = tmp_path / "state/finals/7.npz"
    np.savez(checkpoint, figures=np.array(json.dumps({"epochs": epochs})))
    os.utime(checkpoint, (110, 110))

    found = [tuple(each.values()) for each in own.lines(tmp_path, began=100)]

    assert found == [(5, "7", 1, 0.5), (7, "7", 2, 0.6), (10, "7", 3, 0.7)]


def test_keras_tuner_is_given_the_ranges_and_conditions_of_the_experiment():
    theirs, ours = keras_tuner.HyperParameters(), keras_tuner.HyperParameters()

    space.declare(theirs, SPACE)
    search_space(ours)

    def of(hp):
        return [(type(each).__name__, each.get_config()) for each in hp.space if type(each).__name__ != "Fixed"]

    assert str(of(theirs)) == str(of(ours))


class LowestTrial:
    """Stands in for `optuna.Trial`: suggests the lowest value, and takes down what it was asked for."""

    def __init__(self):
        self.asked = {}

    def suggest_int(self, name, low, high, *, step=1, log=False):
        self.asked[name] = (low, high, step, log)
        return low

    def suggest_float(self, name, low, high, *, step=None, log=False):
        return self.suggest_int(name, low, high, step=step, log=log)

    def suggest_categorical(self, name, choices):
        self.asked[name] = choices
        return choices[0]


def test_optuna_is_asked_for_what_is_active_and_no_more():
    trial = LowestTrial()

    values = space.suggest(trial, SPACE)

    assert values == {name: each if isinstance(each, str) else each[0] for name, each in trial.asked.items()} | {
        "normalization": "none"
    }
    assert trial.asked == {
        "hidden_layers": (1, 4, 1, False),
        "units_0": (64, 512, 64, False),
        "normalization": ["none", "layer", "batch"],
        "dropout_rate": (0.1, 0.5, 0.05, False),
        "learning_rate": (0.0003, 0.01, None, True),
        "batch_size": [32, 64, 128, 256, 512],
        "flip_images": [False, True],
    }


def locked(path):
    """Return the versions in a lock with their conditions, by package."""
    lines = [each.rstrip("\\ ") for each in path.read_text().splitlines() if "==" in each]
    return {(name, rest.partition(" ; ")[2]): rest for name, _, rest in (each.partition("==") for each in lines)}


def test_the_peers_lock_has_the_product_s_versions_and_no_address():
    theirs, ours = locked(environment.LOCK), locked(environment.ROOT / "requirements/dev.txt")

    assert {name: ours[name] for name in theirs.keys() & ours.keys()} == {
        name: theirs[name] for name in theirs.keys() & ours.keys()
    }
    assert {"tensorflow", "keras", "keras-tuner", "scikit-learn"} <= {name for name, _ in theirs.keys() & ours.keys()}
    assert "://" not in environment.LOCK.read_text()


PROGRAMS = [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in ("comparison", "environment", "own")]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_what_runs_in_the_peers_environment_imports_nothing_of_the_project_but_its_own_folder(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}

    assert {name for name in modules if name.startswith(("components", "benchmarks"))} <= {
        "benchmarks.peers",
        *(f"benchmarks.peers.{program.stem}" for program in PROGRAMS),
    }
