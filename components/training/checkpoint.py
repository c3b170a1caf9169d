"""A training's state after its last finished epoch: one file, replaced as a whole.

It holds the network's and the optimizer's variables, the best epoch's weights and the figures of the epochs; with
the seed that is all the next epoch depends on, so a continued training is the uninterrupted one.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.core import code_digest, events, files
from components.training.state import Course, Epoch, TrainingState
from components.training.trainer import Trainer


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds.

    Attributes:
        compiled: how the training was compiled: `xla`, `graph` or `fit`.
        epochs: the finished epochs.
        variables: what `Trainer.state` gave after the last of them, read from the file as they are asked for, once.
        best_weights: see `TrainingState`.
    """

    compiled: str
    epochs: list[Epoch]
    variables: Iterator[np.ndarray]
    best_weights: list[np.ndarray]


def key_of(values: Mapping[str, Any], data_fingerprint: str, course: Course) -> dict[str, Any]:
    """Return what decides a training's epochs, by a name for each part; how far it goes decides none."""
    course_key = {"training_epochs": course.n_epochs, "seed": course.seed}
    code = {**code_digest.code_digests(), **code_digest.versions(code_digest.TRAINING_PACKAGES)}
    return {"hyperparameters": dict(values), "training data": data_fingerprint, **course_key, **code}


class Checkpoint:
    """Keeps a training in a file.

    Args:
        path: the file; its folder is made when there is none.
        key: what decides the training, JSON-like values by name, see `key_of`. A state of another training is not
            used, and a note names what differs.
        every_epoch: whether it is written after each epoch, or only where the training stops.
    """

    def __init__(self, path: str | Path, key: Mapping[str, Any], every_epoch: bool = True) -> None:
        self.every_epoch = every_epoch
        self._path = Path(path)
        self._key = {part: files.digest(value) for part, value in key.items()}

    def save(self, trainer: Trainer, state: TrainingState) -> None:
        """Replace the file by the state after the epoch that has just ended.

        The best weights are the averages, with which the trainer's state ends, as long as the last epoch is the best:
        then they are written once.
        """
        best = [] if state.epochs_since_best == 0 else state.best_weights
        with files.replacing(self._path) as partial, zipfile.ZipFile(partial, "w") as archive:
            n_state = _write_all(archive, "state", trainer.state())
            counts = {"n_state": n_state, "n_best": _write_all(archive, "best", best)}
            epochs = [asdict(epoch) for epoch in state.epochs]
            figures = {"key": self._key, "compiled": trainer.compiled, "epochs": epochs, **counts}
            figures["n_weights"] = len(state.best_weights)
            _write(archive, "figures", np.array(json.dumps(figures)))

    def read(self, course: Course) -> Saved | None:
        """Return what was kept, or None where there is nothing that this training can use; a note says why not."""
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                figures = json.loads(str(arrays["figures"]))
                problem = self._problem(figures, course)
                if not problem:
                    return self._saved(arrays, figures)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever zipfile and numpy raise on a damaged file
            problem = f"damaged ({error})"
        events.note(f"{self._path} is {problem}; the training starts again")
        return None

    def _problem(self, figures: dict[str, Any], course: Course) -> str | None:
        """Return why a saved training is not the beginning of this one, or None where it is."""
        names = sorted(figures["key"].keys() | self._key.keys())
        differing = [name for name in names if figures["key"].get(name) != self._key.get(name)]
        if differing:
            return f"of another training ({', '.join(differing)} changed)"
        if len(figures["epochs"]) > course.end:
            return f"of {len(figures['epochs'])} epochs, beyond epoch {course.end}"
        return None

    def _saved(self, arrays: Any, figures: dict[str, Any]) -> Saved:
        """Return what a file holds that can be read to its end: its checksums fit."""
        if damaged := arrays.zip.testzip():
            raise ValueError(f"{damaged} has another checksum")
        n_state, n_best, n_weights = (figures[name] for name in ("n_state", "n_best", "n_weights"))
        best = [f"best_{n}" for n in range(n_best)] or [f"state_{n}" for n in range(n_state - n_weights, n_state)]
        epochs = [Epoch(**epoch) for epoch in figures["epochs"]]
        return Saved(figures["compiled"], epochs, self._variables(n_state), [arrays[name] for name in best])

    def _variables(self, count: int) -> Iterator[np.ndarray]:
        with np.load(self._path, allow_pickle=False) as arrays:
            yield from (arrays[f"state_{n}"] for n in range(count))


def _write_all(archive: zipfile.ZipFile, name: str, values: Iterable[np.ndarray]) -> int:
    """Write arrays one after the other, so that they need not be in memory at once, and return how many there were."""
    count = 0
    for value in values:
        _write(archive, f"{name}_{count}", value)
        count += 1
    return count


def _write(archive: zipfile.ZipFile, name: str, value: np.ndarray) -> None:
    """Write an array as `numpy.savez` does."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, value, allow_pickle=False)
