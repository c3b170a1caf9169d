"""Which cron expressions Kubeflow Pipelines understands."""

import pytest

from cluster import cron
from components.core.errors import InvalidInput


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 3 * * *",
        "0 0 9 ? * 1-5",
        "0 */15 * * * *",
        "0 0 3 1,15 * *",
        "30 5/10 0-6 * jan,DEC sun",
        "0 0 0 29 2 *",
        "0 0 0 31 2 MON",
    ],
)
def test_six_fields_of_their_ranges_are_an_expression(expression):
    cron.check(expression)


def test_five_fields_are_told_where_the_sixth_goes():
    with pytest.raises(InvalidInput, match=r"six fields .*; put a 0 for the seconds in front: '0 0 3 \* \* \*'"):
        cron.check("0 3 * * *")


@pytest.mark.parametrize("expression", ["", "@daily", "0 0 3 * * * 2030"])
def test_any_other_number_of_fields_is_refused(expression):
    with pytest.raises(InvalidInput, match="cron must have six fields"):
        cron.check(expression)


@pytest.mark.parametrize(
    "expression, field",
    [
        ("60 0 0 * * *", "seconds"),
        ("0 60 0 * * *", "minutes"),
        ("0 0 24 * * *", "hours"),
        ("0 0 0 0 * *", "day of month"),
        ("0 0 0 * 13 *", "month"),
        ("0 0 0 * * 7", "day of week"),
        ("0 0 0 * * monday", "day of week"),
        ("0 0 9-5 * * *", "hours"),
        ("0 */0 * * * *", "minutes"),
        ("0 1,,2 * * * *", "minutes"),
        ("0 -1 * * * *", "minutes"),
        ("0 *-5 * * * *", "minutes"),
        ("0 1-5-9 * * * *", "minutes"),
    ],
)
def test_a_field_out_of_its_range_is_named(expression, field):
    with pytest.raises(InvalidInput, match=f"cron's {field} must hold numbers from"):
        cron.check(expression)


def test_a_day_that_never_comes_is_refused():
    with pytest.raises(InvalidInput, match="cron must name a day that comes"):
        cron.check("0 0 0 30 2 *")
