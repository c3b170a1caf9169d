"""Several runs side by side: in the terminal and as a page."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.core import files
from components.evaluate import page, search_figures
from components.evaluate.axes import text_of
from components.evaluate.inputs import ReportInputs
from components.evaluate.model_sections import chosen_accuracy
from components.evaluate.style import clean
from local.report import read_run

RESULTS = ["Test accuracy", "95% interval", "Validation accuracy", "Trials", "Seconds"]


@dataclass(frozen=True)
class Run:
    """A run to compare: a name that no other has, and what is known of it."""

    name: str
    inputs: ReportInputs


def compare(folders, html=None, console=None):
    """Show runs side by side on the console and, if `html` is a path, as a page.

    Raises:
        InvalidInput: a folder holds no run, or a damaged one.
    """
    runs = read_runs(folders)
    console = console or Console()
    for title, header, rows in tables(runs):
        console.print(_terminal_table(title, header, rows))
    for note in notes(runs):
        console.print(Text(note))
    if html:
        files.write_bytes(render(runs).encode(), html)


def read_runs(folders):
    """Return the `Run` of each folder, named by the folder, or by its whole path where two have the same name."""
    folders = [Path(folder) for folder in folders]
    names = [folder.resolve().name for folder in folders]
    unique = len(set(names)) == len(names)
    return [
        Run(name if unique else str(folder), read_run(folder)) for name, folder in zip(names, folders, strict=True)
    ]


def tables(runs):
    """Return the tables of the comparison: triples of a title, a header and rows of text."""
    parameters, chosen = [run.inputs.parameters for run in runs], [_chosen(run.inputs) for run in runs]
    tried = list(dict.fromkeys(name for values in chosen for name in values))
    names = [run.name for run in runs]
    results = [[run.name, *_results(run.inputs)] for run in runs]
    found = [("Results", ["Run", *RESULTS], results)]
    found += _value_table("Parameters that differ", names, differing(parameters), parameters)
    return found + _value_table("Chosen hyperparameters", names, tried, chosen)


def differing(dictionaries):
    """Return the keys, in order, under which not all of the dictionaries have the same value."""
    keys = dict.fromkeys(key for each in dictionaries for key in each)
    return [key for key in keys if len({repr(each.get(key, _MISSING)) for each in dictionaries}) > 1]


_MISSING = object()


def notes(runs):
    """Return sentences on what limits the comparison."""
    evaluations = [run.inputs.evaluation for run in runs if run.inputs.evaluation]
    found = []
    if any(run.inputs.data_source == "synthetic" for run in runs):
        names = ", ".join(clean(run.name) for run in runs if run.inputs.data_source == "synthetic")
        found.append(f"Synthetic data, which says nothing about real data: {names}.")
    if len({each.data["fingerprint"] for each in evaluations}) > 1:
        found.append("The runs were tested on different images, so that their test accuracies can't be compared.")
    if len(evaluations) < len(runs):
        found.append(f"{page.plural(len(runs) - len(evaluations), 'run')} without a test accuracy: not finished.")
    return found


def render(runs):
    """Return the comparison as a page, one HTML file, as text."""
    warnings = "".join(page.warning("Please note", page.text(note)) for note in notes(runs))
    content = "".join(_page_table(*table) for table in tables(runs))
    curves = {run.name: run.inputs.search.trials for run in runs if run.inputs.search and run.inputs.search.best}
    if curves:
        caption = "The best validation accuracy of the completed trials so far, by trial number."
        figure = page.figure("search-curves", search_figures.search_curves(curves), caption)
    else:
        figure = page.missing("The searches can't be drawn: no trial has completed in any of the runs.")
    return page.document("Comparison of runs", warnings, [("Runs", content), ("Searches", figure)])


def _results(inputs):
    evaluation = inputs.evaluation
    accuracy = chosen_accuracy(inputs.history or {})
    return [
        f"{evaluation.accuracy:.4f}" if evaluation else "–",
        "{:.4f} to {:.4f}".format(*evaluation.accuracy_interval) if evaluation else "–",
        "–" if accuracy is None else f"{accuracy:.4f}",
        str(len(inputs.search.trials)) if inputs.search else "–",
        f"{sum(inputs.steps.values()):.0f}" if inputs.steps else "–",
    ]


def _chosen(inputs):
    best = inputs.search.best if inputs.search else None
    return inputs.description.get("hyperparameters") or (best.hyperparameters if best else {})


def _value_table(title, runs, names, values):
    """Return a table of values in a list, none without names: the longer of runs and names downwards."""
    cells = [[text_of(each[name]) if name in each else "–" for name in names] for each in values]
    if len(names) <= len(runs):
        rows = [[run, *row] for run, row in zip(runs, cells, strict=True)]
        return [(title, ["Run", *names], rows)] if names else []
    rows = [[name, *column] for name, *column in zip(names, *cells, strict=True)]
    return [(title, ["Name", *runs], rows)]


def _page_table(title, header, rows):
    columns = [(header[0], "t")] + [(name, "n" if title == "Results" else "t") for name in header[1:]]
    cells = [[page.name(row[0]), *(page.text(cell) for cell in row[1:])] for row in rows]
    return page.table(title, columns, cells)


def _terminal_table(title, header, rows):
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in header:
        table.add_column(Text(clean(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table
