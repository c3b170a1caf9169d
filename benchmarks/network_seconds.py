"""Processor seconds an epoch of several kinds of networks, by this project's loop and by fit; prints one JSON line.

python -m benchmarks.network_seconds TRAINING_DATA REPEATS
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from components.core.data import TrainingData

BATCH_SIZE = 32


def main(path: str, repeats: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from benchmarks.networks import NETWORKS
    from components.core import artifacts

    data = artifacts.read_training_data(path)
    print(json.dumps([measure(name, body, data, repeats) for name, body in NETWORKS.items()]))


def measure(name: str, body: Callable[[Any], Any], data: TrainingData, repeats: int) -> dict[str, Any]:
    """Return the least seconds of an epoch by either way, measured in turn after one epoch that compiles."""
    import keras

    from components.core.experiment import Experiment
    from components.training.loop import make_trainer
    from components.training.state import Course

    def network() -> keras.Model:
        keras.utils.set_random_seed(0)
        inputs = keras.Input(data.info.input_shape)
        return keras.Model(inputs, keras.layers.Dense(data.info.n_classes)(body(inputs)))

    experiment = Experiment(
        search_space=lambda hp: None,
        create_model=lambda *_: network(),
        batch_size=lambda _: BATCH_SIZE,
        optimizer=lambda *_: keras.optimizers.Adam(),
    )
    trainer = make_trainer(experiment, network(), None, data, Course(repeats + 1, seed=0))
    by_fit = network()
    by_fit.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def fit(_: int) -> None:
        by_fit.fit(data.train.inputs, data.train.labels, batch_size=BATCH_SIZE, verbose=0)

    ways: dict[str, Callable[[int], Any]] = {"ours": trainer.train_epoch, "fit": fit}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(1, repeats + 2):
        for way, epoch in ways.items():
            seconds[way].append(_seconds(epoch, number))
    return {"network": name, "compiled": trainer.compiled, **{way: min(found[1:]) for way, found in seconds.items()}}


def _seconds(epoch: Callable[[int], Any], number: int) -> float:
    start = time.process_time()
    epoch(number)
    return time.process_time() - start


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
