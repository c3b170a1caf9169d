"""What counts as a change of the code that decides a training."""

import pytest

from components.core.code_digest import DECIDING, code_digests, normalized

SOURCE = """
def rate(step):
    return 0.1 * step
"""


@pytest.mark.parametrize(
    "same",
    [
        "def rate(step):  # falls\n    return 0.1 * step\n",
        'def rate(step):\n    """Return the rate."""\n    return 0.1 * step\n',
        '"""A module."""\n\n\ndef rate(\n    step,\n):\n    return (0.1 * step)\n',
    ],
)
def test_comments_docstrings_and_layout_do_not_count(same):
    assert normalized(same) == normalized(SOURCE)


@pytest.mark.parametrize("other", [SOURCE.replace("0.1", "0.2"), SOURCE.replace("step", "n"), SOURCE + "X = 1\n"])
def test_anything_else_counts(other):
    assert normalized(other) != normalized(SOURCE)


def test_a_function_that_only_has_a_docstring_stays_a_function():
    assert normalized('def nothing():\n    """Do nothing."""\n') == "def nothing():\n    pass"


def test_every_file_of_the_experiment_and_of_the_training_loop_counts():
    names = set(code_digests())

    assert names >= {
        f"components/{name}.py"
        for name in ("experiment/augmentation", "experiment/network", "training/loop", "training/dropout")
    }
    assert not any("__pycache__" in name for name in names)


@pytest.fixture
def components(tmp_path):
    """Return a folder with one file for each thing that decides a training."""
    for name in DECIDING:
        path = tmp_path / name if name.endswith(".py") else tmp_path / name / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCE)
    return tmp_path


@pytest.mark.parametrize("name", ["experiment/extra.py", "experiment/table.json", "experiment/layers/gate.py"])
def test_a_file_that_is_added_to_the_experiment_counts(components, name):
    before = code_digests(components)
    (components / name).parent.mkdir(exist_ok=True)
    (components / name).write_text("{}")

    assert code_digests(components).keys() - before.keys() == {f"components/{name}"}
