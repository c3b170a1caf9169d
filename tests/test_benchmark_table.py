import dataclasses
import json

import numpy as np
import pytest

from benchmarks import idle, record, searchers
from benchmarks.table import Table, load
from components.core.space import discover


def search_space(hp):
    kind = hp.Choice("kind", ["plain", "deep", "wide"])
    depth = hp.Int("depth", 1, 5, parent_name="kind", parent_values=["deep"])
    return kind, depth, hp.Float("rate", 1e-3, 1e-1, sampling="log")


CONFIGURATIONS = [
    {"kind": "plain", "rate": 1e-3},
    {"kind": "wide", "rate": 1e-1},
    {"kind": "deep", "depth": 1, "rate": 1e-2},
    {"kind": "deep", "depth": 5, "rate": 1e-2},
]
ENDS = {(0, 0): 0.5, (1, 0): 0.9, (2, 0): 0.8, (3, 0): 0.7, (1, 1): 0.6, (1, 2): 0.7}


@pytest.fixture
def path(tmp_path):
    """A table of four configurations and six epochs; the one that looks best has been lucky."""
    keys = sorted(ENDS)
    about = {
        "name": "tiny",
        "direction": "max",
        "n_train": 100,
        "space": discover(search_space).as_list(),
        "configurations": CONFIGURATIONS,
    }
    np.savez(
        tmp_path / "tiny.npz",
        about=np.array(json.dumps(about)),
        configuration=np.array([number for number, _ in keys]),
        seed=np.array([seed for _, seed in keys]),
        curves=np.array([[0.1, *[ENDS[key]] * 5] for key in keys], np.float32),
        epoch_seconds=np.array([key[0] + 1 for key in keys], np.float32),
        compile_seconds=np.full(len(keys), 3, np.float32),
    )
    return tmp_path / "tiny.npz"


@pytest.fixture
def table(path) -> Table:
    return load(path)


def test_a_search_sees_the_training_with_seed_0(table):
    assert table.objective(1, 1) == pytest.approx(0.1)
    assert table.objective(1, 6) == pytest.approx(0.9)


def test_the_truth_is_the_mean_of_the_other_seeds_where_there_are_some(table):
    assert table.truth == pytest.approx([0.5, 0.65, 0.8, 0.7])


def test_the_regret_is_what_lacks_to_the_best_truth_in_points(table):
    assert [table.regret(index) for index in range(4)] == pytest.approx([30, 15, 0, 10])


def test_less_is_better_where_the_direction_says_so(table):
    assert dataclasses.replace(table, direction="min").regret(2) == pytest.approx(30)


def test_the_noise_is_the_deviation_between_seeds(table):
    assert table.noise(6) == pytest.approx(np.std([0.9, 0.6, 0.7], ddof=1))


def test_a_training_that_diverged_has_the_worst_value_from_there_on(path):
    columns = dict(np.load(path))
    columns["curves"][0, 3:] = np.nan
    np.savez(path.with_name("diverged.npz"), **columns)

    assert load(path.with_name("diverged.npz")).curves[0] == pytest.approx([0.1, 0.5, 0.5, 0.1, 0.1, 0.1])


def test_configurations_are_found_by_their_values(table):
    assert [table.index(dict(reversed(values.items()))) for values in CONFIGURATIONS] == [0, 1, 2, 3]


def test_the_space_of_a_table_is_the_one_that_was_recorded(table):
    assert table.space.as_list() == discover(search_space).as_list()
    assert table.space.active_values({})["kind"] == "plain"
    assert "depth" not in table.space.active_values({})


def test_the_nearest_configuration_has_the_same_hyperparameters_where_one_is_left(table):
    wanted = {"kind": "deep", "depth": 2, "rate": 1e-1}

    assert table.nearest(wanted, [0, 1, 2, 3]) == 2
    assert table.nearest(wanted, [0, 1, 3]) == 3
    assert table.nearest(wanted, [0, 1]) == 1


def test_random_search_chooses_the_best_of_the_trainings_it_can_afford(table):
    order = np.random.default_rng(0).permutation(4)

    assert searchers.random_search(table, 0, 1, [6, 24]) == [order[0], 1]


def test_a_search_in_rounds_spends_no_more_than_its_budget(table):
    for budget in (12, 15, 20):
        plan = searchers.plan_for(table, budget, round_size=2)
        suggester = searchers.RandomSuggester(table, seed=0)
        chosen, spending = searchers.run_rounds(table, searchers.Rounds(plan, suggester, "max"), budget)

        assert spending.epochs == sum(each.epochs for of_round in spending.rounds for each in of_round) <= budget
        assert chosen in range(4)


def test_a_search_of_everything_ends_with_what_looks_best(table):
    assert searchers.random_halving(table, 0, 2, [100]) == [1]
    assert searchers.own(table, 0, 2, [100]) == [1]


def test_stock_keras_tuner_tries_no_configuration_twice(table):
    oracle = searchers.TableOracle(table, seed=0)
    for _ in range(4):
        trial, index = oracle.begin()
        oracle.end(trial, table.objective(index, 6))

    assert sorted(oracle.tried) == [0, 1, 2, 3]


def timed(seconds, runs_on=()):
    return [idle.Timed(each, index in runs_on) for index, each in enumerate(seconds)]


def test_workers_wait_for_the_last_training_of_each_round():
    rounds = [timed([1.0, 1.0, 2.0]), timed([3.0])]

    assert idle.idle_share(rounds, 2) == pytest.approx(1 - 7 / 10)
    assert idle.idle_share(rounds, 1) == 0.0


def test_what_runs_on_is_waited_for_one_round_later():
    rounds = [timed([4.0, 1.0], runs_on=[0]), timed([2.0]), timed([1.0])]

    assert idle.idle_share(rounds, 2) == pytest.approx(1 - 8 / 10)


def test_a_search_is_over_when_what_runs_on_is():
    assert idle.idle_share([timed([4.0, 1.0], runs_on=[0])], 2) == pytest.approx(1 - 5 / 8)


def test_more_images_make_epochs_longer_and_compilation_not(table):
    rounds = [[searchers.Training(1, 4, runs_on=True)]]

    assert idle.timed_rounds(table, rounds, table.n_train) == [[idle.Timed(3 + 4 * 2, True)]]
    assert idle.timed_rounds(table, rounds, n_images=1_000) == [[idle.Timed(3 + 10 * 4 * 2, True)]]


def test_recorded_configurations_are_distinct_and_begin_with_the_default():
    found = record.spread(discover(search_space), 12)

    assert found[0] == {"kind": "plain", "rate": 1e-3}
    assert len({json.dumps(values) for values in found}) == len(found) == 12


def test_a_line_that_was_cut_short_is_recorded_again(tmp_path):
    scratch = tmp_path / "scratch.jsonl"
    scratch.write_text('{"configuration": 3, "seed": 0, "curve": []}\n{"configuration": 4, "se{"seed": 1}\n')

    assert list(record._recorded(scratch)) == [(3, 0)]
