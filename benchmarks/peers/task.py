"""What a peer is given and what it reports. Needs numpy alone, so that importing it takes no time."""

import argparse
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

BEGAN = time.time()
"""The Unix time at which this program began, all but the start of Python itself."""

DECIMALS = 6
"""Of an accuracy: one that was counted in float32 is then the same as one that was not."""

MAX_EPOCHS = 30
"""The most that a configuration gets, as this project's finals."""


@dataclass(frozen=True)
class Task:
    """What a peer is to do.

    Attributes:
        data: a folder with `training_data/` and `space.json`.
        seconds: when to end, counted from `began`.
        seed: decides the search.
        output: the file that lines are added to.
        recipe: `plain` or `ours`.
        began: the Unix time at which the peer began.
    """

    data: Path
    seconds: float
    seed: int
    output: Path
    recipe: str
    began: float = BEGAN

    @classmethod
    def from_arguments(cls, recipes: Sequence[str] = ("plain",)) -> "Task":
        """Return the task that the command line states."""
        parser = argparse.ArgumentParser()
        parser.add_argument("data", type=Path)
        parser.add_argument("seconds", type=float)
        parser.add_argument("seed", type=int)
        parser.add_argument("output", type=Path)
        parser.add_argument("--recipe", choices=recipes, default="plain")
        return cls(**vars(parser.parse_args()))

    @cached_property
    def space(self) -> list[dict[str, Any]]:
        """The declarations of the search space, without those that are no choice."""
        return [each for each in self._declarations if each["kind"] != "Fixed"]

    @cached_property
    def fixed(self) -> dict[str, Any]:
        """What the search space fixes, by name: the parts of this project's recipe."""
        return {each["name"]: each["value"] for each in self._declarations if each["kind"] == "Fixed"}

    @property
    def _declarations(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.data / "space.json").read_bytes())
        return found

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(np.load(self.data / "training_data/train_inputs.npy", mmap_mode="r").shape[1:])

    @cached_property
    def n_classes(self) -> int:
        return int(self.split("train")[1].max()) + 1

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs, float32, 0 to 1, shape (n, n_features), and labels, int64, shape (n,).

        Args:
            name: `train` or `validation`.
        """
        inputs, labels = (np.load(self.data / f"training_data/{name}_{part}.npy") for part in ("inputs", "labels"))
        return inputs.reshape(len(inputs), -1).astype(np.float32) / 255, labels

    def report(self, trial: int, epoch: int, accuracy: float) -> None:
        """Add a line: an epoch's validation accuracy has just become known."""
        line = {"seconds": round(time.time() - self.began, 3), "trial": trial, "epoch": epoch}
        with open(self.output, "a") as file:
            file.write(json.dumps({**line, "accuracy": round(accuracy, DECIMALS)}) + "\n")

    def end_in_time(self) -> None:
        """Have this process end when the time is up, whatever it is doing."""
        left = self.began + self.seconds - time.time()
        timer = threading.Timer(max(0.0, left), os._exit, [0])
        timer.daemon = True
        timer.start()
