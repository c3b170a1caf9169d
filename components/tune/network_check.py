"""Holds the experiment's networks against the data, and loads one back, before a search spends its trials on them."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.core import models
from components.core.data import TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.space import Space, corners
from components.core.time_limit import limited
from components.training.loop import new_network
from components.workers import reasons

N_EXAMPLES = 4
N_POINTS = 3
"""The defaults, all lowest and all highest: what `corners` begins with."""


def refuse_unusable_network(experiment: Experiment, space: Space, data: TrainingData, time_limit_s: float = 0) -> None:
    """Refuse an experiment whose networks do not fit the data, or could not be loaded again.

    A network is built at the defaults and at both ends of the space. What can be built at one of them only fails where
    it can't, or takes longer than `time_limit_s` (0: may take any time); its trials say why.

    Raises:
        InvalidInput: no network can be built at all, or one gives other outputs than a logit a class, or can't be
            saved and loaded in safe mode; the message begins with the cause.
    """
    failures: list[Exception] = []
    points = [space.active_values(choices) for choices in corners(space)[:N_POINTS]]
    for values in points:
        try:
            with limited(time_limit_s):
                model, _ = new_network(experiment, values, data, seed=0)
                logits = outputs(model, data)
        except Exception as error:  # whatever the experiment raises
            failures.append(error)
            continue
        problem = output_problem(logits, data.info.n_classes) or _ends_with_softmax(model)
        if problem:
            raise InvalidInput(f"{problem} (at {_listed(values)})")
        _refuse_unloadable(model, data, logits)
    keras.backend.clear_session()
    if len(failures) == len(points):
        cause = str(failures[0]) if isinstance(failures[0], InvalidInput) else reasons.cause(failures[0])
        raise InvalidInput(
            f"{cause}; create_model must give a network for inputs of the shape {data.info.input_shape} and "
            f"{data.info.n_classes} classes, and fails at the defaults of the space and at both ends"
        ) from failures[0]


def outputs(model: keras.Model, data: TrainingData) -> np.ndarray:
    """Return what a network says of a few training examples."""
    return np.asarray(model(np.asarray(data.train.inputs[:N_EXAMPLES]), training=False))


def output_problem(logits: np.ndarray, n_classes: int) -> str | None:
    """Return what is wrong with a network's outputs, None when they may be logits."""
    if logits.ndim != 2 or logits.shape[1] != n_classes:
        return f"create_model must give {n_classes} logits an example, and gives shape {logits.shape[1:]}"
    if not np.isfinite(logits).all():
        return "the untrained network gives numbers that are not finite"
    if (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1, atol=1e-3):
        return "create_model must give logits, and gives probabilities: leave out the softmax"
    return None


def _ends_with_softmax(model: keras.Model) -> str | None:
    """Return what is wrong with a network whose last layer makes probabilities, each class its own included."""
    layers = models.layers_of(model)
    activation = getattr(layers[-1], "activation", None) if layers else None
    if activation in (keras.activations.softmax, keras.activations.sigmoid, keras.activations.log_softmax):
        return (
            f"create_model must give logits, and its last layer has the activation {activation.__name__}: leave it out"
        )
    return None


def _refuse_unloadable(model: keras.Model, data: TrainingData, logits: np.ndarray) -> None:
    models.refuse_unregistered(model)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / models.MODEL_FILE
        try:
            model.save(file)
        except Exception as error:  # whatever a layer raises
            raise InvalidInput(f"the model can't be saved: {reasons.cause(error)}") from None
        try:
            loaded = outputs(models.load(file, models.custom_objects(model)), data)
        except Exception as error:
            cause = str(error).replace(folder, "it") if isinstance(error, InvalidInput) else reasons.cause(error)
            raise InvalidInput(f"the model can't be loaded again: {cause}") from None
    if not np.allclose(loaded, logits, rtol=1e-3, atol=1e-4):
        raise InvalidInput("the model gives other logits when it is loaded again: does a layer keep its weights out?")


def _listed(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())[:200]
