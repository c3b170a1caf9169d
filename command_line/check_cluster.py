"""`check --host`: what of a cluster suits, as a table."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from command_line import cluster_options as options
from command_line.pipeline_parameters import Build
from components.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster.check import Finding

TRIED = ("pods", "workers")
"""The pipeline parameters that a check of a cluster takes: what they ask for is the cluster's."""

MARKS = {True: "suits", False: "does not suit", None: "not tried"}


def check(build: Build, given: dict[str, Any], values: dict[str, Any]) -> None:
    """Check a cluster, print what was found, and end with 1 where something does not suit.

    Args:
        build: makes the pipeline.
        given: the pipeline parameters that were given.
        values: those of `check_options`.

    Raises:
        InvalidInput: an option can't be used, or has no effect here.
    """
    if unused := sorted(given.keys() - set(TRIED)):
        known = " and ".join(f"--{name}" for name in TRIED)
        raise InvalidInput(
            f"{unused[0]} must not come with --host, which runs a small search of its own: only {known}"
        )
    from cluster import check as cluster_check

    chosen = replace(options.take_cluster_options(values), cache=False)
    connection = options.take_connection(values)
    where = (values["service_account"], values["wait_timeout"])
    found = list(_shown(cluster_check.check(connection, build, chosen, given, *where)))
    if any(each.suits is False for each in found):
        raise SystemExit(1)


def _shown(findings: "Iterator[Finding]") -> "Iterator[Finding]":
    """Yield findings, and print a table of all that there were, also when something else ends the check."""
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "", "found, and the way out", box=None, padding=(0, 2, 0, 0))
    table.columns[2].overflow = "fold"
    try:
        for each in findings:
            out = each.way_out if each.suits is False else ""
            table.add_row(each.subject, MARKS[each.suits], f"{each.said}: {out}" if out else each.said)
            yield each
    finally:
        Console().print(table, markup=False)
