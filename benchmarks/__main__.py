"""Runs the benchmarks side by side and writes `results.md`: `python -m benchmarks [--quick] [SECTION …]`."""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.markdown import table as _table
from benchmarks.workload import TRIALS, data_source, training_data

RESULTS = Path(__file__).with_name("results.md")
TABLES = ("fashion-mnist", "convnet")


def main() -> None:
    arguments = _arguments()
    chosen = arguments.sections or list(SECTIONS)
    parts = [_heading(arguments.quick)]
    for name in chosen:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        start = time.perf_counter()
        parts.append(SECTIONS[name](arguments.quick))
        print(f"{name} took {time.perf_counter() - start:.0f} s\n\n{parts[-1]}\n", flush=True)
    text = "\n\n".join(parts) + "\n"
    if not arguments.sections:
        RESULTS.write_text(text)
        print(f"wrote {RESULTS}")


def against_stock(quick: bool) -> str:
    """(a) The same list of trials by stock Keras Tuner and by this project."""
    n_trials, epochs, n_images = (3, 2, 15_000) if quick else (len(TRIALS), 5, None)
    workers = os.cpu_count() or 1
    with training_data(n_images) as path:
        own_seconds, own = _timed("own_search", path, epochs, n_trials, workers)
        stock_seconds, stock = _timed("stock_search", path, epochs, n_trials)
        least_seconds = _run("products", path, epochs, n_trials, workers)
    rows = [
        (number + 1, _describe(TRIALS[number]), f"{theirs:.4f}", f"{ours:.4f}", f"{ours - theirs:+.4f}")
        for number, (theirs, ours) in enumerate(zip(stock, own["accuracies"], strict=True))
    ]
    difference = (sum(own["accuracies"]) - sum(stock)) / len(stock)
    return _section(
        "Against stock Keras Tuner",
        f"{n_trials} trials of {epochs} epochs, no early stopping, start-up counted, {workers} workers. "
        f"Stock: **{stock_seconds:.0f} s**. This project: **{own_seconds:.0f} s**. "
        f"Ratio: **{stock_seconds / own_seconds:.1f}**. Mean difference of validation accuracy: {difference:+.4f}. "
        f"Of this project's seconds, summed over workers: start-up {own['start_up']:.0f}, compilation "
        f"{own['compilation']:.0f}. The matrix products of these trainings alone, by numpy in {workers} processes, "
        f"take {least_seconds:.0f} s, {stock_seconds / least_seconds:.1f} times less than stock: the limit.",
        _table(("trial", "hyperparameters", "stock", "this project", "difference"), rows),
    )


def epochs(quick: bool) -> str:
    """(b) Seconds an epoch against the matrix products alone."""
    sizes, repeats = ((32, 128), 3) if quick else ((32, 64, 128, 256, 512), 7)
    with training_data(15_000 if quick else None) as path:
        rows = _run("epoch_seconds", path, repeats, *sizes)
    cells = [(r["batch_size"], f"{r['epoch']:.2f}", f"{r['products']:.2f}", f"{r['ratio']:.2f}") for r in rows]
    return _section(
        "Seconds an epoch",
        f"784-256-128-10 with batch normalization and dropout, float32, one thread; medians of {repeats}, measured in "
        "turn. The products are an epoch's matrix products by numpy, forward and backward.",
        _table(("batch size", "epoch, s", "products, s", "ratio"), cells),
    )


def networks(quick: bool) -> str:
    """(b) Seconds an epoch of networks of other kinds, against Keras' fit."""
    with training_data(3_000 if quick else 12_000) as path:
        rows = _run("network_seconds", path, 1 if quick else 3)
    cells = [
        (row["network"], row["compiled"], f"{row['ours']:.2f}", f"{row['fit']:.2f}", f"{row['fit'] / row['ours']:.1f}")
        for row in rows
    ]
    return _section(
        "Networks of other kinds",
        "Processor seconds an epoch of batches of 32, Keras' default, one thread, the best of epochs in turn; "
        "compilation not counted; `compile()` with Keras' defaults for fit.",
        _table(("network", "compiled with", "this project, s", "fit, s", "times as fast"), cells),
    )


