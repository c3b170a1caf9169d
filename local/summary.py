"""A finished run's summary: what `summary.json` holds, and what a terminal shows of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.core import events, journal, models
from local import walker


def summarize(
    output_dir: Path, steps: Sequence[walker.StepResult], parameters: Mapping[str, Any], note: str
) -> dict[str, Any]:
    """Return a finished run's summary: results, the search's trials, and where the time went."""
    metrics = {step.name: step.metrics for step in steps}
    found = journal.read(output_dir / "tune" / "trials" / journal.FILE_NAME)
    model = models.read_description(output_dir / "train" / "model")
    return {
        "test_accuracy": metrics["evaluate"]["test_accuracy"],
        "validation_accuracy": metrics["train"]["validation_accuracy"],
        "objective": {
            **found.header["objective"],
            "test": metrics["evaluate"].get("test_objective"),
            "validation": metrics["train"]["validation_objective"],
        },
        "best_hyperparameters": model["hyperparameters"],
        "finals": model["finals"],
        "trials": [trial.as_dict() for trial in journal.in_order(found.trials)],
        "steps": {step.name: step.seconds for step in steps},
        "reused_steps": [step.name for step in steps if step.reused],
        "search_seconds": {
            name.removeprefix("seconds_"): value
            for name, value in metrics["tune"].items()
            if name.startswith("seconds_")
        },
        "data_source": parameters["data_source"],
        "seed": parameters["seed"],
        **_promotion(metrics.get("promote")),
        **({"recorded": bool(metrics["track"]["recorded"])} if "track" in metrics else {}),
        "parameters": parameters,
        "note": note,
    }


def _promotion(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the gate said, where a registry was named."""
    if metrics is None:
        return {}
    return {"promoted": bool(metrics["promoted"]), "version": int(metrics["version"]), "promotion": dict(metrics)}


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
    n_epochs = sum(trial["epochs"] for trial in summary["trials"])
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in journal.STATUSES if status in statuses)
    return {
        **({"NOTE": summary["note"].upper()} if summary["note"] else {}),
        **_objective(summary["objective"]),
        "test accuracy": f"{summary['test_accuracy']:.4f}",
        "validation accuracy": f"{summary['validation_accuracy']:.4f}{_whose(summary)}",
        "best hyperparameters": " ".join(f"{name}={events.short(value)}" for name, value in values),
        "trials": f"{len(statuses)} ({counts}), {events.counted(n_epochs, 'epoch')}",
        "finals": ", ".join(map(_final, summary["finals"])),
        "data": summary["data_source"],
        "seconds by step": _seconds(summary["steps"]),
        "seconds of the search": _seconds(summary["search_seconds"]),
        **_registered(summary, output_dir),
        **_recorded(summary),
        "report": str(output_dir / "report.html"),
        "model": str(output_dir / "train" / "model" / "model.keras"),
        "summary": str(output_dir / "summary.json"),
    }


def _registered(summary: Mapping[str, Any], output_dir: Path) -> dict[str, str]:
    """Return the version that the model has in the registry, where one was named, and whether it went into service."""
    if "version" not in summary:
        return {}
    outcome = "in service" if summary["promoted"] else "not promoted"
    return {"version": f"{summary['version']}, {outcome}", "decision": str(output_dir / "promote" / "decision")}


def _recorded(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return where the run is recorded, or that it is not, where an MLflow server was named."""
    if "recorded" not in summary:
        return {}
    address = summary["parameters"]["mlflow"]
    return {"MLflow": address if summary["recorded"] else f"NOT RECORDED at {address}, which could not be used"}


def _whose(summary: Mapping[str, Any]) -> str:
    """Say where validation figures are not the model's own."""
    return " (of the final that the model repeats on all examples)" if summary["parameters"].get("refit") else ""


def _final(final: Mapping[str, Any]) -> str:
    """Return a final's best objective and what it is of, or that it failed."""
    result = "failed" if final["objective"] is None else f"{final['objective']:.4f}"
    return f"{result} (trial {final['number']}, seed {final['seed']})"


def _objective(objective: Mapping[str, Any]) -> dict[str, str]:
    """Return the objective's figures, text by name, unless it is accuracy, which is shown anyway."""
    if objective["name"] == "accuracy":
        return {}
    splits = [split for split in ("test", "validation") if objective[split] is not None]
    return {f"{split} {objective['name']}": f"{objective[split]:.4f}" for split in splits}


def _seconds(by_name: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.1f}" for name, value in by_name.items())
