"""The result of measuring a model once on the test images, and its artifact: all that a report needs of both."""

import dataclasses
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from components.core import artifacts, files
from components.core.errors import InvalidInput
from components.evaluate import metrics

KIND = "evaluation"
MOST_MISTAKES = 24
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "matplotlib")


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on the test images, and what they are of.

    Attributes:
        n_images, n_correct: counts of test images.
        accuracy: n_correct / n_images.
        accuracy_interval: the ends of its 95 % Wilson interval.
        loss: mean cross-entropy in nats.
        macro_f1: mean F1 of the classes.
        classes: a `ClassScore` a class.
        confusion: int array, shape (n_classes, n_classes), rows are true classes.
        calibration_error: expected calibration error, 0 to 1.
        bins: the reliability diagram's `Bin` list.
        mistakes: the most confident `Mistake` list, at most `MOST_MISTAKES`.
        mistake_images: uint8, shape (n_mistakes, height, width).
        data: source, class names, input shape and fingerprint of the test images.
        model: the model's own description.
        n_trials: how many trials the search had when the model was measured.
        versions: packages that measured, by name.
    """

    n_images: int
    n_correct: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    macro_f1: float
    classes: list[metrics.ClassScore]
    confusion: np.ndarray
    calibration_error: float
    bins: list[metrics.Bin]
    mistakes: list[metrics.Mistake]
    mistake_images: np.ndarray
    data: dict
    model: dict
    n_trials: int
    versions: dict

    @property
    def class_names(self):
        return self.data["class_names"]


def evaluate_logits(logits, test_data, description, n_trials):
    """Return the `Evaluation` of a model by what it says of the test images.

    Args:
        logits: float array, shape (n_images, n_classes).
        test_data: a `TestData`.
        description: the model's description, a dictionary.
        n_trials: how many trials the search had.

    Raises:
        InvalidInput: the model was made for other classes, or gives numbers that are not finite.
    """
    labels, names = np.asarray(test_data.test.labels), test_data.info.class_names
    _refuse_misfit(logits, names, description)
    predicted, confidences = logits.argmax(axis=1), metrics.probabilities(logits).max(axis=1)
    correct = predicted == labels
    scores, bins = metrics.class_scores(labels, predicted, names), metrics.reliability(confidences, correct)
    mistakes = metrics.worst_mistakes(labels, predicted, confidences, MOST_MISTAKES)
    return Evaluation(
        n_images=len(labels),
        n_correct=int(correct.sum()),
        accuracy=float(correct.mean()),
        accuracy_interval=metrics.wilson_interval(int(correct.sum()), len(labels)),
        loss=metrics.cross_entropy(labels, logits),
        macro_f1=metrics.macro_f1(scores),
        classes=scores,
        confusion=metrics.confusion_counts(labels, predicted, len(names)),
        calibration_error=metrics.expected_calibration_error(bins),
        bins=bins,
        mistakes=mistakes,
        mistake_images=np.asarray(test_data.test.inputs[[mistake.index for mistake in mistakes]]),
        data=_data(test_data),
        model=description,
        n_trials=n_trials,
        versions=versions(),
    )


def headline(evaluation):
    """Return the few numbers to show beside a run, by name, all finite."""
    low, high = evaluation.accuracy_interval
    return {
        "test_accuracy": evaluation.accuracy,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_loss": evaluation.loss,
        "test_macro_f1": evaluation.macro_f1,
        "test_calibration_error": evaluation.calibration_error,
    }


def distinct(names):
    """Return the names, led by their class's number when some of them are equal."""
    return list(names) if len(set(names)) == len(names) else [f"{index} {name}" for index, name in enumerate(names)]


def versions():
    """Return the versions of Python and of the packages that measure, those that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write(evaluation, path):
    """Write an `Evaluation` as an artifact: `evaluation.json` and `mistakes.npy`."""
    value = {field.name: getattr(evaluation, field.name) for field in dataclasses.fields(evaluation)}
    images = value.pop("mistake_images")
    value["confusion"] = evaluation.confusion.tolist()
    for name in ("classes", "bins", "mistakes"):
        value[name] = [dataclasses.asdict(each) for each in value[name]]
    with artifacts.writing(path, KIND) as folder:
        files.write_json(value, folder / "evaluation.json")
        np.save(folder / "mistakes.npy", images, allow_pickle=False)


def read(path):
    """Return the `Evaluation` at `path`.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, KIND)
    value = json.loads((Path(path) / "evaluation.json").read_bytes())
    return Evaluation(
        **{
            **value,
            "accuracy_interval": tuple(value["accuracy_interval"]),
            "classes": [metrics.ClassScore(**each) for each in value["classes"]],
            "confusion": np.array(value["confusion"]),
            "bins": [metrics.Bin(**each) for each in value["bins"]],
            "mistakes": [metrics.Mistake(**each) for each in value["mistakes"]],
        },
        mistake_images=np.load(Path(path) / "mistakes.npy", allow_pickle=False),
    )


def _refuse_misfit(logits, names, description):
    trained = description.get("class_names")
    if logits.shape[1] != len(names) or (trained is not None and tuple(trained) != tuple(names)):
        raise InvalidInput(
            f"model must be trained for the {len(names)} classes of test_data, got one for {logits.shape[1]} "
            "classes, or others; train it on data of the same source"
        )
    wrong = int((~np.isfinite(logits).all(axis=1)).sum())
    if wrong:
        raise InvalidInput(f"model must give finite logits, got others for {wrong} of {len(logits)} test images")


def _data(test_data):
    return {
        "source": test_data.info.source,
        "class_names": list(test_data.info.class_names),
        "input_shape": list(test_data.info.input_shape),
        "fingerprint": test_data.fingerprint,
    }
