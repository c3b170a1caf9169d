"""The `local-run` command's work: a run's folder, what may be continued in it, and its summary."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.core import artifacts, events, files, journal
from components.core.errors import InvalidInput
from components.core.parameters import PARAMETERS
from local import walker

RUN_FILE = "run.json"


class Begun(TypedDict):
    """What a run's folder says of the run that was begun in it: all pipeline parameters, its data, and a note."""

    parameters: dict[str, Any]
    data: str | None
    note: str


def new_output_dir() -> Path:
    """Return the default folder of a run that starts now."""
    return Path("runs") / time.strftime("%Y-%m-%dT%H-%M-%S")


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


def refuse_another_search(output_dir: str | Path, begun: Begun, parameters: Mapping[str, Any]) -> None:
    """Refuse to go on in the folder of a search that another parameter decides.

    Args:
        output_dir: the run's folder.
        begun: what `run.json` holds.
        parameters: all pipeline parameters of the run that starts now.

    Raises:
        InvalidInput: the first parameter that differs, by name, with both values.
    """
    deciding = [name for name in parameters if name in PARAMETERS and PARAMETERS[name].decides_search]
    for name in deciding:
        if begun["parameters"].get(name) != parameters[name]:
            raise InvalidInput(
                f"{name} must stay {begun['parameters'].get(name)!r} to continue the run in {output_dir}, "
                f"got {parameters[name]!r}; use a new output_dir"
            )
    if begun["data"] != walker.content_digest(parameters["data_source"]):
        raise InvalidInput(
            f"data_source must hold the files it held when {output_dir} was begun; use a new output_dir"
        )
    workers, finished = _begun_search(output_dir)
    if parameters["workers"] not in (0, workers or parameters["workers"]):
        rule = f"workers must stay {workers!r} to continue the run in {output_dir}"
        raise InvalidInput(f"{rule}, got {parameters['workers']!r}; use a new output_dir")
    if parameters["max_trials"] < finished:
        rule = f"max_trials must be at least the {finished} trials that {output_dir} holds"
        raise InvalidInput(f"{rule}, got {parameters['max_trials']}")


def run(build: Callable[..., Any], parameters: dict[str, Any], output_dir: str | Path, note: str) -> dict[str, Any]:
    """Run the pipeline in a folder, or continue it there, and return its summary.

    Args:
        build: makes the pipeline from a `state_dir`.
        parameters: all pipeline parameters, by name.
        output_dir: the run's folder.
        note: a sentence that every summary shows, or empty.

    Raises:
        InvalidInput: something from outside can't be used. What this call made is gone again when that was found
            before a step had finished.
    """
    folder = Path(output_dir)
    with _taken_back_if_refused(folder):
        earlier = read_begun(folder)
        if earlier:
            refuse_another_search(folder, earlier, parameters)
        else:
            data = walker.content_digest(parameters["data_source"])
            files.write_json(Begun(parameters=parameters, data=data, note=note), folder / RUN_FILE)
        pipeline = build(state_dir=str((folder / "state").absolute()))
        steps = walker.run(pipeline, parameters, folder)
        summary = summarize(folder, steps, parameters, note)
        files.write_bytes((folder / "evaluate" / "report").read_bytes(), folder / "report.html")
        files.write_json(summary, folder / "summary.json")
    return summary


def summarize(
    output_dir: Path, steps: Sequence[walker.StepResult], parameters: Mapping[str, Any], note: str
) -> dict[str, Any]:
    """Return a finished run's summary, see DESIGN: results, the search's trials, and where the time went."""
    metrics = {step.name: step.metrics for step in steps}
    trials = journal.in_order(journal.read(output_dir / "tune" / "trials" / journal.FILE_NAME).trials)
    return {
        "test_accuracy": metrics["evaluate"]["test_accuracy"],
        "validation_accuracy": metrics["train"]["validation_accuracy"],
        "best_hyperparameters": artifacts.read_best_hyperparameters(output_dir / "tune" / "best_hyperparameters"),
        "trials": [trial.as_dict() for trial in trials],
        "steps": {step.name: step.seconds for step in steps},
        "reused_steps": [step.name for step in steps if step.reused],
        "search_seconds": {
            name.removeprefix("seconds_"): value
            for name, value in metrics["tune"].items()
            if name.startswith("seconds_")
        },
        "data_source": parameters["data_source"],
        "seed": parameters["seed"],
        "parameters": parameters,
        "note": note,
    }


def _begun_search(output_dir: str | Path) -> tuple[int | None, int]:
    """Return (workers, number of finished trials) of the search in a run's folder; (None, 0) when there is none."""
    path = Path(output_dir) / "state" / journal.FILE_NAME
    if not path.exists():
        return None, 0
    found = journal.read(path)
    return found.header.get("workers"), len(found.trials)


@contextlib.contextmanager
def _taken_back_if_refused(folder: Path) -> Iterator[None]:
    """Make and lock a run's folder; when the run is refused before a step has finished, remove what was made."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    with walker.locked(folder):
        try:
            yield
        except InvalidInput:
            if not any(folder.glob("*/" + walker.STEP_FILE)):
                for path in set(folder.iterdir()) - before:
                    files.remove(path)
                for path in made:
                    path.rmdir()
            raise


def show(summary: Mapping[str, Any], output_dir: str | Path, console: Console) -> None:
    """Print a run's result: a table that fits a terminal, or in a log lines that are never wrapped."""
    rows = _rows(summary, Path(output_dir))
    console.print("\nResult", style="bold")
    if console.is_terminal:
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(overflow="fold")
        for name, text in rows.items():
            table.add_row(name, Text(text))
        console.print(table)
    else:
        width = max(map(len, rows))
        for name, text in rows.items():
            console.print(f"{name:<{width}}  {text}", soft_wrap=True, markup=False, highlight=False, emoji=False)


def _rows(summary: Mapping[str, Any], output_dir: Path) -> dict[str, str]:
    """Return what `show` prints, text by name."""
    values = summary["best_hyperparameters"].items()
    statuses = [trial["status"] for trial in summary["trials"]]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in journal.STATUSES if status in statuses)
    return {
        **({"NOTE": summary["note"].upper()} if summary["note"] else {}),
        "test accuracy": f"{summary['test_accuracy']:.4f}",
        "validation accuracy": f"{summary['validation_accuracy']:.4f}",
        "best hyperparameters": " ".join(f"{name}={events.short(value)}" for name, value in values),
        "trials": f"{len(statuses)} ({counts})",
        "data": summary["data_source"],
        "seconds by step": _seconds(summary["steps"]),
        "seconds of the search": _seconds(summary["search_seconds"]),
        "report": str(output_dir / "report.html"),
        "model": str(output_dir / "train" / "model" / "model.keras"),
        "summary": str(output_dir / "summary.json"),
    }


def _seconds(by_name: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.1f}" for name, value in by_name.items())


def note_fallback(reason: str) -> str:
    """Say, as a run's first line, that it works on synthetic data, and return the sentence for its summaries."""
    sentence = "synthetic data in place of Fashion-MNIST, which can't be downloaded"
    events.note(
        f"SYNTHETIC DATA: {reason}. This run uses drawn images; its accuracy says nothing about Fashion-MNIST."
    )
    return sentence
