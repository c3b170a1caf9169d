"""A training's state after its last finished epoch: one file, replaced as a whole after each epoch.

It holds the network's and the optimizer's variables, the best epoch's weights and the figures of the epochs; with
the seed that is all the next epoch depends on, so a continued training is the uninterrupted one.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from components.core import events, files
from components.training.loop import Epoch, Progress

FILE_NAME = "training.npz"


class Checkpoint:
    """Keeps a training's state in a folder.

    Args:
        folder: the state folder; made when there is none.
        key: what decides the training, a JSON-like value. A state with another key is of another training and is
            not used.
        name: the file's name.
    """

    def __init__(self, folder, key, name=FILE_NAME):
        self._path = Path(folder) / name
        self._key = files.digest(key)

    def save(self, trainer, progress):
        """Replace the file by the state after the epoch that has just ended."""
        epochs = [asdict(epoch) for epoch in progress.epochs]
        state = trainer.state()
        counts = {"n_state": len(state), "n_best": len(progress.best_weights)}
        figures = {"key": self._key, "trainer": type(trainer).__name__, "epochs": epochs, **counts}
        arrays = {f"state_{index}": value for index, value in enumerate(state)}
        arrays |= {f"best_{index}": value for index, value in enumerate(progress.best_weights)}
        with files.replacing(self._path) as partial, open(partial, "wb") as file:
            np.savez(file, allow_pickle=False, figures=np.array(json.dumps(figures)), **arrays)

    def restore(self, trainer):
        """Put the state into `trainer` and return the `Progress` it stands at, or None when there is none to use."""
        saved = self._read()
        if saved is None:
            return None
        figures, state, best_weights = saved
        if figures["trainer"] != type(trainer).__name__:
            events.warn(f"{self._path} is of another kind of training; the training starts again")
            return None
        trainer.restore(state)
        restored = Progress([Epoch(**epoch) for epoch in figures["epochs"]], best_weights)
        events.note(f"continuing the training after epoch {len(restored.epochs)}")
        return restored

    def _read(self):
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                figures = json.loads(str(arrays["figures"]))
                if figures["key"] != self._key:
                    return None
                state, best_weights = (_numbered(arrays, name, figures[f"n_{name}"]) for name in ("state", "best"))
                return figures, state, best_weights
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever zipfile and numpy raise on a damaged file
            events.warn(f"{self._path} is damaged ({error}); the training starts again")
            return None


def _numbered(arrays, name, count):
    return [arrays[f"{name}_{index}"] for index in range(count)]
