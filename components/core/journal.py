"""The search's state: one append-only file, `trials.jsonl`, written by tune and read by evaluate.

A header line, then one line a trial each time that it has been trained further; the last one counts. Between them, in
the search's own file, a line for each round as it is decided and one before each attempt at a training. A line is
appended, flushed and fsynced before the search goes on, so what finished is never lost. A crash can leave a torn last
line, which is dropped; any other damage is refused.
"""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core import files
from components.core.attempts import EVENTS, Attempts
from components.core.errors import InvalidInput
from components.core.trial import STATUSES, Trial, best, in_order, score

__all__ = ["STATUSES", "Contents", "Journal", "Trial", "best", "differences", "in_order", "read", "score"]

FILE_NAME = "trials.jsonl"
FORMAT = 3
READABLE_FORMATS = (1, 2, 3)

Header = dict[str, Any]

NOT_BINDING = ("max_trials", "finalists", "finals")
"""Parts of a plan that a search may be continued with other values of."""


@dataclass(frozen=True)
class Contents:
    """A journal that was read.

    Attributes:
        header: what decides the search; see `Journal.open`.
        trials: each trial as its last line has it, in the order of their first lines.
        rounds: what each round was decided to be, JSON-like values of `components.tune.rounds.Stretch`.
        attempts: the attempts at trainings, and which of them never ended.
        whole_bytes: length of the part made of whole lines.
        torn: whether more bytes follow it, the start of a line that a crash cut off.
    """

    header: Header
    trials: list[Trial]
    rounds: list[list[dict[str, Any]]] = field(default_factory=list)
    attempts: Attempts = field(default_factory=Attempts)
    whole_bytes: int = 0
    torn: bool = False

    @classmethod
    def of(cls, path: Path, header: Header, lines: Sequence[bytes], whole_bytes: int, torn: bool) -> "Contents":
        """Return what whole lines after the header say.

        Raises:
            InvalidInput: one of them is damaged; the message has its number.
        """
        trials: dict[int, Trial] = {}
        rounds: list[list[dict[str, Any]]] = []
        attempts = Attempts()
        for number, line in enumerate(lines, start=2):
            value = _parse_line(path, number, line)
            if isinstance(value, Trial):
                _refuse_repeated(path, number, value, trials.get(value.number))
                trials[value.number] = value
                attempts.end(value.number)
            elif "round" in value:
                rounds.append(value["round"])
            else:
                attempts.take_in(value)
        return cls(header, list(trials.values()), rounds, attempts, whole_bytes, torn)


def read(path: str | Path) -> Contents:
    """Return the `Contents` of a journal file.

    Raises:
        InvalidInput: a whole line is damaged, or the header is none of this format; the message has the line's
            number. A torn last line is no damage.
    """
    path = Path(path)
    data = path.read_bytes()
    whole, newline, rest = data.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    if not lines:
        return Contents({}, [], torn=bool(rest))
    header = _parse_header(path, lines[0])
    return Contents.of(path, header, lines[1:], len(whole) + 1, torn=bool(rest))


class Journal:
    """A search's journal, open for appending and locked against a second search.

    The lock (`flock`) belongs to the process: it ends with it, however it ends.

    Attributes:
        trials: each trial as it was last written, in the order of their first lines.
        rounds: the rounds that were decided.
        attempts: the attempts so far.
        header: the header the search goes by; empty until it has begun.
        dropped_torn_line: whether opening dropped a line that a crash had cut off.
    """

    def __init__(self, file: Any, path: Path, contents: Contents) -> None:
        self._file = file
        self._path = path
        self._trials = {trial.number: trial for trial in contents.trials}
        self._whole_bytes = contents.whole_bytes
        self.rounds = list(contents.rounds)
        self.attempts = contents.attempts
        self.header = contents.header
        self.dropped_torn_line = contents.torn

    @classmethod
    def open(cls, folder: str | Path, header: Header) -> "Journal":
        """Open the journal in `folder`, or begin one; see `lock` and `begin`."""
        journal = cls.lock(folder)
        try:
            journal.begin(header)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def lock(cls, folder: str | Path) -> "Journal":
        """Take the journal in `folder`, which is made when there is none, and read it; nothing is written yet.

        Raises:
            InvalidInput: locked by another search, or damaged.
        """
        folder = Path(folder)
        files.make_folder(folder)
        path = folder / FILE_NAME
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0)
        try:
            _lock(file, path)
            return cls(file, path, read(path))
        except BaseException:
            file.close()
            raise

    def begin(self, header: Header) -> None:
        """Bind the journal to what decides the search, or continue it.

        Args:
            header: a dictionary of JSON values. A journal whose header differs holds another search and is refused.

        Raises:
            InvalidInput: it is of another search; the message names what differs.
        """
        header = {"format": FORMAT, **header}
        if self.header:
            _refuse_other_search(self._path, self.header, header)
        self._file.truncate(self._whole_bytes)
        self._file.seek(self._whole_bytes)
        if not self.header:
            self._write_line(header)
            files.sync(self._path.parent)
        self.header = header

    @property
    def trials(self) -> list[Trial]:
        return list(self._trials.values())

    def trial(self, number: int) -> Trial | None:
        """Return a trial as it was last written, or None."""
        return self._trials.get(number)

    def append(self, trial: Trial) -> None:
        """Add a trial, or what it has become; when this returns, the line is on the disk.

        Raises:
            ValueError: the journal has it trained as far already.
        """
        known = self._trials.get(trial.number)
        if known is not None and not _goes_on(known, trial):
            raise ValueError(f"trial {trial.number} is in the journal already")
        self._write_line(trial.as_dict())
        self._trials[trial.number] = trial
        self.attempts.end(trial.number)

    def append_round(self, stretches: Sequence[Mapping[str, Any]]) -> None:
        """Add a round as it was decided."""
        self._write_line({"round": list(stretches)})
        self.rounds.append([dict(each) for each in stretches])

    def append_event(self, event: Mapping[str, Any]) -> None:
        """Add something that happened to an attempt; see `components.core.attempts`."""
        self._write_line(event)
        self.attempts.take_in(event)

    def close(self) -> None:
        """Give the journal free; one that was never begun is gone."""
        if not self.header and self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_line(self, value: Any) -> None:
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


