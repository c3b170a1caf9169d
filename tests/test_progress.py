"""What a search says of itself between two rounds: a line for the log, and the page beside its journal."""

import pytest

from components.core.experiment import ACCURACY
from components.core.plan import Plan
from components.core.trial import Trial
from components.tune.progress import Progress
from tests.report_page import Document

PLAN = Plan(max_trials=6, rungs=(1, 3), round_size=3, finalists=1, finals=1, training_epochs=4)


def trial(number, score, epochs=1, **changed):
    values = {"status": "stopped", "reason": None, **changed}
    return Trial(number, hyperparameters={"name": "<b>"}, validation_accuracy=score, curve=[score] * epochs,
                 epochs=epochs, seconds=1.0, **values)  # fmt: skip


@pytest.fixture
def progress():
    trials = [trial(0, 0.7), trial(1, 0.6, 3, status="completed"), trial(2, None, 0, status="failed", reason="<boom>")]
    return Progress(PLAN, ACCURACY, trials, 2, {3: "", 4: "lab-7:12"}, 125.0)


def test_the_line_says_how_far_the_search_is_where_it_trains_and_how_long_it_still_takes(progress):
    assert progress.line == (
        "round 2: 3 of 6 trials begun, 4 of about 12 epochs, best 0.7000 (trial 0), "
        "running on: trial 3 on this machine, trial 4 on lab-7:12, about 2 min 10 s left"
    )


def test_the_page_lists_all_trials_the_furthest_first_and_is_made_of_text_alone(progress):
    page = Document(progress.page)

    assert [row[0] for row in page.rows[1:]] == ["1", "0", "2"]
    assert page.rows[-1][-1] == "<boom>" and "name=<b>" in page.rows[1][-1]
    assert "<script" not in progress.page


def test_the_page_loads_itself_again_until_the_search_has_ended(progress, tmp_path):
    ended = Progress(PLAN, ACCURACY, progress.trials, 2, {}, has_ended=True)
    ended.write(tmp_path)

    assert 'http-equiv="refresh"' in progress.page and "unfinished" in progress.page
    assert 'http-equiv="refresh"' not in (tmp_path / "progress.html").read_text()
