"""An earlier search's trials, to learn from: kept beside the journal, so that continuing needs no other file."""

from pathlib import Path

from components.core import events, files, journal
from components.core.errors import InvalidInput
from components.core.experiment import Metric
from components.core.space import Space
from components.tune.unit_cube import UnitCube

FILE_NAME = "warm_start.jsonl"
FIRST_OBJECTIVE = {"name": "accuracy", "direction": "max"}
"""What the journals of the first format are about, which have it as text."""


def load(path: str, state_dir: str | Path, objective: Metric | None = None) -> bytes:
    """Return the bytes of the journal to learn from, none where no path is given.

    Args:
        path: the earlier journal; once it is gone, its copy in `state_dir` stands for it.
        state_dir: the search's state folder.
        objective: what the earlier search must have been about; None for anything.

    Raises:
        InvalidInput: there is neither, or it is empty, damaged or about another objective.
    """
    if not path:
        return b""
    places = [place for place in (Path(path), Path(state_dir) / FILE_NAME) if place.is_file()]
    data = places[0].read_bytes() if places else b""
    if not data:
        raise InvalidInput(f"warm_start must be the journal ({journal.FILE_NAME}) of an earlier search, got {path!r}")
    found = journal.read(places[0]).header
    if objective is not None:
        _refuse_another_objective(path, found, objective)
    return data


def usable(data: bytes, space: Space, state_dir: str | Path) -> list[journal.Trial]:
    """Return the trials of an earlier journal that are points of a space and came to a result, by number.

    A copy of the journal's bytes is kept in the state folder.
    """
    if not data:
        return []
    copy = Path(state_dir) / FILE_NAME
    if not copy.exists() or copy.read_bytes() != data:
        files.write_bytes(data, copy)
    cube = UnitCube(space)
    earlier = journal.in_order(journal.read(copy).trials)
    measured = [trial for trial in earlier if trial.status != "failed" and trial.curve]
    fitting = [trial for trial in measured if cube.holds(trial.hyperparameters)]
    events.note(
        f"warm start: {len(fitting)} of {len(earlier)} trials of the earlier search are points of this search space "
        "and are learned from"
    )
    return fitting


def _refuse_another_objective(path: str, header: journal.Header, objective: Metric) -> None:
    found = header.get("objective")
    found = found if isinstance(found, dict) else FIRST_OBJECTIVE
    if found != {"name": objective.name, "direction": objective.direction}:
        raise InvalidInput(
            f"warm_start must be about the objective {objective.name} ({objective.direction}), and {path} is about "
            f"{found.get('name')} ({found.get('direction')}), whose figures can't be compared"
        )
