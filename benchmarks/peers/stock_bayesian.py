"""Stock Keras Tuner, `BayesianOptimization` with its defaults: `… DATA SECONDS SEED OUTPUT`."""

from functools import partial

from benchmarks.peers.task import Task

EPOCHS = 10
"""A trial's; the tuner has no default. TensorFlow's tutorial of Keras Tuner, on this data set, gives at most ten."""

MAX_TRIALS = 1_000_000
"""The time ends the search."""

if __name__ == "__main__":
    task = Task.from_arguments()
    import keras_tuner as kt

    from benchmarks.peers.stock import search

    search(task, partial(kt.BayesianOptimization, max_trials=MAX_TRIALS), epochs=EPOCHS)
