"""The result of measuring a model once on the test split, and its artifact: all that a report needs of both."""

import dataclasses
import json
import math
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from components.core import artifacts, events, files, intervals, scores
from components.core.data import TestData
from components.core.errors import InvalidInput
from components.core.experiment import ACCURACY, Metric
from components.evaluate import metrics
from components.evaluate.metrics import Bin, ClassScore, Mistake
from components.pages.texts import class_labels

KIND = "evaluation"
MOST_MISTAKES = 24

MOST_KUBEFLOW_CLASSES = 100
"""The matrix goes into the run's metadata, which is no place for a million numbers."""

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "matplotlib")


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on the test split, and what they are of.

    Attributes:
        n_examples, n_correct: counts of test examples.
        accuracy: n_correct / n_examples.
        accuracy_interval: the ends of its 95 % Wilson interval.
        loss: mean cross-entropy in nats.
        macro_f1: mean F1 of the classes.
        objective: name, direction and value of what the search optimized; the value is None when it is not finite.
        metrics: the experiment's further metrics, value by name; None for one that is not finite.
        classes: a `ClassScore` a class.
        confusion: int array, shape (n_classes, n_classes), rows are true classes.
        calibration_error: expected calibration error, 0 to 1.
        bins: the reliability diagram's `Bin` list.
        mistakes: the most confident `Mistake` list, at most `MOST_MISTAKES`.
        mistake_inputs: uint8 or float32, shape (n_mistakes, *input_shape).
        data: source, class names, input shape and type, and fingerprint of the test data.
        model: the model's own description.
        n_trials: how many trials the search had when the model was measured.
        versions: packages that measured, by name.
    """

    n_examples: int
    n_correct: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    macro_f1: float
    objective: dict[str, Any]
    metrics: dict[str, float | None]
    classes: list[ClassScore]
    confusion: np.ndarray
    calibration_error: float
    bins: list[Bin]
    mistakes: list[Mistake]
    mistake_inputs: np.ndarray
    data: dict[str, Any]
    model: dict[str, Any]
    n_trials: int
    versions: dict[str, str]

    @property
    def class_names(self) -> list[str]:
        names: list[str] = self.data["class_names"]
        return names


def evaluate_logits(
    logits: np.ndarray,
    test_data: TestData,
    description: dict[str, Any],
    n_trials: int,
    objective: Metric = ACCURACY,
    further: Sequence[Metric] = (),
) -> Evaluation:
    """Return the `Evaluation` of a model by what it says of the test examples.

    Args:
        logits: float array, shape (n_examples, n_classes).
        test_data: the examples.
        description: the model's description.
        n_trials: how many trials the search had.
        objective: what the search optimized.
        further: what else is to be reported.

    Raises:
        InvalidInput: the model was made for other classes, gives numbers that are not finite, or a metric fails.
    """
    labels, names = np.asarray(test_data.test.labels), test_data.info.class_names
    _refuse_misfit(logits, names, description)
    predicted, confidences = logits.argmax(axis=1), np.exp(scores.log_probabilities(logits)).max(axis=1)
    correct = predicted == labels
    bins = metrics.reliability(confidences, correct)
    mistakes = metrics.worst_mistakes(labels, predicted, confidences, MOST_MISTAKES)
    optimized = {"name": objective.name, "direction": objective.direction}
    return Evaluation(
        n_examples=len(labels),
        n_correct=int(correct.sum()),
        accuracy=scores.accuracy(labels, logits),
        accuracy_interval=intervals.wilson_interval(int(correct.sum()), len(labels)),
        loss=scores.cross_entropy(labels, logits),
        macro_f1=scores.macro_f1(labels, logits),
        objective={**optimized, "value": _value(objective, labels, logits)},
        metrics={metric.name: _value(metric, labels, logits) for metric in further},
        classes=metrics.class_scores(labels, predicted, names),
        confusion=metrics.confusion_counts(labels, predicted, len(names)),
        calibration_error=metrics.expected_calibration_error(bins),
        bins=bins,
        mistakes=mistakes,
        mistake_inputs=np.asarray(test_data.test.inputs[[mistake.index for mistake in mistakes]]),
        data=_data(test_data),
        model=description,
        n_trials=n_trials,
        versions=versions(),
    )


def headline(evaluation: Evaluation) -> dict[str, float]:
    """Return the few numbers to show beside a run, by name, all finite; what is not was said when it was measured."""
    low, high = evaluation.accuracy_interval
    found: dict[str, float | None] = {
        "test_accuracy": evaluation.accuracy,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_loss": evaluation.loss,
        "test_macro_f1": evaluation.macro_f1,
        "test_calibration_error": evaluation.calibration_error,
        "test_objective": evaluation.objective["value"],
    }
    for name, value in evaluation.metrics.items():
        key = "test_" + (re.sub(r"\W+", "_", name.lower()).strip("_") or "metric")
        if found.get(key, value) != value:
            key = next(f"{key}_{n}" for n in range(2, len(found) + 3) if f"{key}_{n}" not in found)
        found[key] = value
    return {name: value for name, value in found.items() if value is not None}


def matrix_for_kubeflow(evaluation: Evaluation) -> tuple[list[str], list[list[int]]] | None:
    """Return the classes' names, no two alike, and the confusion matrix, or None, and say so, of very many classes."""
    names = class_labels(evaluation.class_names, 300)
    if len(names) > MOST_KUBEFLOW_CLASSES:
        rule = f"Kubeflow is shown the confusion matrix of at most {MOST_KUBEFLOW_CLASSES} classes"
        events.note(f"{rule}, and there are {len(names)}: the report lists the worst confusions")
        return None
    return names, evaluation.confusion.tolist()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that measure, those that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write(evaluation: Evaluation, path: str | Path) -> None:
    """Write an `Evaluation` as an artifact: `evaluation.json` and `mistakes.npy`.

    Its `confusion` lists true class, predicted class and count of those pairs that occurred.
    """
    value: dict[str, Any] = {field.name: getattr(evaluation, field.name) for field in dataclasses.fields(evaluation)}
    inputs = value.pop("mistake_inputs")
    rows, columns = np.nonzero(evaluation.confusion)
    value["confusion"] = np.stack([rows, columns, evaluation.confusion[rows, columns]], axis=1).tolist()
    for name in ("classes", "bins", "mistakes"):
        value[name] = [dataclasses.asdict(each) for each in value[name]]
    with artifacts.writing(path, KIND) as folder:
        files.write_json(value, folder / "evaluation.json")
        np.save(folder / "mistakes.npy", inputs, allow_pickle=False)


