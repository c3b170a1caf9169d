"""Looks at the experiments of several copies of the project: `python inspect_rooms.py SHAPE:DTYPE:FOLDER …`.

Prints a JSON object a copy: names and kinds in its space, and what nothing reads. Each copy is looked at by a child of
its own, forked after the slow imports and before TensorFlow's first operation.
"""

import json
import os
import sys

import keras  # noqa: F401 - imported once for all children
import numpy as np
import tensorflow  # noqa: F401


def inspect(folder, shape, dtype):
    sys.path.insert(0, folder)
    from components.core.artifacts import DatasetInfo, Labelled, TrainingData
    from components.core.space import discover
    from components.experiment import EXPERIMENT
    from components.training.inspection import unread_hyperparameters

    labelled = Labelled(np.zeros((4, *shape), dtype), np.array([0, 1, 2, 0]))
    data = TrainingData(labelled, labelled, DatasetInfo("zeros", ("a", "b", "c"), shape, dtype), "")
    space = discover(EXPERIMENT.search_space)
    return {
        "declared": {each.name: each.kind for each in space.declarations},
        "samplings": {each.name: each.settings.get("sampling") for each in space.declarations},
        "is_static": space.is_static,
        "unread": unread_hyperparameters(EXPERIMENT, space, data),
        "objective": EXPERIMENT.objective.name,
        "metrics": [metric.name for metric in EXPERIMENT.metrics],
    }


def main(words):
    for word in words:
        shape, dtype, folder = word.split(":", 2)
        child = os.fork()
        if child == 0:
            print(json.dumps(inspect(folder, tuple(map(int, shape.split("x"))), dtype)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"{folder} can't be looked at")


if __name__ == "__main__":
    main(sys.argv[1:])
