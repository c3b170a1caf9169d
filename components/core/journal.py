"""The search's state: one append-only file, `trials.jsonl`, written by tune and read by evaluate.

A header line, then one line a finished trial. A line is appended, flushed and fsynced before the search goes on,
so what finished is never lost. A crash can leave a torn last line, which is dropped; any other damage is refused.
"""

import dataclasses
import fcntl
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

from components.core import files
from components.core.errors import InvalidInput

FILE_NAME = "trials.jsonl"
FORMAT = 1
STATUSES = ("completed", "stopped", "failed")


@dataclass(frozen=True)
class Trial:
    """One finished trial: a line of the journal.

    Attributes:
        number: counted from 0.
        status: `completed`, `stopped` (early, by the rule) or `failed`.
        hyperparameters: Keras Tuner's flat values, only of hyperparameters that are active.
        validation_accuracy: best of the curve, 0 to 1; None when failed.
        curve: validation accuracy after each epoch.
        epochs: how many epochs were trained.
        seconds: wall time of the attempt that counted.
        reason: None, or why the trial failed or was stopped.
    """

    number: int
    status: str
    hyperparameters: dict
    validation_accuracy: float | None
    curve: tuple[float, ...]
    epochs: int
    seconds: float
    reason: str | None

    def __post_init__(self):
        object.__setattr__(self, "curve", tuple(self.curve))
        problem = _problem(self)
        if problem:
            raise ValueError(problem)

    def as_dict(self):
        return {**dataclasses.asdict(self), "curve": list(self.curve)}


@dataclass(frozen=True)
class Contents:
    """A journal that was read: its header, its trials in the order they finished, and where its whole lines end.

    Attributes:
        header: what decides the search; see `Journal.open`.
        trials: the finished trials, in the order of their lines.
        whole_bytes: length of the part made of whole lines.
        torn: whether more bytes follow it, the start of a line that a crash cut off.
    """

    header: dict
    trials: list[Trial]
    whole_bytes: int
    torn: bool


def best(trials):
    """Return the trial with the highest validation accuracy, the earliest of equals, or None.

    A stopped trial never wins: it ended because others were ahead.
    """
    completed = [trial for trial in trials if trial.status == "completed"]
    return max(completed, key=lambda trial: (trial.validation_accuracy, -trial.number), default=None)


def in_order(trials):
    """Return the trials sorted by number."""
    return sorted(trials, key=lambda trial: trial.number)


def read(path):
    """Return the `Contents` of a journal file.

    Raises:
        InvalidInput: a whole line is damaged, or the header is none of this format; the message has the line's
            number. A torn last line is no damage.
    """
    data = Path(path).read_bytes()
    whole, newline, rest = data.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    if not lines:
        return Contents({}, [], 0, torn=bool(rest))
    header = _parse_header(path, lines[0])
    trials = [_parse_trial(path, number, line) for number, line in enumerate(lines[1:], start=2)]
    _refuse_repeated(path, trials)
    return Contents(header, trials, len(whole) + 1, torn=bool(rest))


