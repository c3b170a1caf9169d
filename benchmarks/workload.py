"""What the benchmarks run on: a data set, and a fixed list of trials as a search over the default space draws them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.core import artifacts
from components.core.data import Labelled, TrainingData

TRIALS: list[dict[str, Any]] = [
    {"units": (256, 128), "normalization": "batch", "dropout_rate": 0.2, "learning_rate": 1e-3, "batch_size": 32},
    {"units": (256, 128), "normalization": "batch", "dropout_rate": 0.2, "learning_rate": 2e-3, "batch_size": 128},
    {"units": (128,), "normalization": "none", "dropout_rate": 0.0, "learning_rate": 1e-3, "batch_size": 32},
    {"units": (512, 256), "normalization": "layer", "dropout_rate": 0.3, "learning_rate": 1e-3, "batch_size": 64},
    {"units": (64, 64, 64), "normalization": "none", "dropout_rate": 0.1, "learning_rate": 5e-4, "batch_size": 32},
    {"units": (192, 320), "normalization": "batch", "dropout_rate": 0.15, "learning_rate": 3e-3, "batch_size": 64},
    {"units": (384,), "normalization": "batch", "dropout_rate": 0.4, "learning_rate": 4e-3, "batch_size": 256},
    {"units": (256, 256, 128), "normalization": "layer", "dropout_rate": 0.2, "learning_rate": 7e-4, "batch_size": 32},
    {
        "units": (128, 128, 128, 128),
        "normalization": "batch",
        "dropout_rate": 0.1,
        "learning_rate": 2e-3,
        "batch_size": 64,
    },
    {"units": (320, 64), "normalization": "none", "dropout_rate": 0.25, "learning_rate": 1e-3, "batch_size": 128},
    {"units": (64, 192), "normalization": "batch", "dropout_rate": 0.05, "learning_rate": 1e-3, "batch_size": 32},
    {"units": (192, 128), "normalization": "batch", "dropout_rate": 0.3, "learning_rate": 1e-3, "batch_size": 64},
]
"""Twelve trials, their batch sizes and depths spread over the default search space."""

PLAIN = {"weight_decay": 0.0, "label_smoothing": 0.0, "flip_images": False, "erase_share": 0.0}
"""The part of the recipe that Keras' `fit` on arrays does not have: left out on both sides."""


def flat_values(trial: dict[str, Any]) -> dict[str, Any]:
    """Return a trial of the list as Keras Tuner's flat values."""
    units = {f"units_{layer}": width for layer, width in enumerate(trial["units"])}
    rest = {name: value for name, value in trial.items() if name != "units"}
    return {"hidden_layers": len(units), **units, **rest, **PLAIN}


def data_source() -> str:
    """Return what the benchmarks train on: Fashion-MNIST where FASHION_MNIST_DIR is set, else drawn images."""
    return "fashion-mnist" if os.environ.get("FASHION_MNIST_DIR") else "synthetic"


@contextmanager
def training_data(n_images: int | None = None) -> Iterator[Path]:
    """Yield the path of a `training_data` artifact with at most `n_images`, a tenth of them held out."""
    from components.sources import dataset

    raw = dataset.load(data_source(), seed=0)
    labelled = Labelled(raw.train.inputs[:n_images], raw.train.labels[:n_images])
    train, validation = dataset.split(labelled, 0.1, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training_data"
        artifacts.write_training_data(TrainingData(train, validation, raw.info, ""), path)
        yield path
