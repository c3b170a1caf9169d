"""What is in a round: a function of the plan and of what came before, whoever ran it."""

import random

import pytest

from components.core.plan import make_plan
from components.core.space import discover
from components.core.trial import Trial
from components.tune.rounds import Rounds
from components.tune.suggestions import Suggester


def search_space(hp):
    return {"rate": hp.Float("rate", 0.0, 1.0), "kind": hp.Choice("kind", ["plain", "wide"])}


def plan(**changed):
    settings = {"max_trials": 24, "trial_epochs": 18, "training_epochs": 30, "stop_trials_early": True}
    return make_plan(**{**settings, "round_size": 6, "finalists": 2, "processors": 2, **changed})


def rounds(seed=0, direction="max", learned=(), **changed):
    return Rounds(plan(**changed), Suggester(discover(search_space), seed), direction, learned)


def objective(values, epoch):
    """Best at a rate of 0.7, wide; it grows with the epochs."""
    return 0.9 - (values["rate"] - 0.7) ** 2 - 0.1 * (values["kind"] == "plain") - 0.2 / (epoch + 1)


def trained(stretch, sign=1, status="completed"):
    curve = [sign * objective(stretch.hyperparameters, epoch) for epoch in range(stretch.last)]
    return Trial(stretch.number, status, stretch.hyperparameters, 0.5, curve, len(curve), 1.0, None)


def failed(stretch):
    return Trial(stretch.number, "failed", stretch.hyperparameters, None, (), 0, 1.0, "it broke")


def run(decide, train=trained, order=lambda stretches: stretches):
    """Return all rounds of a search, and its trials by number."""
    trials, made = {}, []
    while stretches := decide.next([trials[number] for number in sorted(trials)]):
        made.append(stretches)
        for stretch in order(stretches):
            trials[stretch.number] = train(stretch)
    return made, [trials[number] for number in sorted(trials)]


def new(stretches):
    return [stretch for stretch in stretches if stretch.last == 2]


@pytest.mark.parametrize("size", [3, 12, 48])
def test_a_round_holds_no_more_than_its_size_and_the_search_no_more_than_its_trials(size):
    made, trials = run(rounds(round_size=size))

    assert max(map(len, made)) <= size
    assert [trial.number for trial in trials] == list(range(24))


def test_the_order_in_which_a_round_finishes_changes_nothing():
    dice = random.Random(1)
    assert run(rounds()) == run(rounds(), order=lambda stretches: dice.sample(stretches, len(stretches)))


def test_another_seed_is_another_search():
    assert run(rounds(seed=1)) != run(rounds(seed=2))


