"""What the compiled pipeline tells the cluster of each task."""

from dataclasses import replace

import pytest
import yaml
from google.protobuf import json_format
from kfp import compiler
from kfp.pipeline_spec import pipeline_spec_pb2

from cluster import placement
from cluster.placement import STEPS, ClusterOptions, Toleration
from components.core.errors import InvalidInput
from pipeline import build


def compiled(path, **fields):
    """Return (pipeline spec, Kubernetes settings by step) as they stand in the compiled file."""
    options = ClusterOptions(**fields)
    compiler.Compiler().compile(build(options, state_dir=options.state_dir), str(path))
    spec, platform = yaml.safe_load_all(path.read_text())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return spec, {step: executors[f"exec-{step}"] for step in STEPS}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "pipeline.yaml"


def container(spec, step):
    return spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]


def task(spec, step):
    return spec["root"]["dag"]["tasks"][step]


def test_compiling_twice_gives_the_same_bytes(tmp_path):
    compiled(tmp_path / "first.yaml")
    compiled(tmp_path / "second.yaml")

    assert (tmp_path / "first.yaml").read_bytes() == (tmp_path / "second.yaml").read_bytes()


def test_the_compiled_pipeline_fits_kfp_s_schema(output):
    spec, _ = compiled(output, gpus=1, state_volume_claim="state")

    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())

    assert set(parsed.root.dag.tasks) == set(STEPS)


def test_no_reference_dangles(output):
    spec, pods = compiled(output)
    executors = spec["deploymentSpec"]["executors"]
    labels = {name: component["executorLabel"] for name, component in spec["components"].items()}

    assert {task(spec, step)["componentRef"]["name"] for step in STEPS} == labels.keys()
    assert set(labels.values()) == executors.keys() == {f"exec-{step}" for step in pods}


def test_every_input_has_a_producer_that_declares_it(output):
    spec, _ = compiled(output)
    edges = [
        (step, name, source["taskOutputArtifact"])
        for step in STEPS
        for name, source in task(spec, step)["inputs"].get("artifacts", {}).items()
    ]

    for step, name, source in edges:
        producer = spec["components"][f"comp-{source['producerTask']}"]["outputDefinitions"]["artifacts"]
        consumer = spec["components"][f"comp-{step}"]["inputDefinitions"]["artifacts"]
        assert producer[source["outputArtifactKey"]]["artifactType"] == consumer[name]["artifactType"]
        assert source["producerTask"] in task(spec, step)["dependentTasks"]


def test_every_parameter_of_a_task_is_a_constant_or_an_input_of_the_pipeline(output):
    spec, _ = compiled(output)
    inputs = spec["root"]["inputDefinitions"]["parameters"]

    for step in STEPS:
        declared = spec["components"][f"comp-{step}"].get("inputDefinitions", {}).get("parameters", {})
        for name, source in task(spec, step)["inputs"].get("parameters", {}).items():
            assert name in declared
            assert source.get("componentInputParameter", next(iter(inputs))) in inputs


@pytest.mark.parametrize("step", STEPS)
def test_a_task_states_what_it_needs(output, step):
    spec, pods = compiled(output)
    wanted = placement.RESOURCES[step]

    resources = container(spec, step)["resources"]
    assert resources["resourceCpuRequest"] == wanted.cpu_request
    assert resources["resourceCpuLimit"] == wanted.cpu_limit
    assert resources["resourceMemoryRequest"] == wanted.memory_request
    assert resources["resourceMemoryLimit"] == wanted.memory_limit
    assert pods[step]["activeDeadlineSeconds"] == str(wanted.timeout_s)
    assert task(spec, step)["retryPolicy"]["maxRetryCount"] == wanted.retries
    assert task(spec, step)["retryPolicy"]["backoffDuration"] == "30s"


