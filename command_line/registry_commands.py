"""`registry`: which versions there are, which is in service, going back, and whether all is as it was registered."""

import getpass
from typing import Any

import click

from command_line import tables
from components.core.errors import InvalidInput, PipelineError


class Damaged(PipelineError):
    """Something in a registry is not as it was registered."""


def commands() -> list[click.Command]:
    """Return the commands of this file."""

    @click.group("registry")
    def registry() -> None:
        """Look at a registry of models, and go back to an earlier version."""

    @registry.command("list")
    @_place
    def list_command(store: Any) -> None:
        """Show all versions."""
        from components.registry import champion, versions

        in_service = champion.read(store).version
        rows = [_row(version, in_service) for version in versions.read_all(store)]
        tables.show(("version", "", "test accuracy", "95% interval", "registered", "run"), rows)

    @registry.command("show")
    @click.argument("number", type=int)
    @_place
    def show_command(number: int, store: Any) -> None:
        """Show a version: where it comes from, its figures, its files, and when it was in service."""
        from components.registry import champion, versions

        version = versions.read(store, number)
        history = [entry for entry in champion.read(store).history if entry["version"] == number]
        tables.show(
            ("", ""), [*_facts(version), *((entry["kind"], f"{entry['at']}: {entry['reason']}") for entry in history)]
        )
        tables.show(
            ("file", "bytes", "SHA-256"),
            [(name, each["bytes"], each["sha256"]) for name, each in version.files.items()],
        )

    @registry.command("rollback")
    @click.argument("number", type=int, required=False)
    @_place
    def rollback_command(number: int | None, store: Any) -> None:
        """Put version NUMBER back into service, or the one that was there before."""
        from components.registry import champion

        before, after = champion.rollback(store, number, f"by hand, {_user()}")
        click.echo(f"version {after.version} is in service, in the place of version {before.version}")

    @registry.command("verify")
    @_place
    def verify_command(store: Any) -> None:
        """Read every file of every version, and say what is not as it was registered."""
        from components.registry import champion, versions

        complete = {version.number: version for version in versions.read_all(store)}
        rows = [
            (number, "; ".join(versions.problems(store, each)) or "as registered") for number, each in complete.items()
        ]
        unfinished = [number for number in versions.numbers(store) if number not in complete]
        rows += [(number, "never completed: no version, and its number stays unused") for number in unfinished]
        tables.show(("version", "files"), sorted(rows))
        in_service = champion.read(store).version
        wrong = [number for number, said in rows if said != "as registered" and number in complete]
        if in_service is not None and in_service not in complete:
            raise Damaged(f"version {in_service} is in service and is not there; go back to another one with rollback")
        if wrong:
            raise Damaged(f"{len(wrong)} of {len(complete)} versions are not as they were registered")

    return [registry]


def _place(command: Any) -> Any:
    """Add the option that names the registry, whose store the command gets."""

    def opened(context: click.Context, option: click.Parameter, place: str) -> Any:
        from components.registry.store import open_store

        if not place:
            raise InvalidInput("registry must be given: use --registry FOLDER|ADDRESS")
        return open_store(place)

    return click.option(
        "--registry", "store", metavar="FOLDER|ADDRESS", default="", callback=opened, help="Where the registry is."
    )(command)


def _row(version: Any, in_service: int | None) -> tuple[Any, ...]:
    accuracy = version.metrics["test_accuracy"]
    interval = f"{accuracy.low:.4f} to {accuracy.high:.4f}"
    mark = "in service" if version.number == in_service else ""
    return version.number, mark, f"{accuracy.value:.4f}", interval, version.created_at, version.run


def _facts(version: Any) -> list[tuple[str, str]]:
    values = " ".join(f"{name}={value}" for name, value in version.hyperparameters.items())
    figures = {name: f"{each.value:.4f}" for name, each in version.metrics.items()}
    facts = {
        "version": version.number,
        "registered": version.created_at,
        "run": version.run,
        "data": version.data["source"],
        "training data": version.data["training"],
        "test data": version.data["test"],
        **figures,
        "classes": ", ".join(version.class_names),
        "input": f"{' x '.join(map(str, version.input_shape))}, {version.input_dtype}",
        "hyperparameters": values,
    }
    return [(name, str(value)) for name, value in facts.items()]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
