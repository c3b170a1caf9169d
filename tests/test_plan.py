"""The plan of a search."""

import pytest

from components.core.plan import expected_epochs, make_plan, rungs

SETTINGS = {
    "max_trials": 24,
    "trial_epochs": 18,
    "training_epochs": 30,
    "stop_trials_early": True,
    "round_size": 0,
    "finalists": 0,
    "processors": 2,
}


def plan(**changed):
    return make_plan(**{**SETTINGS, **changed})


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(18, (2, 6, 18)), (27, (1, 3, 9, 27)), (20, (1, 3, 7, 20)), (5, (2, 5)), (9, (1, 3, 9)), (3, (1, 3))],
)
def test_each_rung_is_a_third_of_the_next(highest, expected):
    assert rungs(highest) == expected


@pytest.mark.parametrize("highest", [1, 2])
def test_a_few_epochs_are_one_rung(highest):
    assert rungs(highest) == (highest,)


def test_without_early_stopping_there_is_one_rung():
    assert plan(stop_trials_early=False).rungs == (18,)


def test_a_trial_gets_no_more_epochs_than_a_final():
    assert plan(training_epochs=10).rungs[-1] == 10


@pytest.mark.parametrize(("max_trials", "n_initial"), [(1, 1), (3, 1), (12, 4), (24, 8), (1_000, 12)])
def test_initial_points_are_a_share_of_the_plan_whatever_the_width(max_trials, n_initial):
    assert {plan(max_trials=max_trials, processors=n).n_initial for n in (1, 8, 64)} == {n_initial}


@pytest.mark.parametrize(
    ("processors", "finalists", "finals"), [(1, 2, 2), (2, 2, 2), (3, 3, 3), (8, 4, 8), (64, 4, 8)]
)
def test_finalists_follow_from_the_processors_and_other_seeds_fill_what_is_left(processors, finalists, finals):
    made = plan(processors=processors)
    assert (made.finalists, made.finals) == (finalists, finals)


def test_finalists_that_are_asked_for_are_trained_once_each():
    assert (plan(finalists=3, processors=8).finalists, plan(finalists=3, processors=8).finals) == (3, 3)


def test_there_are_no_more_finalists_than_configurations():
    assert plan(max_trials=1).finalists == 1


@pytest.mark.parametrize(("epochs", "rung"), [(1, -1), (2, 0), (5, 0), (6, 1), (18, 2), (30, 2)])
def test_a_trainings_rung_is_the_highest_that_it_has_reached(epochs, rung):
    assert plan().rung_of(epochs) == rung


def test_a_plan_says_what_it_spends():
    assert str(plan()) == "24 configurations, 2 to 18 epochs, 2 finalists of 30 epochs"
    assert (
        str(plan(max_trials=1, trial_epochs=1)) == "1 configuration, 1 epoch, 1 finalist in 2 trainings of 30 epochs"
    )
    assert str(plan(processors=8)).endswith("4 finalists in 8 trainings of 30 epochs")


def test_the_finals_go_on_from_the_highest_rung_and_other_seeds_begin_anew():
    assert expected_epochs(plan())[1] == 2 * (30 - 18)
    assert expected_epochs(plan(processors=8))[1] == 4 * (30 - 18) + 4 * 30
