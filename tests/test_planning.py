"""The plan for a search on this machine: by its pace, and as it was begun."""

from dataclasses import replace

import pytest

from components.core.plan import make_plan
from components.tune import planning
from components.tune.planning import Pace
from components.tune.search import SearchSettings

SETTINGS = SearchSettings(
    max_trials=24,
    trial_epochs=18,
    training_epochs=30,
    stop_trials_early=True,
    round_size=0,
    finalists=0,
    workers=2,
    seed=1,
)
PLAN = make_plan(
    max_trials=24,
    trial_epochs=18,
    training_epochs=30,
    stop_trials_early=True,
    round_size=6,
    finalists=0,
    processors=2,
)
PACE = Pace(epoch_s=1.0, start_s=2.0, spent_s=10.0)


def test_a_runs_time_is_that_of_its_epochs_and_starts():
    """One final of ten epochs alone: ten epochs and a start, after what is spent and beside the other steps."""
    alone = replace(PLAN, max_trials=1, rungs=(1,), finalists=1, finals=1, training_epochs=10)
    search = (1 * 1.0 + 1 * 2.0) / (1 - planning.IDLE_SHARE)

    assert PACE.seconds(alone, workers=1) == pytest.approx(10 + search + 9 + 2 + planning.OTHER_STEPS_S)


@pytest.mark.parametrize("budget_s", [60, 240, 3600])
def test_a_planned_run_fits_its_budget_and_a_larger_one_would_not(budget_s):
    settings = replace(SETTINGS, time_budget_s=budget_s)
    plan = planning.scaled(PLAN, settings, PACE, 2)

    assert PACE.seconds(plan, 2) <= budget_s
    assert PACE.seconds(plan, 2) > 0.75 * budget_s


def test_trials_and_epochs_keep_their_proportions():
    plan = planning.scaled(PLAN, replace(SETTINGS, time_budget_s=3600), PACE, 2)

    assert plan.training_epochs / plan.max_trials == pytest.approx(30 / 24, rel=0.05)
    assert plan.rungs[-1] / plan.training_epochs == pytest.approx(18 / 30, rel=0.05)
    assert (plan.round_size, plan.finalists, plan.finals) == (6, 2, 2)


def test_the_smallest_plan_is_taken_where_none_fits():
    plan = planning.scaled(PLAN, replace(SETTINGS, time_budget_s=5), PACE, 2)
    assert (plan.max_trials, plan.training_epochs) == (planning.LEAST_TRIALS, planning.LEAST_EPOCHS)


def begun(**changed):
    return {"plan": replace(PLAN, finalists=4, finals=8, round_size=24).as_dict(), "time_budget_s": 0, **changed}


def test_a_search_goes_on_with_what_another_machine_left_to_itself():
    plan = planning._as_begun(PLAN, SETTINGS, begun())
    assert (plan.round_size, plan.finalists, plan.finals) == (24, 4, 8)


def test_what_is_asked_for_stands():
    asked = planning._as_begun(PLAN, replace(SETTINGS, round_size=6, finalists=2), begun())
    assert (asked.round_size, asked.finalists) == (6, 2)


def test_a_planned_search_goes_on_as_it_was_planned():
    header = begun(time_budget_s=60)
    plan = planning._as_begun(PLAN, replace(SETTINGS, time_budget_s=60), header)
    assert plan.as_dict() == header["plan"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "5 s"), (61, "65 s"), (125, "2 min 10 s"), (180, "3 min"), (7_300, "2 h 1 min")]
)
def test_a_time_is_told_in_words(seconds, words):
    assert planning.duration(seconds) == words
