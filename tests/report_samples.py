"""Made-up runs for the tests of the report: small, and the same every time."""

import dataclasses
import itertools

import numpy as np

from components.core import journal
from components.core.data import DatasetInfo, Labelled, TestData
from components.core.experiment import ACCURACY, Metric
from components.core.plan import Plan
from components.evaluate.evaluation import evaluate_logits
from components.evaluate.inputs import ReportInputs
from components.evaluate.objective import Objective
from components.evaluate.trials import SearchRecord, Span

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
    "👩🏽‍🔬🧪" * 20,
    "",
    "twin",
    "twin",
)
CROSS_ENTROPY = Metric("cross-entropy", lambda labels, logits: 1.25, "min")


SPACE = [
    {"name": "hidden_layers", "kind": "Int", "min_value": 1, "max_value": 4, "step": 1, "sampling": "linear"},
    *(
        {"name": f"units_{n}", "kind": "Int", "min_value": 32, "max_value": 512, "step": 2, "sampling": "log"}
        for n in range(4)
    ),
    {"name": "normalization", "kind": "Choice", "values": ["none", "layer", "batch"], "ordered": False},
    {
        "name": "learning_rate",
        "kind": "Float",
        "min_value": 1e-4,
        "max_value": 1e-1,
        "step": None,
        "sampling": "log",
    },
    {"name": "batch_size", "kind": "Choice", "values": [64, 128, 256], "ordered": True},
    {"name": "label_smoothing", "kind": "Fixed", "value": 0.1},
]
"""A search space as a journal's header holds it."""


LOST = {(0, 7): 0.0, (1, 7): 0.02, (0, 8): 0.01}
"""The finals, by trial number and seed: how much worse than the model each is in every epoch."""

PLAN = Plan(max_trials=24, rungs=(2, 6, 18), round_size=6, finalists=2, finals=3, training_epochs=30)


def trial(number, status="completed", accuracy=0.8, reason=None, curve=None, **values):
    """Return a trial of the default space's kind, other hyperparameters in `values`."""
    hyperparameters = {"hidden_layers": 1 + number % 3, "normalization": ("batch", "layer")[number % 2]}
    hyperparameters |= {f"units_{layer}": 32 << (number + layer) % 5 for layer in range(1 + number % 3)}
    hyperparameters |= {"learning_rate": 10 ** (-4 + 0.37 * number % 2.5), "batch_size": 64 << number % 3}
    hyperparameters |= {"label_smoothing": 0.1, **values}
    known = status != "failed"
    curve = curve or ((0.9 * accuracy, accuracy) if known else ())
    accuracy = max(curve) if known else None
    return journal.Trial(number, status, hyperparameters, accuracy, curve, len(curve), 1.5, reason)


def rising(accuracy, epochs):
    """Return a curve that comes close to an accuracy: its start is the same, however long it is."""
    return [accuracy - 0.2 * 0.7**epoch for epoch in range(1, epochs + 1)]


