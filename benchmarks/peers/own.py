"""This project's own run, planned for the time that the peers have, and what its folder says of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.environment import ROOT
from benchmarks.peers.task import DECIMALS
from benchmarks.workload import data_source
from components.core.journal import FILE_NAME

Line = dict[str, Any]

TIMELINE = "timeline.jsonl"
GRACE_S = 30
"""For an interrupted run to leave in order."""


def run(seconds: float, seed: int, folder: Path, log: Path) -> list[Line]:
    """Run the pipeline in a folder for a time, and return the lines that a peer would have written.

    Args:
        seconds: what the run is planned for; it is ended then, whether it is over or not.
        seed: its seed.
        folder: the run's folder, which it makes.
        log: the file that gets what it prints.
    """
    options = {"data-source": data_source(), "time-budget-s": round(seconds), "seed": seed, "output-dir": folder}
    given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    began = time.time()
    with open(log, "w") as file:
        process = subprocess.Popen(
            [sys.executable, "pipeline.py", "local-run", *given],
            cwd=ROOT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        _end(process, began + seconds)
    return [line for line in lines(folder, began) if line["seconds"] <= seconds]


def lines(folder: Path, began: float) -> list[Line]:
    """Return each epoch of a run's search and finals, in the order in which their accuracies became known.

    Args:
        folder: the run's folder.
        began: the Unix time from which seconds are counted.
    """
    found = [*_searched(folder / "state"), *_finals(folder / "state/finals")]
    return [
        {"seconds": round(at - began, 3), **line, "accuracy": round(line["accuracy"], DECIMALS)}
        for at, line in sorted(found, key=lambda pair: pair[0])
    ]


def _searched(state: Path) -> Iterator[tuple[float, Line]]:
    """Yield the epochs of the search with the Unix time at which each was known: when its stretch had ended.

    The journal and the timeline have a line for each stretch, those of one trial in the same order.
    """
    ended: dict[int, deque[float]] = defaultdict(deque)
    for line in _read_lines(state / TIMELINE):
        if line["outcome"] != "lost":
            ended[line["number"]].append(line["ended"])
    known: dict[int, int] = defaultdict(int)
    for trial in _read_lines(state / FILE_NAME):
        if not trial.get("curve") or not ended[trial["number"]]:
            continue
        number, curve, at = trial["number"], trial["curve"], ended[trial["number"]].popleft()
        for epoch in range(known[number] + 1, len(curve) + 1):
            yield at, {"trial": number, "epoch": epoch, "accuracy": curve[epoch - 1]}
        known[number] = len(curve)


def _finals(folder: Path) -> Iterator[tuple[float, Line]]:
    """Yield the epochs of the finals with the Unix times at which they ended.

    A checkpoint is written after each epoch: the file is as old as the last of them, and says how long each took.
    The epochs that the search made of it come again, later than they were.
    """
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            epochs = json.loads(str(arrays["figures"]))["epochs"]
        at = path.stat().st_mtime
        for epoch in reversed(epochs):
            yield at, {"trial": path.stem, "epoch": epoch["number"], "accuracy": epoch["validation_accuracy"]}
            at -= epoch["seconds"]


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Return a file's whole lines: a run that was killed may have left half of one."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _end(process: subprocess.Popen[bytes], at: float) -> None:
    """Wait for a run, and end it and all its processes when its time is up."""
    try:
        process.wait(at - time.time())
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode not in (0, 143, -signal.SIGKILL):
        raise subprocess.CalledProcessError(process.returncode, process.args)
