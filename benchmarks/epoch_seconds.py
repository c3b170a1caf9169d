"""Seconds an epoch against the seconds of its matrix products alone, one thread each; prints one JSON line.

python -m benchmarks.epoch_seconds TRAINING_DATA REPEATS BATCH_SIZE …
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.products import epoch_products, layer_widths
from components.core.data import TrainingData

UNITS = (256, 128)


def main(path: str, repeats: int, batch_sizes: Sequence[int]) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from components.core import artifacts

    data = artifacts.read_training_data(path)
    rows = [measure(data, batch_size, repeats) for batch_size in batch_sizes]
    print(json.dumps(rows))


def measure(data: TrainingData, batch_size: int, repeats: int) -> dict[str, float]:
    """Return a dictionary with the medians of `epoch`, `products` and of their `ratio`, measured in turn."""
    from components.experiment import EXPERIMENT
    from components.experiment.space import Hyperparameters
    from components.training.compiled_trainer import CompiledTrainer
    from components.training.scaling import fit_normalization

    chosen = Hyperparameters(UNITS, "batch", 0.2, 1e-3, batch_size)
    model = EXPERIMENT.create_model(chosen, data.info.input_shape, data.info.n_classes)
    fit_normalization(model, data.train.inputs)
    trainer = CompiledTrainer(EXPERIMENT, model, chosen, data, repeats + 1, 0)
    trainer.compile()
    trainer.train_epoch(1)
    products = partial(epoch_products, len(data.train), layer_widths(data, UNITS), batch_size)
    pairs = []
    for epoch in range(2, repeats + 2):
        pairs.append((_seconds(trainer.train_epoch, epoch), _seconds(products)))
    epoch_seconds, product_seconds = np.array(pairs).T
    return {
        "batch_size": batch_size,
        "epoch": float(np.median(epoch_seconds)),
        "products": float(np.median(product_seconds)),
        "ratio": float(np.median(epoch_seconds / product_seconds)),
    }


def _seconds(function: Callable[..., Any], *arguments: Any) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), list(map(int, sys.argv[3:])))