@pytest.mark.parametrize("step", STEPS)
def test_a_task_runs_as_a_user_without_rights_and_writes_to_tmp(output, step):
    _, pods = compiled(output)

    assert pods[step]["securityContext"] == {"runAsUser": "10001", "runAsGroup": "10001", "runAsNonRoot": True}
    assert pods[step]["emptyDirMounts"] == [{"mountPath": "/tmp", "volumeName": "tmp"}]


def test_a_cluster_that_chooses_the_user_is_only_told_not_to_take_root(output):
    _, pods = compiled(output, user_id=None)

    assert pods["tune"]["securityContext"] == {"runAsNonRoot": True}


def test_a_task_has_a_name_to_read(output):
    spec, _ = compiled(output)

    assert [task(spec, step)["taskInfo"]["name"] for step in STEPS] == list(placement.DISPLAY_NAMES.values())


def cached(output, **fields):
    spec, _ = compiled(output, **fields)
    return [step for step in STEPS if task(spec, step)["cachingOptions"].get("enableCache")]


def test_all_but_evaluate_are_cached(output):
    assert cached(output) == ["prepare", "tune", "train"]


def test_evaluate_is_cached_by_choice(output):
    assert cached(output, cache_evaluate=True) == list(STEPS)


def test_the_cache_can_be_left_out_and_asked_for(output):
    assert cached(output, cache=False) == []
    assert cached(output, cache=True) == list(STEPS)


def test_files_on_a_volume_are_read_again_since_they_may_have_changed(output):
    assert cached(output, data_volume_claim="mine") == ["tune", "train"]


def test_images_are_those_of_the_options(output):
    spec, _ = compiled(output, images={"tune": "registry.example.org/tune:0a1b"})

    assert container(spec, "tune")["image"] == "registry.example.org/tune:0a1b"


def test_gpus_go_to_tune_and_train(output):
    spec, _ = compiled(output, gpus=2, accelerator="amd.com/gpu")

    accelerators = {step: container(spec, step)["resources"].get("accelerator") for step in STEPS}
    assert accelerators["prepare"] is accelerators["evaluate"] is None
    assert accelerators["tune"]["resourceType"] == accelerators["train"]["resourceType"] == "amd.com/gpu"
    assert accelerators["tune"]["resourceCount"] == "2"


def mounts(pods):
    return {
        step: [(mount["constant"], mount["mountPath"]) for mount in pod.get("pvcMount", ())]
        for step, pod in pods.items()
    }


def test_the_state_volume_is_mounted_where_the_steps_look_for_it(output):
    spec, pods = compiled(output, state_volume_claim="search")

    assert mounts(pods) == {
        "prepare": [],
        "tune": [("search", "/state")],
        "train": [("search", "/state")],
        "evaluate": [],
    }
    assert task(spec, "tune")["inputs"]["parameters"]["state_dir"]["runtimeValue"]["constant"] == "/state"


def test_the_data_volume_is_mounted_in_prepare_only(output):
    _, pods = compiled(output, data_volume_claim="mine")

    assert mounts(pods) == {"prepare": [("mine", "/data")], "tune": [], "train": [], "evaluate": []}


def test_without_a_state_volume_one_is_told_what_that_means():
    (note,) = placement.notes(ClusterOptions())

    assert "--state-volume-claim" in note
    assert placement.notes(ClusterOptions(state_volume_claim="search")) == []


