"""A training's saved state: what is taken up again, and what is not."""

import numpy as np
import pytest

from components.core.experiment import ACCURACY
from components.training.checkpoint import Checkpoint
from components.training.state import Course, Epoch, TrainingState


class Trainer:
    """Holds two variables and, after them as any trainer, the averages of one, as plain arrays."""

    compiled = "xla"

    def state(self):
        return [np.array(value) for value in ((1.0, 2.0), (3.0,), (6.0, 7.0))]


KEY = {"seed": 1, "components/experiment/network.py": "abc"}
COURSE = Course(n_epochs=4, seed=1)
NAME = "training.npz"


def after_epochs(*accuracies):
    epochs = [
        Epoch(n, 0.5, 0.6, 0.7, accuracy, accuracy, 0.001, 1.5) for n, accuracy in enumerate(accuracies, start=1)
    ]
    is_last_best = max(accuracies) == accuracies[-1]
    return TrainingState(ACCURACY, "xla", epochs, [np.array([6.0, 7.0] if is_last_best else [4.0, 5.0])])


WHOLE = after_epochs(0.8, 0.7)


def read(folder, key=KEY, course=COURSE):
    """Return what a training that begins finds in a folder."""
    return Checkpoint(folder / NAME, key).read(course)


@pytest.fixture
def saved(tmp_path):
    """Return the folder of a state saved after two epochs."""
    Checkpoint(tmp_path / NAME, KEY).save(Trainer(), WHOLE)
    return tmp_path


def as_lists(arrays):
    return [array.tolist() for array in arrays]


def test_a_saved_state_comes_back(saved):
    found = read(saved)

    assert (found.compiled, found.epochs) == ("xla", WHOLE.epochs)
    assert as_lists(found.variables) == as_lists(Trainer().state())
    assert as_lists(found.best_weights) == [[4.0, 5.0]]


def test_the_best_weights_come_back_when_they_are_the_last_and_written_once(tmp_path):
    Checkpoint(tmp_path / NAME, KEY).save(Trainer(), after_epochs(0.7, 0.8))

    with np.load(tmp_path / NAME) as arrays:
        assert not any(name.startswith("best") for name in arrays)
    assert as_lists(read(tmp_path).best_weights) == [[6.0, 7.0]]


def test_where_nothing_is_saved_there_is_nothing_to_go_on_from(tmp_path):
    assert read(tmp_path) is None


def test_the_state_of_another_training_is_not_used_and_a_line_names_what_differs(saved, capsys):
    assert read(saved, {**KEY, "components/experiment/network.py": "abd"}) is None
    assert "another training (components/experiment/network.py changed)" in capsys.readouterr().out


def test_a_state_beyond_the_end_of_a_training_is_not_used_and_a_line_says_so(saved, capsys):
    assert read(saved, course=Course(n_epochs=4, seed=1, last=1)) is None
    assert "of 2 epochs, beyond epoch 1" in capsys.readouterr().out


def test_a_state_with_any_one_byte_changed_is_the_saved_one_or_is_not_used(saved, capsys):
    path = saved / NAME
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])

        found = read(saved)

        assert found is None or found.epochs == WHOLE.epochs
        assert found is None or as_lists(found.variables) == as_lists(Trainer().state())


def test_a_state_cut_anywhere_is_not_used_and_a_line_names_it(saved, capsys):
    path = saved / NAME
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])

        assert read(saved) is None
        assert f"{path} is damaged" in capsys.readouterr().out
