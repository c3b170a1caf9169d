"""One step more, in a copy of the project: a folder, an entry in the table and a line in the graph."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import runs

ROOT = Path(__file__).resolve().parents[1]
COMPONENT = '''"""The bundle step: hands the model on in a folder of its version, as servers look for it."""

from kfp import dsl


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="bundle")
def bundle(model: dsl.Input[dsl.Model], served: dsl.Output[dsl.Model]):
    """Copy the model's file."""
    import shutil
    from pathlib import Path

    from components.core import artifacts

    with artifacts.writing(Path(served.path), "served") as folder:
        shutil.copy(Path(model.path) / "model.keras", folder)
'''
ENTRY = """
    "bundle": Step(
        title="Bundle the model",
        packages="base",
        resources=Resources("1", "1", "1Gi", "2Gi", timeout_s=600, retries=1),
    ),
}
\"\"\"Step by"""
LINE = "                ).after(promoted)\n"
BUNDLE = '        bundle(model=trained.outputs["model"])\n'


def put(path, old, new):
    """Replace the one place in a file where a text stands."""
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return the folder of the copy with the step."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(
        ROOT, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "build", "runs", "__pycache__")
    )
    (folder / "components/bundle").mkdir()
    (folder / "components/bundle/__init__.py").touch()
    (folder / "components/bundle/component.py").write_text(COMPONENT)
    put(folder / "components/steps.py", '\n}\n"""Step by', ENTRY)
    line = "from components.evaluate.component import evaluate\n"
    put(folder / "pipeline.py", line, f"{line}from components.bundle.component import bundle\n")
    put(folder / "pipeline.py", LINE, LINE + BUNDLE)
    return folder


def python(project, *arguments):
    """Run Python in the copy, and return what it printed."""
    words = (sys.executable, *map(str, arguments))
    environment = runs.environment(PYTHONPATH=str(project))
    done = subprocess.run(
        words, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_it_is_compiled_with_the_settings_of_its_entry(project, tmp_path):
    python(project, "pipeline.py", "compile", "--output", tmp_path / "pipeline.yaml", "--node-selector", "bundle:a=b")

    spec, platform = yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text())
    container = spec["deploymentSpec"]["executors"]["exec-bundle"]["container"]
    pod = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-bundle"]
    assert spec["root"]["dag"]["tasks"]["bundle"]["taskInfo"]["name"] == "Bundle the model"
    assert container["resources"]["resourceMemoryLimit"] == "2Gi"
    assert container["image"].startswith("fashion-tuner-bundle:")
    assert pod["nodeSelector"]["labels"] == {"a": "b"}


def test_its_image_holds_core_and_its_own_folder(project):
    program = "import json; from images.contents import *; print(json.dumps([[*app_files(STEP)], lock_files(STEP)]))"

    files, locks = json.loads(python(project, "-c", program.replace("STEP", "'bundle'")))

    assert {path.split("/")[1] for path in files if path.count("/") > 1} == {"core", "bundle"}
    assert locks == ["base.txt"]


@pytest.mark.slow
def test_it_runs_here_and_is_kept_when_nothing_has_changed(project, tiny_data, tmp_path):
    words = runs.command("local-run", output_dir=tmp_path, data_source=tiny_data, **runs.SMALL, workers=1)[2:]

    first, second = (python(project, "pipeline.py", *words) for _ in range(2))

    assert "bundle: finished" in first and "bundle: unchanged" in second
    assert (tmp_path / "bundle/served/model.keras").read_bytes() == (tmp_path / "train/model/model.keras").read_bytes()
    assert "bundle" in json.loads((tmp_path / "summary.json").read_text())["steps"]


@pytest.mark.slow
def test_the_tests_follow_from_the_table(project):
    python(
        project,
        "-m",
        "pytest",
        "-q",
        "-m",
        "not slow",
        "--deselect",
        "tests/test_images.py::test_locked_requirements_contain_those_of_the_image_below",
        *(f"tests/test_{name}.py" for name in ("placement", "images")),
    )
