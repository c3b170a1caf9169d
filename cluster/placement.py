"""What a cluster is told of each task: image, resources, time-out, retries, cache, volumes, and who it runs as."""

import json
from typing import Any

from kfp import kubernetes
from kfp.dsl import PipelineConfig, PipelineTask
from kfp.dsl.pipeline_context import Pipeline

from cluster.options import DATA_MOUNT, REGISTRY_MOUNT, SERVER, STATE_MOUNT, WORKER, ClusterOptions, Toleration
from components.steps import ALL_STEPS, Resources, check_is_step, component_function

SUPERVISOR = ("python3", "-m", "components.core.supervisor")
"""Before the command of a step that can go on where it was: starts it again when it was killed."""

WORKER_PLACEMENT = "WORKER_PLACEMENT"
"""The variable in which a step that starts pods finds how to place them; see `components.machines.pods`."""

SERVING = "SERVING"
"""The variable in which a step that deploys finds what the server's pods have; see `components.deploy.placement`."""

SECRET_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
)
"""Keys of the registry's secret that are variables in the steps that use it, as far as it has them."""

FIRST_PAUSE_S, PAUSE_FACTOR = 30, 2.0
POD_START_S = 600
"""What an attempt may take before its time-out counts: to be scheduled, and to pull its image."""


def pipeline_config(options: ClusterOptions) -> PipelineConfig:
    """Return what a cluster is told of a run as a whole."""
    return PipelineConfig(
        ttl_seconds_after_finished=options.ttl_s or None, active_deadline_seconds=options.run_timeout_s or None
    )


def place_tasks(options: ClusterOptions) -> None:
    """Put the cluster's settings on every task that the pipeline function has made so far.

    It stands last in the pipeline function.

    Raises:
        InvalidInput: a task's component has no entry in `components.steps.ALL_STEPS`; the message names it.
    """
    for task in Pipeline.get_default_pipeline().tasks.values():
        place(task, options)


def place(task: PipelineTask, options: ClusterOptions) -> None:
    """Put the cluster's settings on one task.

    Raises:
        InvalidInput: its component has no entry in `components.steps.ALL_STEPS`; the message names it.
    """
    container = task.container_spec
    name = component_function(container.args or ()) if container else None
    name = name or task.component_spec.name
    check_is_step(name)
    task.set_display_name(ALL_STEPS[name].title)
    task.set_caching_options(options.caches(name))
    if name in options.images:
        task.set_container_image(options.images[name])
    if container and ALL_STEPS[name].keeps_state:
        container.command = [*SUPERVISOR, *(container.command or ())]
    _set_resources(task, options.resources[name])
    if options.gpus and ALL_STEPS[name].takes_gpu:
        task.set_accelerator_type(options.accelerator).set_accelerator_limit(options.gpus)
    _set_pod(task, options)
    _set_volumes(task, name, options)
    _set_nodes(task, name, options)
    if ALL_STEPS[name].deploys:
        task.set_env_variable(SERVING, json.dumps(serving_placement(options), sort_keys=True))
    if ALL_STEPS[name].starts_workers and (placement := worker_placement(options)):
        task.set_env_variable(WORKER_PLACEMENT, json.dumps(placement, sort_keys=True))


def place_helper(task: PipelineTask, options: ClusterOptions) -> None:
    """Put on a task that is no step what it needs to reach the state volume where tune does."""
    _set_pod(task, options)
    _set_nodes(task, "tune", options)
    _set_volumes(task, "tune", options)


def worker_placement(options: ClusterOptions) -> dict[str, Any]:
    """Return what a search's worker pods have otherwise than the task that starts them, for its `Placement`."""
    selector = {label: value for step, label, value in options.node_selectors if step == WORKER}
    tolerations = [_as_kubernetes_writes(each) for step, each in options.tolerations if step == WORKER]
    found = {
        "resources": options.worker_resources,
        "node_selector": selector,
        "tolerations": tolerations,
        "labels": options.worker_labels,
    }
    return {name: value for name, value in found.items() if value}


