"""Suggestions: spread out at first, then where the process expects most."""

import pytest

from components.core.space import discover
from components.tune.suggestions import Observation, Suggester


def search_space(hp):
    deep = hp.Boolean("deep")
    values = {"deep": deep, "rate": hp.Float("rate", 1e-4, 1e-1, sampling="log", default=1e-2)}
    if deep:
        values["kind"] = hp.Choice("kind", ["a", "b"])
    return values


SPACE = discover(search_space)


def seen(n=12):
    values = Suggester(SPACE, 3).spread(n, [])
    return [Observation(each, 1.0, -abs(each["rate"] - 0.02) + each["deep"]) for each in values]


def test_the_first_is_the_default():
    assert Suggester(SPACE, 0).spread(1, []) == [{"deep": False, "rate": pytest.approx(1e-2)}]


def test_spread_points_are_one_sequence_however_it_is_cut():
    suggester = Suggester(SPACE, 5)
    together = suggester.spread(6, [])
    apart = suggester.spread(2, [])
    apart += suggester.spread(4, apart)

    assert together == apart


def test_zero_is_a_seed():
    assert Suggester(SPACE, 0).spread(4, []) == Suggester(SPACE, 0).spread(4, [])
    assert Suggester(SPACE, 0).spread(4, []) != Suggester(SPACE, 1).spread(4, [])


@pytest.mark.parametrize("n", [1, 8, 64])
def test_promising_points_are_new_and_differ(n):
    observations = seen()
    tried = [each.values for each in observations]
    found = Suggester(SPACE, 0).promising(n, tried, observations, 0.5)

    assert len({str(values) for values in [*tried, *found]}) == len(tried) + n
    assert all(("kind" in values) == values["deep"] for values in found)


def test_promising_points_are_near_the_good_ones_as_the_search_ends():
    found = Suggester(SPACE, 0).promising(8, [], seen(), 1.0)
    assert sum(values["deep"] for values in found) >= 6


def test_only_candidates_are_suggested_where_they_are_given():
    candidates = [{"deep": False, "rate": rate} for rate in (1e-3, 1e-2, 3e-2, 5e-2)]
    suggester = Suggester(SPACE, 0, candidates)
    first = suggester.spread(2, [])
    observations = [Observation(values, 1.0, values["rate"]) for values in first]
    rest = suggester.promising(9, first, observations, 0.5)

    assert sorted(values["rate"] for values in [*first, *rest]) == [1e-3, 1e-2, 3e-2, 5e-2]


def test_an_exhausted_space_suggests_nothing():
    space = discover(lambda hp: {"kind": hp.Choice("kind", ["a", "b"])})
    suggester = Suggester(space, 0)

    assert len(suggester.spread(9, [])) == 2
    assert suggester.spread(1, [{"kind": "a"}, {"kind": "b"}]) == []
