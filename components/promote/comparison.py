"""The candidate and the champion on the same test images, and what is refused before they are compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.core import models, scores
from components.core.data import TestData
from components.core.errors import InvalidInput
from components.promote import gate
from components.registry import champion, versions
from components.registry.store import Store
from components.registry.versions import Figure, Version

BATCH_SIZE = 1_024
MODEL = "model/"


@dataclass(frozen=True)
class Comparison:
    """A decision, and what it was decided on.

    Attributes:
        decision: what the gate says.
        candidate: the version that was judged.
        champion: the version in service by then, or None.
        rule: what was asked for.
        changes: the classes' recalls by both, where there was a champion that could be compared with.
        differing: the examples that one of them has right, by index.
        predicted: the classes that candidate and champion say, each int, shape (n,); the second empty without one.
    """

    decision: gate.Decision
    candidate: Version
    champion: Version | None
    rule: gate.Rule
    changes: list[gate.ClassChange] = field(default_factory=list)
    differing: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    predicted: tuple[np.ndarray, np.ndarray] = field(default_factory=lambda: (np.zeros(0, int), np.zeros(0, int)))


def answers(model: str | Path, data: TestData) -> np.ndarray:
    """Return what a model artifact says of the test examples: probabilities, float, shape (n, n_classes)."""
    logits = models.read(model).predict(data.test.inputs, batch_size=BATCH_SIZE, verbose=0)
    if logits.shape[1] != len(data.info.class_names):
        raise InvalidInput(
            f"model must be for the {len(data.info.class_names)} classes of test_data, got one for {logits.shape[1]}"
        )
    found: np.ndarray = np.exp(scores.log_probabilities(logits))
    return found


def described(description: Mapping[str, Any], predicted: np.ndarray, data: TestData, run: str) -> dict[str, Any]:
    """Return what a version says of a model beside number, time and files.

    Args:
        description: the model's own, `model.json`.
        predicted: what it says of the test examples.
        data: those.
        run: what names the run that made it.
    """
    alone = gate.decide_alone(predicted == data.test.labels, gate.Rule())
    return {
        "run": run,
        "data": {
            "source": description["data_source"],
            "training": description["data_fingerprint"],
            "test": data.fingerprint,
        },
        "code": description.get("code", {}),
        "class_names": tuple(description["class_names"]),
        "input_shape": tuple(description["input_shape"]),
        "input_dtype": description["input_dtype"],
        "metrics": {"test_accuracy": Figure(alone.accuracy, *alone.interval)},
        "hyperparameters": description["hyperparameters"],
        "custom_objects": tuple(description.get("custom_objects", ())),
    }


def compare(
    store: Store, candidate: Version, predicted: np.ndarray, data: TestData, rule: gate.Rule, other_interface: bool
) -> tuple[Comparison, champion.Champion]:
    """Return what the gate says of a version against what is in service now, and that.

    Args:
        store: the registry.
        candidate: the version.
        predicted: what it says of the test examples.
        data: those.
        rule: what is asked for.
        other_interface: whether it may have other classes or another input than the champion; it is then judged alone.

    Raises:
        InvalidInput: it has, and may not; or the champion's files are missing or altered.
    """
    before = champion.read(store)
    correct = predicted == data.test.labels
    if before.version == candidate.number:
        found = gate.decide_alone(correct, gate.Rule())
        decision = gate.Decision(True, "it is in service already", found.accuracy, found.interval)
        return Comparison(decision, candidate, candidate, rule), before
    there = None if before.version is None else versions.read(store, before.version)
    difference = interface_difference(candidate, there)
    if difference and not other_interface:
        raise InvalidInput(
            f"the candidate must have the champion's classes and input, and {difference}; "
            "--other-interface true judges it alone"
        )
    if there is None or difference:
        return Comparison(gate.decide_alone(correct, rule), candidate, there, rule), before
    with versions.fetched(store, there, MODEL) as folder:
        theirs = answers(folder, data).argmax(axis=1)
    labels = np.asarray(data.test.labels)
    both = (correct, theirs == labels)
    names = tuple(data.info.class_names)
    comparison = Comparison(
        gate.decide(*both, labels, names, rule),
        candidate,
        there,
        rule,
        gate.class_changes(*both, labels, names),
        np.flatnonzero(both[0] != both[1]),
        (predicted, theirs),
    )
    return comparison, before


def interface_difference(candidate: Version, there: Version | None) -> str:
    """Return in what a version is used otherwise than another one, or nothing."""
    if there is None:
        return ""
    if candidate.class_names != there.class_names:
        odd = sorted(set(candidate.class_names) ^ set(there.class_names))
        which = f", {odd[0]!r} among those that only one has" if odd else ", in another order"
        return f"it has {len(candidate.class_names)} classes and the champion {len(there.class_names)}{which}"
    for name, ours, theirs in (
        ("shape", candidate.input_shape, there.input_shape),
        ("type", candidate.input_dtype, there.input_dtype),
    ):
        if ours != theirs:
            return f"its input has the {name} {ours} and the champion's {theirs}"
    return ""