def growth(quick: bool) -> str:
    """(c) How a search grows with trials, workers and images."""
    trials, images = ((2, 4), (5_000, 10_000)) if quick else ((8, 16, 32, 64), (15_000, 30_000, 60_000))
    rows = []
    for n_trials, workers, n_images in [
        *((n, 2, images[0]) for n in trials),
        (trials[1], 1, images[0]),
        *((trials[0], 2, n) for n in images[1:]),
    ]:
        with training_data(n_images) as path:
            result = _run("real_search", path, n_trials, 2, workers)
        parts = ", ".join(f"{name.replace('_', ' ')} {seconds:.1f}" for name, seconds in result["parts"].items())
        rows.append((n_trials, workers, n_images, f"{result['seconds']:.1f}", parts))
    header = ("trials", "workers", "images", "seconds", "seconds by purpose, summed over workers")
    return _section("How a search grows", "Real searches, two epochs a trial.", _table(header, rows))


def suggestions(quick: bool) -> str:
    """(c) Seconds for one suggestion."""
    rows = _run("suggestion_seconds", *((50, 200) if quick else (50, 200, 1_000)))
    cells = [(count, f"{seconds:.2f}") for count, seconds in rows]
    return _section("One suggestion", "After so many finished trials.", _table(("finished trials", "seconds"), cells))


