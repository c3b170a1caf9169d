"""The figures on the model: functions from its training history and its evaluation to SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter

from components.evaluate.metrics import Bin
from components.evaluate.objective import Objective
from components.evaluate.style import COLOUR, N_RAMP, canvas, whole_numbers
from components.evaluate.svg import as_svg
from components.pages.texts import capitalized, class_labels, shorten, text_of

SHADES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7)
"""Where the shades of the confusion matrix change, as shares of the true class: mistakes are rare, so unevenly."""

_PANELS = (
    ("accuracy", "Accuracy", {"training": "accuracy", "validation": "validation_accuracy"}),
    ("loss", "Loss (nats)", {"training": "loss", "validation": "validation_loss"}),
    ("learning-rate", "Learning rate", {"learning rate": "learning_rate"}),
)
_COLOURS = {"training": "grey", "validation": "blue", "learning rate": "green"}


def learning_curves(history: Mapping[str, Any], objective: Objective) -> list[Markup]:
    """Return accuracy, loss and learning rate by epoch, each with the chosen epoch, and first another objective.

    Args:
        history: a dictionary as in the `history` artifact; what is missing from it is left out.
        objective: what chose the epoch.
    """
    optimized = ("objective", shorten(capitalized(objective.name), 28), {"validation": "objective"})
    drawn = []
    for name, quantity, keys in _PANELS if objective.is_accuracy else (optimized, *_PANELS):
        curves = {title: history[key] for title, key in keys.items() if history.get(key)}
        drawn += [_curves(name, curves, quantity, history.get("chosen_epoch"))] if curves else []
    return drawn


def confusion_matrix(counts: np.ndarray, names: Sequence[str], noun: str) -> Markup:
    """Return the matrix: rows are true classes, shaded by the share of the row, with the counts.

    Args:
        counts: int array, shape (n_classes, n_classes); of more than about forty classes it can't be read.
        names: a name a class.
        noun: what one example is called.
    """
    shares, n = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), len(counts)
    labels = class_labels(names, 16)
    cell = min(58, max(23, 370 / n))
    with canvas(cell * n + 132, cell * n + 132) as figure:
        plot = figure.add_subplot()
        _shade_cells(plot, shares)
        _write_cells(plot, counts, shares, cell)
        plot.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal", ylabel="True class")
        plot.set_xlabel("Predicted class")
        plot.set_xticks(range(n), labels, rotation=90, color=COLOUR["ink"])
        plot.set_yticks(range(n), labels, color=COLOUR["ink"])
        plot.tick_params(length=0)
        plot.grid(False)
        plot.spines[:].set_visible(False)
        right = np.trace(counts)
        label = f"Confusion matrix of {n} classes: {right} of {counts.sum()} {noun}s are on the diagonal."
        return as_svg(figure, "confusion-matrix", label)


def calibration(bins: Sequence[Bin], error: float, noun: str) -> Markup:
    """Return the reliability diagram: accuracy against confidence, and how many examples are in each bin.

    Args:
        bins: all of them.
        error: the expected calibration error.
        noun: what one example is called.
    """
    filled = [each for each in bins if each.n_examples]
    edges, widths = [each.low for each in filled], [each.high - each.low for each in filled]
    confidences, accuracies = [each.confidence for each in filled], [each.accuracy for each in filled]
    with canvas(420, 400) as figure:
        above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        above.bar(edges, accuracies, widths, align="edge", color=COLOUR["blue"], alpha=0.35)
        above.plot([0, 1], [0, 1], "--", color=COLOUR["muted"], linewidth=1.2, label="perfectly calibrated")
        above.plot(confidences, accuracies, "o", color=COLOUR["blue"], markersize=5.5, label="model")
        above.set(ylim=(0, 1.03), xlim=(0, 1.005), ylabel="Accuracy")
        below.bar(edges, [each.n_examples for each in filled], widths, align="edge", color=COLOUR["grey"], alpha=0.8)
        below.set(ylabel=f"{capitalized(noun)}s", xlabel="Confidence in the predicted class")
        below.yaxis.set_major_locator(whole_numbers(3))
        figure.align_ylabels()
        figure.legend(loc="outside upper left", ncols=2)
        n = sum(each.n_examples for each in bins)
        label = f"Reliability diagram of {n} {noun}s; the expected calibration error is {error:.4f}."
        return as_svg(figure, "calibration", label)


def _curves(name: str, curves: Mapping[str, Sequence[float]], quantity: str, chosen: int | None) -> Markup:
    with canvas(320, 250) as figure:
        plot = figure.add_subplot()
        for key, values in curves.items():
            points = np.array(values, dtype=float)
            marker = "o" if len(points) < 3 else ""
            plot.plot(np.arange(1, len(points) + 1), points, color=COLOUR[_COLOURS[key]], label=key, marker=marker)
        if chosen:
            dashes: dict[str, Any] = {"color": COLOUR["orange"], "linestyle": "--", "linewidth": 1.2}
            plot.axvline(chosen, **dashes, label=f"epoch {chosen}, chosen")
        plot.set(xlabel="Epoch", ylabel=quantity)
        plot.xaxis.set_major_locator(whole_numbers())
        plot.set_xlim(0.5, max(len(values) for values in curves.values()) + 0.5)
        if name == "learning-rate":
            plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: text_of(float(value))))
            plot.set_ylim(bottom=0)
        figure.legend(loc="outside upper left", ncols=3)
        told = ", ".join(f"{key} from {values[0]:.4g} to {values[-1]:.4g}" for key, values in curves.items())
        label = f"{quantity} by epoch: {told}." + (f" Epoch {chosen} was chosen." if chosen else "")
        return as_svg(figure, f"learning-{name}", label)


def _shade_cells(plot: Axes, shares: np.ndarray) -> None:
    """Fill the cells, as one path a shade, which keeps the file small."""
    steps = np.digitize(shares, SHADES)
    for step in range(N_RAMP):
        squares = [_square(row, column) for row, column in np.argwhere(steps == step)]
        if squares:
            plot.add_patch(PathPatch(Path.make_compound_path(*squares), facecolor=COLOUR[f"shade-{step}"]))


def _square(row: int, column: int) -> Path:
    half = 0.47
    left, right, top, bottom = column - half, column + half, row - half, row + half
    return Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], closed=True)


def _write_cells(plot: Axes, counts: np.ndarray, shares: np.ndarray, cell: float) -> None:
    """Write the counts into the cells that have any, and the share above where there is room for it."""
    roomy = cell >= 36
    for row, column in np.argwhere(counts > 0):
        colour = COLOUR[f"on-shade-{np.digitize(shares[row, column], SHADES)}"]
        text: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
        plot.text(column, row + (0.2 if roomy else 0), f"{counts[row, column]}", size=8.5 if roomy else 8, **text)
        if roomy:
            plot.text(column, row - 0.17, _percent(shares[row, column]), size=10, **text)


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{100 * share:.0f}%"
