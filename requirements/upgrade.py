"""Rewrites the pins in pyproject.toml to the newest versions that go together: the first half of `make upgrade`."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
GROUPS = ("dev", "tune-gpu")
"""Dependency groups that contain all others."""

_PIN = re.compile(r'"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?==(?P<version>[^";\s]+)"')


def pins(text: str) -> dict[str, str]:
    """Return the pinned versions in a pyproject.toml, by package."""
    return {match["name"]: match["version"] for match in _PIN.finditer(text)}


def unpinned(text: str) -> str:
    """Return a pyproject.toml without its pins."""
    return _PIN.sub(lambda match: f'"{match["name"]}{match["extras"] or ""}"', text)


def with_versions(text: str, versions: Mapping[str, str]) -> str:
    """Return a pyproject.toml with its pins at other versions, by package."""
    return _PIN.sub(
        lambda match: f'"{match["name"]}{match["extras"] or ""}=={versions[match["name"]]}"',
        text,
    )


def newest(text: str) -> dict[str, str]:
    """Return the newest versions, by package, that the package index has and that fit all groups together."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pyproject.toml")
        path.write_text(unpinned(text))
        command += ["--no-header", "--no-annotate", *(f"--group={path}:{group}" for group in GROUPS)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("uv found no versions that go together; its output says why")
    lines = (line.partition(";")[0].strip().partition("==") for line in done.stdout.splitlines())
    return {name.partition("[")[0]: version for name, _, version in lines}


def main() -> None:
    """Rewrite the pins, and say which have changed."""
    text = PROJECT.read_text()
    found = newest(text)
    PROJECT.write_text(with_versions(text, found))
    for name, version in pins(text).items():
        print(f"{name} {version}" + (f" -> {found[name]}" if found[name] != version else ""))


if __name__ == "__main__":
    main()
