"""How labels, whatever they are, become classes with names.

Classes are the different training labels: integers in their order, text in alphabetical order, text that is all
integers (folders `1` to `10`) in the order of the numbers. Of the test split nothing but its own labels depends.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.core import events
from components.core.data import Labelled
from components.sources.places import Place
from components.sources.raw import RawData, RawSplit, StatedNames
from components.sources.split import FEWEST_PER_CLASS

CLASSES_FILE = "classes.txt"

Array = np.ndarray[Any, Any]

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_LONGEST_FILE_BYTES = 1 << 22
_MOST_LISTED = 10


def encode(raw: RawData) -> tuple[Labelled, Labelled, tuple[str, ...]]:
    """Return training and test examples with class indices, and the classes' names.

    Raises:
        InvalidInput: fewer than 2 classes, one with a single training example, one only in the test split, or names
            that don't fit.
    """
    labels, found, counts = np.unique(raw.train.labels, return_inverse=True, return_counts=True)
    if len(labels) < 2:
        raise raw.train.labels_at.refused(f"must hold labels of at least 2 classes, but all are {labels[0]}")
    order, names = _order_and_names([label.item() for label in labels], raw)
    rarest = int(np.argmin(counts[order]))
    if counts[order][rarest] < FEWEST_PER_CLASS:
        rule = "must hold every class at least twice, for either side of the validation split"
        raise raw.train.labels_at.refused(f"{rule}, but {names[rarest]} occurs {counts[order][rarest]} time(s)")
    class_of = np.argsort(order)
    test_labels = class_of[_positions(raw.test, labels)]
    _note_absent(names, test_labels)
    return Labelled(raw.train.inputs, class_of[found]), Labelled(raw.test.inputs, test_labels), names


def read_names(folder: Place) -> StatedNames | None:
    """Return the class names that `classes.txt` in a folder lists, one a line; None when there is no such file.

    Raises:
        InvalidInput: the file can't be read, or is no text in UTF-8.
    """
    place = folder / CLASSES_FILE
    if not place.path.exists():
        return None
    place.check_file()
    try:
        if place.path.stat().st_size > _LONGEST_FILE_BYTES:
            raise place.refused(f"must be a list of class names of at most {_LONGEST_FILE_BYTES:,} bytes")
        lines = place.path.read_bytes().decode("utf-8-sig").rstrip().split("\n")
    except OSError as error:
        raise place.refused(f"can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise place.refused(f"must be text in UTF-8, but byte {error.start} is none") from None
    return StatedNames(tuple(line.strip() for line in lines), place)


def _order_and_names(labels: Sequence[int | str], raw: RawData) -> tuple[Array, tuple[str, ...]]:
    """Return the labels' positions in the order of the classes, and the classes' names."""
    texts, stated = [str(label) for label in labels], raw.stated
    are_text = isinstance(labels[0], str)
    if stated and are_text and set(stated.names) == set(texts) and len(stated.names) == len(texts):
        return np.array([texts.index(name) for name in stated.names]), stated.names
    numbers = [int(text) for text in texts] if all(_INTEGER.fullmatch(text) for text in texts) else None
    order = np.argsort(numbers, kind="stable") if numbers and are_text else np.arange(len(labels))
    names = [texts[position] for position in order]
    if stated:
        indices = [numbers[position] for position in order] if numbers else None
        names = _stated_names(stated, names, indices, are_text)
    _check_names(names, stated.place if stated else raw.train.labels_at)
    if numbers:
        _note_renumbered([numbers[position] for position in order], raw.train.labels_at)
    return order, tuple(names)


def _note_renumbered(labels: list[int], place: Place) -> None:
    """Say which labels become which classes, where a class's number is not its label."""
    n_labels = len(labels)
    if labels != list(range(n_labels)):
        gaps = "" if labels[-1] - labels[0] == n_labels - 1 else f", {n_labels:,} different ones"
        found = f"{place.shown} holds labels from {labels[0]} to {labels[-1]}{gaps}"
        events.note(f"data_source: {found}; in this order they become the classes 0 to {n_labels - 1}")


def _stated_names(stated: StatedNames, texts: list[str], indices: list[int] | None, are_text: bool) -> list[str]:
    """Return the stated names of classes with these labels: line by line, or by label where the labels are indices."""
    mixed = are_text and not indices and set(texts) & set(stated.names)
    if len(stated.names) == len(texts) and not mixed:
        return list(stated.names)
    if indices and indices[0] >= 0 and indices[-1] < len(stated.names):
        return [stated.names[index] for index in indices]
    raise stated.place.refused(
        f"must hold a name for each of {len(texts):,} classes, or as many as the largest label says, "
        f"but holds {len(stated.names):,}" + (" of which only some are labels" if mixed else "")
    )


def _check_names(names: list[str], place: Place) -> None:
    seen: set[str] = set()
    for name in names:
        if not name.strip() or not name.isprintable():
            raise place.refused(f"must give each class a printable name, but one is {name!r}")
        if name in seen:
            raise place.refused(f"must give each class a name of its own, but {name!r} is there twice")
        seen.add(name)


def _positions(test: RawSplit, labels: Array) -> Array:
    """Return where each test label stands among the sorted training labels."""
    if test.labels.dtype.kind != labels.dtype.kind:
        kinds = ["text" if values.dtype.kind == "U" else "integers" for values in (labels, test.labels)]
        raise test.labels_at.refused(f"must hold {kinds[0]} as the training labels do, but holds {kinds[1]}")
    positions = np.minimum(np.searchsorted(labels, test.labels), len(labels) - 1)
    unknown = labels[positions] != test.labels
    if unknown.any():
        names = [str(label) for label in np.unique(test.labels[unknown])]
        rule = "must hold only classes that have training examples"
        first = int(np.argmax(unknown))
        problem = f"but {_listed(names)} occur(s) in the test split alone, first at {first}"
        raise test.labels_at.refused(f"{rule}, {problem}")
    return positions


def _note_absent(names: tuple[str, ...], test_labels: Array) -> None:
    present = set(np.unique(test_labels).tolist())
    absent = [name for index, name in enumerate(names) if index not in present]
    if absent:
        events.note(f"data_source: the test split has no example of {_listed(absent)}")


def _listed(names: list[str]) -> str:
    shown = [name if name.isprintable() else repr(name) for name in names[:_MOST_LISTED]]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
