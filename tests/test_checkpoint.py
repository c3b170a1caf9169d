"""A training's saved state: what is taken up again, and what is not."""

import numpy as np
import pytest

from components.core import events
from components.core.experiment import ACCURACY
from components.training.checkpoint import Checkpoint, key_of
from components.training.state import Course, Epoch, TrainingState


class Trainer:
    """Holds two variables and then the average of the one weight, as plain arrays."""

    compiled = "xla"

    def state(self):
        return [np.array([1.0, 2.0]), np.array([3.0]), np.array([6.0, 7.0])]


KEY = {"seed": 1, "components/experiment/network.py": "abc"}
COURSE = Course(n_epochs=9, seed=1)


def after(*objectives):
    """Return the state after epochs with these objectives; weights of a best one that is not the last are 4 and 5."""
    epochs = [
        Epoch(number, 0.5, 0.6, 0.7, 0.8, objective, 0.001, 1.5) for number, objective in enumerate(objectives, 1)
    ]
    state = TrainingState(ACCURACY, "xla", epochs)
    state.best_weights = [np.array([4.0, 5.0]) if state.epochs_since_best else np.array([6.0, 7.0])]
    return state


def values(arrays):
    return [array.tolist() for array in arrays]


@pytest.fixture
def said(monkeypatch):
    """Return the list that what is said goes to."""
    lines = []
    monkeypatch.setattr(events, "listener", events.Forwarding(lines.append))
    return lines


@pytest.fixture
def saved(tmp_path):
    """Return the file of a training saved after two epochs, of which the first is the better one."""
    Checkpoint(tmp_path / "0001.npz", KEY).save(Trainer(), after(0.8, 0.7))
    return tmp_path / "0001.npz"


def test_a_saved_training_comes_back(saved):
    found = Checkpoint(saved, KEY).read(COURSE)

    assert found.epochs == after(0.8, 0.7).epochs and found.compiled == "xla"
    assert values(found.variables) == [[1.0, 2.0], [3.0], [6.0, 7.0]]
    assert values(found.best_weights) == [[4.0, 5.0]]


def test_the_best_weights_come_back_when_the_last_epoch_is_the_best(tmp_path):
    checkpoint = Checkpoint(tmp_path / "new folder" / "0001.npz", KEY)

    checkpoint.save(Trainer(), after(0.7, 0.8))

    assert values(checkpoint.read(COURSE).best_weights) == [[6.0, 7.0]]


def test_weights_that_are_the_best_and_the_last_are_written_once(tmp_path):
    sizes = []
    for objectives in ((0.7, 0.8), (0.8, 0.7)):
        Checkpoint(tmp_path / "0001.npz", KEY).save(Trainer(), after(*objectives))
        sizes.append((tmp_path / "0001.npz").stat().st_size)

    assert sizes[0] < sizes[1]


def test_a_training_without_a_best_epoch_s_weights_comes_back(tmp_path):
    """As in a refit without validation, whose last epoch is the one that is wanted."""
    checkpoint = Checkpoint(tmp_path / "0001.npz", KEY)
    state = after(0.7, 0.8)
    state.best_weights = []

    checkpoint.save(Trainer(), state)

    assert values(checkpoint.read(COURSE).variables) == [[1.0, 2.0], [3.0], [6.0, 7.0]]


def test_where_nothing_is_saved_there_is_nothing_to_say(tmp_path, said):
    assert Checkpoint(tmp_path / "0001.npz", KEY).read(COURSE) is None
    assert said == []


def test_another_training_is_not_used_and_a_note_names_what_differs(saved, said):
    other = {**KEY, "components/experiment/network.py": "abd", "new": 1}

    assert Checkpoint(saved, other).read(COURSE) is None
    assert said == [
        f"{saved} is of another training (components/experiment/network.py, new changed); the training starts again"
    ]


def test_a_training_that_went_too_far_is_not_used_and_a_note_says_so(saved, said):
    assert Checkpoint(saved, KEY).read(Course(n_epochs=9, seed=1, last=1)) is None
    assert said == [f"{saved} is of 2 epochs, beyond epoch 1; the training starts again"]


def test_a_file_with_any_one_byte_changed_is_the_saved_one_or_is_not_used(saved):
    whole, expected = saved.read_bytes(), Checkpoint(saved, KEY).read(COURSE)
    variables = values(expected.variables)
    for position in range(0, len(whole), 7):
        saved.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])

        found = Checkpoint(saved, KEY).read(COURSE)

        if found is not None:
            assert found.epochs == expected.epochs
            assert values(found.variables) == variables
            assert values(found.best_weights) == values(expected.best_weights)


def test_a_file_cut_anywhere_is_not_used_and_a_note_names_it(saved, said):
    whole = saved.read_bytes()
    for length in range(0, len(whole), 11):
        saved.write_bytes(whole[:length])

        assert Checkpoint(saved, KEY).read(COURSE) is None
        assert f"{saved} is damaged" in said[-1]


@pytest.mark.parametrize("changed", [{"seed": 2}, {"n_epochs": 10}])
def test_seed_and_schedule_are_of_a_training_s_key(changed):
    longer = Course(**{"n_epochs": 9, "seed": 1, **changed})

    assert key_of({"units": 8}, "data", longer) != key_of({"units": 8}, "data", COURSE)


def test_how_far_a_training_goes_is_not_of_its_key():
    shorter = Course(n_epochs=9, seed=1, last=2, patience=3, waits_from=1)

    assert key_of({"units": 8}, "data", shorter) == key_of({"units": 8}, "data", COURSE)
