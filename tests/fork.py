"""Copies of the project, as it is or forked, which tests run in processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATCHES = ROOT / "tests" / "forks"
NETWORK = Path("components/experiment/__init__.py")


def copied(folder):
    """Fill `folder` with the project, without what was built, installed or run in it, and return it."""
    unwanted = shutil.ignore_patterns(".*", "build", "runs", "__pycache__")
    return shutil.copytree(ROOT, folder, dirs_exist_ok=True, ignore=unwanted)


def with_small_network(folder):
    """Fill `folder` with a copy that has a small network in place of its own, and return it."""
    return with_experiment(folder, (ROOT / "tests" / "small_network.py").read_text())


def with_experiment(folder, source):
    """Fill `folder` with a copy whose experiment is one file of the given source, and return it."""
    copied(folder)
    shutil.rmtree(folder / NETWORK.parent)
    (folder / NETWORK.parent).mkdir()
    (folder / NETWORK).write_text(source)
    return folder


def forked(folder, name):
    """Fill `folder` with a copy to which a patch of `tests/forks` is applied, and return it."""
    copied(folder)
    # Below a repository's folder `git apply` would pass over files that the repository does not hold.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
    words = ["git", "apply", str(PATCHES / f"{name}.patch")]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def python(folder, *arguments):
    """Return the finished process of Python in a copy, which imports what the copy holds."""
    words = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