def serving_placement(options: ClusterOptions) -> dict[str, Any]:
    """Return what the pods of a deployed service have, for the deploy step's `Placement`."""
    wanted = options.resources[SERVER]
    return {
        "image": options.images.get(SERVER, SERVER),
        "requests": {"cpu": wanted.cpu_request, "memory": wanted.memory_request},
        "limits": {"cpu": wanted.cpu_limit, "memory": wanted.memory_limit},
        "registry_claim": options.registry_volume_claim or "",
        "registry_mount": REGISTRY_MOUNT,
        "secret": options.registry_secret or "",
        "image_pull_secrets": list(options.image_pull_secrets),
        "user_id": options.user_id,
    }


def _as_kubernetes_writes(toleration: Toleration) -> dict[str, str]:
    written = {"key": toleration.key, "operator": "Equal" if toleration.value else "Exists"}
    given = {"value": toleration.value, "effect": toleration.effect}
    return written | {name: value for name, value in given.items() if value}


def _set_resources(task: PipelineTask, wanted: Resources) -> None:
    task.set_cpu_request(wanted.cpu_request).set_cpu_limit(wanted.cpu_limit)
    task.set_memory_request(wanted.memory_request).set_memory_limit(wanted.memory_limit)
    task.set_retry(wanted.retries, f"{FIRST_PAUSE_S}s", PAUSE_FACTOR, f"{_seconds_of_all_attempts(wanted)}s")
    kubernetes.set_timeout(task, wanted.timeout_s)


def _seconds_of_all_attempts(wanted: Resources) -> int:
    """Return the seconds in which a task's attempts, each up to its time-out, and the pauses between them are over.

    KFP calls it the longest pause; on the cluster it is a window, opened when the first attempt starts, in which every
    other must begin and end.
    """
    pauses_s = sum(FIRST_PAUSE_S * PAUSE_FACTOR**number for number in range(wanted.retries))
    return int((wanted.retries + 1) * (wanted.timeout_s + POD_START_S) + pauses_s)


def _set_pod(task: PipelineTask, options: ClusterOptions) -> None:
    kubernetes.set_security_context(
        task, run_as_user=options.user_id, run_as_group=options.user_id, run_as_non_root=True
    )
    kubernetes.empty_dir_mount(task, volume_name="tmp", mount_path="/tmp")
    for label, value in sorted(options.labels.items()):
        kubernetes.add_pod_label(task, label, value)
    if options.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(options.image_pull_secrets))


def _set_volumes(task: PipelineTask, name: str, options: ClusterOptions) -> None:
    if options.state_volume_claim and ALL_STEPS[name].keeps_state:
        kubernetes.mount_pvc(task, options.state_volume_claim, STATE_MOUNT)
    if options.data_volume_claim and ALL_STEPS[name].reads_data:
        kubernetes.mount_pvc(task, options.data_volume_claim, DATA_MOUNT)
    if options.registry_volume_claim and ALL_STEPS[name].uses_registry:
        kubernetes.mount_pvc(task, options.registry_volume_claim, REGISTRY_MOUNT)
    if options.registry_secret and ALL_STEPS[name].uses_registry:
        keys = {key: key for key in SECRET_KEYS}
        kubernetes.use_secret_as_env(task, options.registry_secret, keys, optional=True)


def _set_nodes(task: PipelineTask, name: str, options: ClusterOptions) -> None:
    for only, label, value in options.node_selectors:
        if only in (None, name):
            kubernetes.add_node_selector(task, label, value)
    for only, toleration in options.tolerations:
        if only in (None, name):
            _tolerate(task, toleration)


def _tolerate(task: PipelineTask, toleration: Toleration) -> None:
    operator = "Equal" if toleration.value else "Exists"
    kubernetes.add_toleration(task, toleration.key, operator, toleration.value, toleration.effect)
