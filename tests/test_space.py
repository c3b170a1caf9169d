"""Search spaces, found by running them: everything that Keras Tuner accepts, and Python between."""

import pytest

from components.core.errors import InvalidInput
from components.core.space import corners, discover, probes, value_at
from components.experiment.space import search_space


def names(space):
    return [declared.name for declared in space.declarations]


def with_if(hp):
    if hp.Boolean("deep"):
        for layer in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{layer}", 8, 64, step=8)
    else:
        hp.Float("width", 0.1, 10, sampling="log")


def test_a_python_if_and_a_loop_over_a_value_are_seen_through():
    expected = {"deep", "width", "layers", "units_0", "units_1", "units_2"}

    assert set(names(discover(with_if))) == expected


def test_only_what_a_point_declares_is_active_there():
    space = discover(with_if)
    deep = next(declared for declared in space.declarations if declared.name == "deep")

    assert space.active_values({}) == {"deep": False, "width": 0.1}
    assert set(space.active_values({deep.key: True})) == {"deep", "layers", "units_0"}


def test_a_branch_inside_of_a_branch_is_found():
    def search(hp):
        if hp.Choice("kind", ["a", "b", "c"]) == "c" and hp.Int("n", 1, 9) == 7 and hp.Boolean("rare"):
            hp.Float("momentum", 0, 1)

    assert "momentum" in names(discover(search))


def test_a_space_without_python_branches_needs_no_run_to_know_what_is_active():
    space = discover(search_space)

    assert space.is_static and not discover(with_if).is_static
    assert space.active_values({}) == space.read({}).values


def test_two_ranges_of_one_name_in_two_branches_are_two_hyperparameters():
    def search(hp):
        return hp.Int("n", 1, 9) if hp.Boolean("small") else hp.Int("n", 100, 900)

    assert names(discover(search)) == ["small", "n", "n"]


def test_a_space_that_declares_nothing_is_refused():
    with pytest.raises(InvalidInput, match="must declare at least one hyperparameter"):
        discover(lambda hp: None)


def test_names_that_change_from_call_to_call_are_refused():
    calls = iter(range(100_000))

    with pytest.raises(InvalidInput, match="do their names or ranges change from call to call"):
        discover(lambda hp: hp.Choice(f"n_{next(calls)}", [1, 2]))


def declared(make):
    return discover(make).declarations[0]


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (lambda hp: hp.Int("n", 1, 3), [1, 2, 3]),
        (lambda hp: hp.Int("n", 2, 9, step=3), [2, 5, 8]),
        (lambda hp: hp.Int("n", 2, 32, step=2, sampling="log"), [2, 4, 8, 16, 32]),
        (lambda hp: hp.Float("x", 0.0, 1.0, step=0.5), [0.0, 0.5, 1.0]),
        (lambda hp: hp.Float("x", 1.0, 4.0, step=2, sampling="reverse_log"), [4.0, 3.0, 1.0]),
        (lambda hp: hp.Boolean("flag"), [False, True]),
        (lambda hp: hp.Choice("kind", ["a", "b"]), ["a", "b"]),
        (lambda hp: hp.Fixed("constant", 7), []),
    ],
)
def test_few_values_are_all_probed(make, values):
    assert probes(declared(make)) == values


@pytest.mark.parametrize(
    ("make", "ends"),
    [
        (lambda hp: hp.Float("x", 1e-4, 1e-1, sampling="log"), (1e-4, 1e-1)),
        (lambda hp: hp.Float("x", 1e-4, 1e-1, sampling="reverse_log"), (1e-4, 1e-1)),
        (lambda hp: hp.Int("n", 10, 1000, sampling="log"), (10, 1000)),
        (lambda hp: hp.Float("x", -1.0, 1.0), (-1.0, 1.0)),
    ],
)
def test_the_ends_of_a_range_are_reached(make, ends):
    assert (value_at(declared(make), 0.0), value_at(declared(make), 1.0)) == pytest.approx(ends)


def test_the_middle_of_a_log_scale_is_the_geometric_mean():
    assert value_at(declared(lambda hp: hp.Float("x", 1e-4, 1e-2, sampling="log")), 0.5) == pytest.approx(1e-3)


def test_the_corners_hold_the_smallest_and_the_largest_network():
    space = discover(search_space)
    active = [space.active_values(choices) for choices in corners(space)]

    assert {"hidden_layers": 1, "units_0": 64}.items() <= active[1].items()
    assert {"hidden_layers": 4, "units_3": 512}.items() <= active[2].items()


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda hp: hp.Int("n", 5, 1), "a min_value that is at most its max_value"),
        (lambda hp: hp.Float("n", 0, 1, sampling="log"), "a min_value above 0 with sampling 'log'"),
        (lambda hp: hp.Float("n", 1, 9, step=1, sampling="log"), "a step above 1 with sampling 'log'"),
        (lambda hp: hp.Int("n", 1, 9, step=0), "a step above 0 with sampling 'linear'"),
        (lambda hp: hp.Float("n", 1, 9, sampling="normal"), "a sampling of linear, log, reverse_log"),
        (lambda hp: hp.Float("n", 0, float("inf")), "ends that are finite"),
        (lambda hp: hp.Int("n", 1, 9, default=10), "a default within its range"),
        (lambda hp: hp.Choice("n", []), "at least one value"),
        (lambda hp: hp.Choice("n", [1, 2], default=3), "a default that is one of its values"),
    ],
)
def test_a_range_that_can_not_be_is_refused_by_name_and_rule(make, rule):
    with pytest.raises(InvalidInput, match=f"search_space: n must have {rule}, got (Int|Float|Choice)"):
        discover(make)
