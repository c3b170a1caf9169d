"""Scheduling a pipeline, and which cron expressions are understood."""

import pytest

from cluster.errors import ClusterError
from cluster.schedules import check_cron
from components.core.errors import InvalidInput
from tests.kubeflow.calls import posts, schedule


def test_a_schedule_runs_the_pipeline_at_the_times_of_its_expression(api, package):
    schedule(api, package, cron="0 30 2 * * 1-5")

    (made,) = api.schedules.values()
    assert made["trigger"]["cron_schedule"]["cron"] == "0 30 2 * * 1-5"
    assert made["mode"] == "ENABLE"


def test_scheduling_again_replaces_the_schedule_of_the_same_name(api, package):
    schedule(api, package, cron="0 0 3 * * *")
    schedule(api, package, cron="0 0 4 * * *")

    assert [made["trigger"]["cron_schedule"]["cron"] for made in api.schedules.values()] == ["0 0 4 * * *"]


def test_a_schedule_of_another_name_stays(api, package):
    schedule(api, package, name="nightly")
    schedule(api, package, name="weekly")

    assert [made["display_name"] for made in api.schedules.values()] == ["nightly", "weekly"]


def test_a_new_schedule_that_fails_leaves_the_old_one(api, package):
    schedule(api, package, cron="0 0 3 * * *")
    api.fail("POST", "/recurringruns", status=400)

    with pytest.raises(ClusterError, match="refused the request"):
        schedule(api, package, cron="0 0 4 * * *")

    assert [made["trigger"]["cron_schedule"]["cron"] for made in api.schedules.values()] == ["0 0 3 * * *"]


def test_two_schedules_of_one_name_are_not_left_silently(api, package):
    schedule(api, package)
    api.fail("DELETE", "/recurringruns", status=403)

    with pytest.raises(ClusterError, match="schedule nightly is there twice: recurring_run_id-3 is new"):
        schedule(api, package)


def test_scheduling_again_cleans_up_after_a_deletion_that_failed(api, package):
    schedule(api, package)
    api.fail("DELETE", "/recurringruns", status=403)
    with pytest.raises(ClusterError):
        schedule(api, package)

    schedule(api, package)

    assert len(api.schedules) == 1


def test_an_expression_that_is_none_reaches_no_server(api, package):
    with pytest.raises(InvalidInput):
        schedule(api, package, cron="0 3 * * *")

    assert posts(api, "/recurringruns") == 0


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 3 * * *",
        "0 0 3 * * MON",
        "0 0 9 ? * 1-5",
        "0 0 9 * * mon-fri",
        "? ? ? ? ? ?",
        "0 */15 * * * *",
        "0 0 3 1,15 * *",
        "30 5/10 0-6 * jan,DEC sun",
        "0 10-40/15,50 * * * *",
        "0 0 0 29 2 *",
        "0 0 0 31 2 MON",
        "@daily",
        "@every 1h30m",
    ],
)
def test_what_the_server_understands_is_an_expression(expression):
    check_cron(expression)


def test_five_fields_are_told_where_the_sixth_goes():
    with pytest.raises(InvalidInput, match=r"six fields .*; put a 0 for the seconds in front: '0 0 3 \* \* \*'"):
        check_cron("0 3 * * *")


@pytest.mark.parametrize("expression", ["", "@fortnightly", "@every day", "0 0 3 * * * 2030"])
def test_any_other_number_of_fields_is_refused(expression):
    with pytest.raises(InvalidInput, match="cron must have six fields"):
        check_cron(expression)


@pytest.mark.parametrize(
    "expression, field",
    [
        ("60 0 0 * * *", "seconds"),
        ("0 60 0 * * *", "minutes"),
        ("0 0 24 * * *", "hours"),
        ("0 0 0 0 * *", "day of month"),
        ("0 0 0 L * *", "day of month"),
        ("0 0 0 15W * *", "day of month"),
        ("0 0 0 * 13 *", "month"),
        ("0 0 0 * * monday", "day of week"),
        ("0 0 0 * * 5#2", "day of week"),
        ("0 */0 * * * *", "minutes"),
        ("0 1,,2 * * * *", "minutes"),
        ("0 -1 * * * *", "minutes"),
        ("0 *-5 * * * *", "minutes"),
        ("0 1-5-9 * * * *", "minutes"),
        ("R 0 * * * *", "seconds"),
    ],
)
def test_a_field_that_is_not_understood_is_named(expression, field):
    with pytest.raises(InvalidInput, match=f"cron must have {field} that KFP understands"):
        check_cron(expression)


def test_a_day_that_never_comes_is_refused():
    with pytest.raises(InvalidInput, match="cron must name a day that comes"):
        check_cron("0 0 0 30 2 *")
