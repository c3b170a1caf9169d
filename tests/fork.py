"""A copy of the project with a small network in place of its own, which tests run in processes of their own."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("components", "local", "cluster", "images", "command_line", "tests")
NETWORK = Path("components/experiment/__init__.py")


def with_small_network(folder):
    """Fill `folder` with the copy and return it."""
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    shutil.copy(ROOT / "pipeline.py", folder)
    shutil.rmtree(folder / NETWORK.parent)
    (folder / NETWORK.parent).mkdir()
    shutil.copy(ROOT / "tests" / "small_network.py", folder / NETWORK)
    return folder
