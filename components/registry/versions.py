"""The versions of a registry: numbered folders of files, each complete or not there, none ever changed.

A run claims the next number by making a file that nobody has made, writes the version's files, and last of all
`version.json`, by which it is there. What a run that was killed has left has none, and its number stays unused.
"""

import contextlib
import datetime
import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.core import files
from components.core.errors import InvalidInput
from components.registry.store import Missing, Store

FOLDER = "versions"
FILE = "version.json"
CLAIM = "claim"
FORMAT = 1


@dataclass(frozen=True)
class Figure:
    """A figure of a model on the test split, with its 95 % interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Version:
    """A model that was registered, and where it comes from.

    Attributes:
        number: from 1.
        created_at: when, in UTC, ISO 8601.
        run: what names the run that made it.
        data: fingerprints of the data it was trained on and measured on, and what the source is called.
        code: digests of the files that decide a training, by name.
        class_names: of the classes, by their number.
        input_shape, input_dtype: of one example.
        metrics: figures by name.
        hyperparameters: the network's.
        custom_objects: registered names of what it needs besides Keras' own layers.
        files: size in bytes and SHA-256 of every file, by name.
    """

    number: int
    created_at: str
    run: str
    data: dict[str, str]
    code: dict[str, str]
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_dtype: str
    metrics: dict[str, Figure]
    hyperparameters: dict[str, Any]
    custom_objects: tuple[str, ...]
    files: dict[str, dict[str, Any]]

    @property
    def label(self) -> str:
        return label(self.number)

    @property
    def identity(self) -> str:
        """What is the same where one run registers the same files again."""
        return files.digest({"run": self.run, "files": self.files})


def label(number: int) -> str:
    """Return how a version's number is written: `0007`."""
    return f"{number:04d}"


def register(store: Store, contents: Mapping[str, Path], described: Mapping[str, Any]) -> Version:
    """Write a version and return it; where the run has written the same files before, that version.

    Args:
        store: the registry.
        contents: the files, by the name that each gets in the version.
        described: all that a `Version` says beside number, time and files.
    """
    listed = {
        name: {"bytes": path.stat().st_size, "sha256": files.sha256(path)} for name, path in sorted(contents.items())
    }
    wanted = files.digest({"run": described["run"], "files": listed})
    for known in read_all(store):
        if known.identity == wanted:
            return known
    number = _claim(store)
    for name, path in contents.items():
        store.upload(path, f"{FOLDER}/{label(number)}/{name}")
    created_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    version = Version(number=number, created_at=created_at, files=listed, **described)
    text = json.dumps({"format": FORMAT, **asdict(version)}, indent=2, allow_nan=False, ensure_ascii=False)
    if not store.create(_file(number), text.encode() + b"\n"):
        raise InvalidInput(f"registry {store.shown} must not be written to by hand: {_file(number)} is there already")
    return version


def numbers(store: Store) -> list[int]:
    """Return the numbers that are taken, also of versions that were never completed."""
    return sorted(int(name) for name in store.names(FOLDER) if name.isdecimal())


def read_all(store: Store) -> list[Version]:
    """Return all versions there are, by number."""
    found = [(number, store.read(_file(number))) for number in numbers(store)]
    return [_parsed(store, number, data) for number, data in found if data is not None]


def read(store: Store, number: int) -> Version:
    """Return a version.

    Raises:
        InvalidInput: there is none of that number, or it is damaged.
    """
    data = store.read(_file(number))
    if data is None:
        there = ", ".join(str(each.number) for each in read_all(store)) or "none yet"
        raise InvalidInput(f"version must be one of the registry {store.shown} ({there}), got {number}")
    return _parsed(store, number, data)


@contextlib.contextmanager
def fetched(store: Store, version: Version, below: str = "") -> Iterator[Path]:
    """Yield a folder with a version's files, each of which is what `version.json` says; gone after the block.

    Args:
        store: the registry.
        version: which one.
        below: only files of this folder of it, as `model/`.

    Raises:
        InvalidInput: a file is missing, or altered.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, entry in version.files.items():
            if file.startswith(below):
                store.download(f"{FOLDER}/{version.label}/{file}", folder / file)
                if files.sha256(folder / file) != entry["sha256"]:
                    raise InvalidInput(
                        f"{file} of version {version.number} of {store.shown} must be as it was registered, and its "
                        "SHA-256 is another: it was altered or damaged; take another version"
                    )
        yield folder / below


def problems(store: Store, version: Version) -> list[str]:
    """Return what is wrong with a version's files, a sentence each."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, entry in version.files.items():
            here = Path(folder) / "file"
            try:
                store.download(f"{FOLDER}/{version.label}/{name}", here)
            except Missing:
                found.append(f"{name} is missing")
                continue
            if files.sha256(here) != entry["sha256"]:
                found.append(f"{name} is not what was registered")
    return found


def _claim(store: Store) -> int:
    """Return a number that no other run has."""
    token = uuid.uuid4().hex.encode()
    number = max(numbers(store), default=0) + 1
    while not store.create(f"{FOLDER}/{label(number)}/{CLAIM}", token):
        number += 1
    return number


def _file(number: int) -> str:
    return f"{FOLDER}/{label(number)}/{FILE}"


def _parsed(store: Store, number: int, data: bytes) -> Version:
    try:
        value = json.loads(data)
        if value.pop("format") != FORMAT or value["number"] != number:
            raise ValueError
        tuples = {name: tuple(value[name]) for name in ("class_names", "input_shape", "custom_objects")}
        metrics = {name: Figure(**figure) for name, figure in value["metrics"].items()}
        if not all(isinstance(entry["sha256"], str) and _is_inside(name) for name, entry in value["files"].items()):
            raise ValueError
        return Version(**{**value, **tuples, "metrics": metrics})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidInput(f"{_file(number)} of the registry {store.shown} is damaged, or of a later format") from None


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in Path(name).parts
