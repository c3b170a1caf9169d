"""`config`: what holds, and where each value comes from."""

import os
from collections.abc import Iterable
from typing import Any

import click

from command_line import config, tables
from command_line.paths import given_path
from components.core.errors import InvalidInput
from components.core.parameters import check


def command(commands: Iterable[click.Command]) -> click.Command:
    """Return the command, for those whose options a file may give."""
    listed = list(commands)
    known = config.options_of(listed)

    @click.command("config")
    @click.option("--config", "path", metavar="FILE", help="TOML, YAML or JSON with options.")
    @click.option("--profile", metavar="NAME", help="Group of options in it, or in profiles.toml.")
    def show(path: str | None, profile: str | None) -> None:
        """Show every option that a file may give, its value, and where that comes from."""
        given = config.read(given_path("config", path) if path is not None else None, profile, known)
        rows = [(name, *_value(option, given, listed)) for name, option in known.items()]
        tables.show(("option", "value", "from", "commands"), rows)

    return show


def _value(option: click.Option, given: config.Given, commands: list[click.Command]) -> tuple[str, str, str]:
    """Return an option's value, where it comes from, and the commands that have it."""
    name = str(option.name)
    users = ", ".join(str(each.name) for each in commands if any(own.name == name for own in each.params))
    variables = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    variable = next((each for each in variables if os.environ.get(each)), None)
    if variable:
        return os.environ[variable], f"environment, {variable}", users
    if name in given.values:
        return _checked(option, given.values[name]), given.origins[name], users
    shown = option.help.rpartition("[default: ")[2].rstrip("]") if option.help and "[default: " in option.help else ""
    default = shown if option.default is None else option.default
    return _text(default), "default", users


def _checked(option: click.Option, value: Any) -> str:
    """Return a value as text after holding it against the option's rule."""
    context = click.Context(click.Command("config", params=[option]))
    try:
        meant = option.process_value(context, value)
    except click.ClickException as error:
        raise InvalidInput(error.format_message()) from None
    check(**{str(option.name): meant})
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value if value is not None else "")
