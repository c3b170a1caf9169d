"""A training's state after its last finished epoch: one file, replaced as a whole after each epoch.

It holds the network's and the optimizer's variables, the best epoch's weights and the figures of the epochs; with
the seed that is all the next epoch depends on, so a continued training is the uninterrupted one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from components.core import events, files
from components.training.state import Epoch, TrainingState
from components.training.trainer import Trainer

FILE_NAME = "training.npz"


class Checkpoint:
    """Keeps a training's state in a folder.

    Args:
        folder: the state folder; made when there is none.
        key: what decides the training, JSON-like values by name. A state of another training is not used, and a
            warning names what differs.
        name: the file's name.
    """

    def __init__(self, folder: str | Path, key: Mapping[str, Any], name: str = FILE_NAME) -> None:
        self._path = Path(folder) / name
        self._key = {part: files.digest(value) for part, value in key.items()}

    def save(self, trainer: Trainer, state: TrainingState) -> None:
        """Replace the file by the state after the epoch that has just ended."""
        variables = trainer.state()
        counts = {"n_state": len(variables), "n_best": len(state.best_weights)}
        epochs = [asdict(epoch) for epoch in state.epochs]
        figures = {"key": self._key, "compiled": trainer.compiled, "epochs": epochs, **counts}
        arrays = {f"state_{index}": value for index, value in enumerate(variables)}
        arrays |= {f"best_{index}": value for index, value in enumerate(state.best_weights)}
        with files.replacing(self._path) as partial, open(partial, "wb") as file:
            np.savez(file, allow_pickle=False, figures=np.array(json.dumps(figures)), **arrays)

    def restore(self, trainer: Trainer, state: TrainingState) -> None:
        """Put what was kept into `trainer` and `state`; without anything to use both stay as they are."""
        saved = self._read(trainer.compiled)
        if saved is None:
            return
        figures, variables, best_weights = saved
        trainer.restore(variables)
        state.epochs = [Epoch(**epoch) for epoch in figures["epochs"]]
        state.best_weights = best_weights
        events.note(f"continuing the training after epoch {len(state.epochs)}")

    def _read(self, compiled: str) -> tuple[dict[str, Any], list[np.ndarray], list[np.ndarray]] | None:
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                figures = json.loads(str(arrays["figures"]))
                differing = self._differences(figures, compiled)
                if differing:
                    problem = f"{self._path} is of another training ({', '.join(differing)} changed)"
                    events.warn(f"{problem}; the training starts again")
                    return None
                return figures, _numbered(arrays, "state", figures), _numbered(arrays, "best", figures)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever zipfile and numpy raise on a damaged file
            events.warn(f"{self._path} is damaged ({error}); the training starts again")
            return None

    def _differences(self, figures: dict[str, Any], compiled: str) -> list[str]:
        """Return what decides a training and is not as it was, by name."""
        names = sorted(figures["key"].keys() | self._key.keys())
        changed = [name for name in names if figures["key"].get(name) != self._key.get(name)]
        return changed + (["the way it is compiled"] if figures["compiled"] != compiled else [])


def _numbered(arrays: Any, name: str, figures: dict[str, Any]) -> list[np.ndarray]:
    return [arrays[f"{name}_{index}"] for index in range(figures[f"n_{name}"])]
