"""The documents say what stands in the code: their tables, and the commands that they show."""

import re
import shlex

import click
import pytest

import pipeline
from command_line.main import command_line
from components.core.parameters import PARAMETERS
from tests import documents
from tests.documents import ROOT

MAKEFILES = ("Makefile", "docker/images.mk")


@pytest.mark.parametrize("path", documents.TABLES)
def test_a_document_s_table_is_as_the_code_says(path):
    text = (documents.ROOT / path).read_text()

    assert documents.TABLES[path]() in text, "python -m tests.documents writes it anew"


def test_every_parameter_of_the_pipeline_has_a_description_and_no_other_has():
    graphs = (pipeline.build, pipeline.build_predict)

    assert set(PARAMETERS) == {name for build in graphs for name in build().component_spec.inputs}


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"^(?:\S+=\S+ )*(python pipeline\.py|make) (.*)$", re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_ones_that_there_are_with_options_that_they_have(path):
    """What needs no cluster and no hour is run as it stands by the tests of the document."""
    group, targets = command_line(pipeline.build, {"predict": pipeline.build_predict}), make_targets()
    for block in re.findall(r"```(?:sh|console)?\n(.*?)```", path.read_text(), re.DOTALL):
        for program, text in COMMAND.findall(block.replace("\\\n", " ")):
            words = shlex.split(text, comments=True)
            if program == "make":
                assert {word for word in words if "=" not in word} <= targets, text
                given = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
                words = [*words[:1], *shlex.split(" ".join(given))]
            check_options(group, words, text)


def make_targets():
    return set(re.findall(r"^([a-z-]+):", "".join((ROOT / name).read_text() for name in MAKEFILES), re.MULTILINE))


def check_options(command, words, text):
    while isinstance(command, click.Group) and words:
        if words[0] not in command.commands:
            return
        command, words = command.commands[words[0]], words[1:]
    known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"{text}: {word}"
