"""What every kind of data source is read into, before its labels become classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.sources import arrays, memory
from components.sources.places import Place

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Header:
    """An array in a file, known from its header alone.

    Attributes:
        place: the file.
        dtype: type of the stored elements.
        shape: sizes, the number of examples first.
        fortran_order: whether the first index runs fastest.
    """

    place: Place
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool = False

    @property
    def noun(self) -> str:
        """What the examples are called in a message."""
        return {1: "labels", 2: "rows", 3: "images", 4: "images"}.get(len(self.shape), "inputs")

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class RawSplit:
    """Examples as the source holds them.

    Attributes:
        inputs: uint8 or float32, shape (n, *input_shape).
        labels: int64 or text, shape (n,).
        labels_at: where the labels came from.
    """

    inputs: Array
    labels: Array
    labels_at: Place


@dataclass(frozen=True)
class StatedNames:
    """Class names that the source states, and where."""

    names: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class RawData:
    """A whole data source; `stated` is None when it holds no list of class names."""

    train: RawSplit
    test: RawSplit
    stated: StatedNames | None = None


@dataclass(frozen=True)
class Headers:
    """The four arrays of a data set."""

    train_inputs: Header
    train_labels: Header
    test_inputs: Header
    test_labels: Header


def check_headers(headers: Headers, source: Place) -> None:
    """Refuse four arrays that don't go together, or that memory can't hold.

    Raises:
        InvalidInput: the message names the file.
    """
    for inputs, labels in ((headers.train_inputs, headers.train_labels), (headers.test_inputs, headers.test_labels)):
        if inputs.shape[0] != labels.shape[0]:
            problem = f"must hold a label for each of {inputs.shape[0]:,} {inputs.noun}, but holds {labels.shape[0]:,}"
            raise labels.place.refused(problem)
    train, test = headers.train_inputs, headers.test_inputs
    if train.shape[1:] != test.shape[1:]:
        expected, found = times(train.shape[1:]), times(test.shape[1:])
        raise test.place.refused(f"must hold {train.noun} of {expected} like the training {train.noun}, not {found}")
    kinds = [arrays.input_dtype(header.dtype) for header in (train, test)]
    if kinds[0] != kinds[1]:
        rule = f"must hold numbers of the training inputs' kind, which become {kinds[0]}"
        raise test.place.refused(f"{rule}, but holds {test.dtype.name}, which becomes {kinds[1]}")
    sizes_in_memory = [math.prod(header.shape) * arrays.input_dtype(header.dtype).itemsize for header in (train, test)]
    label_bytes = headers.train_labels.n_bytes + headers.test_labels.n_bytes
    memory.check(needed_bytes(*sizes_in_memory) + label_bytes, source.shown)


def needed_bytes(train_bytes: int, test_bytes: int) -> int:
    """Return the most memory that inputs of these sizes take: the training part is copied as it is split."""
    return 2 * train_bytes + test_bytes


def times(shape: Sequence[int]) -> str:
    """Return a shape as `28 x 28`."""
    return " x ".join(str(size) for size in shape)
