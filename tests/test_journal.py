"""The journal: what is read back of it, however it was cut or damaged, and who may write to it."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import journal
from components.core.errors import InvalidInput
from components.core.journal import Journal, Trial

ROOT = Path(__file__).resolve().parents[1]
HEADER = {"seed": 7, "workers": 1}

accuracies = st.floats(0, 1)
values = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=8)
)


@st.composite
def trials(draw, number):
    curve = draw(st.lists(accuracies, min_size=1, max_size=4))
    status = draw(st.sampled_from(journal.STATUSES))
    reason = draw(st.text(max_size=12)) if status != "completed" else None
    accuracy = None if status == "failed" else max(curve)
    return Trial(number, status, draw(values), accuracy, curve, len(curve), draw(st.floats(0, 1e6)), reason)


@st.composite
def searches(draw):
    numbers = draw(st.permutations(range(draw(st.integers(0, 5)))))
    return [draw(trials(number)) for number in numbers]


def write(folder, finished, header=HEADER):
    with Journal.open(folder, header) as opened:
        for trial in finished:
            opened.append(trial)
    return folder / journal.FILE_NAME


def one(number, **changed):
    fields = {"status": "completed", "hyperparameters": {"units": 8}, "validation_accuracy": 0.5, "curve": (0.5,)}
    return Trial(**{"number": number, **fields, "epochs": 1, "seconds": 1.5, "reason": None, **changed})


@settings(max_examples=60, deadline=None)
@given(searches(), st.data())
def test_a_journal_cut_at_any_byte_replays_to_the_trials_whose_lines_are_whole(tmp_path_factory, finished, data):
    path = write(tmp_path_factory.mktemp("journal"), finished)
    whole = path.read_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    path.write_bytes(cut)

    with Journal.open(path.parent, HEADER) as opened:
        assert opened.trials == finished[: max(0, cut.count(b"\n") - 1)]
        assert opened.dropped_torn_line == (not cut.endswith(b"\n") and cut != b"")


@settings(max_examples=30, deadline=None)
@given(searches().filter(bool), st.data())
def test_a_cut_journal_that_gets_its_lost_trials_again_is_the_uncut_one(tmp_path_factory, finished, data):
    path = write(tmp_path_factory.mktemp("journal"), finished)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])

    with Journal.open(path.parent, HEADER) as opened:
        for trial in finished[len(opened.trials) :]:
            opened.append(trial)

    assert path.read_bytes() == whole


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.binary(min_size=1, max_size=20).filter(lambda data: b"\n" not in data))
def test_a_whole_line_that_is_no_trial_is_refused_with_its_number(tmp_path_factory, line, rubbish):
    path = write(tmp_path_factory.mktemp("journal"), [one(0), one(1), one(2)])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = rubbish + b"\n"
    path.write_bytes(b"".join(lines))

    with pytest.raises(InvalidInput, match=f"line {line} "):
        Journal.open(path.parent, HEADER)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize(
    "changed",
    [
        {"number": -1},
        {"number": 1.5},
        {"status": "running"},
        {"validation_accuracy": None},
        {"validation_accuracy": 1.5},
        {"curve": ["0.5"]},
        {"curve": []},
        {"curve": 3},
        {"epochs": "two"},
        {"seconds": -1},
        {"seconds": 10**400},
        {"reason": 5},
        {"hyperparameters": []},
        {"hyperparameters": {"learning_rate": float("inf")}},
        {"validation_accuracy": float("nan")},
        {"surplus": 1},
    ],
    ids=str,
)
def test_a_line_with_a_value_that_no_trial_has_is_refused_with_its_number(tmp_path, changed):
    path = write(tmp_path, [one(0)])
    with open(path, "a") as file:
        file.write(json.dumps({**one(1).as_dict(), **changed}) + "\n")

    with pytest.raises(InvalidInput, match="line 3 is damaged"):
        Journal.open(tmp_path, HEADER)


def test_a_line_that_is_missing_a_key_is_refused(tmp_path):
    path = write(tmp_path, [one(0)])
    path.write_bytes(path.read_bytes().replace(b'"epochs": 1, ', b""))

    with pytest.raises(InvalidInput, match=r"line 2 is damaged .*epochs"):
        journal.read(path)


def test_a_number_that_appears_twice_is_refused(tmp_path):
    path = write(tmp_path, [one(0), one(1)])
    path.write_bytes(path.read_bytes() + json.dumps(one(0).as_dict()).encode() + b"\n")

    with pytest.raises(InvalidInput, match=r"line 4 is damaged \(trial 0 appears twice\)"):
        journal.read(path)


def test_a_deeply_nested_line_is_refused(tmp_path):
    path = write(tmp_path, [])
    path.write_bytes(path.read_bytes() + b"[" * 100_000 + b"\n")

    with pytest.raises(InvalidInput, match="line 2 is damaged"):
        journal.read(path)


def test_a_later_format_is_refused(tmp_path):
    path = tmp_path / journal.FILE_NAME
    path.write_text('{"format": 4}\n')

    with pytest.raises(InvalidInput, match="line 1: format must be 3, got 4"):
        journal.read(path)


@pytest.mark.parametrize("number", [1, 2])
def test_a_journal_of_an_earlier_format_can_be_learned_from_and_not_continued(tmp_path, number):
    path = write(tmp_path, [one(0)])
    path.write_bytes(path.read_bytes().replace(b'"format": 3', b'"format": %d' % number))

    assert journal.read(path).trials == [one(0)]
    with pytest.raises(
        InvalidInput, match=rf"an earlier version wrote it in {number}; .*--warm-start .*trials.jsonl to learn"
    ):
        Journal.open(tmp_path, HEADER)


UNITS = {"name": "units", "kind": "Int", "min_value": 1}
DECIDED = {
    "code": {"components/experiment/network.py": "a", "components/experiment/space.py": "b"},
    "versions": {"keras": "3.15.1"},
    "search_space": [UNITS, {"name": "rate", "kind": "Float", "min_value": 0}],
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"code": {**DECIDED["code"], "components/experiment/network.py": "c"}},
            "another components/experiment/network.py",
        ),
        ({"code": {"components/experiment/space.py": "b"}}, "another components/experiment/network.py"),
        ({"versions": {"keras": "3.16.0"}}, "another version of keras"),
        ({"search_space": [{**UNITS, "min_value": 2}, *DECIDED["search_space"][1:]]}, "another range of units"),
        ({"search_space": [*DECIDED["search_space"], {"name": "momentum"}]}, "another range of momentum"),
    ],
)
def test_a_refusal_says_which_file_version_or_hyperparameter_differs(tmp_path, changed, words):
    Journal.open(tmp_path, DECIDED).close()

    with pytest.raises(InvalidInput, match=f"it has {words}; use another directory, and --warm-start"):
        Journal.open(tmp_path, {**DECIDED, **changed})


@pytest.mark.parametrize("name", HEADER)
def test_a_journal_of_another_search_is_refused_by_name(tmp_path, name):
    path = write(tmp_path, [one(0)])
    before = path.read_bytes()

    with pytest.raises(InvalidInput, match=rf"{name} {HEADER[name]}, not 9; use another directory"):
        Journal.open(tmp_path, {**HEADER, name: 9})
    assert path.read_bytes() == before


PLAN = {"max_trials": 24, "rungs": [2, 6], "round_size": 6, "finalists": 2, "finals": 2, "training_epochs": 30}


def test_a_search_may_go_on_with_more_trials_and_other_finals(tmp_path):
    Journal.open(tmp_path, {"plan": PLAN}).close()
    Journal.open(tmp_path, {"plan": {**PLAN, "max_trials": 48, "finalists": 4, "finals": 8}}).close()


@pytest.mark.parametrize("part", ["rungs", "round_size", "training_epochs"])
def test_a_search_may_not_go_on_with_another_plan(tmp_path, part):
    Journal.open(tmp_path, {"plan": PLAN}).close()

    with pytest.raises(InvalidInput, match=rf"it has {part} .*, not 9; use another directory"):
        Journal.open(tmp_path, {"plan": {**PLAN, part: 9}})


def stopped(number, epochs):
    return one(number, status="stopped", curve=(0.5,) * epochs, epochs=epochs, reason="others were ahead")


def test_a_trial_that_was_trained_further_counts_as_it_is_then(tmp_path):
    further = one(0, curve=(0.5,) * 6, epochs=6)
    path = write(tmp_path, [stopped(0, 2), one(1), further])

    assert journal.read(path).trials == [further, one(1)]


@pytest.mark.parametrize("later", [stopped(0, 2), stopped(0, 1)])
def test_a_trial_is_not_written_with_as_few_epochs_again(tmp_path, later):
    with pytest.raises(ValueError, match="trial 0 is in the journal already"):
        write(tmp_path, [stopped(0, 2), later])


def test_a_trial_may_fail_as_it_is_trained_further(tmp_path):
    broken = one(0, status="failed", validation_accuracy=None, curve=(), epochs=0, reason="it broke")
    assert journal.read(write(tmp_path, [stopped(0, 2), broken])).trials == [broken]


ROUND = [{"number": 0, "hyperparameters": {"units": 8}, "last": 2}]


def test_rounds_and_attempts_are_read_back(tmp_path):
    with Journal.open(tmp_path, HEADER) as opened:
        opened.append_round(ROUND)
        opened.append_event({"attempt": 0})
    found = journal.read(tmp_path / journal.FILE_NAME)

    assert found.rounds == [ROUND] and found.attempts.suspects() == [0] and found.trials == []


@pytest.mark.parametrize(
    "line",
    [
        {"round": 3},
        {"round": [{"number": 0, "last": 2}]},
        {"round": [{**ROUND[0], "last": -1}]},
        {"round": ROUND, "surplus": 1},
        {"attempt": "first"},
        {"large": 0, "surplus": 1},
        [],
        3,
    ],
    ids=str,
)
def test_a_line_of_no_known_kind_is_refused_with_its_number(tmp_path, line):
    path = write(tmp_path, [])
    path.write_bytes(path.read_bytes() + json.dumps(line).encode() + b"\n")

    with pytest.raises(InvalidInput, match="line 2 is damaged"):
        journal.read(path)


def test_a_second_trial_of_a_number_is_not_written(tmp_path):
    with Journal.open(tmp_path, HEADER) as opened:
        opened.append(one(0))
        with pytest.raises(ValueError, match="trial 0 is in the journal already"):
            opened.append(one(0))

    assert journal.read(tmp_path / journal.FILE_NAME).trials == [one(0)]


@pytest.mark.parametrize("accuracy", [float("nan"), float("inf")])
def test_an_accuracy_that_is_no_finite_number_makes_no_trial(accuracy):
    with pytest.raises(ValueError, match="validation_accuracy must lie from 0 to 1"):
        one(0, validation_accuracy=accuracy)


OPENS_AND_WAITS = """
    import sys
    from pathlib import Path
    from components.core.journal import Journal
    from components.core.errors import InvalidInput
    try:
        opened = Journal.open(Path(sys.argv[1]), {"seed": 7, "workers": 1})
    except InvalidInput as error:
        print(error, flush=True)
    else:
        print("open", flush=True)
        sys.stdin.read()
