"""What becomes of a trial whose worker dies or hangs, and of the workers when their search is ended."""

import json
import os
import signal
from pathlib import Path

import pytest

from components.core import artifacts, journal
from components.core.errors import InvalidInput
from components.workers import process
from components.workers.pool import Finished, Large, Lost, Note, Pool, Progress
from components.workers.stretch import Stretch
from tests import processes
from tests.fork import NETWORK, ROOT, with_experiment, with_small_network
from tests.searches import Search, write_training_data

pytestmark = pytest.mark.slow

SETTINGS = {
    "max_trials": 3,
    "trial_epochs": 2,
    "training_epochs": 3,
    "stop_trials_early": False,
    "round_size": 3,
    "finalists": 1,
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
    assert by_fate["dies"].reason.startswith("its worker was killed by SIGKILL (out of memory?)")
    assert by_fate["dies"].reason.endswith(", 3 times")
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
    ("name", "value", "difference"),
    [
        ("seed", 8, "seed 7, not 8"),
        ("trial_epochs", 3, "rungs [2], not [3]"),
        ("training_epochs", 4, "training_epochs 3, not 4"),
        ("round_size", 2, "round_size 3, not 2"),
    ],
)
def test_a_journal_of_another_search_is_refused_by_name(begun, name, value, difference):
    before = begun.result()

    assert ended_with(begun, **{name: value}) == 1

    assert difference in begun.log()
    assert begun.result() == before


def test_a_journal_of_a_search_with_another_number_of_workers_is_taken_up(begun):
    before = begun.result()

    assert ended_with(begun, workers=2) == 0

    assert begun.result() == before


def ended_with(searching, **changed):
    """Return the exit status of a search with some settings changed."""
    settings = searching.settings
    searching.settings = {**settings, **changed}
    try:
        return searching.start().wait()
    finally:
        searching.settings = settings


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


def setup(training_data):
    return {
        "training_data": str(training_data),
        "fingerprint": artifacts.read_training_data(training_data).fingerprint,
    }


def stretch(number=3, **changed):
    values = {"units": 8, "learning_rate": 0.01, "batch_size": 64}
    plan = {"last": 1, "n_epochs": 2, "seed": 7, "checkpoint": ""}
    return Stretch(**{"number": number, "hyperparameters": values, **plan, **changed})


@pytest.fixture
def pool(training_data):
    """Return a pool of one worker on the project's own network."""
    with Pool(1, setup(training_data)) as pool:
        yield pool


def test_a_worker_that_is_killed_before_it_is_ready_costs_its_trial_no_attempt(pool):
    pool.assign(0, stretch())
    (worker,) = processes.children(os.getpid())

    os.kill(worker, signal.SIGKILL)

    (event,) = pool.wait()
    assert isinstance(event, Lost) and (event.number, event.had_begun, event.timed_out) == (3, False, False)
    assert pool.idle == [0]


def test_a_worker_offers_itself_to_the_kernel_when_memory_is_short(pool):
    (worker,) = processes.children(os.getpid())

    processes.until(lambda: Path(f"/proc/{worker}/oom_score_adj").read_text().strip() == "1000")


def test_a_dead_worker_is_replaced_and_leaves_no_zombie(pool):
    (worker,) = processes.children(os.getpid())
    pool.assign(0, stretch())

    os.kill(worker, signal.SIGKILL)
    pool.wait()

    (successor,) = processes.children(os.getpid())
    assert successor != worker


