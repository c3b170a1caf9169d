"""Stock Keras Tuner, `Hyperband` with its defaults: `… DATA SECONDS SEED OUTPUT`."""

from functools import partial

from benchmarks.peers.task import MAX_EPOCHS, Task

if __name__ == "__main__":
    task = Task.from_arguments()
    import keras_tuner as kt

    from benchmarks.peers.stock import search

    search(task, partial(kt.Hyperband, max_epochs=MAX_EPOCHS))