def test_node_selectors_and_tolerations_go_to_their_step_or_to_all(output):
    fields = {
        "node_selectors": ((None, "disk", "ssd"), ("tune", "pool", "gpu")),
        "tolerations": (
            ("tune", Toleration("nvidia.com/gpu", effect="NoSchedule")),
            (None, Toleration("spot", "yes")),
        ),
    }

    _, pods = compiled(output, **fields)

    assert pods["tune"]["nodeSelector"]["labels"] == {"disk": "ssd", "pool": "gpu"}
    assert pods["evaluate"]["nodeSelector"]["labels"] == {"disk": "ssd"}
    assert pods["evaluate"]["tolerations"] == [{"key": "spot", "operator": "Equal", "value": "yes"}]
    assert pods["tune"]["tolerations"][0] == {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def test_a_secret_of_a_private_registry_goes_to_every_task(output):
    _, pods = compiled(output, image_pull_secrets=("registry",))

    assert all(pod["imagePullSecret"][0]["secretName"] == "registry" for pod in pods.values())


def test_a_single_resource_can_be_set():
    options = placement.with_resources(ClusterOptions(), ["tune.memory_limit=32Gi", "tune.timeout_s=60"])

    assert options.resources["tune"] == replace(placement.RESOURCES["tune"], memory_limit="32Gi", timeout_s=60)
    assert options.resources["train"] == placement.RESOURCES["train"]


@pytest.mark.parametrize(
    "setting, rule",
    [
        ("tune.memory=1Gi", "resource must be STEP.NAME=VALUE"),
        ("deploy.cpu_limit=1", "resource must be STEP.NAME=VALUE"),
        ("tune.cpu_limit", "resource must be STEP.NAME=VALUE"),
        ("tune.cpu_limit=many", "tune.cpu_limit must be processors such as 2 or 500m, got 'many'"),
        ("tune.cpu_limit=0", "tune.cpu_limit must be processors such as 2 or 500m, got '0'"),
        ("tune.memory_limit=4GB", "tune.memory_limit must be an amount such as 4Gi or 512Mi, got '4GB'"),
        ("tune.memory_limit=4000K", "tune.memory_limit must be an amount such as 4Gi or 512Mi, got '4000K'"),
        ("tune.timeout_s=0", "timeout_s must be an integer from 1"),
        ("tune.retries=-1", "retries must be an integer from 0"),
        ("tune.memory_request=64Gi", r"tune.memory_request must not exceed tune.memory_limit \(16Gi\), got 64Gi"),
    ],
)
def test_a_resource_that_kubernetes_does_not_know_is_refused(setting, rule):
    with pytest.raises(InvalidInput, match=rule):
        placement.with_resources(ClusterOptions(), [setting])


def test_an_image_of_ones_own_is_written_with_its_step():
    assert placement.parse_image("tune=registry.example.org:5000/tune:1") == (
        "tune",
        "registry.example.org:5000/tune:1",
    )


@pytest.mark.parametrize("text", ["", "tune", "tune=", "deploy=a:1", "registry.example.org/tune:1"])
def test_an_image_of_another_form_is_refused(text):
    with pytest.raises(InvalidInput, match="image must be STEP=REFERENCE"):
        placement.parse_image(text)


def test_node_selectors_are_written_as_label_and_value():
    assert placement.parse_node_selector("pool=gpu") == (None, "pool", "gpu")
    assert placement.parse_node_selector("tune:cloud.example.org/pool=gpu") == (
        "tune",
        "cloud.example.org/pool",
        "gpu",
    )


@pytest.mark.parametrize("text", ["pool", "=gpu", "pool="])
def test_a_node_selector_of_another_form_is_refused(text):
    with pytest.raises(InvalidInput, match="node_selector must be"):
        placement.parse_node_selector(text)


def test_tolerations_are_written_as_kubectl_writes_taints():
    assert placement.parse_toleration("spot") == (None, Toleration("spot"))
    assert placement.parse_toleration("spot=yes:NoExecute") == (None, Toleration("spot", "yes", "NoExecute"))
    assert placement.parse_toleration("train:gpu:NoSchedule") == ("train", Toleration("gpu", None, "NoSchedule"))


@pytest.mark.parametrize("text", ["", "spot=", "spot:Never", ":NoSchedule"])
def test_a_toleration_of_another_form_is_refused(text):
    with pytest.raises(InvalidInput, match="toleration must be"):
        placement.parse_toleration(text)
