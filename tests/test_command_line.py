"""The command line that a pipeline's signature makes."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kfp import dsl

import pipeline
from command_line.main import main
from components.core.errors import InvalidInput
from local import run as local_run
from tests import runs


@dsl.component(base_image="python:3.11", target_image="x")
def say(text: str):
    print(text)


def pipeline_of_lists(options=None, state_dir=""):
    @dsl.pipeline
    def listing(layers: list = [1]):  # noqa: B006 - KFP takes its default from here
        say(text="a")

    return listing


def other_pipeline(options=None, state_dir=""):
    @dsl.pipeline
    def other(max_trials: int = 3, width: int = 8, colour: str = "red"):
        say(text=colour)

    return other


@pytest.fixture
def line(capsys, monkeypatch):
    """Return a function that runs a pipeline's command line in this process: (status, output, errors)."""
    before = signal.getsignal(signal.SIGTERM)

    def run(build, *arguments):
        monkeypatch.setattr("sys.argv", ["pipeline.py", *arguments])
        monkeypatch.setattr("sys.meta_path", list(sys.meta_path))
        with pytest.raises(SystemExit) as ended:
            main(build)
        return ended.value.code, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, before)


def test_the_options_are_those_of_the_pipeline_that_is_handed_over(line):
    status, output, _ = line(other_pipeline, "local-run", "--help")

    assert status == 0
    assert re.findall(r"^  --([a-z-]+)", output, re.MULTILINE) == [
        *("output-dir", "max-trials", "width", "colour"),
        *("config", "profile"),
    ]
    assert re.search(r"--colour TEXT +\[default: red\]", output)


def test_a_number_without_a_rule_is_still_a_number(line):
    assert line(other_pipeline, "local-run", "--width", "wide")[::2] == (
        2,
        "error: width must be an integer, got 'wide'\n",
    )


def test_a_parameter_that_can_be_no_option_is_refused_by_name(line):
    status, _, errors = line(pipeline_of_lists, "local-run", "--help")

    assert status == 2
    assert errors == "error: layers must be an int, float, str or bool with a default in the pipeline, got List\n"


def without(*closed, words=("compile",), cwd=None):
    """Return the finished process of a command that begins with these standard streams closed."""
    redirections = " ".join({0: "<&-", 1: ">&-", 2: "2>&-"}[number] for number in closed)
    shell = ["sh", "-c", f'exec "$@" {redirections}', "sh", *runs.command(*words)]
    return subprocess.run(shell, capture_output=True, text=True, env=runs.environment(), cwd=cwd)


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)])
def test_a_closed_stream_changes_nothing_else(closed, tmp_path):
    done = without(*closed, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "build" / "pipeline.yaml").is_file()


@pytest.mark.slow
def test_what_is_for_a_closed_standard_error_does_not_get_onto_standard_output(tmp_path):
    done = without(2, words=("compile", "--output", "pipeline.txt"), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")


def with_nobody_reading(words, cwd=None):
    """Return the finished process of a command whose standard output is a pipe that was closed at its other end."""
    end, output = os.pipe()
    os.close(end)
    try:
        return subprocess.run(
            runs.command(*words), stdout=output, stderr=subprocess.PIPE, text=True, env=runs.environment(), cwd=cwd
        )
    finally:
        os.close(output)


CLOSED = "error: standard output was closed by the program that read it, before all was written\n"


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--help",), ("compile", "--image", "prepare=a:1"), ("local-run", "--help")])
def test_an_output_that_nobody_reads_is_said_in_one_line(words, tmp_path):
    done = with_nobody_reading(words, tmp_path)

    assert (done.returncode, done.stderr) == (1, CLOSED)


@pytest.mark.slow
def test_a_run_whose_output_nobody_reads_says_how_to_continue(tmp_path):
    done = with_nobody_reading(("local-run", "--data-source", "synthetic", "--output-dir", "run"), tmp_path)

    assert done.returncode == 1
    assert done.stderr == f"warning: interrupted; the same command with --output-dir run continues\n{CLOSED}"


def test_a_character_that_the_output_has_none_for_is_written_as_an_escape(tmp_path):
    (tmp_path / "naïve").mkdir()
    done = subprocess.run(
        runs.command("compile", "--output", str(tmp_path / "naïve" / "a.yaml")),
        capture_output=True,
        text=True,
        env=runs.environment(PYTHONIOENCODING="ascii"),
    )

    assert done.returncode == 0 and "na\\xefve/a.yaml" in done.stdout


def test_runs_that_begin_in_one_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begun = []

    def build(state_dir):
        begun.append(Path(state_dir).parent)
        if len(begun) < 4:
            local_run.run(build, {"data_source": "synthetic"}, None, "")
        raise InvalidInput("four are enough")

    with pytest.raises(InvalidInput, match="four are enough"):
        local_run.run(build, {"data_source": "synthetic"}, None, "")

    assert len(set(begun)) == 4 and {folder.parent for folder in begun} == {tmp_path / "runs"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_project_in_a_folder_that_is_not_utf8_is_refused_before_tensorflow_fails(tmp_path):
    ignored = shutil.ignore_patterns(".*", "build", "runs", "__pycache__", "tests", "benchmarks", "docs")
    project = shutil.copytree(runs.ROOT, tmp_path / "caf\udce9", ignore=ignored, symlinks=True)
    words = [sys.executable, str(project / "pipeline.py"), "local-run", "--data-source", "synthetic"]

    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=runs.environment(PYTHONPATH=""))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the project's folder must be text in UTF-8") and done.stderr.count("\n") == 1


def test_a_folder_for_temporary_files_that_is_not_utf8_is_refused_by_its_variable(line, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "caf\udce9"))
    monkeypatch.chdir(tmp_path)

    status, _, errors = line(pipeline.build, "local-run", "--data-source", "synthetic")

    assert status == 2 and "(TMPDIR) must be text in UTF-8" in errors and list(tmp_path.iterdir()) == []


def test_a_folder_of_the_home_is_written_to_where_the_shell_left_the_tilde(line, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert line(pipeline.build, "compile", "--output=~/a/b.yaml")[0] == 0
    assert (tmp_path / "a" / "b.yaml").is_file()
