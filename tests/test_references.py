"""What code and documents point to is there: files, pages and their sections, decisions, modules, make's targets."""

import re
from pathlib import Path

import pytest

from tests.fork import ROOT
from tests.forks.catalogue import FORKS, changed_files

ROOMS = ("benchmarks", "cluster", "command_line", "components", "docker", "docs", "images", "local", "requirements")
SUFFIXES = (".css", ".html", ".md", ".mk", ".py", "")

FILE = re.compile(rf"(?<![\w./-])(?:{'|'.join((*ROOMS, 'tests'))})/[\w./-]*?\w\.(?:css|html|md|mk|npz|patch|py|txt)\b")
TEST = re.compile(r"(?<![\w/.])test_\w+\.py\b")
LINK = re.compile(r"\]\(([^)\s:]+)\)")
DECISION = re.compile(r"\b[Dd]ecision (\d+)\b")
MODULE = re.compile(rf"`((?:{'|'.join((*ROOMS, 'tests'))})(?:\.\w+)+)`")
TARGET = re.compile(r"(?:`|^|^\$ )make ([a-z][a-z-]*(?: [a-z][a-z-]*)*)", re.MULTILINE)

OF_FORKS = {path for name in FORKS for path in changed_files(name)}
PLACEHOLDERS = ("STEP", "NAME")


def files():
    """Return the project's own texts; tests make up files of their own, and are left out."""
    inside = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    found = [*inside, *ROOT.glob("*.md"), *ROOT.glob("*.py"), *ROOT.glob("*.toml"), ROOT / "Makefile"]
    return [path for path in found if path.suffix in (*SUFFIXES, ".toml") and "__pycache__" not in path.parts]


TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in files()}
TARGETS = {
    name
    for path in ("Makefile", "docker/images.mk")
    for line in re.findall(r"^([a-z][a-z -]*):(?!=)", TEXTS[path], re.MULTILINE)
    for name in line.split()
}


def sections(text):
    """Return the names by which links lead to a page's headings."""
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.M)}


def leads_nowhere(path, link):
    place, _, section = link.partition("#")
    target = (ROOT / path).parent / place if place else ROOT / path
    return not target.exists() or bool(section and section not in sections(target.read_text()))


def is_missing_module(name):
    """Say whether a dotted name is no module, nor anything that a module or package of the name before it has."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        place = Path(ROOT, *parts[:end])
        if place.is_dir() or place.with_suffix(".py").is_file():
            text = place.with_suffix(".py").read_text() if place.with_suffix(".py").is_file() else ""
            return not all(re.search(rf"\b{part}\b", text) for part in parts[end:])
    return True


def missing(path, text):
    """Return what a text points to and is not there."""
    decisions = {int(each.name[:4]) for each in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    names = [name for name in FILE.findall(text) if not any(word in name for word in PLACEHOLDERS)]
    return [
        *(name for name in names if not (ROOT / name).exists() and name not in OF_FORKS),
        *(name for name in TEST.findall(text) if not list((ROOT / "tests").rglob(name))),
        *(f"decision {number}" for number in DECISION.findall(text) if int(number) not in decisions),
        *(name for name in MODULE.findall(text) if not name.endswith(".py") and is_missing_module(name)),
        *(link for link in LINK.findall(text) if path.endswith(".md") and leads_nowhere(path, link)),
        *(f"make {name}" for words in TARGET.findall(text) for name in words.split()[:1] if name not in TARGETS),
    ]


@pytest.mark.parametrize("path", TEXTS)
def test_what_a_file_points_to_is_there(path):
    assert missing(path, TEXTS[path]) == []


@pytest.mark.parametrize(
    "text",
    [
        "see docs/search-plan.md",
        "`components/core/loop.py` trains",
        "Shown by `test_nothing_of_the_kind.py`",
        "decision 2",
        "`components.core.experiment.Experimenter`",
        "`components.core.loops`",
        "[a page](pages.md)",
        "[a section](reliability.md#promises)",
        "`make everything`",
    ],
)
def test_a_reference_to_what_is_not_there_is_found(text):
    assert len(missing("docs/search.md", text)) == 1


def test_references_to_what_is_there_are_none():
    text = "`components.core.experiment.Experiment`, docs/search.md, [it](fork.md#your-data), decision 9, `make test`"

    assert missing("docs/search.md", text) == []
