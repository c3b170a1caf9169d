"""The artifacts that the steps hand to each other: folders of plain files, sealed by a manifest.

An artifact is written beside its place and renamed into it; its `manifest.json`, written last, holds the size
and SHA-256 of every other file. A reader checks them all before it uses one, so that a half, altered or mixed
up artifact is refused by name. Nothing in an artifact is ever unpickled.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from components.core import files
from components.core.data import INPUT_DTYPES, DatasetInfo, Labelled, TestData, TrainingData
from components.core.errors import InvalidInput

MANIFEST = "manifest.json"
SPLITS = ("train", "validation")


@contextlib.contextmanager
def writing(path: str | Path, kind: str, source: str = "") -> Iterator[Path]:
    """Yield a folder to fill with an artifact's files; at the end it is sealed and moved to `path`.

    Args:
        path: where the artifact goes; what was there before is replaced only when all is written.
        kind: the artifact's name in the graph (`training_data`, `model`, …), checked by its readers.
        source: what the user calls the place where it comes from, which is no part of the fingerprint: the same
            data is the same wherever it lies.
    """
    with files.replacing_folder(path) as folder:
        yield folder
        names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
        sums = {name: _entry(folder / name) for name in names}
        files.write_json({"kind": kind, "source": source, "files": sums}, folder / MANIFEST)


def verify(path: str | Path, kind: str) -> str:
    """Return the artifact's fingerprint after checking every file against the manifest.

    Raises:
        InvalidInput: no such artifact, no manifest, another kind, or a file that is missing, added or altered.
    """
    folder = Path(path)
    manifest = _read_manifest(folder, kind)
    expected, found = set(manifest["files"]), file_names(folder)
    if expected != found:
        odd = sorted(expected ^ found)[0]
        state = "missing" if odd in expected else "not in the manifest"
        raise _damaged(folder, kind, f"{odd} is {state}")
    for name, entry in manifest["files"].items():
        if _entry(folder / name) != entry:
            raise _damaged(folder, kind, f"{name} does not match its SHA-256 in the manifest")
    return _digest_of(manifest)


def file_names(path: str | Path) -> set[str]:
    """Return the names of an artifact's files, the manifest left out."""
    folder = Path(path)
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    return names - {MANIFEST}


def fingerprint(path: str | Path) -> str:
    """Return the digest of an artifact's manifest, or of a single file's bytes, without checking its files."""
    path = Path(path)
    return _digest_of(json.loads((path / MANIFEST).read_bytes())) if path.is_dir() else files.sha256(path)


def _digest_of(manifest: dict[str, Any]) -> str:
    return files.digest({name: manifest[name] for name in ("kind", "files")})


@contextlib.contextmanager
def usable(folder: str | Path, kind: str) -> Iterator[None]:
    """Refuse an artifact whose content does not follow its kind's format, however well it is sealed."""
    try:
        yield
    except InvalidInput:
        raise
    except (ValueError, KeyError, TypeError, FileNotFoundError, RecursionError) as error:
        raise _damaged(folder, kind, " ".join(str(error).split())) from None


def write_training_data(data: TrainingData, path: str | Path) -> None:
    """Write both splits as `.npy` files, which several processes can map into memory and share.

    Args:
        data: a `TrainingData`; its `fingerprint` is not used.
        path: the artifact's folder.
    """
    with writing(path, "training_data", data.info.source) as folder:
        for split in SPLITS:
            _write_labelled(getattr(data, split), folder, split)
        _write_info(data.info, folder)


def read_training_data(path: str | Path, checked: bool = True) -> TrainingData:
    """Return the `TrainingData` at `path`, its arrays mapped from the files rather than loaded.

    Args:
        path: the artifact's folder.
        checked: False skips the checksums, for a worker whose parent has just checked them.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    folder = Path(path)
    checksum = verify(folder, "training_data") if checked else ""
    with usable(folder, "training_data"):
        info = _read_info(folder)
        splits = {split: _read_labelled(folder, split, info) for split in SPLITS}
    return TrainingData(**splits, info=info, fingerprint=checksum)


def write_test_data(data: TestData, path: str | Path) -> None:
    """Write a `TestData`; its `fingerprint` is not used."""
    with writing(path, "test_data", data.info.source) as folder:
        _write_labelled(data.test, folder, "test")
        _write_info(data.info, folder)


def read_test_data(path: str | Path) -> TestData:
    """Return the `TestData` at `path`.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    checksum = verify(path, "test_data")
    with usable(path, "test_data"):
        info = _read_info(Path(path))
        return TestData(_read_labelled(Path(path), "test", info), info, checksum)


