"""What the compiled pipeline tells the cluster of each task."""

import json

import pytest
import yaml
from google.protobuf import json_format
from kfp import compiler, dsl
from kfp.pipeline_spec import pipeline_spec_pb2

from cluster.options import ClusterOptions, Toleration, notes
from cluster.placement import place_tasks
from components.core.errors import InvalidInput
from components.deploy.placement import Placement
from components.steps import ALL_STEPS, STEPS
from pipeline import build
from tests.graph_tasks import tasks_of


def compiled(path, **fields):
    """Return (pipeline spec, Kubernetes settings by step) as they stand in the compiled file."""
    options = ClusterOptions(**fields)
    compiler.Compiler().compile(build(options, state_dir=options.state_dir), str(path))
    spec, platform = yaml.safe_load_all(path.read_text())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return spec, {step: executors[f"exec-{in_graph(step)}"] for step in STEPS}


def in_graph(step):
    """Return a step's name as KFP writes it."""
    return step.replace("_", "-")


@pytest.fixture
def output(tmp_path):
    return tmp_path / "pipeline.yaml"


def container(spec, step):
    return spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]


def task(spec, step):
    return tasks_of(spec)[step]


def test_compiling_twice_gives_the_same_bytes(tmp_path):
    compiled(tmp_path / "first.yaml")
    compiled(tmp_path / "second.yaml")

    assert (tmp_path / "first.yaml").read_bytes() == (tmp_path / "second.yaml").read_bytes()


def test_the_compiled_pipeline_fits_kfp_s_schema(output):
    spec, _ = compiled(output, gpus=1, state_volume_claim="state")

    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())

    assert set(tasks_of(json_format.MessageToDict(parsed))) == set(STEPS)


def test_no_reference_dangles(output):
    spec, pods = compiled(output)
    executors = spec["deploymentSpec"]["executors"]
    components = {name: each for name, each in spec["components"].items() if "dag" not in each}
    labels = {name: component["executorLabel"] for name, component in components.items()}

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
    wanted = STEPS[step].resources

    resources = container(spec, step)["resources"]
    assert resources["resourceCpuRequest"] == wanted.cpu_request
    assert resources["resourceCpuLimit"] == wanted.cpu_limit
    assert resources["resourceMemoryRequest"] == wanted.memory_request
    assert resources["resourceMemoryLimit"] == wanted.memory_limit
    assert pods[step]["activeDeadlineSeconds"] == str(wanted.timeout_s)
    assert task(spec, step)["retryPolicy"]["maxRetryCount"] == wanted.retries
    assert task(spec, step)["retryPolicy"]["backoffDuration"] == "30s"
    attempts_s, pauses_s = (wanted.retries + 1) * wanted.timeout_s, sum(30 * 2**each for each in range(wanted.retries))
    assert int(task(spec, step)["retryPolicy"]["backoffMaxDuration"].removesuffix("s")) > attempts_s + pauses_s
    assert container(spec, step)["command"][:2] == ["python3", "-m"]
    assert ("components.core.supervisor" in container(spec, step)["command"]) == STEPS[step].keeps_state


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

    assert [task(spec, step)["taskInfo"]["name"] for step in STEPS] == [step.title for step in STEPS.values()]


def test_a_task_whose_component_is_not_in_the_table_is_refused_by_name():
    @dsl.component(base_image="python:3.11", target_image="x")
    def dance(text: str):
        print(text)

    with pytest.raises(
        InvalidInput, match=r"dance must have an entry in components/steps.py, which has prepare, tune"
    ):

        @dsl.pipeline
        def dancing():
            dance(text="a")
            place_tasks(ClusterOptions())


def cached(output, **fields):
    spec, _ = compiled(output, **fields)
    return [step for step in STEPS if task(spec, step)["cachingOptions"].get("enableCache")]


def test_steps_are_cached_as_the_table_says(output):
    assert cached(output, source_may_change=False) == [name for name, step in STEPS.items() if step.cached]
    assert "evaluate" not in cached(output)


def test_evaluate_is_cached_by_choice(output):
    assert "evaluate" in cached(output, cache_evaluate=True)


def test_the_cache_can_be_left_out_and_asked_for(output):
    assert cached(output, cache=False) == []
    assert cached(output, cache=True) == list(STEPS)


READ_NOTHING_THAT_CHANGES = [name for name, step in STEPS.items() if step.cached and not step.reads_data]


def test_files_on_a_volume_are_read_again_since_they_may_have_changed(output):
    assert cached(output, data_volume_claim="mine", source_may_change=False) == READ_NOTHING_THAT_CHANGES


def test_a_source_that_may_change_is_read_again(output):
    assert cached(output) == READ_NOTHING_THAT_CHANGES


def test_images_are_those_of_the_options(output):
    spec, _ = compiled(output, images={"tune": "registry.example.org/tune:0a1b"})

    assert container(spec, "tune")["image"] == "registry.example.org/tune:0a1b"


def test_gpus_go_to_tune_and_train(output):
    spec, _ = compiled(output, gpus=2, accelerator="amd.com/gpu")

    accelerators = {step: container(spec, step)["resources"].get("accelerator") for step in STEPS}
    assert {step for step in STEPS if accelerators[step]} == {name for name, step in STEPS.items() if step.takes_gpu}
    assert accelerators["tune"]["resourceType"] == accelerators["train"]["resourceType"] == "amd.com/gpu"
    assert accelerators["tune"]["resourceCount"] == "2"


