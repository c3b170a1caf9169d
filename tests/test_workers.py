"""What becomes of a trial whose worker dies or hangs, and of the workers when their search is ended."""

import json
import os
import signal

import pytest

from components.core import journal
from components.tune.workers import Lost, Pool
from tests import processes
from tests.fork import NETWORK, with_small_network
from tests.searches import Search, write_training_data

pytestmark = pytest.mark.slow

SETTINGS = {
    "max_trials": 3,
    "trial_epochs": 2,
    "trial_time_limit_s": 0,
    "stop_trials_early": False,
    "early_stopping_patience": 2,
    "seed": 7,
    "workers": 1,
}


@pytest.fixture(scope="module")
def training_data(tmp_path_factory):
    return write_training_data(tmp_path_factory.mktemp("data") / "training_data")


@pytest.fixture
def search(training_data, tmp_path):
    """Return a function that makes a `Search`, of a source with some of its network's text replaced."""
    marks = []

    def make(replacements=(), **changed):
        source = with_small_network(tmp_path / "source")
        for old, new in replacements:
            text = (source / NETWORK).read_text()
            assert old in text
            (source / NETWORK).write_text(text.replace(old, new))
        marks.append(processes.new_mark())
        return Search(source, training_data, tmp_path / "state", {**SETTINGS, **changed}, marks[-1])

    yield make
    for mark in marks:
        processes.end(mark)


FATES = [
    ("import keras\n", "import keras\nimport os, signal, time\n"),
    ("    units: int\n", "    units: int\n    fate: str\n"),
    ('units=hp.Int("units", 4, 64, default=8),', 'units=8, fate=hp.Choice("fate", ["trains", "dies", "hangs"]),'),
    ("[1e-3, 3e-3, 1e-2, 3e-2, 1e38]", "[1e-2]"),
    ("[32, 64, 128], default=64", "[64], default=64"),
    (
        "    inputs = keras.Input",
        '    if hyperparameters.fate == "dies":\n        os.kill(os.getpid(), signal.SIGKILL)\n'
        '    while hyperparameters.fate == "hangs":\n        time.sleep(1)\n    inputs = keras.Input',
    ),
]


def test_a_trial_that_dies_is_tried_three_times_one_that_hangs_ends_in_time_and_the_search_goes_on(search):
    searching = search(FATES, trial_time_limit_s=40, workers=2)

    searching.run()

    by_fate = {trial.hyperparameters["fate"]: trial for trial in searching.trials()}
    assert by_fate["trains"].status == "completed"
    assert by_fate["dies"].status == "failed"
    assert by_fate["dies"].reason == "its worker was killed by SIGKILL (out of memory?), 3 times"
    assert by_fate["hangs"].status == "failed"
    assert by_fate["hangs"].reason == "it took longer than trial_time_limit_s, 40 s"
    assert processes.marked(searching.mark) == []


def kill(process):
    process.kill()
    process.wait()


def test_workers_end_when_their_parent_is_killed_while_they_import_tensorflow(search):
    searching = search(workers=2)
    process = searching.start()
    processes.until(lambda: len(processes.children(process.pid)) == 2 or process.poll() is not None)

    kill(process)

    processes.until(lambda: not processes.marked(searching.mark), 30)
    assert searching.trials() == []


def test_a_trial_ends_when_the_search_is_killed_while_its_network_is_compiled(search):
    searching = search()
    process = searching.start()
    processes.until(lambda: len(processes.descendants(process.pid)) == 2 or process.poll() is not None, 300)

    kill(process)

    processes.until(lambda: not processes.marked(searching.mark), 30)
    assert searching.trials() == []


def test_a_stopped_worker_ends_with_its_parent_too(search):
    searching = search()
    process = searching.start()
    processes.until(lambda: len(processes.descendants(process.pid)) == 2 or process.poll() is not None, 300)
    for pid in processes.descendants(process.pid):
        os.kill(pid, signal.SIGSTOP)

    kill(process)

    processes.until(lambda: not processes.marked(searching.mark), 30)


