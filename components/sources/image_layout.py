"""How a folder of images is arranged: `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.sources.labels import CLASSES_FILE
from components.sources.places import Place

SUFFIXES = (".png", ".jpg", ".jpeg")

_SPLITS = ("train", "test")
_DEEPEST = 3


@dataclass(frozen=True)
class Example:
    """An image: its name below the folder, and its class."""

    name: str
    class_name: str


@dataclass(frozen=True)
class Layout:
    """The images in the order of their names; `test` is None when they have still to be split."""

    train: tuple[Example, ...]
    test: tuple[Example, ...] | None


def names_in(folder: Path) -> list[str]:
    """Return the files below a folder, as names relative to it; a folder that holds none, or lies too deep for a
    class, is there with a `/` at its end. Hidden ones are left out.

    Raises:
        OSError: a folder can't be read.
    """
    return sorted(_walk(folder, "", _DEEPEST))


def arrange(folder: Place, names: Iterable[str]) -> Layout:
    """Return the images among `names`, see `names_in`, with their classes.

    Raises:
        InvalidInput: a file or folder that has no place in the arrangement, by name.
    """
    visible = sorted(name for name in names if name != CLASSES_FILE and not _is_hidden(name))
    top = {name.partition("/")[0] for name in visible if "/" in name}
    has_splits = top <= set(_SPLITS) or any(name.count("/") >= 2 for name in visible if name.startswith("train/"))
    if not has_splits:
        return Layout(tuple(_example(folder, name, "", name) for name in visible), None)
    for name in visible:
        if name.partition("/")[0] not in _SPLITS:
            rule = "must not lie beside train/ and test/, which are all that is used"
            raise (folder / name).refused(f"{rule}; move it elsewhere")
    parts = {
        split: tuple(
            _example(folder, name, f"{split}/", name.removeprefix(f"{split}/"))
            for name in visible
            if name.startswith(f"{split}/")
        )
        for split in _SPLITS
    }
    for split in _SPLITS:
        if not parts[split]:
            raise folder.refused(f"must hold train/CLASS/ and test/CLASS/, or CLASS/ alone, but has no {split}/")
    return Layout(parts["train"], parts["test"])


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if prefix and not entries:
        yield prefix
    for entry in entries:
        if not entry.is_dir():
            yield prefix + entry.name
        elif depth > 1:
            yield from _walk(entry, f"{prefix}{entry.name}/", depth - 1)
        else:
            yield f"{prefix}{entry.name}/"


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _example(folder: Place, name: str, above: str, below: str) -> Example:
    place, (class_name, slash, file_name) = folder / name.rstrip("/"), below.partition("/")
    if not slash:
        raise place.refused(f"must lie in the folder of its class, {above}CLASS/")
    if not file_name:
        raise place.refused("must hold at least one image, and is an empty folder; remove it")
    if "/" in file_name:
        raise place.refused(f"must not lie so deep: images lie in {above}CLASS/ itself")
    if not file_name.lower().endswith(SUFFIXES):
        raise place.refused("must be a PNG or JPEG image (.png, .jpg, .jpeg); move other files elsewhere")
    return Example(name, class_name)
