"""Configurations as points: what is how far apart."""

import numpy as np
import pytest

from components.core.space import discover
from components.tune.embedding import Embedding
from components.tune.unit_cube import UnitCube


def search_space(hp):
    values = {
        "rate": hp.Float("rate", 1e-4, 1e-2, sampling="log"),
        "size": hp.Choice("size", [32, 64, 128]),
        "kind": hp.Choice("kind", ["a", "b", "c"]),
    }
    values["width"] = hp.Int("width", 0, 10, parent_name="kind", parent_values=["b", "c"])
    return values


BASE = {"rate": 1e-3, "size": 64, "kind": "b", "width": 5}


def distance(one, other):
    points = Embedding(UnitCube(discover(search_space))).points([one, other])
    return float(np.linalg.norm(points[0] - points[1]))


def test_a_numbers_distance_is_its_share_of_the_range_on_its_own_scale():
    assert distance(BASE, {**BASE, "rate": 1e-2}) == pytest.approx(0.5, abs=1e-6)


def test_a_choice_among_numbers_is_ordered():
    low, middle, high = ({**BASE, "size": size} for size in (32, 64, 128))
    assert distance(low, high) == pytest.approx(2 * distance(low, middle))


def test_categories_are_equally_far_apart_as_far_as_a_range_is_long():
    inactive = {"rate": 1e-3, "size": 64, "kind": "a"}
    assert distance(BASE, {**BASE, "kind": "c"}) == pytest.approx(1)
    assert distance(inactive, {**BASE}) > 1


def test_where_a_hyperparameter_is_inactive_it_makes_no_difference():
    one = {"rate": 1e-3, "size": 64, "kind": "a"}
    assert distance(one, {**one, "rate": 1e-2}) == pytest.approx(0.5, abs=1e-6)


def test_being_active_moves_a_point_by_as_much_at_either_end():
    inactive = {"rate": 1e-3, "size": 64, "kind": "a"}
    ends = [distance(inactive, {**BASE, "width": width}) for width in (0, 10)]
    assert ends[0] == pytest.approx(ends[1], abs=0.1)


def test_the_columns_of_a_hyperparameter_belong_to_it():
    embedding = Embedding(UnitCube(discover(search_space)))
    assert embedding.owners.tolist() == [0, 1, 2, 2, 2, 3, 3]
    assert embedding.n_hyperparameters == 4


@pytest.mark.parametrize("default", ["a", "b"])
def test_a_python_branch_makes_what_is_in_it_conditional(default):
    def branching(hp):
        kind = hp.Choice("kind", ["a", "b"], default=default)
        return {"kind": kind, **({"width": hp.Int("width", 0, 10)} if kind == "b" else {})}

    embedding = Embedding(UnitCube(discover(branching)))
    without, low, high = embedding.points([{"kind": "a"}, {"kind": "b", "width": 0}, {"kind": "b", "width": 10}])

    assert np.linalg.norm(low - high) == pytest.approx(1, abs=0.1)
    assert np.linalg.norm(without - low) == pytest.approx(np.linalg.norm(without - high), abs=0.1)
