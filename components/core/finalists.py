"""The shortlist that tune hands to train: which configurations are trained to the end, and what they have so far."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.core import artifacts, files

FILE_NAME = "finalists.json"


@dataclass(frozen=True)
class Final:
    """A training to the end: a configuration with a seed.

    Attributes:
        number: the configuration's in the search, from 0.
        seed: decides everything that is random in it.
        hyperparameters: Keras Tuner's flat values.
        epochs: how many epochs the search has given it with this seed.
        weights: name of the checkpoint after them in the artifact's folder; empty where there is none, and the
            training begins at its beginning.
    """

    number: int
    seed: int
    hyperparameters: dict[str, Any]
    epochs: int = 0
    weights: str = ""

    def __post_init__(self) -> None:
        whole = (self.number, self.seed, self.epochs)
        if any(not isinstance(value, int) or isinstance(value, bool) or value < 0 for value in whole):
            raise ValueError("number, seed and epochs of a final must be integers from 0")
        if not isinstance(self.hyperparameters, dict):
            raise ValueError("hyperparameters of a final must be an object")
        if not isinstance(self.weights, str):
            raise ValueError("weights of a final must be a file's name or empty")

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.number:04}-{self.seed}"


@dataclass(frozen=True)
class Finalists:
    """The finals of a search, the one it believes best first, and the epochs that each is trained for."""

    training_epochs: int
    finals: Sequence[Final]

    def __post_init__(self) -> None:
        object.__setattr__(self, "finals", tuple(self.finals))
        epochs = self.training_epochs
        if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
            raise ValueError("training_epochs must be an integer from 1")
        if not self.finals:
            raise ValueError("finals must be one or more")
        names = [final.name for final in self.finals]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"finals must each be there once, and {repeated[0]} is repeated")


def write(finalists: Finalists, checkpoints: Sequence[str | Path], path: str | Path) -> None:
    """Write the finalists as an artifact, with a copy of each checkpoint that there is.

    Args:
        finalists: the `Finalists`; the names of their weights are not used.
        checkpoints: for each final the path of the checkpoint after its `epochs`; a file that is not there, or an
            empty path, leaves the final without.
        path: the artifact's folder.
    """
    with artifacts.writing(path, "finalists") as folder:
        finals = []
        for final, checkpoint in zip(finalists.finals, checkpoints, strict=True):
            weights = f"{final.name}.npz" if checkpoint and Path(checkpoint).is_file() else ""
            if weights:
                shutil.copyfile(checkpoint, folder / weights)
            finals.append({**asdict(final), "weights": weights})
        files.write_json({"training_epochs": finalists.training_epochs, "finals": finals}, folder / FILE_NAME)


def read(path: str | Path) -> Finalists:
    """Return the `Finalists` at `path`.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, "finalists")
    with artifacts.usable(path, "finalists"):
        value = json.loads((Path(path) / FILE_NAME).read_bytes())
        finalists = Finalists(value["training_epochs"], [Final(**final) for final in value["finals"]])
        for final in finalists.finals:
            if final.weights and final.weights not in artifacts.file_names(path):
                raise ValueError(f"{final.weights} is named in {FILE_NAME} and is missing")
        return finalists
