"""The final training: the best hyperparameters, over the full budget."""

import platform

import keras
import numpy as np
import tensorflow as tf

from components.core import events, files
from components.experiment.network import __file__ as network_file
from components.train.checkpoint import Checkpoint
from components.training import loop as training

REFIT_FILE_NAME = "refit.npz"


def train_best(values, data, *, epochs, patience, seed, refit=False, state_dir=""):
    """Return the trained model, with its best epoch's weights, and the `training.Progress` that chose that epoch.

    Args:
        values: Keras Tuner's flat values.
        data: a `components.core.artifacts.TrainingData`.
        epochs: epoch budget.
        patience: epochs without a better validation accuracy before training ends.
        seed: decides everything that is random.
        refit: whether the model is then trained anew, to the chosen epoch, on the validation images as well.
        state_dir: folder to continue from and to keep the state in, or empty for none.

    Raises:
        components.training.loop.TrainingFailed: a loss became NaN or infinite.
    """
    key = _key(values, data, epochs, patience, seed)
    model, chosen = training.train_network(
        values,
        data,
        epochs=epochs,
        patience=patience,
        seed=seed,
        checkpoint=Checkpoint(state_dir, key) if state_dir else None,
        on_epoch=lambda state: events.listener.epoch_finished(state.epochs[-1], epochs),
    )
    if refit:
        last = chosen.best.number
        model = training.refit(
            values,
            data,
            epochs=epochs,
            chosen_epoch=last,
            seed=seed,
            checkpoint=Checkpoint(state_dir, [*key, last], REFIT_FILE_NAME) if state_dir else None,
            on_epoch=lambda state: events.listener.refit_epoch_finished(state.epochs[-1], last),
        )
    return model, chosen


def describe(values, data, *, epochs, patience, seed, refit=False):
    """Return what `model.json` says: where the model comes from, as JSON-like values."""
    return {
        "hyperparameters": values,
        "class_names": list(data.info.class_names),
        "input_shape": list(data.info.input_shape),
        "data_source": data.info.source,
        "data_fingerprint": data.fingerprint,
        "n_training_images": len(data.train) + (len(data.validation) if refit else 0),
        "n_validation_images": len(data.validation),
        "epochs": epochs,
        "early_stopping_patience": patience,
        "seed": seed,
        "refit": refit,
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }


def _key(values, data, epochs, patience, seed):
    return [
        values,
        data.fingerprint,
        epochs,
        patience,
        seed,
        files.sha256(network_file),
        files.sha256(training.__file__),
        tf.__version__,
        keras.__version__,
    ]