def write_best_hyperparameters(values: dict[str, Any], path: str | Path) -> None:
    """Write Keras Tuner's flat values of the best trial, a dictionary of JSON scalars."""
    _write_single(values, path, "best_hyperparameters", "hyperparameters.json")


def read_best_hyperparameters(path: str | Path) -> dict[str, Any]:
    """Return Keras Tuner's flat values of the best trial."""
    return _read_single(path, "best_hyperparameters", "hyperparameters.json")


def write_history(history: dict[str, Any], path: str | Path) -> None:
    """Write the final training's history.

    Args:
        history: a dictionary with a list a metric, one value an epoch (`loss`, `accuracy`, `validation_loss`,
            `validation_accuracy`, `learning_rate`, `seconds`), and `chosen_epoch`, counted from 1.
        path: the artifact's folder.
    """
    _write_single(history, path, "history", "history.json")


def read_history(path: str | Path) -> dict[str, Any]:
    """Return what `write_history` wrote."""
    return _read_single(path, "history", "history.json")


def _entry(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": files.sha256(file)}


def _read_manifest(folder: Path, kind: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise InvalidInput(f"{kind} must be an artifact's folder, and {folder} is none")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        found = manifest["kind"]
        wellformed = isinstance(manifest["files"], dict)
    except FileNotFoundError:
        raise _damaged(folder, kind, f"it has no {MANIFEST}, so it was not finished") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(folder, kind, f"its {MANIFEST} can't be read") from None
    if found != kind or not wellformed:
        raise _damaged(folder, kind, f"its {MANIFEST} describes {found!r}")
    checked: dict[str, Any] = manifest
    return checked


def _damaged(folder: str | Path, kind: str, what: str) -> InvalidInput:
    return InvalidInput(f"{kind} at {folder} is damaged: {what}; run the step that makes it again")


def _write_labelled(labelled: Labelled, folder: Path, name: str) -> None:
    for part in ("inputs", "labels"):
        _write_array(getattr(labelled, part), folder / f"{name}_{part}.npy")


def _write_array(array: np.ndarray, path: Path) -> None:
    """Write a `.npy` file. Not with `np.save`, whose error does not say that the disk is full."""
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(np.ascontiguousarray(array).data)


def _read_labelled(folder: Path, name: str, info: DatasetInfo) -> Labelled:
    inputs, labels = (_read_array(folder, f"{name}_{part}.npy") for part in ("inputs", "labels"))
    if inputs.dtype != info.input_dtype or inputs.shape[1:] != info.input_shape or labels.dtype != np.int64:
        raise ValueError(f"{name} must hold {info.input_dtype} inputs of shape {info.input_shape} and int64 labels")
    if labels.shape != inputs.shape[:1] or not len(labels) or labels.min() < 0 or labels.max() >= info.n_classes:
        raise ValueError(f"{name} must hold a label from 0 to {info.n_classes - 1} for each input")
    return Labelled(inputs, labels)


def _read_array(folder: Path, name: str) -> np.ndarray:
    try:
        array: np.ndarray = np.load(folder / name, mmap_mode="c", allow_pickle=False)
        return array
    except (ValueError, EOFError) as error:
        raise ValueError(f"{name} is no plain array ({error})") from None


def _write_info(info: DatasetInfo, folder: Path) -> None:
    value = asdict(info)
    del value["source"]  # which stands in the manifest
    files.write_json(value, folder / "dataset.json")


def _read_info(folder: Path) -> DatasetInfo:
    value = json.loads((folder / "dataset.json").read_bytes())
    value["source"] = json.loads((folder / MANIFEST).read_bytes())["source"]
    lists = {name: tuple(value[name]) for name in ("class_names", "input_shape")}
    info = DatasetInfo(**{**value, **lists})
    if info.input_dtype not in INPUT_DTYPES:
        raise ValueError(f"input_dtype must be one of {', '.join(INPUT_DTYPES)}, got {info.input_dtype!r}")
    return info


def _write_single(value: dict[str, Any], path: str | Path, kind: str, name: str) -> None:
    with writing(path, kind) as folder:
        files.write_json(value, folder / name)


def _read_single(path: str | Path, kind: str, name: str) -> dict[str, Any]:
    verify(path, kind)
    with usable(path, kind):
        value = json.loads((Path(path) / name).read_bytes())
        if not isinstance(value, dict):
            raise ValueError(f"{name} must hold an object")
        return value