def memory(quick: bool) -> str:
    """(d) Peak memory of the parent and of a worker over a search."""
    n_trials = 4 if quick else 50
    with training_data() as path:
        samples = _run("real_search", path, n_trials, 1, 2)["memory"]
    step = max(1, n_trials // 5)
    rows = [
        (f"{first + 1} to {min(first + step, n_trials)}", *_peaks(samples[first : first + step]))
        for first in range(0, n_trials, step)
    ]
    return _section(
        "Peak memory",
        f"Resident memory in MB while {n_trials} trials run on all images, pages shared between processes included.",
        _table(("trials", "parent", "largest worker process"), rows),
    )


def machines(quick: bool) -> str:
    """(e) What it costs to hand trainings to other machines, and the memory of the process that does."""
    sizes = (
        ((4, 100, 0.05), (4, 20, 1.0))
        if quick
        else ((4, 1_000, 0.05), (16, 1_000, 0.05), (16, 200, 1.0), (64, 500, 2.0))
    )
    rows = []
    for n_machines, n_stretches, seconds in sizes:
        found = _run("machines", n_machines, n_stretches, seconds)
        ratio = found["seconds"] / found["ideal"]
        cells = (f"{found['seconds']:.1f}", f"{found['ideal']:.1f}", f"{ratio:.2f}", f"{found['peak_mb']:.0f}")
        rows.append((n_machines, n_stretches, seconds, *cells))
    header = ("machines", "trainings", "seconds each", "took, s", "sum over machines, s", "ratio", "search's peak, MB")
    return _section(
        "Handing trainings to machines",
        "Worker machines are processes of this computer, each with all training images, whose trainings only sleep.",
        _table(header, rows),
    )


def sample_efficiency(quick: bool) -> str:
    """How good the configuration is that a search chooses, looked up in tables of real trainings."""
    n_seeds, round_sizes = (5, "8") if quick else (50, "1,3,8,12,32,48")
    texts = []
    for name in TABLES:
        replayed = _run("replay", name, n_seeds, round_sizes)
        idle = _run("idle", name, 1 if quick else 3)
        columns = [f"{count} trainings" for count in replayed["full_trainings"]]
        header = ("search", "round", *columns, *(f"share, {column}" for column in columns))
        cells = [
            (row["workers"], row["round_size"], f"{row['recorded']:.0%}", f"{row['default']:.0%}")
            for row in idle["rows"]
        ]
        texts += [
            f"`{name}`:\n\n{_table(header, _regret_rows(replayed['rows']))}",
            _table(("workers", "round", "idle", "idle with 54,000 images"), cells),
        ]
    return _section(
        "Sample efficiency",
        "How much worse the chosen configuration is than the best of a table of real trainings "
        f"(`benchmarks/tables`), in points of accuracy by other seeds than the search saw: mean of {n_seeds} seeds "
        "and its standard error, and the share of random search's. All spend the same epochs, finals included, given "
        "as trainings to the end. Random search trains to the end; random halving has our rungs and finals; "
        "stock Keras Tuner its defaults; Optuna TPE with Hyperband. Idle is what workers wait for at the ends of "
        "rounds, simulated from recorded processor seconds.",
        "\n\n".join(texts),
    )


def _regret_rows(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return a row a search and round size: regrets, then their shares of random search's."""
    random = next(row for row in rows if row["search"] == "random")
    n = len(random["mean"])
    return [
        (
            row["search"],
            "" if row is random else row["round_size"],
            *_padded([f"{each:.2f} ± {error:.2f}" for each, error in zip(row["mean"], row["error"], strict=True)], n),
            *_padded([f"{each / base:.2f}" for each, base in zip(row["mean"], random["mean"], strict=False)], n),
        )
        for row in rows
    ]


def _padded(cells: list[str], n: int) -> list[str]:
    """Return `n` cells, a dash in each that is missing at the end."""
    return cells + ["–"] * (n - len(cells))


def peers(quick: bool) -> str:
    """Side by side with what users would pick instead."""
    from benchmarks.peers import comparison, environment

    plans, seeds = ((40,), (1,)) if quick else ((60, 120, 240), (1, 2, 3))
    courses, seconds = comparison.run_all(plans, seeds), max(plans)
    goals = comparison.goals_of(courses, seconds)
    used = ", ".join(f"{name} {version}" for name, version in environment.versions("optuna", "torch").items())
    header = (
        "search",
        *(f"{seconds * share:.0f} s" for share in comparison.SHARES),
        "trials",
        *(f"s to {goal:.4f}" for goal in goals.values()),
    )
    return _section(
        "Side by side with its peers",
        f"Best validation accuracy so far after so many seconds, start-up counted: mean of {len(seeds)} seeds and its "
        f"standard error; the same split and space, two processors, one after the other; {used}. The last columns are "
        "the seconds to what is there at the end on average, by " + " and by ".join(goals) + ", a figure a seed.",
        _table(header, comparison.rows(courses, seconds)),
    )


SECTIONS = {
    "stock": against_stock,
    "epochs": epochs,
    "networks": networks,
    "growth": growth,
    "suggestions": suggestions,
    "memory": memory,
    "machines": machines,
    "sample-efficiency": sample_efficiency,
    "peers": peers,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, in about three minutes")
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS) + "; all, when none is named"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"section must be one of {', '.join(SECTIONS)}, got {', '.join(sorted(unknown))}")
    return arguments


def _timed(module: str, *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = _run(module, *arguments)
    return time.perf_counter() - start, result


def _run(module: str, *arguments: Any) -> Any:
    """Return what a benchmark in a process of its own prints as its last line."""
    single = module not in ("stock_search",)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1") if single else {}
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        env={**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _heading(quick: bool) -> str:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras", "keras-tuner")
    )
    command = f"make benchmark{' QUICK=1' if quick else ''}"
    return (
        f"# Benchmarks\n\n`{command}`, {datetime.date.today()}, {data_source()}, {_processor()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def _describe(trial: dict[str, Any]) -> str:
    units = "-".join(map(str, trial["units"]))
    return (
        f"{units}, {trial['normalization']}, dropout {trial['dropout_rate']}, rate {trial['learning_rate']}, "
        f"batch {trial['batch_size']}"
    )


def _peaks(samples: list[dict[str, int]]) -> list[int]:
    return [max(sample[kind] for sample in samples) for kind in ("parent", "worker")]


def _section(title: str, text: str, table: str) -> str:
    return f"## {title}\n\n{text}\n\n{table}"


if __name__ == "__main__":
    main()
