"""The command line that a pipeline's signature makes."""

import re
import signal
import sys

import pytest
from kfp import dsl

from command_line.main import main


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
    assert re.findall(r"^  --([a-z-]+)", output, re.MULTILINE) == ["output-dir", "max-trials", "width", "colour"]
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
