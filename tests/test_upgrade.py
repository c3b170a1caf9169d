"""Bringing the pins in pyproject.toml up to date, but for asking the index."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = 'base = ["kfp==1.0", "numpy"]\ntune = [{ include-group = "base" }, "keras-tuner[bayesian]==2.0"]\n'

upgrade = runpy.run_path(str(ROOT / "requirements/upgrade.py"))


def test_pins_are_found_with_and_without_extras():
    assert upgrade["pins"](TEXT) == {"kfp": "1.0", "keras-tuner": "2.0"}


def test_without_pins_all_else_stays():
    assert upgrade["unpinned"](TEXT) == TEXT.replace("==1.0", "").replace("==2.0", "")


def test_pins_get_other_versions_and_all_else_stays():
    changed = upgrade["with_versions"](TEXT, {"kfp": "1.1", "keras-tuner": "3.0", "numpy": "9"})

    assert changed == TEXT.replace("==1.0", "==1.1").replace("==2.0", "==3.0")


def test_the_project_s_own_pins_are_found():
    assert {"kfp", "kfp-kubernetes", "tensorflow", "keras", "keras-tuner", "kserve"} == upgrade["pins"](
        (ROOT / "pyproject.toml").read_text()
    ).keys()
