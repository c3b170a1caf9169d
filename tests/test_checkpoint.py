"""A training's saved state: what is taken up again, and what is not."""

import numpy as np
import pytest

from components.train.checkpoint import FILE_NAME, Checkpoint
from components.training.loop import Epoch, Progress


class Trainer:
    """Holds two variables, as plain arrays."""

    def __init__(self, values=((1.0, 2.0), (3.0,))):
        self.values = [np.array(value) for value in values]

    def state(self):
        return self.values

    def restore(self, state):
        self.values = state


class OtherTrainer(Trainer):
    """Trains in another way."""


def progress(n_epochs=2):
    epochs = [Epoch(number, 0.5, 0.6, 0.7, 0.8, 0.001, 1.5) for number in range(1, n_epochs + 1)]
    return Progress(epochs, [np.array([4.0, 5.0])])


@pytest.fixture
def saved(tmp_path):
    """Return the folder of a state saved after two epochs."""
    Checkpoint(tmp_path, "key").save(Trainer(), progress())
    return tmp_path


def test_a_saved_state_comes_back(saved):
    trainer = Trainer(((0.0, 0.0), (0.0,)))

    restored = Checkpoint(saved, "key").restore(trainer)

    assert restored.epochs == progress().epochs
    assert [value.tolist() for value in trainer.values] == [[1.0, 2.0], [3.0]]
    assert [value.tolist() for value in restored.best_weights] == [[4.0, 5.0]]


def test_where_nothing_is_saved_the_training_starts_at_its_beginning(tmp_path):
    assert Checkpoint(tmp_path, "key").restore(Trainer()) is None


def test_the_state_of_another_training_is_not_used(saved):
    assert Checkpoint(saved, "another key").restore(Trainer()) is None


def test_the_state_of_another_kind_of_trainer_is_not_used_and_a_warning_says_so(saved, capsys):
    assert Checkpoint(saved, "key").restore(OtherTrainer()) is None
    assert "another kind of training" in capsys.readouterr().err


def test_a_state_with_any_one_byte_changed_is_the_saved_one_or_is_not_used(saved, capsys):
    path = saved / FILE_NAME
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])
        trainer = Trainer()

        restored = Checkpoint(saved, "key").restore(trainer)

        assert restored is None or restored.epochs == progress().epochs
        assert [value.tolist() for value in trainer.values] == [[1.0, 2.0], [3.0]]


def test_a_state_cut_anywhere_is_not_used_and_a_warning_names_it(saved, capsys):
    path = saved / FILE_NAME
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])

        assert Checkpoint(saved, "key").restore(Trainer()) is None
        assert f"{path} is damaged" in capsys.readouterr().err
