"""Running a compiled pipeline at the times of a cron expression."""

import re
from collections.abc import Mapping
from typing import Any

import kfp_server_api as api
from croniter import CroniterBadDateError, CroniterError, croniter

from cluster.connection import Cluster
from cluster.errors import ClusterError
from cluster.lookup import experiment_id, first, schedules_named
from cluster.package import Package, check_submission
from components.core.errors import InvalidInput

CRON_FIELDS = ("seconds", "minutes", "hours", "day of month", "month", "day of week")

# What the server (robfig/cron 1.2) understands; croniter knows more, such as L and #.
_FIELD = re.compile(r"[\d*?/,-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat", re.I)
_SHORTHAND = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every (\d+(\.\d+)?(ms|h|m|s))+)")


def check_cron(expression: str) -> None:
    """Refuse what is no cron expression of six fields, the first of them seconds, or names a time that never comes.

    Shorthands that the server knows (`@daily`, `@every 12h`) are expressions, too.

    Raises:
        InvalidInput: the message names the field that is wrong.
    """
    if _SHORTHAND.fullmatch(expression):
        return
    texts = expression.split()
    if len(texts) != len(CRON_FIELDS):
        hint = f"; put a 0 for the seconds in front: '0 {expression}'" if len(texts) == 5 else ""
        raise InvalidInput(f"cron must have six fields ({', '.join(CRON_FIELDS)}), got {expression!r}{hint}")
    for place, (name, text) in enumerate(zip(CRON_FIELDS, texts, strict=True)):
        if _FIELD.sub("", text) or not _is_understood(["*"] * place + [text] + ["*"] * (5 - place)):
            raise InvalidInput(f"cron must have {name} that KFP understands, got {text!r} in {expression!r}")
    try:
        _parse(texts).get_next()
    except CroniterBadDateError:
        problem = "cron must name a day that comes, and no such month has that day"
        raise InvalidInput(f"{problem}, got {expression!r}") from None


def schedule(
    cluster: Cluster,
    package: Package,
    parameters: Mapping[str, Any],
    expression: str,
    name: str,
    experiment: str,
    service_account: str | None = None,
) -> None:
    """Run the pipeline at the times of a cron expression, in place of the experiment's schedule of the same name.

    KFP can't change a schedule. The new one is made first and the old one deleted after, so that a failure leaves
    two, and says so, rather than none.

    Args:
        cluster: where.
        package: the compiled pipeline.
        parameters: the pipeline parameters that are given, by name.
        expression: six fields: seconds, minutes, hours, day of month, month, day of week.
        name: the schedule's name.
        experiment: name of the experiment, made when there is none.
        service_account: what the runs' pods run as, or None for the cluster's default.

    Raises:
        InvalidInput: as `check_submission`, or no such cron expression.
        ClusterError: the cluster can't be reached or refuses, or the old schedule could not be deleted.
    """
    check_cron(expression)
    check_submission(package, parameters)
    experiment_of_runs = experiment_id(cluster, experiment)
    old = schedules_named(cluster, experiment_of_runs, name)
    body = api.V2beta1RecurringRun(
        experiment_id=experiment_of_runs,
        display_name=name,
        description=package.version_name,
        pipeline_spec=package.as_source,
        runtime_config=api.V2beta1RuntimeConfig(parameters=dict(parameters)),
        trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=expression)),
        mode=api.RecurringRunMode.ENABLE,
        max_concurrency="1",
        no_catchup=True,
        service_account=service_account,
    )
    new = _make_schedule(cluster, body, {schedule.recurring_run_id for schedule in old})
    for schedule in old:
        _delete_schedule(cluster, schedule, new)
    verb = "updated" if old else "made"
    link = f"{cluster.url}/#/recurringrun/details/{new.recurring_run_id}"
    print(f"Schedule {name} {verb}, {expression}: {link}", flush=True)


def _make_schedule(cluster: Cluster, body: api.V2beta1RecurringRun, known: set[str]) -> Any:
    """Make a schedule and return it; `known` are the ids of those of its name that were there before."""

    def find() -> Any:
        schedules = schedules_named(cluster, body.experiment_id, body.display_name)
        return first(schedules, lambda schedule: schedule.recurring_run_id not in known)

    create = cluster.client.recurring_runs.recurring_run_service_create_recurring_run
    return cluster.call(create, find=find, recurring_run=body)


def _delete_schedule(cluster: Cluster, old: Any, new: Any) -> None:
    try:
        cluster.call(
            cluster.client.recurring_runs.recurring_run_service_delete_recurring_run,
            recurring_run_id=old.recurring_run_id,
        )
    except ClusterError as error:
        if error.status != 404:
            raise ClusterError(
                f"schedule {old.display_name} is there twice: {new.recurring_run_id} is new, and "
                f"{old.recurring_run_id} could not be deleted ({error}); delete it, or schedule again"
            ) from None


def _is_understood(texts: list[str]) -> bool:
    try:
        _parse(texts)
    except CroniterError:
        return False
    return True


def _parse(texts: list[str]) -> croniter:
    """Return the expression in croniter's terms, which takes a question mark for fewer fields than the server."""
    return croniter(" ".join(texts).replace("?", "*"), second_at_beginning=True)