def mounts(pods):
    return {
        step: [(mount["constant"], mount["mountPath"]) for mount in pod.get("pvcMount", ())]
        for step, pod in pods.items()
    }


def test_the_state_volume_is_mounted_where_the_steps_look_for_it(output):
    spec, pods = compiled(output, state_volume_claim="search")

    mounted = {step: [("search", "/state")] if STEPS[step].keeps_state else [] for step in STEPS}
    assert mounts(pods) == mounted and mounted["tune"] and not mounted["evaluate"]
    assert task(spec, "tune")["inputs"]["parameters"]["state_dir"]["runtimeValue"]["constant"] == "/state"


def test_the_data_volume_is_mounted_where_the_data_is_read(output):
    _, pods = compiled(output, data_volume_claim="mine")

    mounted = {step: [("mine", "/data")] if STEPS[step].reads_data else [] for step in STEPS}
    assert mounts(pods) == mounted and mounted["prepare"] and not mounted["tune"]


def test_the_registry_s_volume_is_mounted_where_models_are_registered(output):
    _, pods = compiled(output, registry_volume_claim="models")

    assert mounts(pods) == {step: [("models", "/registry")] if step in ("promote", "deploy") else [] for step in STEPS}


def test_the_registry_s_keys_are_variables_where_it_is_used_and_what_is_deployed_is_told_of_them(output):
    spec, pods = compiled(output, registry_secret="keys", registry_volume_claim="models", images={"serve": "s:1"})

    secrets = {step: [each["secretName"] for each in pod.get("secretAsEnv", ())] for step, pod in pods.items()}
    assert {step for step, names in secrets.items() if names == ["keys"]} == {"promote", "deploy"}
    (variable,) = [each for each in container(spec, "deploy")["env"] if each["name"] == "SERVING"]
    told = Placement(**json.loads(variable["value"]))
    assert (told.image, told.secret, told.registry_claim, told.registry_mount) == (
        "s:1",
        "keys",
        "models",
        "/registry",
    )
    assert told.requests == {"cpu": "500m", "memory": "1Gi"}


def test_labels_are_on_every_pod(output):
    _, pods = compiled(output, labels={"cost-centre": "7"})

    assert [pods[step]["podMetadata"]["labels"] for step in STEPS] == [{"cost-centre": "7"}] * len(STEPS)


def test_a_run_s_time_to_live_and_deadline_are_the_pipeline_s(output):
    options = ClusterOptions(ttl_s=3_600, run_timeout_s=86_400)
    compiler.Compiler().compile(build(options), str(output))
    _, platform = yaml.safe_load_all(output.read_text())

    assert "3600" in str(platform["platforms"]["kubernetes"]["pipelineConfig"])
    assert "86400" in str(platform["platforms"]["kubernetes"]["pipelineConfig"])
    assert "pipelineConfig" not in str(compiled(output)[1])


def test_models_are_registered_only_where_a_registry_is_named(output):
    spec, _ = compiled(output)

    conditions = [each["triggerPolicy"] for each in spec["root"]["dag"]["tasks"].values() if "triggerPolicy" in each]
    assert [each["condition"] for each in conditions] == [
        f"inputs.parameter_values['pipelinechannel--{name}'] != ''" for name in ("mlflow", "registry")
    ]
    assert task(spec, "promote")["inputs"]["parameters"]["run"] == {
        "runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}
    }


def test_without_a_state_volume_one_is_told_what_that_means():
    (note,) = notes(ClusterOptions())

    assert "--state-volume-claim" in note
    assert notes(ClusterOptions(state_volume_claim="search")) == []


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


def test_a_step_is_placed_within_a_condition_and_under_a_name_of_two_words(monkeypatch):
    @dsl.component(base_image="python:3.11", target_image="x")
    def export_model(text: str):
        print(text)

    monkeypatch.setitem(ALL_STEPS, "export_model", STEPS["prepare"])

    @dsl.pipeline
    def conditional(text: str = "a"):
        with dsl.If(text == "a"):
            export_model(text=text)
        place_tasks(ClusterOptions(images={"export_model": "team/export:1"}))

    (executor,) = conditional.pipeline_spec.deployment_spec["executors"].values()
    assert executor["container"]["image"] == "team/export:1"


def test_what_is_said_of_the_search_s_worker_pods_reaches_the_step_that_starts_them(output):
    spec, pods = compiled(
        output,
        node_selectors=(("worker", "pool", "spot"),),
        tolerations=(("worker", Toleration("spot", None, "NoSchedule")),),
        worker_resources={"memory_limit": "2Gi"},
        worker_labels={"kueue.x-k8s.io/queue-name": "research"},
    )
    (variable,) = container(spec, "tune")["env"]

    assert variable["name"] == "WORKER_PLACEMENT"
    assert json.loads(variable["value"]) == {
        "labels": {"kueue.x-k8s.io/queue-name": "research"},
        "node_selector": {"pool": "spot"},
        "resources": {"memory_limit": "2Gi"},
        "tolerations": [{"effect": "NoSchedule", "key": "spot", "operator": "Exists"}],
    }
    assert "nodeSelector" not in pods["tune"]
    assert "env" not in container(spec, "train")
