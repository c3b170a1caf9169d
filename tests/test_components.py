"""The steps as component files: what they say, and a foreign pipeline made of two of them."""

import pytest
import yaml
from google.protobuf import json_format
from kfp import components as kfp_components
from kfp import dsl

import pipeline
from cluster import components
from components.core import journal
from components.core.parameters import PARAMETERS
from components.steps import ALL_STEPS
from local import walker

IMAGES = {name: f"registry.example.org/{name}:0123" for name in ALL_STEPS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("components")
    components.write(folder, IMAGES)
    return folder


@pytest.mark.parametrize("step", ALL_STEPS)
def test_a_component_file_has_its_image_and_says_what_it_takes_and_leaves(step, folder):
    text = (folder / f"{step}.yaml").read_text()
    spec = yaml.safe_load(text)
    (component,) = [each for name, each in spec["components"].items() if name == f"comp-{step}"]
    inputs, outputs = component.get("inputDefinitions", {}), component["outputDefinitions"]
    said = {**inputs.get("parameters", {}), **inputs.get("artifacts", {}), **outputs["artifacts"]}

    assert spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]["image"] == IMAGES[step]
    assert [name for name, each in said.items() if not each.get("description")] == []
    assert str(folder) not in text


def test_kubeflow_shows_of_a_pipeline_parameter_what_the_help_shows():
    spec = json_format.MessageToDict(pipeline.build().pipeline_spec)

    shown = {name: each["description"] for name, each in spec["root"]["inputDefinitions"]["parameters"].items()}

    assert shown == {name: PARAMETERS[name].description for name in shown}
    assert spec["pipelineInfo"]["description"] == pipeline.DESCRIPTION


@pytest.mark.slow
def test_a_foreign_pipeline_of_two_of_them_runs(folder, tiny_data, tmp_path):
    prepare, tune = (
        kfp_components.load_component_from_file(str(folder / f"{name}.yaml")) for name in ("prepare", "tune")
    )

    @dsl.pipeline
    def foreign(images: str):
        prepared = prepare(data_source=images, validation_fraction=0.2, seed=3)
        tune(
            training_data=prepared.outputs["training_data"],
            **{"max_trials": 2, "trial_epochs": 1, "training_epochs": 2, "round_size": 2, "n_finalists": 1},
            **{"trial_time_limit_s": 0, "stop_trials_early": True, "workers": 1, "time_budget_s": 0, "seed": 3},
            **{"pods": 0, "dask_scheduler": "", "worker_timeout_s": 60, "dashboard": False},
        )

    results = walker.run(foreign, {"images": str(tiny_data)}, tmp_path)

    assert [result.name for result in results] == ["prepare", "tune"]
    assert len(journal.read(tmp_path / "tune" / "trials" / journal.FILE_NAME).trials) == 2
