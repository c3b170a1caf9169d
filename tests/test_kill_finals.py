"""A train step that is killed in the middle of its finals, and continued, ends as one that was not."""

import subprocess
import sys
from pathlib import Path

import pytest

from components.core.finalists import Final
from tests import processes, runs, searches
from tests.train_step import SEED, VALUES, call, write_shortlist

pytestmark = pytest.mark.slow

N_EPOCHS = 60
FINALS = (Final(4, SEED, VALUES), Final(1, SEED, {**VALUES, "learning_rate": 0.001}))


def kill_within_finals(store, shortlist, folder, mark):
    """Run the step until each final has a checkpoint, and kill it."""
    words = [sys.executable, "-m", "tests.train_step", *map(str, (store, shortlist, folder / "out", folder / "state"))]
    process = subprocess.Popen(words, cwd=runs.ROOT, env=runs.environment(**{processes.MARK: mark}))
    processes.until(lambda: len(list(folder.glob("state/finals/*.npz"))) == len(FINALS))
    process.kill()
    process.wait()
    processes.until(lambda: not processes.marked(mark))


def test_a_killed_step_goes_on_where_each_final_was_and_ends_with_the_same_digits(tmp_path):
    store, mark = tmp_path, processes.new_mark()
    searches.write_training_data(store / "training_data")
    shortlist = write_shortlist(store / "finalists", N_EPOCHS, FINALS)
    try:
        kill_within_finals(store, shortlist, tmp_path, mark)
    finally:
        processes.end(mark)
    saved = {path.name: path.stat().st_mtime_ns for path in Path(tmp_path, "state", "finals").glob("*.npz")}

    continued = call(store, shortlist, tmp_path / "continued", state_dir=str(tmp_path / "state"))

    assert saved and continued.digits == call(store, shortlist, tmp_path / "whole").digits
