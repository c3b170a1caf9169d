"""The report on a run, made again from the files that the run has left, without a model and without TensorFlow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from components.core import artifacts, files, journal, models
from components.core.errors import InvalidInput
from components.evaluate import evaluation
from components.evaluate import trials as search
from components.evaluate.report import ReportInputs, render
from components.evaluate.trials import SearchRecord

Found = TypeVar("Found")


def write_report(output_dir: str | Path) -> Path:
    """Write `report.html` into a run's folder, of a finished run or an unfinished one, and return its path.

    Raises:
        InvalidInput: the folder holds no run, or one of the run's files is damaged.
    """
    path = Path(output_dir) / "report.html"
    files.write_bytes(render(read_run(output_dir)).encode(), path)
    return path


def read_run(output_dir: str | Path) -> ReportInputs:
    """Return the `ReportInputs` of a run's folder: of what isn't there yet, nothing.

    Raises:
        InvalidInput: the folder holds no run, or one of the run's files is damaged.
    """
    run = Path(output_dir)
    begun, summary = _read_object(run / "run.json"), _read_object(run / "summary.json")
    inputs = ReportInputs(
        search=_read_search(run),
        history=_read(run / "train" / "history", artifacts.read_history),
        model=_read(run / "train" / "model", models.read_description),
        evaluation=_read(run / "evaluate" / "evaluation", evaluation.read),
        steps=summary.get("steps") or {},
        parameters=summary.get("parameters") or begun.get("parameters") or {},
    )
    if inputs == ReportInputs():
        raise InvalidInput(f"output_dir must be the folder of a run, and {run} holds none of a run's files")
    return inputs


def _read(path: Path, reader: Callable[[Path], Found]) -> Found | None:
    return reader(path) if path.exists() else None


def _read_search(run: Path) -> SearchRecord | None:
    """Return the search from its artifact, or from its state where that has come further since, or alone is there."""
    folders = [run / "tune" / "trials", run / "state"]
    found = [search.read(folder) for folder in folders if (folder / journal.FILE_NAME).is_file()]
    return max(found, key=lambda each: sum(trial.epochs for trial in each.trials), default=None)


def _read_object(path: Path) -> dict[str, Any]:
    """Return the dictionary in a JSON file, empty when there is no such file."""
    if not path.is_file():
        return {}
    try:
        value: Any = json.loads(path.read_bytes())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} must hold a JSON object, and is damaged; run the pipeline again")
    return dict(value)
