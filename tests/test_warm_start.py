"""Learning from an earlier search: what is learned, from which of its trials, and what the search remembers of it."""

import pytest

from components.core import journal
from components.core.errors import InvalidInput
from components.core.journal import Journal, Trial
from components.core.space import discover
from components.tune import warm_start
from components.tune.unit_cube import UnitCube

GOOD = {"layers": 2, "units_1": 32, "rate": 0.01, "kind": "relu", "flag": True}


def space(hp):
    hp.Int("layers", 1, 2)
    hp.Int("units_1", 16, 64, step=16, parent_name="layers", parent_values=[2])
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Choice("kind", ["relu", "tanh"])
    hp.Boolean("flag")
    hp.Fixed("size", 28)


def fits(values):
    return UnitCube(discover(space)).holds(values)


def point(**changed):
    values = {**GOOD, "size": 28, **changed}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("changed", [{}, {"layers": 1, "units_1": None}, {"rate": 1e-4}, {"rate": 1e-1}])
def test_a_point_of_the_space_fits(changed):
    assert fits(point(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"units_1": None},
        {"layers": 1},
        {"layers": 3},
        {"layers": 2.0},
        {"layers": True},
        {"layers": "2"},
        {"units_1": 33},
        {"units_1": 80},
        {"rate": 0.2},
        {"rate": "0.01"},
        {"rate": float("nan")},
        {"kind": "elu"},
        {"kind": None},
        {"flag": 1},
        {"size": 32},
        {"surplus": 1},
    ],
    ids=str,
)
def test_what_is_no_point_of_the_space_does_not_fit(changed):
    assert not fits(point(**changed))


def finished(number, rate, accuracy, status="completed"):
    failed = status == "failed"
    curve = () if failed else (accuracy / 2, accuracy)
    return Trial(number, status, {"rate": rate}, None if failed else accuracy, curve, len(curve), 1.0, None)


ONE_RATE = discover(lambda hp: {"rate": hp.Float("rate", 0.0, 1.0)})
EARLIER = [finished(number, number / 20, 0.9 - abs(number / 20 - 0.3)) for number in range(20)]


def written(folder, trials):
    """Return the path of a journal with these trials."""
    with Journal.open(folder, {"seed": 1}) as opened:
        for trial in trials:
            opened.append(trial)
    return folder / journal.FILE_NAME


def test_a_search_learns_from_the_trials_that_have_a_score_and_fit_by_number(tmp_path):
    earlier = [
        finished(1, 0.2, 0.4, "stopped"),
        finished(0, 0.1, 0.5),
        finished(2, 0.3, 0, "failed"),
        finished(3, 7, 1),
    ]
    data = written(tmp_path / "earlier", earlier).read_bytes()

    assert warm_start.usable(data, ONE_RATE, tmp_path) == [earlier[1], earlier[0]]


def test_nothing_to_learn_from_is_no_trial(tmp_path):
    assert warm_start.usable(b"", ONE_RATE, tmp_path) == []


@pytest.fixture
def earlier(tmp_path):
    """Return the path of an earlier search's journal with two trials."""
    return written(tmp_path / "earlier", [EARLIER[1], EARLIER[0]])


def test_the_journal_is_kept_so_that_continuing_does_not_need_the_original(earlier, tmp_path):
    data = warm_start.load(str(earlier), tmp_path)
    warm_start.usable(data, ONE_RATE, tmp_path)
    earlier.unlink()

    assert warm_start.load(str(earlier), tmp_path) == data


def test_the_original_goes_before_the_copy_so_that_a_change_is_noticed(earlier, tmp_path):
    warm_start.usable(earlier.read_bytes(), ONE_RATE, tmp_path)
    with open(earlier, "a") as file:
        file.write("{")

    assert warm_start.load(str(earlier), tmp_path) == earlier.read_bytes()


def test_without_a_path_there_is_nothing_to_learn_from(tmp_path):
    assert warm_start.load("", tmp_path) == b""


@pytest.mark.parametrize("content", [None, b""])
def test_a_journal_that_is_nowhere_or_empty_is_refused(tmp_path, content):
    path = str(tmp_path / "gone")
    if content is not None:
        (tmp_path / "gone").write_bytes(content)

    with pytest.raises(InvalidInput, match=r"warm_start must be the journal \(trials.jsonl\) .*gone"):
        warm_start.load(path, tmp_path)


def test_a_damaged_journal_is_refused_with_its_line(earlier, tmp_path):
    earlier.write_bytes(earlier.read_bytes().replace(b'"completed"', b'"complete"', 1))

    with pytest.raises(InvalidInput, match="line 2 is damaged"):
        warm_start.load(str(earlier), tmp_path)


def test_a_torn_last_line_of_the_earlier_journal_is_left_out(earlier, tmp_path):
    torn = earlier.read_bytes() + b'{"number": 2'
    assert warm_start.usable(torn, ONE_RATE, tmp_path) == EARLIER[:2]