def _lock(file: Any, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        problem = f"{path.parent} must be used by one search at a time, and another uses it"
        raise InvalidInput(f"{problem}; wait for it, or use another directory") from None


def _parse_header(path: Path, line: bytes) -> Header:
    try:
        header = json.loads(line)
        known = header["format"] in READABLE_FORMATS
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput(f"{path} line 1 is no journal header; move the file away to start a new search") from None
    if not known:
        raise InvalidInput(f"{path} line 1: format must be {FORMAT}, got {header['format']!r}")
    checked: Header = header
    return checked


def _parse_line(path: Path, number: int, line: bytes) -> Trial | dict[str, Any]:
    """Return a trial, or the dictionary of another line of a known kind."""
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
        if "round" in value:
            _check_round(value)
            return dict(value)
        if not EVENTS.isdisjoint(value):
            Attempts().take_in(value)
            return dict(value)
        return Trial(**value)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{path} line {number} is damaged ({error}); restore the file from a copy") from None


def _check_round(value: Mapping[str, Any]) -> None:
    whole = [each[name] for each in value["round"] for name in ("number", "last")]
    if len(value) > 1 or not all(type(number) is int and number >= 0 for number in whole):
        raise ValueError("a round must be a list of stretches with number and last, integers from 0")
    if not all(isinstance(each["hyperparameters"], dict) for each in value["round"]):
        raise ValueError("a stretch's hyperparameters must be an object")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _refuse_repeated(path: Path, line: int, trial: Trial, known: Trial | None) -> None:
    if known is not None and not _goes_on(known, trial):
        raise InvalidInput(f"{path} line {line} is damaged (trial {trial.number} appears twice)")


def _goes_on(known: Trial, trial: Trial) -> bool:
    """Return whether a trial is a known one that was trained further, or failed in that."""
    return known.status == "stopped" and (trial.epochs > known.epochs or trial.status == "failed")


def _refuse_other_search(path: Path, found: Header, wanted: Header) -> None:
    if found["format"] != wanted["format"]:
        problem = f"{path} must be of format {wanted['format']}, and an earlier version wrote it in {found['format']}"
    else:
        changes = differences(found, wanted)
        if not changes:
            return
        problem = f"{path} must be of the same search, and it has {', '.join(changes)}"
    raise InvalidInput(f"{problem}; use another directory, and --warm-start {path} to learn from its trials")


def differences(found: Header, wanted: Header) -> list[str]:
    """Return what two headers differ in, a few words each: which parameter, which hyperparameter, which file."""
    changes = []
    for name in sorted(found.keys() | wanted.keys()):
        old, new = found.get(name), wanted.get(name)
        if old == new:
            continue
        if name == "plan" and isinstance(old, dict) and isinstance(new, dict):
            parts = [part for part in sorted(old.keys() | new.keys()) if part not in NOT_BINDING]
            changes += [
                f"{part} {_short(old.get(part))}, not {_short(new.get(part))}"
                for part in parts
                if old.get(part) != new.get(part)
            ]
        elif name == "search_space":
            changes += _changed_entries(_by_name(old), _by_name(new), "another range of ")
        elif isinstance(old, dict) and isinstance(new, dict) and name in ("code", "versions"):
            changes += _changed_entries(old, new, "another " if name == "code" else "another version of ")
        else:
            changes.append(f"{name} {_short(old)}, not {_short(new)}")
    return changes


def _by_name(search_space: Any) -> dict[str, list[Any]]:
    entries: dict[str, list[Any]] = {}
    for entry in search_space if isinstance(search_space, list) else []:
        entries.setdefault(str(entry.get("name")), []).append(entry)
    return entries


def _changed_entries(old: dict[str, Any], new: dict[str, Any], words: str) -> list[str]:
    return [f"{words}{name}" for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:12] + "…"
