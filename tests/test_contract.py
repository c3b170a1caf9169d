"""A step as the cluster starts it, told to end. `make image-test` runs each step in its image, and on a full disk."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.core import finalists
from images import contents
from tests import contract, runs

pytestmark = pytest.mark.slow


@pytest.fixture
def store(finished_run, tmp_path):
    """Return a folder with what prepare and tune left, and finals of 10,000 epochs."""
    folder = tmp_path / "store"
    (folder / "tune").mkdir(parents=True)
    (folder / "prepare").symlink_to(finished_run.folder / "prepare")
    chosen = finalists.read(finished_run.folder / "tune" / "finalists").finals
    finals = [replace(final, epochs=0) for final in chosen]
    finalists.write(finalists.Finalists(10_000, finals), [""] * len(finals), folder / "tune" / "finalists")
    return folder


@pytest.mark.parametrize(
    "step, long, sign",
    [("tune", {"max_trials": 1000}, "trial 1 ("), ("train", {"early_stopping_patience": 10_000}, " epoch 1/10000")],
)
def test_a_step_that_is_told_to_end_says_so_and_leaves_nothing(store, tmp_path, step, long, sign):
    task = contract.task(step, str(store), into=str(tmp_path), **long)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    contents.write_app(step, tmp_path / "app")
    environment = runs.environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", PYTHONPATH="")
    with subprocess.Popen(task.command, cwd=tmp_path / "app", env=environment, **streams) as process:
        assert any(sign in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()

    assert process.returncode == 143
    assert f"{step} was told to end (SIGTERM)" in log
    assert contract.whole_artifacts(task) == []