@pytest.mark.parametrize("size", [3, 12, 48])
def test_after_its_initial_points_a_search_learns_whatever_its_width(size):
    made, _ = run(rounds(round_size=size, max_trials=12))
    learnt_late = [stretch for stretches in made for stretch in new(stretches) if stretch.number >= 4]

    first = sum(len(new(stretches)) for stretches in made[: -(-4 // size)])
    assert first == 4 or size < 4
    assert sum(abs(each.hyperparameters["rate"] - 0.7) < 0.2 for each in learnt_late) >= 4


def test_the_best_third_of_a_rung_goes_on_to_the_next():
    decide = rounds(max_trials=6)
    trials = [trained(stretch) for stretch in decide.next([])]
    while len(trials) < 6:
        trials += [trained(stretch) for stretch in new(decide.next(trials))]
    best = sorted(trials, key=lambda trial: -trial.curve[-1])[:2]

    going_on = [stretch for stretch in decide.next(trials) if stretch.last == 6]

    assert {stretch.number for stretch in going_on} == {trial.number for trial in best}


def test_where_less_is_better_the_lowest_go_on():
    upward, _ = run(rounds())
    downward, _ = run(rounds(direction="min"), train=lambda stretch: trained(stretch, sign=-1))

    assert upward == downward


def test_one_that_failed_is_neither_continued_nor_tried_again():
    made, trials = run(rounds(), train=lambda each: failed(each) if each.number in (0, 5) else trained(each))

    assert sum(stretch.number in (0, 5) for stretches in made for stretch in stretches) == 2
    assert len({str(trial.hyperparameters) for trial in trials}) == 24


def test_a_search_in_which_all_fail_ends():
    made, trials = run(rounds(), train=failed)
    assert len(trials) == 24
    assert rounds().finalists(trials) == []
    assert all(stretch.last == 2 for stretches in made for stretch in stretches)


def test_more_trials_go_on_where_fewer_ended():
    _, shorter = run(rounds(max_trials=12))
    _, trials = run(rounds(max_trials=24))
    goes_on = rounds(max_trials=24).next(shorter)

    assert len(trials) == 24 and new(goes_on)
    assert min(stretch.number for stretch in new(goes_on)) == 12


def test_finalists_are_what_the_process_expects_most_of():
    decide = rounds()
    _, trials = run(decide)
    finalists = decide.finalists(trials)

    assert len(finalists) == 2
    assert all(abs(trial.hyperparameters["rate"] - 0.7) < 0.15 for trial in finalists)
    assert {trial.hyperparameters["kind"] for trial in finalists} == {"wide"}
    assert all(trial.epochs == 18 for trial in finalists)


def test_a_lucky_score_alone_makes_no_finalist():
    """Twenty rates measured with noise, one of them, far from the good ones, with great luck."""
    decide = rounds(trial_epochs=2, max_trials=21, finalists=1)
    dice = random.Random(3)
    trials = []
    for number in range(20):
        values = {"rate": number / 20, "kind": "wide"}
        score = objective(values, 1) + dice.gauss(0, 0.02)
        trials.append(Trial(number, "completed", values, 0.5, (score, score), 2, 1.0, None))
    best = max(trial.curve[-1] for trial in trials)
    trials.append(Trial(20, "completed", {"rate": 0.125, "kind": "wide"}, 0.5, (best, best + 0.001), 2, 1.0, None))

    assert decide.finalists(trials)[0].hyperparameters["rate"] == pytest.approx(0.7, abs=0.2)


def test_scores_of_lower_rungs_are_lifted_by_what_the_rungs_above_add():
    decide = rounds(max_trials=4)
    values = {"rate": 0.5, "kind": "wide"}
    short = Trial(0, "stopped", {**values, "rate": 0.4}, 0.5, (0.6, 0.7), 2, 1.0, None)
    long = Trial(1, "stopped", values, 0.5, (0.6, 0.72, 0.74, 0.76, 0.78, 0.8), 6, 1.0, None)

    seen = {(each.values["rate"], each.fidelity): each.score for each in decide.observations([short, long])}

    assert seen == {(0.4, 0.0): pytest.approx(0.78), (0.5, 0.0): pytest.approx(0.8), (0.5, 0.5): pytest.approx(0.8)}


def test_what_an_earlier_search_learnt_stands_for_initial_points():
    _, earlier = run(rounds())
    first = rounds(learned=earlier).next([])

    assert sum(abs(stretch.hyperparameters["rate"] - 0.7) < 0.2 for stretch in first) >= 3
    assert [stretch.number for stretch in first] == list(range(6))


def run_as_the_search_does(decide, know_early):
    """Return all rounds of a search in which what runs on is looked at a round later, known by then or not."""
    trials, made, late = {}, [], []
    while True:
        running = {stretch.number: len(trials[stretch.number].curve) for stretch in late}
        known = {**trials, **{stretch.number: trained(stretch) for stretch in late}} if know_early else trials
        stretches = decide.next([known[number] for number in sorted(known)], running)
        if not stretches and not late:
            return made, trials
        made.append(stretches)
        trials |= {stretch.number: trained(stretch) for stretch in late}
        late = [stretch for stretch in stretches if decide.runs_on(stretch)]
        trials |= {stretch.number: trained(stretch) for stretch in stretches if not decide.runs_on(stretch)}


def test_a_round_does_not_look_at_what_runs_on_known_or_not():
    assert run_as_the_search_does(rounds(), know_early=True) == run_as_the_search_does(rounds(), know_early=False)


def test_a_configuration_that_runs_on_is_not_sent_on_again_meanwhile():
    made, trials = run_as_the_search_does(rounds(), know_early=True)
    each = [(stretch.number, stretch.last) for stretches in made for stretch in stretches]

    assert len(each) == len(set(each)) and len(trials) == 24
    assert max(len(trial.curve) for trial in trials.values()) == 18


def test_one_that_failed_as_it_ran_on_is_as_it_was_before_until_the_next_round():
    decide = rounds(max_trials=12)
    trials = [trained(stretch) for stretch in decide.next([])]
    late = [stretch for stretch in decide.next(trials) if decide.runs_on(stretch)]
    broken = {
        stretch.number: Trial(stretch.number, "failed", stretch.hyperparameters, None, (0.1, 0.2), 2, 1.0, "it broke")
        for stretch in late
    }
    running = dict.fromkeys(broken, 2)

    with_failure = decide.next([broken.get(trial.number, trial) for trial in trials], running)

    assert all(stretch.number not in broken for stretch in with_failure)
    assert len(with_failure) == len(decide.next(trials, running))
