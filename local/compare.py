"""Several runs side by side: in the terminal and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.core import files
from components.evaluate import search_figures
from components.evaluate.finals import Final, finals_of
from components.evaluate.inputs import ReportInputs
from components.evaluate.objective import Objective
from components.evaluate.report import TEMPLATES
from components.pages import templating
from components.pages.texts import clean, plural, score_text, text_of
from local.report import read_run


@dataclass(frozen=True)
class Run:
    """A run to compare: a name that no other has, and what is known of it."""

    name: str
    inputs: ReportInputs


@dataclass(frozen=True)
class ComparisonTable:
    """A table of the comparison: its title, header and rows of text, and whether those are numbers."""

    title: str
    header: list[str]
    rows: list[list[str]]
    has_numbers: bool = False


def compare(folders: Sequence[str | Path], html: str | Path | None = None, console: Console | None = None) -> None:
    """Show runs side by side on the console and, if `html` is a path, as a page.

    Raises:
        InvalidInput: a folder holds no run, or a damaged one.
    """
    runs = read_runs(folders)
    console = console or Console()
    for table in tables(runs):
        console.print(_terminal_table(table))
    for note in notes(runs):
        console.print(Text(note))
    if html:
        files.write_bytes(render(runs).encode(), html)


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Return the `Run` of each folder, named by the folder, or by its whole path where two have the same name."""
    paths = [Path(folder) for folder in folders]
    names = [path.resolve().name for path in paths]
    unique = len(set(names)) == len(names)
    return [Run(name if unique else str(path), read_run(path)) for name, path in zip(names, paths, strict=True)]


def tables(runs: Sequence[Run]) -> list[ComparisonTable]:
    """Return the tables of the comparison."""
    parameters, chosen = [run.inputs.parameters for run in runs], [run.inputs.hyperparameters for run in runs]
    tried = list(dict.fromkeys(name for values in chosen for name in values))
    names = [run.name for run in runs]
    found = [_results(runs)]
    found += _value_table("Parameters that differ", names, differing(parameters), parameters)
    return found + _value_table("Chosen hyperparameters", names, tried, chosen)


def differing(dictionaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys, in order, under which not all of the dictionaries have the same value."""
    keys = dict.fromkeys(key for each in dictionaries for key in each)
    return [key for key in keys if len({repr(each.get(key, _MISSING)) for each in dictionaries}) > 1]


_MISSING = object()


def notes(runs: Sequence[Run]) -> list[str]:
    """Return sentences on what limits the comparison."""
    evaluations = [run.inputs.evaluation for run in runs if run.inputs.evaluation]
    found = []
    if any(run.inputs.data_source == "synthetic" for run in runs):
        names = ", ".join(clean(run.name) for run in runs if run.inputs.data_source == "synthetic")
        found.append(f"Synthetic data, which says nothing about real data: {names}.")
    if len({each.data["fingerprint"] for each in evaluations}) > 1:
        found.append("The runs were tested on different data, so that their test figures can't be compared.")
    objectives = _objectives(runs)
    if len(objectives) > 1:
        names = ", ".join(each.short_name for each in objectives)
        found.append(f"The runs optimized different objectives: {names}.")
    if len(evaluations) < len(runs):
        found.append(f"{plural(len(runs) - len(evaluations), 'run')} without a test accuracy: not finished.")
    return found


def render(runs: Sequence[Run]) -> str:
    """Return the comparison as a page, one HTML file, as text."""
    curves = []
    for number, objective in enumerate(_objectives(runs)):
        searches = {
            run.name: run.inputs.search
            for run in runs
            if run.inputs.search and run.inputs.search.best and run.inputs.objective == objective
        }
        curves += [(objective, search_figures.search_curves(searches, number))] if searches else []
    return templating.render(TEMPLATES / "comparison.html", tables=tables(runs), notes=notes(runs), curves=curves)


def _objectives(runs: Sequence[Run]) -> list[Objective]:
    """Return the objectives of the runs once each, in order."""
    return list(dict.fromkeys(run.inputs.objective for run in runs))


def _results(runs: Sequence[Run]) -> ComparisonTable:
    others = [objective for objective in _objectives(runs) if not objective.is_accuracy]
    named = [title for objective in others for title in (objective.on_test, objective.on_validation)]
    header = [
        "Run",
        *named,
        "Test accuracy",
        "95% interval",
        "Validation accuracy",
        "Trials",
        "Epochs",
        "Finals",
        "Seconds",
    ]
    return ComparisonTable("Results", header, [_result_row(run, others) for run in runs], has_numbers=True)


def _result_row(run: Run, others: Sequence[Objective]) -> list[str]:
    inputs, evaluation = run.inputs, run.inputs.evaluation
    named = []
    for objective in others:
        is_own = inputs.objective == objective
        named.append(_score(evaluation.objective["value"] if evaluation and is_own else None))
        named.append(_score(inputs.chosen_score if is_own else None))
    return [
        run.name,
        *named,
        _score(evaluation.accuracy if evaluation else None),
        "{:.4f} to {:.4f}".format(*evaluation.accuracy_interval) if evaluation else "–",
        _score(inputs.chosen_accuracy),
        str(len(inputs.search.trials)) if inputs.search else "–",
        str(sum(trial.epochs for trial in inputs.search.trials)) if inputs.search else "–",
        _finals(finals_of(inputs)),
        f"{sum(inputs.steps.values()):.0f}" if inputs.steps else "–",
    ]


def _finals(finals: Sequence[Final]) -> str:
    """Return how many trainings to the end there were and, of several with a result, the mean of their objectives."""
    if not finals:
        return "–"
    scores = [final.score for final in finals if final.score is not None]
    return str(len(finals)) + (f" (mean {score_text(fmean(scores))})" if len(scores) > 1 else "")


def _score(value: float | None) -> str:
    return "–" if value is None else score_text(value)


def _value_table(
    title: str, runs: Sequence[str], names: Sequence[str], values: Sequence[Mapping[str, Any]]
) -> list[ComparisonTable]:
    """Return a table of values in a list, none without names: the longer of runs and names downwards."""
    cells = [[text_of(each[name]) if name in each else "–" for name in names] for each in values]
    if len(names) <= len(runs):
        rows = [[run, *row] for run, row in zip(runs, cells, strict=True)]
        return [ComparisonTable(title, ["Run", *names], rows)] if names else []
    rows = [[name, *column] for name, *column in zip(names, *cells, strict=True)]
    return [ComparisonTable(title, ["Name", *runs], rows)]


def _terminal_table(table: ComparisonTable) -> Table:
    shown = Table(title=table.title, title_justify="left", title_style="bold")
    for name in table.header:
        shown.add_column(Text(clean(name)), overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(clean(cell)) for cell in row))
    return shown
