"""Each component in an environment of its image's locked requirements, run the way the cluster runs it."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from components.core import finalists
from images import contents
from tests import contract

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def environments(tmp_path_factory):
    """Return a function that gives a step's Python, in an environment of its locked requirements."""
    root = tmp_path_factory.mktemp("environments")

    def python(step):
        folder = root / step
        if not folder.exists():
            locked = contents.ROOT / "requirements" / f"{step}.txt"
            _uv("venv", "--quiet", "--python", sys.executable, str(folder))
            _uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python3"), str(locked))
        return folder / "bin"

    return python


@pytest.fixture(scope="session")
def finished(environments, tmp_path_factory):
    """Return a folder with what the steps left, each run after the steps before it."""
    root = tmp_path_factory.mktemp("store")
    for step in contract.steps():
        task = contract.task(step, str(root))
        done = _run(task.command, environments(step), step, root)
        assert done.returncode == 0, done.stdout + done.stderr
        contract.check(task)
    return root


def _uv(*arguments):
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True)


def _environment(bin_folder, scratch):
    """Return the variables that the image sets, and nothing of this machine."""
    return {
        "PATH": f"{bin_folder}:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


def _arguments(bin_folder, step, root):
    """Return how a step's process is started, in a folder laid out as its image's working directory."""
    app, scratch = root / "apps" / step, root / "scratch"
    if not app.exists():
        contents.write_app(step, app)
        scratch.mkdir(exist_ok=True)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return {"cwd": app, "env": _environment(bin_folder, scratch), **streams}


def _run(command, bin_folder, step, root, **more):
    return subprocess.run(command, **_arguments(bin_folder, step, root), **more)


@pytest.mark.parametrize("step", contract.steps())
def test_a_component_keeps_the_cluster_s_contract(finished, step):
    contract.check(contract.task(step, str(finished)))


@pytest.mark.parametrize("step", contract.steps())
def test_an_image_holds_no_package_of_another_step(environments, step):
    done = subprocess.run([environments(step) / "python3", "-c", contract.imports_none_of(step)])

    assert done.returncode == 0


@pytest.mark.parametrize("step", contract.steps())
def test_a_full_disk_fails_the_task_and_leaves_nothing_that_looks_whole(finished, environments, tmp_path, step):
    def no_file_above_64_bytes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    task = contract.task(step, str(finished), into=str(tmp_path))

    done = _run(task.command, environments(step), step, finished, preexec_fn=no_file_above_64_bytes)

    assert done.returncode == 1
    assert any(reason in done.stderr for reason in ("File too large", "No space left on device"))
    assert contract.whole_artifacts(task) == []


def with_long_finals(finished, folder):
    """Return the folder of a copy of what tune and prepare left, with finals of 10,000 epochs."""
    for step in ("prepare", "tune"):
        shutil.copytree(finished / step, folder / step)
    chosen = finalists.read(folder / "tune" / "finalists").finals
    finals = [replace(final, epochs=0) for final in chosen]
    finalists.write(finalists.Finalists(10_000, finals), [""] * len(finals), folder / "tune" / "finalists")
    return str(folder)


@pytest.mark.parametrize(
    "step, long, sign",
    [("tune", {"max_trials": 1000}, "trial 1 ("), ("train", {"early_stopping_patience": 10_000}, " epoch 1/10000")],
)
def test_a_step_that_is_told_to_end_says_so_and_leaves_nothing(finished, environments, tmp_path, step, long, sign):
    task = contract.task(step, with_long_finals(finished, tmp_path / "store"), into=str(tmp_path), **long)

    with subprocess.Popen(task.command, **_arguments(environments(step), step, finished)) as process:
        assert any(sign in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()

    assert process.returncode == 143
    assert f"{step} was told to end (SIGTERM)" in log
    assert contract.whole_artifacts(task) == []