"""


def other_process(folder):
    words = [sys.executable, "-c", textwrap.dedent(OPENS_AND_WAITS), str(folder)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_another_process_is_refused_while_a_search_has_the_journal(tmp_path):
    with Journal.open(tmp_path, HEADER):
        answer, _ = other_process(tmp_path).communicate()

    assert "must be used by one search at a time" in answer


def test_the_lock_ends_with_a_process_that_is_killed(tmp_path):
    with other_process(tmp_path) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(InvalidInput, match="one search at a time"):
            Journal.open(tmp_path, HEADER)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()

    Journal.open(tmp_path, HEADER).close()


def in_a_fork(work):
    """Run `work` in a child, which may limit itself, and return its exit status: 0 when it returned true."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_full_disk_leaves_the_journal_whole_and_names_it(tmp_path):
    path = write(tmp_path, [one(0)])
    before = path.read_bytes()

    def append_with_room_for_half_a_line():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Journal.open(tmp_path, HEADER) as opened:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 30, resource.RLIM_INFINITY))
            try:
                opened.append(one(1))
            except OSError as error:
                return error.filename == str(path) and opened.trials == [one(0)]
        return False

    assert in_a_fork(append_with_room_for_half_a_line) == 0
    assert path.read_bytes() == before


def test_a_folder_that_may_not_be_written_is_an_error_that_names_it(tmp_path):
    tmp_path.chmod(0o555)

    def open_as_someone_whom_permissions_bind():
        os.chdir(tmp_path)
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            Journal.open(Path(), HEADER)
        except PermissionError as error:
            return str(error.filename) == journal.FILE_NAME
        return False

    assert in_a_fork(open_as_someone_whom_permissions_bind) == 0
