"""`--config FILE` and `--profile NAME`: options from a file, for those that the command line does not give.

A file is TOML, YAML or JSON. Its keys are options of any command, with `-` or `_`; below `profile` are groups of them
by name, which beat those at the top. A run's `summary.json` or `run.json` stands for the parameters of that run.
"""

import difflib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml

from command_line.paths import given_path
from components.core.errors import InvalidInput
from images.contents import ROOT

PROFILES = ROOT / "profiles.toml"
"""Where a profile is looked for that is named without a file."""

OWN = ("config", "profile")
_PARSERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".json": json.loads,
}


@dataclass(frozen=True)
class Given:
    """What a file gives.

    Attributes:
        values: by option.
        origins: where each comes from, in words.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)


def add_to(commands: Iterable[click.Command]) -> None:
    """Add both options to commands, whose other options a file may then give."""
    listed = list(commands)
    known = options_of(listed)
    for command in listed:
        command.params += _options(known)


def options_of(commands: Iterable[click.Command]) -> dict[str, click.Option]:
    """Return the options of commands, by name with `_`, without those of this file."""
    return {
        str(option.name): option
        for command in commands
        for option in command.params
        if isinstance(option, click.Option) and option.name not in OWN
    }


def read(path: Path | None, profile: str | None, known: Iterable[str]) -> Given:
    """Return what a file, and a profile of it, give.

    Args:
        path: the file; None for none, or with a profile for the project's own.
        profile: one of its profiles, or None.
        known: names of options.

    Raises:
        InvalidInput: the file can't be read, has no such profile, or a key or value that can't be used.
    """
    if path is None and profile is None:
        return Given()
    place = PROFILES if path is None else path
    content = _parsed(place)
    profiles = content.pop("profile", {})
    if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
        raise InvalidInput(f"profile in {place} must be groups of options, such as [profile.longer]")
    for name, group in {"": content, **profiles}.items():
        _check_keys(place, name, group, set(known))
    if profile is not None and profile not in profiles:
        there = ", ".join(sorted(profiles)) or "none"
        raise InvalidInput(f"profile must be one of those in {place.name} ({there}), got {profile!r}")
    given = Given()
    for name, group in (("", content), (profile or "", profiles.get(profile, {}))):
        for key, value in group.items():
            option = key.replace("-", "_")
            given.values[option] = _as_text(place, key, value)
            given.origins[option] = f"{place.name}, profile {name}" if name else place.name
    return given


def _options(known: Mapping[str, click.Option]) -> list[click.Parameter]:
    """Return both options; when both have been seen, what they give becomes the others' defaults."""

    def seen(context: click.Context, option: click.Parameter, value: str | None) -> None:
        context.meta[f"{__name__}.{option.name}"] = value
        texts = [context.meta.get(f"{__name__}.{name}", ...) for name in OWN]
        if ... not in texts:
            path, profile = texts
            given = read(given_path("config", path) if path is not None else None, profile, known)
            _refuse_without_effect(context, profile, given)
            context.default_map = {**(context.default_map or {}), **given.values}

    shared: dict[str, Any] = {"is_eager": True, "expose_value": False, "callback": seen}
    return [
        click.Option(["--config"], metavar="FILE", help="TOML, YAML or JSON with options; these beat it.", **shared),
        click.Option(["--profile"], metavar="NAME", help=f"Group of options in it, or in {PROFILES.name}.", **shared),
    ]


def _refuse_without_effect(context: click.Context, profile: str | None, given: Given) -> None:
    """Refuse a profile that says nothing for the command."""
    own = {parameter.name for parameter in context.command.params}
    of_profile = [name for name, origin in given.origins.items() if origin.endswith(f", profile {profile}")]
    if profile is not None and not own & set(of_profile):
        raise InvalidInput(
            f"profile must have an option of {context.command.name}, and {profile} has only {', '.join(of_profile)}"
        )


def _parsed(path: Path) -> dict[str, Any]:
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise InvalidInput(f"config must be a .toml, .yaml or .json file, got {str(path)!r}")
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"config must be a file that can be read, got {str(path)!r}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(f"config must be well-formed, and {path} is not: {reason}") from None
    content = {} if content is None else content
    if isinstance(content, dict) and isinstance(content.get("parameters"), dict):
        content = content["parameters"]  # a run's summary, or its run.json
        content = {name: value for name, value in content.items() if value != ""}
    if not isinstance(content, dict):
        raise InvalidInput(f"config must hold options by name, and {path} does not")
    return content


def _check_keys(path: Path, profile: str, group: Mapping[Any, Any], known: set[str]) -> None:
    seen: set[str] = set()
    for key in group:
        name = str(key).replace("-", "_")
        where = f"{path}, profile {profile}" if profile else str(path)
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0)
            raise InvalidInput(f"{key} in {where} must be an option; the nearest one is {near[0] if near else 'none'}")
        if name in seen:
            raise InvalidInput(f"{name} in {where} must be given once, and is there with - and with _")
        seen.add(name)


def _as_text(path: Path, key: str, value: Any) -> Any:
    """Return a value as it would be typed, a list of those for an option that may be repeated."""
    if isinstance(value, list):
        return [_as_text(path, key, each) for each in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise InvalidInput(f"{key} in {path} must be text, a number, true or false, or a list of these, got {value!r}")
    return str(value)
