"""What the train step leaves besides the model's weights: where the model comes from, its history, and the metrics."""

import platform
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras

from components.core import code_digest, models
from components.train.finals import TrainedFinal


def describe(
    model: keras.Model, winner: TrainedFinal, trained: Sequence[TrainedFinal], **settings: Any
) -> dict[str, Any]:
    """Return what `model.json` says: where the model comes from, as JSON-like values.

    Args:
        model: the model.
        winner: the final that it is of.
        trained: all finals.
        **settings: `early_stopping_patience`, `seed` (the run's) and `refit`.
    """
    training, state = winner.training, winner.state
    data = training.data
    return {
        "hyperparameters": training.final.hyperparameters,
        "winner": {"number": training.final.number, "seed": training.final.seed},
        "finals": [_final(each) for each in trained],
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
        "epochs": training.course.n_epochs,
        **settings,
        "code": code_digest.code_digests(),
        "versions": {"python": platform.python_version(), **code_digest.versions(code_digest.TRAINING_PACKAGES)},
    }


def history(winner: TrainedFinal, trained: Sequence[TrainedFinal]) -> dict[str, Any]:
    """Return the winner's epochs, see `TrainingState.history`, and as `finals` the curves of all that finished."""
    finals = [
        {
            "number": each.training.final.number,
            "seed": each.training.final.seed,
            "curve": [epoch.objective for epoch in each.state.epochs],
            "validation_accuracies": [epoch.validation_accuracy for epoch in each.state.epochs],
            "chosen_epoch": each.state.best.number,
        }
        for each in trained
        if not each.reason
    ]
    return {**winner.state.history(), "finals": finals}


def metrics(winner: TrainedFinal, trained: Sequence[TrainedFinal]) -> dict[str, float]:
    """Return the step's metrics, by name: the winner's, also of a refitted model, and how the objective spreads.

    `objective_over_seeds` is of the winner's configuration, `objective_over_finals` of all.
    """
    finished = [each for each in trained if not each.reason]
    number = winner.training.final.number
    seeds = [each for each in finished if each.training.final.number == number]
    return {
        "validation_accuracy": winner.state.best.validation_accuracy,
        "validation_objective": winner.state.best.objective,
        "n_epochs": len(winner.state.epochs),
        "chosen_epoch": winner.state.best.number,
        "n_finals": len(finished),
        **_spread("objective_over_seeds", seeds),
        **_spread("objective_over_finals", finished),
    }


def _spread(name: str, finals: Sequence[TrainedFinal]) -> dict[str, float]:
    """Return mean and standard deviation of the best objectives, where there are several."""
    values = [each.state.best.objective for each in finals]
    if len(values) < 2:
        return {}
    return {f"{name}_mean": statistics.fmean(values), f"{name}_deviation": statistics.stdev(values)}


def _final(trained: TrainedFinal) -> dict[str, Any]:
    final, best = trained.training.final, None if trained.reason else trained.state.best
    return {
        "number": final.number,
        "seed": final.seed,
        "epochs": len(trained.state.epochs),
        "objective": best and best.objective,
        "validation_accuracy": best and best.validation_accuracy,
        "reason": trained.reason,
    }
