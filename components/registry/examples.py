"""Test examples that a version carries, with its model's answers: what serves it shows by them that it is the same."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.core import files
from components.core.data import TestData
from components.core.errors import InvalidInput

FILE = "examples.npz"
TOLERANCE = 1e-3
"""Most that a probability may differ by where another machine, batch size or format computes it."""

_MOST = 32
_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class Examples:
    """Some test examples.

    Attributes:
        inputs: uint8 or float32, shape (n, *input_shape).
        labels: int64, shape (n,).
        probabilities: float32, shape (n, n_classes), as Keras computes them.
    """

    inputs: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def choose(data: TestData, probabilities: np.ndarray) -> Examples:
    """Return the first test examples of each class in turn: at most 32, and 4 MB, but one.

    Args:
        data: the test examples.
        probabilities: what the model says of them all, shape (n, n_classes).
    """
    labels = np.asarray(data.test.labels)
    rank_in_class = np.zeros(len(labels), int)
    for label in range(data.info.n_classes):
        of_class = np.flatnonzero(labels == label)
        rank_in_class[of_class] = np.arange(len(of_class))
    order = np.lexsort((labels, rank_in_class))
    bytes_each = max(1, data.test.inputs[0].nbytes)
    chosen = order[: max(1, min(_MOST, _MOST_BYTES // bytes_each))]
    return Examples(np.asarray(data.test.inputs[chosen]), labels[chosen], probabilities[chosen].astype(np.float32))


def write(examples: Examples, path: Path) -> None:
    """Write examples as a compressed archive of plain arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        inputs=examples.inputs,
        labels=examples.labels,
        probabilities=examples.probabilities,
        allow_pickle=False,
    )
    files.write_bytes(buffer.getvalue(), path)


def read(path: Path) -> Examples:
    """Return what `write` wrote.

    Raises:
        InvalidInput: it is missing, damaged, or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return Examples(archive["inputs"], archive["labels"], archive["probabilities"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InvalidInput(f"{path.name} must hold a version's examples, and can't be read: {error}") from None


def difference(examples: Examples, probabilities: np.ndarray) -> float:
    """Return the most that a probability differs by from what the model said when it was registered."""
    return float(np.abs(examples.probabilities - probabilities).max())