def test_workers_that_can_not_be_started_are_an_error_with_their_last_words(training_data, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/no/such/python")

    with (
        Pool(1, setup(training_data)) as pool,
        pytest.raises(RuntimeError, match="no worker could be started: the last one ended with exit status 1"),
    ):
        pool.wait()


def test_a_closed_pool_leaves_no_process(training_data):
    with Pool(2, setup(training_data)):
        assert len(processes.children(os.getpid())) == 2

    assert processes.children(os.getpid()) == []


TALKATIVE = (
    (ROOT / "tests" / "small_network.py")
    .read_text()
    .replace("import keras\n", "import os\nimport time\n\nimport keras\nimport numpy as np\n", 1)
    .replace(
        "    inputs = keras.Input",
        """    print("to standard output", flush=True)
    os.write(2, b"to standard error\\n")
    if hyperparameters.units == 13:
        os.write(2, b"last words\\n")
        os._exit(9)
    if hyperparameters.units == 14:
        raise KeyError("no such layer")
    if hyperparameters.units == 16:
        if os.fork() == 0:
            time.sleep(60)
        os._exit(9)
    if hyperparameters.units == 15:
        held = np.ones(2**26)  # 512 MiB
        time.sleep(2)
    inputs = keras.Input""",
    )
)


@pytest.fixture(scope="module")
def talkative(training_data, tmp_path_factory):
    """Return a pool of one worker, whose network prints and, by its number of units, dies, fails or takes memory.

    It is started in a folder with a package of the project's name, and with a `sitecustomize` that prints.
    """
    source = with_experiment(tmp_path_factory.mktemp("source"), TALKATIVE)
    here, site = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("site")
    (here / "components").mkdir()
    (here / "components" / "__init__.py").write_text('raise RuntimeError("the wrong components")\n')
    (site / "sitecustomize.py").write_text('print("hello from sitecustomize", flush=True)\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "SOURCE_ROOT", source)
        patch.setenv("PYTHONPATH", str(site))
        patch.chdir(here)
        with Pool(1, setup(training_data)) as pool:
            yield pool


def events_of(pool, **changed):
    """Return all events of one stretch, its end last."""
    pool.assign(0, stretch(**changed))
    found = []
    while pool.running:
        found += pool.wait()
    return [event for event in found if not isinstance(event, Note)]


def units(n):
    return {"units": n, "learning_rate": 0.01, "batch_size": 64}


def test_what_is_printed_and_what_lies_about_does_not_break_the_channel(talkative):
    (event,) = events_of(talkative)

    assert isinstance(event, Finished) and event.outcome.status == "finished", event
    assert event.outcome.epochs == 1 and event.outcome.reason is None


def test_a_failure_s_reason_begins_with_the_cause_and_the_traceback_comes_along(talkative):
    (event,) = events_of(talkative, hyperparameters=units(14))

    assert event.outcome.status == "failed" and event.outcome.reason.startswith("KeyError: 'no such layer'")
    assert event.outcome.traceback.startswith("Traceback") and "in create_model" in event.outcome.traceback


def test_what_a_dying_worker_has_printed_is_kept_and_its_last_line_is_in_the_reason(talkative):
    (event,) = events_of(talkative, hyperparameters=units(13))

    assert isinstance(event, Lost) and event.had_begun and not event.timed_out
    assert event.reason == "its worker ended with exit status 9: last words"
    assert "to standard output" in event.log and "to standard error" in event.log


def test_a_worker_that_dies_is_missed_though_a_process_of_the_experiment_holds_its_pipe(talkative):
    (event,) = events_of(talkative, hyperparameters=units(16))

    assert isinstance(event, Lost) and event.seconds < 60


def test_each_epoch_is_told_where_it_is_asked_for(talkative, tmp_path):
    *told, end = events_of(talkative, last=2, every_epoch=True, checkpoint=str(tmp_path / "0003.npz"))

    assert told == [Progress(3, epoch, objective) for epoch, objective in enumerate(end.outcome.curve, start=1)]
    assert len(told) == 2 and (tmp_path / "0003.npz").exists()


def test_a_stretch_goes_on_from_its_checkpoint(talkative, tmp_path):
    path = str(tmp_path / "0003.npz")
    (first,) = events_of(talkative, checkpoint=path)
    (second,) = events_of(talkative, checkpoint=path, last=2)
    (whole,) = events_of(talkative, last=2)

    assert second.outcome.curve == whole.outcome.curve and second.outcome.curve[:1] == first.outcome.curve


def test_what_needs_more_memory_than_there_is_fails_at_once_and_says_so(talkative):
    (event,) = events_of(talkative, memory_bytes_alone=200_000_000)

    assert event.outcome.status == "failed" and event.outcome.epochs == 0 and event.outcome.needed_bytes > 2e8
    assert event.outcome.reason == (
        f"needs about {event.outcome.needed_bytes / 1e9:.1f} GB, and 0.2 GB are left below the memory limit"
    )


def test_a_limit_that_is_kept_changes_no_digit(talkative):
    (limited,), (free,) = (events_of(talkative, last=2, memory_bytes_alone=limit) for limit in (10**12, 0))

    assert limited.outcome.curve == free.outcome.curve
    assert limited.outcome.needed_bytes > 0 == free.outcome.needed_bytes


def test_what_needs_more_memory_than_is_left_beside_the_others_is_deferred(talkative):
    (event,) = events_of(talkative, memory_bytes=10**8, memory_bytes_alone=10**12)

    assert event.outcome.status == "deferred" and event.outcome.needed_bytes > 10**8


def test_a_training_that_takes_half_of_the_memory_says_so_before_it_ends(talkative):
    first, end = events_of(talkative, hyperparameters=units(15), memory_bytes_alone=10**9)

    assert first == Large(3)
    assert end.outcome.status == "finished"


def test_an_experiment_that_starts_tensorflow_as_it_is_imported_is_refused(training_data, tmp_path, monkeypatch):
    text = (ROOT / "tests" / "small_network.py").read_text() + "\n\nSTARTED = keras.ops.ones(1)\n"
    monkeypatch.setattr(process, "SOURCE_ROOT", with_experiment(tmp_path / "source", text))

    with Pool(1, setup(training_data)) as pool, pytest.raises(InvalidInput, match="must run no TensorFlow operation"):
        pool.wait()
