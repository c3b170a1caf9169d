"""The commands of docs/promotion.md, as they stand there, and what they leave."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import runs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return the folder that the document's local commands were run in, and what each of them printed."""
    folder = tmp_path_factory.mktemp("reader")
    text = (ROOT / "docs" / "promotion.md").read_text()
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ").splitlines()
    printed = []
    for line in [each for each in lines if each.strip() and " schedule " not in each]:
        program, script, *words = shlex.split(line, comments=True)
        assert (program, script) == ("python", "pipeline.py")
        command = (sys.executable, str(ROOT / script), *words)
        ran = subprocess.run(command, cwd=folder, env=runs.environment(), capture_output=True, text=True)
        assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
        printed.append((line, ran.stdout))
    return folder, printed


def test_the_second_model_is_better_and_the_first_is_put_back(done):
    folder, printed = done

    history = json.loads((folder / "models/champion.json").read_text())["history"]
    assert [(entry["kind"], entry["version"]) for entry in history] == [
        ("promotion", 1),
        ("promotion", 2),
        ("rollback", 1),
    ]
    assert printed[-1][1] == "version 1 is in service, in the place of version 2\n"


def test_a_summary_says_what_was_decided(done):
    folder, _ = done

    for number, name in enumerate(("monday", "tuesday"), 1):
        summary = json.loads((folder / "runs" / name / "summary.json").read_text())
        assert (summary["promoted"], summary["version"]) == (True, number)


def test_the_tables_show_both_versions_as_they_were_registered(done):
    _, printed = done
    shown = {line.split("registry ")[1].split()[0]: text for line, text in printed if "pipeline.py registry" in line}

    rows = [line.split() for line in shown["list"].splitlines()]
    assert [(row[0], "service" in row, row[-1]) for row in rows[1:]] == [
        ("1", False, "monday"),
        ("2", True, "tuesday"),
    ]
    assert [line.split() for line in shown["verify"].splitlines()[1:]] == [
        ["1", "as", "registered"],
        ["2", "as", "registered"],
    ]
    assert re.search(r"^model/model\.keras +\d+ +[0-9a-f]{64}$", shown["show"], re.MULTILINE)