def test_sigterm_ends_a_component_and_its_workers_with_a_line_in_the_log(search):
    searching = search(workers=2, max_trials=9)
    process = searching.start()
    processes.until(lambda: searching.trials() or process.poll() is not None, 300)

    process.terminate()

    assert process.wait() == 143
    assert "search was told to end (SIGTERM)" in searching.log()
    processes.until(lambda: not processes.marked(searching.mark), 30)
    assert not journal.read(searching.state_dir / journal.FILE_NAME).torn


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 8), ("trial_epochs", 3), ("workers", 2), ("stop_trials_early", True), ("early_stopping_patience", 3)],
)
def test_a_journal_of_another_search_is_refused_by_name(begun, name, value):
    settings, before = begun.settings, begun.result()
    begun.settings = {**settings, "max_trials": 2, name: value}
    try:
        assert begun.start().wait() == 1
    finally:
        begun.settings = settings

    assert f"{'early_stopping_patience' if name == 'patience' else name} {settings[name]}, not {value}" in begun.log()
    assert begun.result() == before


@pytest.mark.parametrize(("added", "status"), [("\nANOTHER = 1\n", 1), ("\n# another comment\n", 0)])
def test_a_journal_of_other_code_is_refused_by_the_file_s_name_and_one_of_another_comment_is_not(begun, added, status):
    network = begun.source / NETWORK
    text = network.read_text()
    network.write_text(text + added)
    try:
        assert begun.start().wait() == status
    finally:
        network.write_text(text)

    assert status == 0 or "it has another components/experiment/__init__.py; use another directory" in begun.log()


def test_a_second_search_on_the_same_state_is_refused(begun):
    before = begun.result()
    with journal.Journal.open(begun.state_dir, without_format(before[0])):
        assert begun.start().wait() == 1

    assert "must be used by one search at a time" in begun.log()
    assert begun.result() == before


def without_format(header):
    return {name: value for name, value in json.loads(header).items() if name != "format"}


@pytest.fixture(scope="module")
def begun(training_data, tmp_path_factory):
    """Return a search that has ended with one trial."""
    folder = tmp_path_factory.mktemp("begun")
    source = with_small_network(folder / "source")
    searching = Search(source, training_data, folder / "state", {**SETTINGS, "max_trials": 1}, processes.new_mark())
    searching.run()
    return searching


@pytest.fixture
def pool(training_data):
    """Return a pool of one worker on the project's own network."""
    settings = {"n_epochs": 1, "early_stopping_patience": 1, "seed": 7}
    with Pool(1, {"training_data": str(training_data), "settings": settings}) as pool:
        yield pool


def test_a_worker_that_is_killed_before_it_is_ready_costs_its_trial_no_attempt(pool):
    pool.assign(0, 3, {}, [0.0])
    (worker,) = processes.children(os.getpid())

    os.kill(worker, signal.SIGKILL)

    (event,) = pool.wait()
    assert isinstance(event, Lost) and (event.number, event.had_begun, event.timed_out) == (3, False, False)
    assert pool.idle == [0]


def test_a_dead_worker_is_replaced_and_leaves_no_zombie(pool):
    (worker,) = processes.children(os.getpid())
    pool.assign(0, 3, {}, [0.0])

    os.kill(worker, signal.SIGKILL)
    pool.wait()

    (successor,) = processes.children(os.getpid())
    assert successor != worker


def test_workers_that_can_not_be_started_are_an_error_with_their_last_words(training_data, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/no/such/python")

    with (
        Pool(1, {"training_data": str(training_data), "settings": {}}) as pool,
        pytest.raises(RuntimeError, match="no worker could be started: the last one ended with exit status 1"),
    ):
        pool.wait()


def test_a_closed_pool_leaves_no_process(training_data):
    with Pool(2, {"training_data": str(training_data), "settings": {}}):
        assert len(processes.children(os.getpid())) == 2

    assert processes.children(os.getpid()) == []
