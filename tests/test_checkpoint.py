"""A training's saved state: what is taken up again, and what is not."""

import numpy as np
import pytest

from components.core.experiment import ACCURACY
from components.train.checkpoint import FILE_NAME, Checkpoint
from components.training.state import Epoch, TrainingState


class Trainer:
    """Holds two variables, as plain arrays."""

    compiled = "xla"

    def __init__(self, values=((1.0, 2.0), (3.0,))):
        self.values = [np.array(value) for value in values]

    def state(self):
        return self.values

    def restore(self, state):
        self.values = state


class OtherTrainer(Trainer):
    """Trains in another way."""

    compiled = "graph"


KEY = {"seed": 1, "components/experiment/network.py": "abc"}


def begun():
    return TrainingState(ACCURACY, "xla")


def after_epochs(n_epochs=2):
    epochs = [Epoch(number, 0.5, 0.6, 0.7, 0.8, 0.8, 0.001, 1.5) for number in range(1, n_epochs + 1)]
    return TrainingState(ACCURACY, "xla", epochs, [np.array([4.0, 5.0])])


def restored(folder, key=KEY, trainer=None):
    """Return what a training that begins finds in a folder."""
    state = begun()
    Checkpoint(folder, key).restore(trainer or Trainer(), state)
    return state


@pytest.fixture
def saved(tmp_path):
    """Return the folder of a state saved after two epochs."""
    Checkpoint(tmp_path, KEY).save(Trainer(), after_epochs())
    return tmp_path


def test_a_saved_state_comes_back(saved):
    trainer = Trainer(((0.0, 0.0), (0.0,)))

    state = restored(saved, trainer=trainer)

    assert state.epochs == after_epochs().epochs
    assert [value.tolist() for value in trainer.values] == [[1.0, 2.0], [3.0]]
    assert [value.tolist() for value in state.best_weights] == [[4.0, 5.0]]


def test_where_nothing_is_saved_the_training_starts_at_its_beginning(tmp_path):
    assert restored(tmp_path) == begun()


def test_the_state_of_another_training_is_not_used_and_a_warning_names_what_differs(saved, capsys):
    assert restored(saved, {**KEY, "components/experiment/network.py": "abd"}) == begun()
    assert "another training (components/experiment/network.py changed)" in capsys.readouterr().err


def test_the_state_of_another_kind_of_trainer_is_not_used_and_a_warning_says_so(saved, capsys):
    assert restored(saved, trainer=OtherTrainer()) == begun()
    assert "the way it is compiled changed" in capsys.readouterr().err


def test_a_state_with_any_one_byte_changed_is_the_saved_one_or_is_not_used(saved, capsys):
    path = saved / FILE_NAME
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])
        trainer = Trainer()

        state = restored(saved, trainer=trainer)

        assert state.epochs in ([], after_epochs().epochs)
        assert [value.tolist() for value in trainer.values] == [[1.0, 2.0], [3.0]]


def test_a_state_cut_anywhere_is_not_used_and_a_warning_names_it(saved, capsys):
    path = saved / FILE_NAME
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])

        assert restored(saved) == begun()
        assert f"{path} is damaged" in capsys.readouterr().err
