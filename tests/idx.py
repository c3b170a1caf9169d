"""IDX archives for tests: the bytes of good ones, and whole data sets on disk."""

import gzip
import struct
from pathlib import Path

import numpy as np

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


def image_bytes(images):
    """Return images, of shape (n, height, width), in IDX format, not compressed."""
    return struct.pack(">4I", 0x00000803, *np.shape(images)) + np.asarray(images, np.uint8).tobytes()


def label_bytes(labels):
    """Return labels in IDX format, not compressed."""
    return struct.pack(">2I", 0x00000801, len(labels)) + np.asarray(labels, np.uint8).tobytes()


def packed(data):
    """Return `data` as a gzip archive, the same for the same data."""
    return gzip.compress(data, mtime=0)


def draw(n_images, n_classes=3, shape=(6, 4), seed=0):
    """Return images and labels that a network can learn: class c has a bright band, the c-th of n_classes."""
    random = np.random.default_rng(seed)
    labels = np.arange(n_images) % n_classes
    images = random.integers(0, 80, (n_images, *shape))
    pixels = np.arange(shape[0] * shape[1]).reshape(shape) * n_classes // (shape[0] * shape[1])
    return np.uint8(images + 150 * (pixels == labels[:, None, None])), labels


def archives(n_train=30, n_test=12, n_classes=3, shape=(6, 4), seed=0):
    """Return the bytes of a data set's four archives, by file name."""
    (train_images, train_labels), (test_images, test_labels) = (
        draw(n_images, n_classes, shape, seed + part) for part, n_images in enumerate((n_train, n_test))
    )
    return {
        TRAIN_IMAGES: packed(image_bytes(train_images)),
        TRAIN_LABELS: packed(label_bytes(train_labels)),
        TEST_IMAGES: packed(image_bytes(test_images)),
        TEST_LABELS: packed(label_bytes(test_labels)),
    }


def write_archives(folder, n_train=30, n_test=12, n_classes=3, shape=(6, 4), seed=0):
    """Write a data set's four archives into `folder`, made if need be, and return the folder.

    Images are of `shape`, (height, width); labels run through the classes in turn.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in archives(n_train, n_test, n_classes, shape, seed).items():
        (folder / name).write_bytes(data)
    return folder
