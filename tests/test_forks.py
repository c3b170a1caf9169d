"""The forks that docs/fork.md shows: each patch applies and stays in its rooms, and the page shows what it holds."""

import json
import re
import subprocess
import sys

import pytest

from tests import fork
from tests.forks.catalogue import FORKS, PAGE, changed_files, examples, new_text, patch

STEP_PLACES = ("components/bundle/", "components/steps.py", "pipeline.py")
"""What the patch with a further step changes; the others change the experiment alone."""


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Return the folder of each fork, by its name."""
    return {name: fork.forked(tmp_path_factory.mktemp("forks") / name, name) for name in FORKS}


@pytest.fixture(scope="module")
def rooms(copies):
    """Return what is found in the experiment of each fork, by its name."""
    words = [f"{shape}:{copies[name]}" for name, (_, shape) in FORKS.items()]
    done = fork.python(fork.ROOT, fork.PATCHES / "inspect_rooms.py", *words)
    assert done.returncode == 0, done.stderr
    return dict(zip(FORKS, map(json.loads, done.stdout.splitlines()), strict=True))


def test_every_patch_is_tried():
    assert {path.stem for path in fork.PATCHES.glob("*.patch")} == FORKS.keys()


@pytest.mark.parametrize("name", FORKS)
def test_a_patch_applies_and_changes_only_its_rooms(name, copies):
    places = STEP_PLACES if name == "bundle_step" else ("components/experiment/",)

    assert copies[name].is_dir()
    assert all(path.startswith(places) for path in changed_files(name))


def test_one_more_step_needs_two_lines_in_the_graph():
    part = patch("bundle_step").partition("+++ b/pipeline.py")[2]

    assert re.findall(r"^\+ *(.*)$", part, re.MULTILINE) == [
        "from components.bundle.component import bundle",
        'bundle(model=trained.outputs["model"])',
    ]


@pytest.mark.parametrize("name", FORKS)
def test_a_fork_reads_all_hyperparameters_that_it_declares(name, rooms):
    assert rooms[name]["unread"] == []


def test_the_spaces_are_found_with_their_branches_and_conditions(rooms):
    assert {"n_blocks", "filters"} <= rooms["convnet"]["declared"].keys()
    assert {"optimizer", "momentum", "schedule"} <= rooms["optimizer"]["declared"].keys()
    assert rooms["branches"]["declared"]["plain/layer_2/is_normalized"] == "Boolean"
    assert rooms["branches"]["declared"]["residual/n_layers"] == "Int"
    assert rooms["branches"]["samplings"]["beta_2"] == "reverse_log"


def test_the_table_s_objective_and_metrics_are_found(rooms):
    assert rooms["table"]["objective"] == "macro F1"
    assert rooms["table"]["metrics"] == ["balanced accuracy", "lowest recall"]


def test_forks_are_in_the_style_of_the_project(copies):
    places = [copies[name] / place for name in FORKS for place in ("components", "pipeline.py")]
    words = [sys.executable, "-m", "ruff"]

    for command in (["check", "--no-cache", "--quiet"], ["format", "--no-cache", "--check", "--quiet"]):
        assert subprocess.run([*words, *command, *places], capture_output=True, text=True).stdout == ""


def test_the_page_shows_every_patch():
    assert {name for name, _, _ in examples()} == FORKS.keys()


EXAMPLES = {f"{name}:{path}:{number}": (name, path, code) for number, (name, path, code) in enumerate(examples())}


@pytest.mark.parametrize(("name", "path", "code"), EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_of_the_page_stands_in_its_patch(name, path, code):
    assert code in new_text(name)[path]


def test_the_page_s_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text())

    assert links and all((PAGE.parent / link).exists() for link in links)
