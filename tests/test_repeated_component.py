"""A component that is used twice in a graph: each task has its own folder, and the component's code in its key."""

import shutil

import pytest
from kfp import dsl

from components.prepare.component import prepare
from images import contents
from local import walker
from local.graph import Graph
from tests.fork import ROOT


@dsl.pipeline
def twice():
    for seed in (1, 2):
        prepare(data_source="synthetic", validation_fraction=0.1, seed=seed)


def tasks(folder):
    graph = Graph(twice)
    return [graph.task(name, {}, {}, folder) for name in graph.in_order()]


@pytest.fixture
def key_after(tmp_path, monkeypatch):
    """Return a function of a changed file that returns the tasks' keys in a copy where it has another line."""

    def keys(changed):
        copy = tmp_path / "copy"
        shutil.copytree(ROOT / "components", copy / "components", ignore=shutil.ignore_patterns("__pycache__"))
        if changed:
            with open(copy / changed, "a") as file:
                file.write("CHANGED = True\n")
        monkeypatch.setattr(walker, "app_files", lambda step: contents.app_files(step, copy))
        found = [walker._key(task) for task in tasks(tmp_path)]
        shutil.rmtree(copy)
        return found

    return keys


def test_either_task_is_one_of_the_component_with_parameters_and_a_folder_of_its_own(tmp_path):
    found = tasks(tmp_path)

    assert [(task.name, task.step) for task in found] == [("prepare", "prepare"), ("prepare-2", "prepare")]
    assert [task.parameters["seed"] for task in found] == [1, 2]
    assert [task.folder for task in found] == [tmp_path / "prepare", tmp_path / "prepare-2"]


def test_a_change_of_its_code_changes_both_keys_and_one_of_another_step_s_changes_none(key_after):
    before, own, foreign = (key_after(each) for each in ("", "components/sources/idx.py", "components/tune/tuner.py"))

    assert len({*before, *own}) == 4
    assert foreign == before
