"""`report` and `compare`: what earlier runs have left, looked at again."""

from pathlib import Path

import click

from command_line.paths import PATH


def commands() -> list[click.Command]:
    """Return the commands of this file."""
    return [report, compare]


@click.command()
@click.option("--output-dir", type=PATH, required=True, help="Folder of a run, finished or not.")
def report(output_dir: Path) -> None:
    """Make a run's report again, without training anything."""
    from local.report import write_report

    print(f"wrote {write_report(output_dir)}")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("--html", type=PATH, help="Write the comparison as a page, too.")
def compare(runs: tuple[Path, ...], html: Path | None) -> None:
    """Show several runs side by side."""
    from local.compare import compare as show

    show(list(runs), html)
