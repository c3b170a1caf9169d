"""A whole run, ended before each of its file operations, and continued."""

import json
import subprocess
import sys

import pytest

from tests import runs
from tests.fork import with_small_network
from tests.idx import write_archives

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def continued(tmp_path_factory):
    """Return what `tests.every_write` found of each moment at which the run was ended."""
    folder = tmp_path_factory.mktemp("every_write")
    write_archives(folder / "data", n_train=60, n_test=12)
    source = with_small_network(folder / "source")
    words = [sys.executable, "-m", "tests.every_write", str(folder)]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=source, env=runs.environment(PYTHONPATH=str(source))
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_was_ended_in_every_step_and_after_the_last(continued):
    moments = [moment["step"] for moment in continued]

    assert {name: moments.count(name) >= 2 for name in set(moments)} == dict.fromkeys(
        ("prepare", "tune", "train", "evaluate", "promote", "summary"), True
    )


def test_what_stands_in_an_artifacts_place_is_whole(continued):
    assert [moment["half"] for moment in continued if moment["half"]] == []


def test_it_goes_on_wherever_it_was_ended(continued):
    assert [moment for moment in continued if moment["error"] or not moment["done"]] == []


def test_it_comes_to_the_uninterrupted_runs_results(continued):
    assert [moment for moment in continued if moment["differs"]] == []
