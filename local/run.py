"""The `local-run` command's work: a run's folder, what may be continued in it, and its summary."""

import contextlib
import errno
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

from components.core import artifacts, events, files, journal
from components.core.data import TrainingData
from components.core.errors import InvalidInput
from components.core.parameters import PARAMETERS, shown_source
from components.sources import dataset
from local import walker
from local.summary import summarize
from local.trials_csv import as_csv

RUN_FILE = "run.json"
RUNS = Path("runs")
"""Where a run is that was given no folder: in one named by the time."""


class Begun(TypedDict):
    """What a run's folder says of the run that was begun in it: all pipeline parameters, its data, and a note."""

    parameters: dict[str, Any]
    data: str | None
    note: str


def read_begun(output_dir: str | Path) -> Begun | None:
    """Return what was begun in a folder, or None when nothing was.

    Raises:
        InvalidInput: the folder is none, or holds something else than a run.
    """
    folder = Path(output_dir)
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise InvalidInput(f"output_dir must be a folder, and {folder} is a file")
    if not (folder / RUN_FILE).exists():
        foreign = [path.name for path in folder.iterdir() if path.name not in (walker.LOCK, f".{RUN_FILE}.partial")]
        if foreign:
            raise InvalidInput(
                f"output_dir must be new, empty or an earlier run's folder, and {folder} holds {foreign[0]}"
            )
        return None
    try:
        begun = json.loads((folder / RUN_FILE).read_bytes())
        return Begun(parameters=dict(begun["parameters"]), data=begun["data"], note=begun["note"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput(f"{folder / RUN_FILE} is damaged; use a new output_dir") from None


def refuse_another_search(output_dir: str | Path, begun: Begun, given: Mapping[str, Any]) -> None:
    """Refuse to go on in the folder of a search that another parameter decides.

    Args:
        output_dir: the run's folder.
        begun: what `run.json` holds.
        given: all pipeline parameters of the run that starts now.

    Raises:
        InvalidInput: the first parameter that differs, by name, with both values.
    """
    deciding = [name for name in given if name in PARAMETERS and PARAMETERS[name].decides_search]
    deciding.remove("data_source")  # a search is bound to the data, not to the place where it lies
    for name in deciding:
        if begun["parameters"].get(name) != given[name]:
            raise InvalidInput(
                f"{name} must stay {begun['parameters'].get(name)!r} to continue the run in {output_dir}, "
                f"got {given[name]!r}; use a new output_dir"
            )
    source = shown_source(given["data_source"])
    is_untouched = begun["data"] == walker.content_digest(given["data_source"])
    if not (begun["parameters"]["data_source"] == source and is_untouched) and _is_other_data(Path(output_dir), given):
        raise InvalidInput(
            f"data_source must give the training data that the run in {output_dir} was begun with, got {source!r}, "
            "which gives other data; use a new output_dir"
        )
    finished = 0 if given["time_budget_s"] else _n_trials(output_dir)
    if given["max_trials"] < finished:
        rule = f"max_trials must be at least the {finished} trials that {output_dir} holds"
        raise InvalidInput(f"{rule}, got {given['max_trials']}")


def run(
    build: Callable[..., Any], parameters: dict[str, Any], output_dir: str | Path | None, note: str
) -> tuple[Path, dict[str, Any]]:
    """Run the pipeline in a folder, or continue it there, and return the folder and the run's summary.

    Args:
        build: makes the pipeline from a `state_dir`.
        parameters: all pipeline parameters, by name.
        output_dir: the run's folder; None for a new one below `RUNS`.
        note: a sentence that every summary shows, or empty.

    Raises:
        InvalidInput: something from outside can't be used. What this call made is gone again when that was found
            before a step had finished.
    """
    with _taken_back_if_refused(output_dir) as folder, _continuation_told(folder):
        earlier = read_begun(folder)
        if earlier:
            refuse_another_search(folder, earlier, parameters)
        else:
            data = walker.content_digest(parameters["data_source"])
            files.write_json(Begun(parameters=kept(parameters), data=data, note=note), folder / RUN_FILE)
        pipeline = build(state_dir=str((folder / "state").absolute()))
        steps = walker.run(pipeline, parameters, folder)
        summary = summarize(folder, steps, kept(parameters), note)
        files.write_bytes((folder / "evaluate" / "report").read_bytes(), folder / "report.html")
        files.write_bytes(as_csv(summary["trials"]).encode(), folder / "trials.csv")
        files.write_json(summary, folder / "summary.json")
    return folder, summary


def kept(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return pipeline parameters as they may be kept with a run: without what grants access to the data."""
    return {**parameters, "data_source": shown_source(parameters["data_source"])}


def _is_other_data(output_dir: Path, parameters: Mapping[str, Any]) -> bool:
    """Return whether a source gives other training data than a run has, which may be none yet."""
    had = output_dir / "prepare" / "training_data"
    if not (had / artifacts.MANIFEST).exists():
        return False
    raw = dataset.load(**{name: parameters[name] for name in ("data_source", "seed", "test_fraction", "image_size")})
    train, validation = dataset.split(raw.train, parameters["validation_fraction"], parameters["seed"])
    with tempfile.TemporaryDirectory(dir=output_dir, prefix=".") as folder:
        found = Path(folder) / "training_data"
        artifacts.write_training_data(TrainingData(train, validation, raw.info, ""), found)
        return artifacts.fingerprint(found) != artifacts.fingerprint(had)


def _n_trials(output_dir: str | Path) -> int:
    """Return how many trials the search in a run's folder has, 0 when there is none."""
    path = Path(output_dir) / "state" / journal.FILE_NAME
    return len(journal.read(path).trials) if path.exists() else 0


@contextlib.contextmanager
def _taken_back_if_refused(output_dir: str | Path | None) -> Iterator[Path]:
    """Make and lock a run's folder, and yield it; when the run is refused before a step has finished, remove what was
    made."""
    folder, made = _made(output_dir)
    before = set(folder.iterdir())
    with walker.locked(folder):
        try:
            yield folder
        except InvalidInput:
            if not any(folder.glob("*/" + walker.STEP_FILE)):
                for path in set(folder.iterdir()) - before:
                    files.remove(path)
                with contextlib.suppress(OSError):  # where another run has begun beside this one
                    for path in made:
                        path.rmdir()
            raise


def _made(output_dir: str | Path | None) -> tuple[Path, list[Path]]:
    """Make a run's folder where it isn't there, and return it with those that were made, itself before those above.

    Of two runs that begin in one second without a folder, the second gets one whose name ends in -2.

    Raises:
        InvalidInput: it can't be made.
    """
    folder = Path(output_dir) if output_dir else RUNS / time.strftime("%Y-%m-%dT%H-%M-%S")
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        if output_dir:
            folder.mkdir(parents=True, exist_ok=True)
            return folder, made
        RUNS.mkdir(exist_ok=True)
        folder = _made_anew(folder)
        return folder, [folder, *(path for path in made if path == RUNS)]
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        rule = f"output_dir must be a folder that can be made, got {str(folder)!r}"
        raise InvalidInput(f"{rule}: {error.strerror}; name another with --output-dir") from error


def _made_anew(stem: Path, number: int = 1) -> Path:
    folder = stem if number == 1 else stem.with_name(f"{stem.name}-{number}")
    try:
        folder.mkdir()
    except FileExistsError:
        return _made_anew(stem, number + 1)
    return folder


@contextlib.contextmanager
def _continuation_told(folder: Path) -> Iterator[None]:
    """Say how to continue a run that is interrupted, or has nobody left to write to."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, BrokenPipeError):
        events.warn(f"interrupted; the same command with --output-dir {folder} continues")
        raise


def note_fallback(reason: str) -> str:
    """Say, as a run's first line, that it works on synthetic data, and return the sentence for its summaries."""
    sentence = "synthetic data in place of Fashion-MNIST, which can't be downloaded"
    events.note(
        f"SYNTHETIC DATA: {reason}. This run uses drawn images; its accuracy says nothing about Fashion-MNIST."
    )
    return sentence