def read(path: str | Path) -> Evaluation:
    """Return the `Evaluation` at `path`.

    Raises:
        InvalidInput: the artifact is damaged, is none, or was written by another version.
    """
    artifacts.verify(path, KIND)
    try:
        value = json.loads((Path(path) / "evaluation.json").read_bytes())
        n_classes = len(value["data"]["class_names"])
        confusion = np.zeros((n_classes, n_classes), int)
        for true, predicted, n in value["confusion"]:
            confusion[true, predicted] = n
        lists = {"classes": ClassScore, "bins": Bin, "mistakes": Mistake}
        parts = {name: [kind(**each) for each in value[name]] for name, kind in lists.items()}
        interval = tuple(value["accuracy_interval"])
        inputs = np.load(Path(path) / "mistakes.npy", allow_pickle=False)
        return Evaluation(
            **{**value, **parts, "accuracy_interval": interval, "confusion": confusion}, mistake_inputs=inputs
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        raise InvalidInput(f"evaluation at {path} was not written by this version; run evaluate again") from None


def _value(metric: Metric, labels: np.ndarray, logits: np.ndarray) -> float | None:
    """Return a metric's value, or None, with a line in the log, where it is not finite."""
    try:
        value = float(metric.compute(labels, logits))
    except Exception as error:  # the experiment's own code may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InvalidInput(
            f"{metric.name} must be a number on the test split, and computing it failed: {reason}"
        ) from error
    if math.isfinite(value):
        return value
    events.note(f"{metric.name} on the test split is {value}: not finite, so it is left out of the metrics")
    return None


def _refuse_misfit(logits: np.ndarray, names: Sequence[str], description: dict[str, Any]) -> None:
    trained = description.get("class_names")
    if logits.shape[1] != len(names) or (trained is not None and tuple(trained) != tuple(names)):
        raise InvalidInput(
            f"model must be trained for the {len(names)} classes of test_data, got one for {logits.shape[1]} "
            "classes, or others; train it on data of the same source"
        )
    wrong = int((~np.isfinite(logits).all(axis=1)).sum())
    if wrong:
        raise InvalidInput(f"model must give finite logits, got others for {wrong} of {len(logits)} test examples")


def _data(test_data: TestData) -> dict[str, Any]:
    return {
        "source": test_data.info.source,
        "class_names": list(test_data.info.class_names),
        "input_shape": list(test_data.info.input_shape),
        "input_dtype": test_data.info.input_dtype,
        "fingerprint": test_data.fingerprint,
    }
