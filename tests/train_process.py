"""Trainings that are killed at every point there is: `python -m tests.train_process FOLDER KIND`.

TensorFlow is imported once; each training is a fork, made before the first operation, that kills itself with SIGKILL
at one point: before or after an epoch, or at the n-th file operation of a save. The next one continues from what it
left and dies at the next point, until one comes to the end. Prints what was killed where, and what came of
it, as JSON.
"""

import hashlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import keras
import numpy as np

from components.core.data import DatasetInfo, Labelled, TrainingData
from components.training import loop
from components.training.checkpoint import Checkpoint
from components.training.state import Course
from tests import small_network
from tests.idx import draw

COURSE = Course(n_epochs=5, seed=13, patience=2)
CHECKPOINT = "training.npz"
BEFORE, AFTER = 0, 1
KEY = {"training": "one and the same"}


class OwnStep(keras.Model):
    """A network with a step of its own, which only `fit` calls."""

    def train_step(self, data):
        return super().train_step(data)


class KillsAt(Checkpoint):
    """A checkpoint that ends its process at one point of one epoch: before it, after it, or during its save."""

    def __init__(self, file, epoch, point):
        super().__init__(file, KEY)
        self._folder = str(file.parent)
        self._epoch = epoch
        self._operations_left = point - AFTER
        self._point = point
        self._is_saving = False
        sys.addaudithook(self._hear)

    def read(self, course):
        saved = super().read(course)
        if self._point == BEFORE:
            die()
        return saved

    def save(self, trainer, state):
        self._is_saving = len(state.epochs) == self._epoch
        if self._is_saving and self._point == AFTER:
            die()
        super().save(trainer, state)
        if self._is_saving:
            die()

    def _hear(self, event, arguments):
        if self._is_saving and any(
            isinstance(argument, (str, os.PathLike)) and str(argument).startswith(self._folder)
            for argument in arguments
        ):
            self._operations_left -= 1
            if self._operations_left == 0:
                die()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def problem():
    """Return data of which two in five labels are wrong, so that the best epoch is not the last."""
    random = np.random.default_rng(3)

    def split(n_images):
        images, labels = draw(n_images, seed=n_images)
        return Labelled(images, np.where(random.random(n_images) < 0.4, random.integers(0, 3, n_images), labels))

    return TrainingData(split(200), split(60), DatasetInfo("drawn", ("a", "b", "c"), (6, 4)), "")


def network(kind):
    """Return a network that is trained by `kind`: `xla`, `graph` or `fit`."""
    chosen = small_network.Hyperparameters(units=8, learning_rate=0.005 if kind == "xla" else 0.02, batch_size=32)
    if kind == "xla":
        return small_network.create_model(chosen, (6, 4), 3), chosen
    inputs = keras.Input((6, 4))
    hidden = keras.layers.Conv1D(4, 3)(keras.layers.Rescaling(1 / 255)(inputs))  # no work for XLA on a CPU
    hidden = keras.layers.Dropout(0.2)(keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(hidden)))
    model = OwnStep if kind == "fit" else keras.Model
    return model(inputs, keras.layers.Dense(3)(hidden)), chosen


def train(kind, checkpoint=None):
    """Return the result of a training: its history without the seconds, and a digest of the chosen weights."""
    keras.utils.set_random_seed(COURSE.seed)
    model, chosen = network(kind)
    state = loop.fit(small_network.EXPERIMENT, model, chosen, problem(), COURSE, checkpoint=checkpoint)
    assert state.compiled == kind
    weights = hashlib.sha256(b"".join(value.tobytes() for value in model.get_weights())).hexdigest()
    return {**state.history(), "seconds": 0, "weights": weights}


def in_child(file, kind, *kill):
    """Write the result of a training in a child to `file`, and return whether the child lived to do so."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            file.write_text(json.dumps(train(kind, KillsAt(file.parent / CHECKPOINT, *kill) if kill else None)))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a training ended with {code}")
    return code == 0


def saved_epochs(folder):
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    with np.load(path, allow_pickle=False) as arrays:
        return len(json.loads(str(arrays["figures"]))["epochs"])


def main(folder, kind):
    folder = Path(folder)
    in_child(folder / "whole.json", kind)
    kills, point, saved = [], 0, 0
    while not in_child(folder / "killed.json", kind, saved + 1, point):
        left = saved_epochs(folder)
        kills.append({"epoch": saved + 1, "point": point, "left": left})
        point, saved = (point + 1, saved) if left == saved else (0, left)
    results = [json.loads((folder / name).read_text()) for name in ("whole.json", "killed.json")]
    print(json.dumps({"kills": kills, "whole": results[0], "killed": results[1]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
