"""What a model is worth on labelled examples, class by class and example by example: pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

N_BINS = 15
MOST_ROC_POINTS = 101


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram; `confidence` and `accuracy` are means, None when it is empty."""

    low: float
    high: float
    n_examples: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class ClassScore:
    """One class; a score is None when it is undefined (no example of the class, or none predicted as it)."""

    name: str
    n_examples: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Mistake:
    """One wrongly classified example: its index in the data, true and predicted class, and the confidence."""

    index: int
    true: int
    predicted: int
    confidence: float


@dataclass(frozen=True)
class Confusion:
    """Two classes, by number, of which one was taken for the other: how often, and in what share of the true one."""

    true: int
    predicted: int
    n_examples: int
    share: float


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return counts, int array, shape (n_classes, n_classes): rows are true classes, columns predicted ones."""
    counts = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> tuple[list[float], list[float], list[float]]:
    """Return false positive rates, true positive rates and thresholds of all classes together (micro-averaged).

    Each example counts once for each class: as a positive of its own, as a negative of the others. At most
    `MOST_ROC_POINTS` points, the first at a threshold of 1.

    Source: Fawcett 2006, "An introduction to ROC analysis".

    Args:
        labels: int, shape (n,).
        probabilities: shape (n, n_classes).
    """
    from sklearn import metrics

    truth = np.arange(probabilities.shape[1]) == labels[:, None]
    false, true, thresholds = metrics.roc_curve(truth.ravel(), probabilities.ravel())
    chosen = np.unique(np.linspace(0, len(false) - 1, MOST_ROC_POINTS).round().astype(int))
    return false[chosen].tolist(), true[chosen].tolist(), np.minimum(thresholds[chosen], 1.0).tolist()


def worst_confusions(counts: np.ndarray, most: int) -> list[Confusion]:
    """Return up to `most` pairs of classes that were taken for each other, the most frequent first.

    Args:
        counts: as `confusion_counts` returns them.
        most: how many.
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    rows, columns = np.nonzero(wrong)
    n, of_class = wrong[rows, columns], counts.sum(axis=1)[rows]
    order = np.lexsort((columns, rows, -n / of_class, -n))[:most]
    return [Confusion(int(rows[i]), int(columns[i]), int(n[i]), float(n[i] / of_class[i])) for i in order]


def class_scores(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> list[ClassScore]:
    """Return a `ClassScore` for each class, in the order of `names`."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(labels, predicted, labels=np.arange(len(names)), zero_division=np.nan)
    rows = zip(names, *columns, strict=True)
    return [
        ClassScore(name, int(n), _or_none(precision), _or_none(recall), _or_none(f1))
        for name, precision, recall, f1, n in rows
    ]


def reliability(confidences: np.ndarray, correct: np.ndarray, n_bins: int = N_BINS) -> list[Bin]:
    """Return a list of `Bin`, equally wide, closed above, over the confidence in the predicted class.

    Args:
        confidences: shape (n,), above 0, up to 1.
        correct: bool, shape (n,).
        n_bins: how many bins.
    """
    numbers = np.clip(np.ceil(confidences * n_bins).astype(int) - 1, 0, n_bins - 1)
    return [
        _bin(number / n_bins, (number + 1) / n_bins, confidences, correct, numbers == number)
        for number in range(n_bins)
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean distance between confidence and accuracy over the bins, weighted by their examples, 0 to 1.

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    n = sum(each.n_examples for each in bins)
    gaps = (
        each.n_examples * abs(each.confidence - each.accuracy)
        for each in bins
        if each.confidence is not None and each.accuracy is not None
    )
    return sum(gaps) / n


def worst_mistakes(labels: np.ndarray, predicted: np.ndarray, confidences: np.ndarray, most: int) -> list[Mistake]:
    """Return up to `most` `Mistake`, the most confident first."""
    wrong = np.flatnonzero(labels != predicted)
    order = wrong[np.argsort(-confidences[wrong], kind="stable")][:most]
    return [Mistake(int(i), int(labels[i]), int(predicted[i]), float(confidences[i])) for i in order]


def _bin(low: float, high: float, confidences: np.ndarray, correct: np.ndarray, inside: np.ndarray) -> Bin:
    if not inside.any():
        return Bin(low, high, 0, None, None)
    return Bin(low, high, int(inside.sum()), float(confidences[inside].mean()), float(correct[inside].mean()))


def _or_none(number: float) -> float | None:
    return None if np.isnan(number) else float(number)
