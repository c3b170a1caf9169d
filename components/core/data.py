"""Data sets in memory: examples with their labels, split by what they may be used for."""

from dataclasses import dataclass, replace

import numpy as np

INPUT_DTYPES = ("uint8", "float32")
FASHION_MNIST = "fashion-mnist"


@dataclass(frozen=True)
class Labelled:
    """Examples with their labels.

    Attributes:
        inputs: uint8 or float32, shape (n, *input_shape): images, rows of numbers, or anything of one shape.
        labels: int64, shape (n,), class indices from 0.
    """

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set besides its numbers.

    Attributes:
        source: the `data_source` it was made from.
        class_names: a name a class, in the order of the labels.
        input_shape: shape of one example: (height, width) or (height, width, channels) of an image, (n,) of a row.
        input_dtype: `uint8` or `float32`.
        known_as: `fashion-mnist` where the training examples are Fashion-MNIST's, wherever they lie; empty for others.
    """

    source: str
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_dtype: str = "uint8"
    known_as: str = ""

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def are_images(self) -> bool:
        """Whether an example can be shown as a picture: grey, or of 1, 3 or 4 channels."""
        rank = len(self.input_shape)
        return rank == 2 or (rank == 3 and self.input_shape[2] in (1, 3, 4))


@dataclass(frozen=True)
class TrainingData:
    """The training images, split in two; `fingerprint` is a SHA-256 over all of it."""

    train: Labelled
    validation: Labelled
    info: DatasetInfo
    fingerprint: str

    def all_for_training(self) -> "TrainingData":
        """Return the same data with the validation images among the training images, too."""
        inputs = np.concatenate([self.train.inputs, self.validation.inputs])
        labels = np.concatenate([self.train.labels, self.validation.labels])
        return replace(self, train=Labelled(inputs, labels))


@dataclass(frozen=True)
class TestData:
    """The test images; `fingerprint` is a SHA-256 over all of it."""

    test: Labelled
    info: DatasetInfo
    fingerprint: str