def search(n, n_good=None, reason="out of memory", objective=ACCURACY, **values):
    """Return a search of `n` trials by two workers, of which those from `n_good` on failed.

    Of the others the best third, but at least one, went on from each rung.
    """
    plan, n_good = dataclasses.replace(PLAN, max_trials=n), n if n_good is None else n_good
    accuracies = np.random.default_rng(0).uniform(0.7, 0.9, n).tolist()
    ranked = sorted(range(n_good), key=lambda number: -accuracies[number])
    reached = dict.fromkeys(range(n_good), 0)
    for rung in range(1, len(plan.rungs)):
        ranked = ranked[: max(1, len(ranked) // 3)] if ranked else []
        reached |= dict.fromkeys(ranked, rung)
    trials = [
        _in_rungs(number, reached[number], accuracies[number], plan, values)
        if number < n_good
        else trial(number, "failed", reason=reason, **values)
        for number in range(n)
    ]
    shown = Objective(objective.name, objective.direction)
    return SearchRecord(trials, _spans(trials, plan), shown, SPACE, plan=plan)


def older_search(*accuracies, objective=ACCURACY):
    """Return a search without rungs or plan, as earlier versions left it, of trials with these accuracies."""
    trials = [trial(number, accuracy=accuracy) for number, accuracy in enumerate(accuracies)]
    return SearchRecord(trials, [], Objective(objective.name, objective.direction))


def _in_rungs(number, rung, accuracy, plan, values):
    is_last = rung == len(plan.rungs) - 1
    reason = f"not among the best third at rung {rung + 1} of {len(plan.rungs)}, {plan.rungs[rung]} epochs"
    curve = rising(accuracy, plan.rungs[rung])
    return trial(number, "completed" if is_last else "stopped", 0, None if is_last else reason, curve, **values)


def _spans(trials, plan):
    """Return a stretch of half a second an epoch for each rung that a trial reached, those of a rung together."""
    free, spans = [0.0, 0.0], []
    for first, last in itertools.pairwise((0, *plan.rungs)):
        for each in trials:
            if len(each.curve) >= last or (first == 0 and each.status == "failed"):
                outcome = "failed" if each.status == "failed" else "finished"
                worker, start = free.index(min(free)), min(free)
                free[worker] = start + (last - first) / 2
                number = len(spans) // plan.round_size
                spans.append(Span(each.number, worker, start, free[worker], outcome, last, number))
    return spans


def test_data(names=GARMENTS, n=200, source="fashion-mnist", shape=(28, 28), dtype="uint8"):
    """Return test data of noise, the classes in turn."""
    random = np.random.default_rng(1)
    noise = (
        random.integers(0, 256, (n, *shape), dtype=np.uint8) if dtype == "uint8" else random.normal(size=(n, *shape))
    )
    labelled = Labelled(noise.astype(dtype), np.arange(n) % len(names))
    return TestData(labelled, DatasetInfo(source, tuple(names), shape, dtype), "ab" * 32)


def logits(labels, n_classes, skill):
    """Return a model's answers: noise with a standard deviation of 1, and `skill` more for the true class."""
    noise = np.random.default_rng(2).normal(size=(len(labels), n_classes))
    return noise + skill * np.eye(n_classes)[labels]


def description(names=GARMENTS, objective=ACCURACY, shape=(28, 28), dtype="uint8"):
    """Return what a model says of itself."""
    return {
        "class_names": list(names),
        "hyperparameters": trial(0).hyperparameters,
        "winner": {"number": 0, "seed": 7},
        "seed": 7,
        "finals": [
            {
                "number": n,
                "seed": seed,
                "epochs": 6,
                "objective": 0.95 - lost,
                "validation_accuracy": 0.95 - lost,
                "reason": None,
            }
            for (n, seed), lost in LOST.items()
        ],
        "input_shape": list(shape),
        "input_dtype": dtype,
        "objective": {"name": objective.name, "direction": objective.direction},
        "n_training_examples": 54_000,
        "network": {"layers": {"Conv2D": 2, "Dense": 1}, "n_parameters": 12_345, "compiled": "graph"},
    }


def evaluation(names=GARMENTS, skill=2.0, n_trials=0, objective=ACCURACY, further=(), **options):
    """Return the evaluation of a model of some skill; 0: useless, 50: perfect."""
    data = test_data(names, **options)
    said = description(names, objective, data.info.input_shape, data.info.input_dtype)
    return evaluate_logits(
        logits(data.test.labels, len(names), skill), data, said, n_trials, objective=objective, further=further
    )


def history(n_epochs=6, objective=ACCURACY):
    """Return the history of a training whose last epoch but one was the best, and of two further finals."""
    rising = [0.5 + 0.4 * (1 - 0.6**epoch) for epoch in range(n_epochs)]
    chosen = max(1, n_epochs - 1)
    accuracy = [value if epoch != chosen - 1 else 0.95 for epoch, value in enumerate(rising)]
    values = accuracy if objective.direction == "max" else [2.0 - value for value in accuracy]
    finals = [
        {
            "number": number,
            "seed": seed,
            "curve": [value - lost for value in values],
            "validation_accuracies": [value - lost for value in accuracy],
            "chosen_epoch": chosen,
        }
        for (number, seed), lost in LOST.items()
    ]
    return {
        "loss": [1.5 - value for value in rising],
        "accuracy": rising,
        "validation_loss": [1.6 - value for value in rising],
        "validation_accuracy": accuracy,
        "learning_rate": [0.001 / (1 + epoch) for epoch in range(n_epochs)],
        "seconds": [0.5] * n_epochs,
        "objective": values,
        "chosen_epoch": chosen,
        "finals": finals,
    }


def run(n_trials=20, n_good=None, names=GARMENTS, skill=2.0, reason="out of memory", objective=ACCURACY, **options):
    """Return what is known of a finished run."""
    return ReportInputs(
        search=search(n_trials, n_good, reason, objective),
        history=history(objective=objective),
        evaluation=evaluation(names, skill, n_trials, objective, **options),
        steps={"prepare": 1.0, "tune": 62.0},
        parameters={"data_source": options.get("source", "fashion-mnist"), "seed": 7, "max_trials": n_trials},
    )
