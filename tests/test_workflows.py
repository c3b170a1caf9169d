"""The workflows on GitHub: safe by zizmor's rules, and the gate is the same as here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_zizmor_finds_nothing():
    words = (
        str(Path(sys.executable).parent / "zizmor"),
        "--offline",
        "--no-progress",
        "--pedantic",
        str(ROOT / ".github"),
    )

    done = subprocess.run(words, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_digest(path):
    used = re.findall(r"uses: (\S+)", path.read_text())

    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in used)


def test_the_gate_is_the_project_s_own():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]

    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    gate, *after = commands
    assert gate == "sudo --preserve-env=PATH,PIP_CACHE_DIR .ci/run"
    assert all(command.startswith("sudo chown ") for command in after)
