"""Who may import whom: from the source, and in a fresh interpreter."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from components.steps import ALL_STEPS, IMAGES

ROOT = Path(__file__).resolve().parents[1]

ROOMS = {
    "fashion_tuner": {"pipeline", "cluster", "command_line", "images", "local"},
    "pipeline": {"cluster", "command_line"},
    "command_line": {"local", "cluster", "images"},
    "local": {"images"},
    "cluster": {"images"},
    "images": set(),
    "components": set(),
}
"""The rooms that a room may import besides itself and `components`."""

FOREIGN = {
    "import fashion_tuner": ("tensorflow", "keras", "keras_tuner", "sklearn", "matplotlib", "pandas"),
    "import pipeline": ("tensorflow", "keras", "keras_tuner", "sklearn", "matplotlib"),
    "import command_line.main": ("tensorflow", "keras", "keras_tuner", "sklearn", "matplotlib"),
    "import components.steps, components.core.parameters": ("tensorflow", "keras", "numpy", "kfp"),
    "import components.train.fitting": ("keras_tuner", "kfp"),
    "import components.evaluate.evaluation, components.evaluate.report, components.core.models": (
        "keras_tuner",
        "kfp",
    ),
    "import components.sources.dataset": ("tensorflow", "keras", "keras_tuner", "sklearn", "kfp"),
}


@pytest.mark.parametrize(("statement", "packages"), FOREIGN.items(), ids=[name.split(",")[0] for name in FOREIGN])
def test_a_fresh_interpreter_does_not_load_what_is_not_needed(statement, packages):
    program = f"{statement}\nimport sys; print(*set({packages!r}) & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == ""


def sources(folder):
    """Return the source files of a folder, or the one file of that name, by their path below the root."""
    paths = [ROOT / f"{folder}.py"] if (ROOT / f"{folder}.py").exists() else (ROOT / folder).rglob("*.py")
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def imported(tree):
    """Return the names of all modules that a file imports anywhere, `a.b` for `from a import b` too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def folders_imported(tree):
    """Return the folders of `components/` that a file imports from."""
    names = {name.split(".")[1] for name in imported(tree) if name.startswith("components.")}
    return {name for name in names if (ROOT / "components" / name).is_dir()}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_between_rooms_go_one_way(room):
    for path, tree in sources(room).items():
        found = {name.split(".")[0] for name in imported(tree)} & ROOMS.keys()
        assert found <= {room, "components", *ROOMS[room]}, path


def test_the_rooms_have_no_circle():
    remaining = dict(ROOMS)
    while remaining:
        leaves = {room for room, below in remaining.items() if not below & remaining.keys()}
        assert leaves, remaining
        remaining = {room: below for room, below in remaining.items() if room not in leaves}


def test_only_the_shells_know_kubeflow():
    trees = sources("components")
    knowing = {path for path, tree in trees.items() if any(n.split(".")[0] == "kfp" for n in imported(tree))}

    assert knowing == {f"components/{step}/component.py" for step in ALL_STEPS}


@pytest.mark.parametrize("step", IMAGES)
def test_a_step_imports_itself_core_and_the_shared_folders_of_its_entry(step):
    for path, tree in sources(f"components/{step}").items():
        assert folders_imported(tree) <= {step, "core", *IMAGES[step].shared}, path


@pytest.mark.parametrize("folder", sorted({name for step in IMAGES.values() for name in step.shared}))
def test_a_shared_folder_imports_no_step_and_is_there_with_all_that_it_imports(folder):
    needed = {name for tree in sources(f"components/{folder}").values() for name in folders_imported(tree)}

    for step in IMAGES.values():
        assert folder not in step.shared or needed <= {"core", *step.shared}


def test_core_imports_no_other_folder():
    for path, tree in sources("components/core").items():
        assert folders_imported(tree) <= {"core"}, path


def test_a_shell_imports_its_core_only_inside_the_function():
    for step in ALL_STEPS:
        tree = ast.parse((ROOT / "components" / step / "component.py").read_text())
        top = {name for node in tree.body if not isinstance(node, ast.FunctionDef) for name in imported(node)}
        own = {name for name in top if name.startswith("components")}
        assert own == {"components.core.descriptions", "components.core.descriptions.described"}, step
