"""Seconds an epoch against the seconds of its matrix products alone, one thread each; prints one JSON line.

python -m benchmarks.epoch_seconds TRAINING_DATA REPEATS BATCH_SIZE …
"""

import itertools
import json
import sys
import time

import numpy as np

UNITS = (256, 128)


def main(path, repeats, batch_sizes):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from components.core import artifacts

    data = artifacts.read_training_data(path)
    rows = [measure(data, batch_size, repeats) for batch_size in batch_sizes]
    print(json.dumps(rows))


def measure(data, batch_size, repeats):
    """Return a dictionary with the medians of `epoch`, `products` and of their `ratio`, measured in turn."""
    from components.core.network import Hyperparameters, create_model
    from components.core.training import CompiledTrainer

    chosen = Hyperparameters(UNITS, "batch", 0.2, 1e-3, batch_size)
    model = create_model(chosen, data.info.input_shape, data.info.n_classes)
    trainer = CompiledTrainer(model, chosen, data, repeats + 1, 0)
    trainer.compile()
    trainer.train_epoch(1)
    pairs = []
    for epoch in range(2, repeats + 2):
        pairs.append((_seconds(trainer.train_epoch, epoch), _seconds(_products, data, batch_size)))
    epochs, products = np.array(pairs).T
    return {
        "batch_size": batch_size,
        "epoch": float(np.median(epochs)),
        "products": float(np.median(products)),
        "ratio": float(np.median(epochs / products)),
    }


def _products(data, batch_size):
    """Do an epoch's matrix products, forward and backward, and nothing else."""
    widths = [int(np.prod(data.info.input_shape)), *UNITS, data.info.n_classes]
    random = np.random.default_rng(0)
    weights = [random.standard_normal(shape, dtype=np.float32) for shape in itertools.pairwise(widths)]
    values = [random.standard_normal((batch_size, width), dtype=np.float32) for width in widths]
    for _ in range(len(data.train) // batch_size):
        for layer, weight in enumerate(weights):
            values[layer] @ weight
            values[layer].T @ values[layer + 1]
            if layer:
                values[layer + 1] @ weight.T


def _seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), list(map(int, sys.argv[3:])))
