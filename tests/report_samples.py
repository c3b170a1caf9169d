"""Made-up runs for the tests of the report: small, and the same every time."""

import numpy as np

from components.core import artifacts, journal
from components.evaluate.evaluation import evaluate_logits
from components.evaluate.inputs import ReportInputs
from components.evaluate.trials import Search, Span

GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HOSTILE = (
    "<script>alert(1)</script>",
    "\"&<>'",
    "an extraordinarily long name that does not want to end " * 4,
    "日本語のクラス名",
    "حذاء رياضي",
    r"$\alpha_{x}$",
    "no_space_" * 20,
    "\x1b[31mred\u202e\ud800",
)


def trial(number, status="completed", accuracy=0.8, reason=None, **values):
    """Return a trial of the default space's kind, other hyperparameters in `values`."""
    hyperparameters = {"hidden_layers": 1 + number % 3, "normalization": ("batch", "layer")[number % 2]}
    hyperparameters |= {f"units_{layer}": 32 << (number + layer) % 5 for layer in range(1 + number % 3)}
    hyperparameters |= {"learning_rate": 10 ** (-4 + 0.37 * number % 2.5), "batch_size": 64 << number % 3, **values}
    known = status != "failed"
    curve = (0.9 * accuracy, accuracy) if known else ()
    return journal.Trial(number, status, hyperparameters, accuracy if known else None, curve, 2, 1.5, reason)


def search(n, n_completed=None, reason="out of memory", **values):
    """Return a search of `n` trials by two workers, of which the first `n_completed` completed."""
    n_completed = n if n_completed is None else n_completed
    random = np.random.default_rng(0)
    trials = [
        trial(number, accuracy=float(random.uniform(0.7, 0.9)), **values)
        if number < n_completed
        else trial(number, "failed", reason=reason, **values)
        for number in range(n)
    ]
    spans = [
        Span(each.number, each.number % 2, 3.0 * each.number, 3.0 * each.number + 2, each.status) for each in trials
    ]
    return Search(trials, spans)


def test_data(names=GARMENTS, n=200, source="fashion-mnist", shape=(28, 28)):
    """Return test images of noise, the classes in turn."""
    images = np.random.default_rng(1).integers(0, 256, (n, *shape), dtype=np.uint8)
    labelled = artifacts.Labelled(images, np.arange(n) % len(names))
    return artifacts.TestData(labelled, artifacts.DatasetInfo(source, tuple(names), shape), "ab" * 32)


def logits(labels, n_classes, skill):
    """Return a model's answers: noise with a standard deviation of 1, and `skill` more for the true class."""
    noise = np.random.default_rng(2).normal(size=(len(labels), n_classes))
    return noise + skill * np.eye(n_classes)[labels]


def evaluation(names=GARMENTS, skill=2.0, n_trials=0, **options):
    """Return the evaluation of a model of some skill; 0: useless, 50: perfect."""
    data = test_data(names, **options)
    description = {"class_names": list(names), "hyperparameters": trial(0).hyperparameters, "seed": 7}
    return evaluate_logits(logits(data.test.labels, len(names), skill), data, description, n_trials)


def history(n_epochs=6):
    """Return the history of a training whose last epoch but one was the best."""
    rising = [0.5 + 0.4 * (1 - 0.6**epoch) for epoch in range(n_epochs)]
    chosen = max(1, n_epochs - 1)
    accuracy = [value if epoch != chosen - 1 else 0.95 for epoch, value in enumerate(rising)]
    return {
        "loss": [1.5 - value for value in rising],
        "accuracy": rising,
        "validation_loss": [1.6 - value for value in rising],
        "validation_accuracy": accuracy,
        "learning_rate": [0.001 / (1 + epoch) for epoch in range(n_epochs)],
        "seconds": [0.5] * n_epochs,
        "chosen_epoch": chosen,
    }


def run(n_trials=20, n_completed=None, names=GARMENTS, skill=2.0, reason="out of memory", **options):
    """Return what is known of a finished run."""
    return ReportInputs(
        search=search(n_trials, n_completed, reason),
        history=history(),
        evaluation=evaluation(names, skill, n_trials, **options),
        steps={"prepare": 1.0, "tune": 62.0},
        parameters={"data_source": options.get("source", "fashion-mnist"), "seed": 7, "max_trials": n_trials},
    )
