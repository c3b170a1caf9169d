"""What a recorded table tells of its curves: how early epochs rank, noise, gains, seconds. Prints Markdown.

python -m benchmarks.table_statistics TABLE
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.markdown import table as markdown
from benchmarks.table import Table, load

EPOCHS = (1, 2, 3, 4, 6, 9, 12, 18)
NOISE_EPOCHS = (2, 6, 18)
RUNGS = (2, 6, 18)

Score = Callable[[np.ndarray], np.ndarray]


def main(path: str) -> None:
    found = load(path)
    parts = [
        f"{found.name}: {len(found)} configurations, {len(found.repeats)} of them with other seeds, "
        f"{found.n_epochs} epochs; truth from {np.median(found.truth):.4f} in the middle to {found.truth.max():.4f}.",
        "Rank correlation (Spearman) of a score after so many epochs with the end of the same training / of trainings "
        "with other seeds (those that have some) / the same of the better half",
        correlations(found),
        "Standard deviation between seeds, in points",
        noise(found),
        "Gain between epochs, in points: mean and standard deviation over all configurations, and over the best third "
        "at the earlier epoch",
        gains(found),
        "Processor seconds an epoch by batch size: mean, standard deviation, lowest, highest; and of compilation",
        seconds(found),
    ]
    print("\n\n".join(parts))


def correlations(found: Table) -> str:
    """Return rank correlations of scores with ends, a row an epoch."""
    scores = _scores(found)
    repeated = np.array(sorted(found.repeats), int)
    good = repeated[found.sign * found.truth[repeated] >= np.median(found.sign * found.truth[repeated])]
    rows = []
    for epoch in (*EPOCHS, found.n_epochs):
        cells = []
        for score in scores.values():
            at = score(found.curves[:, :epoch])
            figures = (
                _correlation(at, found.ends),
                _correlation(at[repeated], found.truth[repeated]),
                _correlation(at[good], found.truth[good]),
            )
            cells.append(" / ".join(f"{figure:.2f}" for figure in figures))
        rows.append((epoch, *cells))
    return markdown(("epoch", *scores), rows)


def noise(found: Table) -> str:
    """Return the deviation between seeds after some epochs, of configurations whose training works."""
    epochs = (*NOISE_EPOCHS, found.n_epochs)
    everything = [100 * found.noise(epoch) for epoch in epochs]
    rows = [("root mean square", *(f"{value:.2f}" for value in everything))]
    medians = [100 * np.median([_deviation(found, index, epoch) for index in found.repeats]) for epoch in epochs]
    rows.append(("median", *(f"{value:.2f}" for value in medians)))
    spread = [100 * found.curves[:, epoch - 1].std() for epoch in epochs]
    rows.append(("between configurations", *(f"{value:.2f}" for value in spread)))
    quartile = [100 * np.subtract(*np.quantile(found.curves[:, epoch - 1], (0.75, 0.25))) for epoch in epochs]
    rows.append(("quartile range between configurations", *(f"{value:.2f}" for value in quartile)))
    return markdown(("", *(f"epoch {epoch}" for epoch in epochs)), rows)


def gains(found: Table) -> str:
    """Return what the objective gains from rung to rung."""
    rows = []
    for low, high in pairwise((*RUNGS, found.n_epochs)):
        gain = 100 * found.sign * (found.curves[:, high - 1] - found.curves[:, low - 1])
        best = np.argsort(-found.sign * found.curves[:, low - 1])[: len(found) // 3]
        rows.append((f"{low} to {high}", *(f"{x.mean():.2f} ± {x.std():.2f}" for x in (gain, gain[best]))))
    return markdown(("epochs", "all", "best third"), rows)


def seconds(found: Table) -> str:
    """Return processor seconds an epoch and of compilation by batch size."""
    sizes = np.array([values["batch_size"] for values in found.configurations])
    rows: list[Sequence[Any]] = []
    for size in (*np.unique(sizes), None):
        chosen = sizes == size if size is not None else np.full(len(sizes), True)
        epoch, compilation = found.epoch_seconds[chosen], found.compile_seconds[chosen]
        figures = (epoch.mean(), epoch.std(), epoch.min(), epoch.max(), compilation.mean(), compilation.std())
        rows.append((size or "all", int(chosen.sum()), *(f"{figure:.2f}" for figure in figures)))
    return markdown(("batch size", "n", "mean", "deviation", "lowest", "highest", "compilation", "deviation"), rows)


def _scores(found: Table) -> Mapping[str, Score]:
    """Return functions of curves so far, shape (n, epochs), to scores, by name."""
    return {
        "last": lambda curves: curves[:, -1],
        "best so far": lambda curves: found.sign * (found.sign * curves).max(axis=1),
        **{f"mean of last {n}": lambda curves, n=n: curves[:, -n:].mean(axis=1) for n in (2, 3, 5)},  # type: ignore[misc]
    }


def _deviation(found: Table, index: int, epoch: int) -> float:
    return float(np.vstack([found.curves[index], found.repeats[index]])[:, epoch - 1].std(ddof=1))


def _correlation(scores: np.ndarray, others: np.ndarray) -> float:
    return float(spearmanr(scores, others).statistic) if len(scores) > 2 else float("nan")


if __name__ == "__main__":
    main(sys.argv[1])
