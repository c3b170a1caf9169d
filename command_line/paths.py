"""Paths as a command line is given them."""

import os
from pathlib import Path
from typing import Any

import click

from components.core.errors import InvalidInput


def given_path(name: str, text: str) -> Path:
    """Return the path that a user gives for the parameter `name`, his home in place of a `~` at its start.

    A shell puts it there in `--output-dir ~/a`, and most leave `--output-dir=~/a` as it is.

    Raises:
        InvalidInput: it is not UTF-8, which what a run keeps is written in, or begins with the `~` of a user unknown.
    """
    check_utf8(name, text)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InvalidInput(
            f"{name} must begin with the home of a user that there is, got {text!r}; for a name with a ~ write ./~"
        ) from None


def check_utf8(name: str, text: str) -> None:
    """Refuse text with bytes that are not UTF-8, which Python keeps as lone surrogates.

    Raises:
        InvalidInput: there is one.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        found = f"got {text!r}, whose character {error.start} is none"
        raise InvalidInput(f"{name} must be text in UTF-8, {found}") from None


def check_writable_folder(name: str, folder: Path) -> None:
    """Refuse a folder that can't be written to, or not be made, before anything is begun.

    Raises:
        InvalidInput: the message names the option that takes another.
    """
    option = f"--{name.replace('_', '-')}"
    try:
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:
        rule = f"{name} must be in a folder that can be written to, got {str(folder)!r}"
        raise InvalidInput(f"{rule}: {error.strerror}; name another with {option}") from None
    if not nearest.is_dir():
        raise InvalidInput(f"{name} must be a folder, got {str(folder)!r}, and {nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        rule = f"{name} must be in a folder that can be written to, got {str(folder)!r}"
        raise InvalidInput(f"{rule}, and {nearest.absolute()} is none; name another with {option}")


class GivenPath(click.ParamType[Path]):
    """The path that an option or argument names, see `given_path`."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return value if isinstance(value, Path) else given_path(str(param and param.name), value)


PATH = GivenPath()
