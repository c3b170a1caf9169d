"""The final training: the best hyperparameters, over the full budget."""

import platform
from collections import Counter
from typing import Any

import keras

from components.core import code_digest, events, models
from components.core.data import TrainingData
from components.core.experiment import Experiment
from components.train.checkpoint import Checkpoint
from components.training import loop
from components.training.state import TrainingState

REFIT_FILE_NAME = "refit.npz"


def train_best(
    experiment: Experiment,
    values: dict[str, Any],
    data: TrainingData,
    *,
    n_epochs: int,
    early_stopping_patience: int,
    seed: int,
    refit: bool = False,
    state_dir: str = "",
) -> tuple[keras.Model, TrainingState]:
    """Return the trained model, with its best epoch's weights, and the `TrainingState` that chose that epoch.

    Args:
        experiment: the `Experiment`.
        values: Keras Tuner's flat values.
        data: training and validation split.
        n_epochs: epoch budget.
        early_stopping_patience: epochs without a better objective before training ends.
        seed: decides everything that is random.
        refit: whether the model is then trained anew, to the chosen epoch, on the validation split as well.
        state_dir: folder to continue from and to keep the state in, or empty for none.

    Raises:
        components.training.state.TrainingFailed: a loss or the objective became NaN or infinite.
    """
    key = _key(values, data, training_epochs=n_epochs, early_stopping_patience=early_stopping_patience, seed=seed)
    model, chosen = loop.train_network(
        experiment,
        values,
        data,
        n_epochs=n_epochs,
        early_stopping_patience=early_stopping_patience,
        seed=seed,
        checkpoint=Checkpoint(state_dir, key) if state_dir else None,
        on_epoch=lambda state: events.listener.epoch_finished(state.epochs[-1], n_epochs),
    )
    if refit:
        last = chosen.best.number
        model = loop.refit(
            experiment,
            values,
            data,
            n_epochs=n_epochs,
            chosen_epoch=last,
            seed=seed,
            checkpoint=Checkpoint(state_dir, {**key, "chosen epoch": last}, REFIT_FILE_NAME) if state_dir else None,
            on_epoch=lambda state: events.listener.refit_epoch_finished(state.epochs[-1], last),
        )
    return model, chosen


def describe(
    model: keras.Model, state: TrainingState, values: dict[str, Any], data: TrainingData, **settings: Any
) -> dict[str, Any]:
    """Return what `model.json` says: where the model comes from, as JSON-like values.

    Args:
        model: the trained model.
        state: how it was trained.
        values: Keras Tuner's flat values.
        data: training and validation split.
        **settings: `epochs`, `early_stopping_patience`, `seed` and `refit`.
    """
    return {
        "hyperparameters": values,
        "class_names": list(data.info.class_names),
        "input_shape": list(data.info.input_shape),
        "input_dtype": data.info.input_dtype,
        "data_source": data.info.source,
        "data_fingerprint": data.fingerprint,
        "n_training_examples": len(data.train) + (len(data.validation) if settings["refit"] else 0),
        "n_validation_examples": len(data.validation),
        "objective": {"name": state.objective.name, "direction": state.objective.direction},
        "network": {
            "layers": dict(Counter(type(layer).__name__ for layer in models.layers_of(model))),
            "n_parameters": model.count_params(),
            "compiled": state.compiled,
        },
        "custom_objects": models.custom_objects(model),
        **settings,
        "versions": {"python": platform.python_version(), **code_digest.versions(code_digest.TRAINING_PACKAGES)},
    }


def _key(values: dict[str, Any], data: TrainingData, **settings: int) -> dict[str, Any]:
    """Return what decides a training, by a name for each part."""
    code = {**code_digest.code_digests(), **code_digest.versions(code_digest.TRAINING_PACKAGES)}
    return {"hyperparameters": values, "training data": data.fingerprint, **settings, **code}
