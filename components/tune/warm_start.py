"""An earlier search's trials, to learn from: kept beside the journal, so that continuing needs no other file."""

import math
from pathlib import Path

from components.core import files, journal
from components.core.parameters import InvalidInput

FILE_NAME = "warm_start.jsonl"


def digest(path, state_dir):
    """Return the SHA-256 of the journal to learn from, or "" where none is named.

    Args:
        path: the earlier journal; once it is gone, its copy in `state_dir` stands for it.
        state_dir: the search's state folder.

    Raises:
        InvalidInput: there is neither.
    """
    return files.sha256(_place(path, state_dir)) if path else ""


def trials(path, state_dir):
    """Return the earlier journal's trials by number, after keeping a copy of it in `state_dir`.

    Args:
        path: the earlier journal, or "" for no trials.
        state_dir: the state folder of a search that is locked, and whose header has this journal's digest.

    Raises:
        InvalidInput: the journal is damaged.
    """
    if not path:
        return []
    place, copy = _place(path, state_dir), Path(state_dir) / FILE_NAME
    if place != copy:
        files.write_bytes(place.read_bytes(), copy)
    return journal.in_order(journal.read(copy).trials)


def fits(values, space):
    """Say whether a trial's values are a point of a search space: a value for each active hyperparameter, no others.

    Args:
        values: Keras Tuner's flat values.
        space: a `keras_tuner.HyperParameters` with the whole space declared.
    """
    active = [hp for hp in space.space if all(condition.is_active(values) for condition in hp.conditions)]
    return values.keys() == {hp.name for hp in active} and all(_holds(hp, values[hp.name]) for hp in active)


def _place(path, state_dir):
    copy = Path(state_dir) / FILE_NAME
    if Path(path).is_file():
        return Path(path)
    if copy.is_file():
        return copy
    raise InvalidInput(f"warm_start must be the journal ({journal.FILE_NAME}) of an earlier search, got {path!r}")


def _holds(hp, value):
    if not hasattr(hp, "min_value"):
        return any(value == known and type(value) is type(known) for known in hp.values)
    kind = int if isinstance(hp.min_value, int) else (int, float)
    if not isinstance(value, kind) or isinstance(value, bool) or not hp.min_value <= value <= hp.max_value:
        return False
    return math.isclose(hp.prob_to_value(hp.value_to_prob(value)), value, rel_tol=1e-9)
