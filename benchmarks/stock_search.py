"""The list of trials by stock Keras Tuner, as its guide to a tunable batch size has it; prints one JSON line.

python -m benchmarks.stock_search TRAINING_DATA EPOCHS N_TRIALS
"""

import json
import math
import sys
import tempfile
from typing import Any

import keras
import keras_tuner as kt

from benchmarks.workload import TRIALS, flat_values
from components.core import artifacts
from components.experiment.network import create_model
from components.experiment.recipe import optimizer
from components.experiment.space import search_space
from components.training.scaling import fit_normalization


class ListOracle(kt.Oracle):
    """Hands out the list in order."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        return {"status": "RUNNING", "values": flat_values(TRIALS[int(trial_id)])}


class GuideTuner(kt.Tuner):
    """Sets the batch size in `run_trial` and leaves the rest to `model.fit`."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["batch_size"] = trial.hyperparameters.get("batch_size")
        return super().run_trial(trial, *args, **kwargs)

    def _configure_tensorboard_dir(self, *_: Any) -> None:
        """Needs TensorBoard, which TensorFlow 2.21 does not bring."""


def main(path: str, epochs: int, n_trials: int) -> None:
    data = artifacts.read_training_data(path)

    def build(hp: Any) -> keras.Model:
        chosen = search_space(hp)
        model = create_model(chosen, data.info.input_shape, data.info.n_classes)
        fit_normalization(model, data.train.inputs)
        steps = math.ceil(len(data.train) / chosen.batch_size)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer(chosen, epochs * steps), loss=loss, metrics=["accuracy"])
        return model

    with tempfile.TemporaryDirectory() as folder:
        oracle = ListOracle(objective=kt.Objective("val_accuracy", "max"), max_trials=n_trials, seed=1)
        tuner = GuideTuner(oracle=oracle, hypermodel=build, directory=folder)
        held_out = (data.validation.inputs, data.validation.labels)
        tuner.search(data.train.inputs, data.train.labels, validation_data=held_out, epochs=epochs, verbose=0)
        trials = sorted(tuner.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    print(json.dumps([trial.score for trial in trials]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
