"""What a model is worth on labelled images: pure functions of labels and logits."""

from dataclasses import dataclass

import numpy as np

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""

N_BINS = 15


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram; `confidence` and `accuracy` are means, None when it is empty."""

    low: float
    high: float
    n_images: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class ClassScore:
    """One class; a score is None when it is undefined (no image of the class, or none predicted as it)."""

    name: str
    n_images: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Mistake:
    """One wrongly classified image: its index in the data, true and predicted class, and the model's confidence."""

    index: int
    true: int
    predicted: int
    confidence: float


def probabilities(logits):
    """Return the softmax of each row, float64, shape (n, n_classes)."""
    return np.exp(log_probabilities(logits))


def log_probabilities(logits):
    """Return the logarithm of the softmax of each row, finite for any finite logits."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def cross_entropy(labels, logits):
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(-log_probabilities(logits)[np.arange(len(labels)), labels].mean())


def wilson_interval(n_correct, n, z=Z_95):
    """Return the ends of Wilson's score interval for a proportion, 95 % by default.

    Unlike the normal approximation it stays within 0 and 1, and has a width for a perfect score.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    share = n_correct / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def confusion_counts(labels, predicted, n_classes):
    """Return counts, int array, shape (n_classes, n_classes): rows are true classes, columns predicted ones."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, predicted, labels=np.arange(n_classes))


def class_scores(labels, predicted, names):
    """Return a `ClassScore` for each class, in the order of `names`."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(labels, predicted, labels=np.arange(len(names)), zero_division=np.nan)
    rows = zip(names, *columns, strict=True)
    return [
        ClassScore(name, int(n), _or_none(precision), _or_none(recall), _or_none(f1))
        for name, precision, recall, f1, n in rows
    ]


def macro_f1(scores):
    """Return the mean F1 of the classes for which it is defined."""
    return float(np.mean([score.f1 for score in scores if score.f1 is not None]))


def reliability(confidences, correct, n_bins=N_BINS):
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


def expected_calibration_error(bins):
    """Return the mean distance between confidence and accuracy over the bins, weighted by their images, 0 to 1.

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    n = sum(each.n_images for each in bins)
    return sum(each.n_images * abs(each.confidence - each.accuracy) for each in bins if each.n_images) / n


def worst_mistakes(labels, predicted, confidences, most):
    """Return up to `most` `Mistake`, the most confident first."""
    wrong = np.flatnonzero(labels != predicted)
    order = wrong[np.argsort(-confidences[wrong], kind="stable")][:most]
    return [Mistake(int(i), int(labels[i]), int(predicted[i]), float(confidences[i])) for i in order]


def _bin(low, high, confidences, correct, inside):
    if not inside.any():
        return Bin(low, high, 0, None, None)
    return Bin(low, high, int(inside.sum()), float(confidences[inside].mean()), float(correct[inside].mean()))


def _or_none(number):
    return None if np.isnan(number) else float(number)