class Journal:
    """A search's journal, open for appending and locked against a second search.

    The lock (`flock`) belongs to the process: it ends with it, however it ends.

    Attributes:
        trials: the finished trials, in the order of their lines.
        header: the header the search goes by.
        dropped_torn_line: whether opening dropped a line that a crash had cut off.
    """

    def __init__(self, file, path, contents, header):
        self._file = file
        self._path = path
        self.trials = list(contents.trials)
        self.header = header
        self.dropped_torn_line = contents.torn

    @classmethod
    def open(cls, folder, header):
        """Open the journal in `folder`, or begin one.

        Args:
            folder: the search's state folder; made when there is none.
            header: what decides the search, a flat dictionary of JSON values. A journal whose header differs
                holds another search and is refused.

        Raises:
            InvalidInput: locked by another search, damaged, or of another search; the message names what differs.
        """
        folder = Path(folder)
        files.make_folder(folder)
        path = folder / FILE_NAME
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0)
        try:
            _lock(file, path)
            contents = read(path)
            journal = cls(file, path, contents, header)
            journal._begin(contents, {"format": FORMAT, **header})
        except BaseException:
            file.close()
            raise
        return journal

    def append(self, trial):
        """Add a finished trial; when this returns, the line is on the disk.

        Raises:
            ValueError: the trial's number is in the journal already.
        """
        if any(trial.number == known.number for known in self.trials):
            raise ValueError(f"trial {trial.number} is in the journal already")
        self._write_line(trial.as_dict())
        self.trials.append(trial)

    def close(self):
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _begin(self, contents, header):
        if contents.header:
            _refuse_other_search(self._path, contents.header, header)
        self._file.truncate(contents.whole_bytes)
        self._file.seek(contents.whole_bytes)
        if not contents.header:
            self._write_line(header)
            files.sync(self._path.parent)

    def _write_line(self, value):
        start = self._file.tell()
        rest = json.dumps(value, allow_nan=False).encode() + b"\n"
        with files.naming(self._path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
                os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(start)  # a full disk may have left half a line
                self._file.seek(start)
                raise


def _lock(file, path):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        problem = f"{path.parent} must be used by one search at a time, and another uses it"
        raise InvalidInput(f"{problem}; wait for it, or use another directory") from None


def _parse_header(path, line):
    try:
        header = json.loads(line)
        known = header["format"] == FORMAT
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput(f"{path} line 1 is no journal header; move the file away to start a new search") from None
    if not known:
        raise InvalidInput(f"{path} line 1: format must be {FORMAT}, got {header['format']!r}")
    return header


def _parse_trial(path, number, line):
    try:
        return Trial(**json.loads(line, parse_constant=_refuse_constant))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{path} line {number} is damaged ({error}); restore the file from a copy") from None


def _refuse_constant(name):
    raise ValueError(f"{name} is no JSON number")


def _refuse_repeated(path, trials):
    seen = set()
    for line, trial in enumerate(trials, start=2):
        if trial.number in seen:
            raise InvalidInput(f"{path} line {line} is damaged (trial {trial.number} appears twice)")
        seen.add(trial.number)


def _refuse_other_search(path, found, wanted):
    different = [name for name in sorted(found.keys() | wanted.keys()) if found.get(name) != wanted.get(name)]
    if different:
        changes = ", ".join(f"{name} {_short(found.get(name))}, not {_short(wanted.get(name))}" for name in different)
        raise InvalidInput(f"{path} must be of the same search, and it has {changes}; use another directory")


def _short(value):
    text = str(value)
    return text if len(text) <= 40 else text[:12] + "…"


def _problem(trial):
    """Say what makes a line no finished trial, or None."""
    whole = (trial.number, trial.epochs)
    if any(not isinstance(value, int) or isinstance(value, bool) or value < 0 for value in whole):
        return "number and epochs must be integers from 0"
    if trial.status not in STATUSES:
        return f"status must be one of {', '.join(STATUSES)}, got {trial.status!r}"
    if not isinstance(trial.hyperparameters, dict):
        return "hyperparameters must be an object"
    if any(_is_number_type(value) and not math.isfinite(value) for value in trial.hyperparameters.values()):
        return "hyperparameters must be finite"
    if not all(_is_accuracy(value) for value in trial.curve):
        return "curve must hold accuracies from 0 to 1"
    if (trial.validation_accuracy is None) != (trial.status == "failed"):
        return "validation_accuracy must be null when failed, and only then"
    if trial.validation_accuracy is not None and not _is_accuracy(trial.validation_accuracy):
        return "validation_accuracy must lie from 0 to 1"
    if not _is_number(trial.seconds) or trial.seconds < 0:
        return "seconds must be a number from 0"
    if not isinstance(trial.reason, (str, type(None))):
        return "reason must be text or null"
    return None


def _is_accuracy(value):
    return _is_number(value) and 0 <= value <= 1


def _is_number(value):
    return _is_number_type(value) and math.isfinite(value)


def _is_number_type(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
