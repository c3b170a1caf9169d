"""A real search, killed with SIGKILL again and again: what finished stays, what follows is what would have followed.

`KILLS=200` in the environment kills that often in place of the default; each of the two searches gets half.
"""

import contextlib
import os
import random
import signal
import subprocess

import pytest

from tests import processes
from tests.fork import with_small_network
from tests.searches import Search, write_training_data

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "8"))
SETTINGS = {
    "max_trials": 9,
    "trial_epochs": 6,
    "training_epochs": 8,
    "stop_trials_early": True,
    "round_size": 4,
    "finalists": 2,
    "seed": 7,
}
WORKERS = (1, 2)
VICTIMS = ("group", "parent", "worker")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return with_small_network(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def training_data(tmp_path_factory):
    return write_training_data(tmp_path_factory.mktemp("data") / "training_data")


@pytest.fixture
def search(source, training_data, tmp_path):
    """Return a function that makes a `Search`; what is left of its processes at the test's end is ended."""
    marks = []

    def make(name, **changed):
        marks.append(processes.new_mark())
        return Search(source, training_data, tmp_path / name, {**SETTINGS, **changed}, marks[-1])

    yield make
    for mark in marks:
        processes.end(mark)


def wait_for_a_moment(process, searching, dice, of_a_new_trial):
    """Wait for a random moment of a running search and say whether it was reached before the search's end.

    Args:
        process: runs the search.
        searching: the `Search`.
        dice: decides when.
        of_a_new_trial: whether a trial must finish before, else that is left to the dice, too.
    """
    known = len(searching.trials())
    if of_a_new_trial or dice.random() < 0.6:
        processes.until(lambda: len(searching.trials()) > known or process.poll() is not None, 600)
    try:
        process.wait(2 * dice.random())
    except subprocess.TimeoutExpired:
        return True
    return False


def strike(process, victim, dice):
    """Kill the whole group, the parent alone, or one of its workers or of their trials, with SIGKILL."""
    if victim == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif victim == "parent":
        process.kill()
    elif below := processes.descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(dice.choice(below), signal.SIGKILL)


def assert_only_grown(before, after):
    later = {trial.number: trial for trial in after}
    for trial in before:
        assert later[trial.number] == trial or later[trial.number].epochs > trial.epochs


def run_with_kills(searching, at_most, dice):
    """Run a search to its end, killing it at most so often, and return how often it was."""
    process, known, victim, kills = searching.start(), [], None, 0
    while kills < at_most:
        # One trial's worker is killed once at most, for after three times the trial has failed.
        if not wait_for_a_moment(process, searching, dice, of_a_new_trial=victim == "worker"):
            break
        victim = dice.choice(VICTIMS)
        strike(process, victim, dice)
        kills += 1
        if victim != "worker":
            process.wait()
            processes.until(lambda: not processes.marked(searching.mark), 60)
            process = searching.start()
        known, before = searching.trials(), known
        assert_only_grown(before, known)
    assert process.wait() == 0, searching.log()
    assert_only_grown(known, searching.trials())
    return kills


@pytest.mark.parametrize("workers", WORKERS)
def test_a_search_that_is_killed_again_and_again_ends_as_the_one_that_is_not(search, workers):
    expected = search("whole", workers=workers).run()
    wanted, dice = KILLS // len(WORKERS), random.Random(workers)
    while wanted > 0:
        killed = search(f"killed-{wanted}", workers=workers)
        wanted -= run_with_kills(killed, wanted, dice)

        assert killed.result() == expected
        assert len(killed.trials()) == SETTINGS["max_trials"]
        assert processes.marked(killed.mark) == []
