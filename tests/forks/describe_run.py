"""Says in a fresh process what a run has left: `python describe_run.py FOLDER`, with a copy of the project to import.

Prints a JSON object: the loaded model's layers and its accuracy on the test split, and for each trial the layers and
the optimizer that the experiment makes of its hyperparameters.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from components.core import artifacts, models, scores
from components.experiment import EXPERIMENT
from components.training.loop import new_network


def layers(model):
    return [type(layer).__name__ for layer in models.layers_of(model)]


def parts(values, data):
    """Return what hyperparameters stand for, in words and numbers."""
    model, hyperparameters = new_network(EXPERIMENT, values, data, seed=0)
    optimizer = EXPERIMENT.optimizer(hyperparameters, 100)
    schedule = optimizer._learning_rate
    is_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    return {
        "hyperparameters": values,
        "layers": layers(model),
        "n_parameters": model.count_params(),
        "optimizer": type(optimizer).__name__,
        "momentum": getattr(optimizer, "momentum", None),
        "beta_2": getattr(optimizer, "beta_2", None),
        "schedule": type(schedule).__name__ if is_schedule else "constant",
    }


def main(folder):
    run = Path(folder)
    data = artifacts.read_training_data(run / "prepare" / "training_data")
    test = artifacts.read_test_data(run / "prepare" / "test_data").test
    model = models.read(run / "train" / "model")
    logits = np.asarray(model.predict(test.inputs, verbose=0))
    trials = json.loads((run / "summary.json").read_bytes())["trials"]
    found = {
        "layers": layers(model),
        "test_accuracy": scores.accuracy(test.labels, logits),
        "trials": [parts(trial["hyperparameters"], data) for trial in trials],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
