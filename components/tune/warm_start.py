"""An earlier search's trials, to learn from: kept beside the journal, so that continuing needs no other file."""

import math
from pathlib import Path

from components.core import files, journal
from components.core.errors import InvalidInput

FILE_NAME = "warm_start.jsonl"


def load(path, state_dir):
    """Return the bytes of the journal to learn from, none where no path is given.

    Args:
        path: the earlier journal; once it is gone, its copy in `state_dir` stands for it.
        state_dir: the search's state folder.

    Raises:
        InvalidInput: there is neither, or it is empty or damaged.
    """
    if not path:
        return b""
    places = [place for place in (Path(path), Path(state_dir) / FILE_NAME) if place.is_file()]
    data = places[0].read_bytes() if places else b""
    if not data:
        raise InvalidInput(f"warm_start must be the journal ({journal.FILE_NAME}) of an earlier search, got {path!r}")
    journal.read(places[0])
    return data


def keep(data, state_dir):
    """Keep a copy of an earlier journal's bytes in a state folder, and return its trials by number."""
    copy = Path(state_dir) / FILE_NAME
    if not copy.exists() or copy.read_bytes() != data:
        files.write_bytes(data, copy)
    return journal.in_order(journal.read(copy).trials)


def fits(values, space):
    """Say whether a trial's values are a point of a search space: a value for each active hyperparameter, no others.

    Args:
        values: Keras Tuner's flat values.
        space: a `keras_tuner.HyperParameters` with the whole space declared.
    """
    active = [hp for hp in space.space if all(condition.is_active(values) for condition in hp.conditions)]
    return values.keys() == {hp.name for hp in active} and all(_holds(hp, values[hp.name]) for hp in active)


def _holds(hp, value):
    if not hasattr(hp, "min_value"):
        return any(value == known and type(value) is type(known) for known in hp.values)
    kind = int if isinstance(hp.min_value, int) else (int, float)
    if not isinstance(value, kind) or isinstance(value, bool) or not hp.min_value <= value <= hp.max_value:
        return False
    return math.isclose(hp.prob_to_value(hp.value_to_prob(value)), value, rel_tol=1e-9)
