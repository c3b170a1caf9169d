"""What a classifier is worth on labelled examples: functions of labels, shape (n,), and logits, shape (n, n_classes).

A class with no example in the labels counts in no mean: nothing can be said of it.
"""

import numpy as np


def accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the share of examples whose largest logit is their class's, 0 to 1."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def balanced_accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the mean of the classes' recalls, 0 to 1.

    Source: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution".
    """
    hits, of_class, _ = _counts(labels, logits)
    present = of_class > 0
    return float(np.mean(hits[present] / of_class[present]))


def macro_f1(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the mean of the classes' F1, 0 to 1: each 2 hits / (examples of the class + predictions of it)."""
    hits, of_class, predicted = _counts(labels, logits)
    present = of_class > 0
    return float(np.mean(2 * hits[present] / (of_class + predicted)[present]))


def cross_entropy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(-log_probabilities(logits)[np.arange(len(labels)), labels].mean())


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax of each row, float64, finite for any finite logits."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    logs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def _counts(labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hits, examples and predictions of each class, each of shape (n_classes,)."""
    n_classes, chosen = logits.shape[1], logits.argmax(axis=1)
    hits = np.bincount(labels[chosen == labels], minlength=n_classes)
    return hits, np.bincount(labels, minlength=n_classes), np.bincount(chosen, minlength=n_classes)
