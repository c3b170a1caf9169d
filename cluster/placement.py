"""What a cluster is told of each task: image, resources, time-out, retries, cache, volumes, and who it runs as.

`ClusterOptions` holds every choice, `place` puts them on one task. What stands in `RESOURCES` is the default.
"""

import re
from dataclasses import dataclass, field, replace

from kfp import kubernetes

from components.core.errors import InvalidInput

STEPS = ("prepare", "tune", "train", "evaluate")
GPU_STEPS = ("tune", "train")
STATE_STEPS = ("tune", "train")

STATE_MOUNT = "/state"
DATA_MOUNT = "/data"
USER_ID = 10001

DISPLAY_NAMES = {
    "prepare": "Prepare the data",
    "tune": "Tune the hyperparameters",
    "train": "Train the best model",
    "evaluate": "Evaluate on the test images",
}


@dataclass(frozen=True)
class Resources:
    """What one task asks of the cluster.

    Attributes:
        cpu_request: processors it is scheduled by, as Kubernetes writes them (`2`, `500m`).
        cpu_limit: processors it may use.
        memory_request: memory it is scheduled by (`4Gi`, `512Mi`).
        memory_limit: memory at which it is killed.
        timeout_s: seconds after which one attempt is killed, at least 1.
        retries: attempts after the first, 0 or more.
    """

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    timeout_s: int
    retries: int


RESOURCES = {
    "prepare": Resources("500m", "2", "1Gi", "2Gi", timeout_s=3_600, retries=3),
    "tune": Resources("2", "8", "4Gi", "16Gi", timeout_s=86_400, retries=3),
    "train": Resources("2", "8", "2Gi", "8Gi", timeout_s=21_600, retries=2),
    "evaluate": Resources("1", "4", "2Gi", "4Gi", timeout_s=3_600, retries=2),
}
"""Defaults by step. A retry waits 30 s, then twice as long each time, up to 10 minutes."""

CACHED = {"prepare": True, "tune": True, "train": True, "evaluate": False}
"""Whether a step with the same inputs and image is skipped and its old outputs are used."""


@dataclass(frozen=True)
class Toleration:
    """A taint that a task's node may have; `value` None means any value, `effect` None any effect."""

    key: str
    value: str | None = None
    effect: str | None = None


@dataclass(frozen=True)
class ClusterOptions:
    """Everything about a compiled pipeline that is the cluster's rather than the search's.

    Attributes:
        images: image reference by step; a step without one keeps its component's own name.
        resources: what each step asks for.
        gpus: accelerators for each of `GPU_STEPS`, 0 for none.
        accelerator: the accelerator's resource name.
        node_selectors: (step, label, value); a step of None means every step.
        tolerations: (step, toleration); a step of None means every step.
        state_volume_claim: claim that is mounted at `STATE_MOUNT` in `STATE_STEPS`, or None.
        data_volume_claim: claim that is mounted at `DATA_MOUNT` in prepare, or None.
        image_pull_secrets: names of secrets for a private registry.
        cache: True or False for all steps, None for `CACHED`.
        cache_evaluate: whether evaluate is cached when `cache` is None.
        user_id: numeric user and group the tasks run as; None leaves the number to the cluster.
    """

    images: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resources] = field(default_factory=lambda: dict(RESOURCES))
    gpus: int = 0
    accelerator: str = "nvidia.com/gpu"
    node_selectors: tuple[tuple[str | None, str, str], ...] = ()
    tolerations: tuple[tuple[str | None, Toleration], ...] = ()
    state_volume_claim: str | None = None
    data_volume_claim: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    cache: bool | None = None
    cache_evaluate: bool = CACHED["evaluate"]
    user_id: int | None = USER_ID

    @property
    def state_dir(self):
        """The folder that `build` hands to the steps for their state; empty means none."""
        return STATE_MOUNT if self.state_volume_claim else ""

    def caches(self, step):
        """Whether the step's old outputs may be used.

        Files on a volume can change under the same path, which the cache would not see, so a prepare step that
        reads from one is not cached unless `cache` says so.
        """
        if self.cache is not None:
            return self.cache
        if step == "evaluate":
            return self.cache_evaluate
        return CACHED[step] and not (step == "prepare" and self.data_volume_claim)


def place(task, step, options):
    """Put a step's cluster settings on its task, and return the task.

    Args:
        task: the `PipelineTask`, inside the pipeline function.
        step: one of `STEPS`.
        options: the `ClusterOptions`.
    """
    task.set_display_name(DISPLAY_NAMES[step])
    task.set_caching_options(options.caches(step))
    if step in options.images:
        task.set_container_image(options.images[step])
    _set_resources(task, options.resources[step])
    if options.gpus and step in GPU_STEPS:
        task.set_accelerator_type(options.accelerator).set_accelerator_limit(options.gpus)
    _set_pod(task, step, options)
    return task


def notes(options):
    """Return what a user should know of these options, a sentence each."""
    sentences = []
    if not options.state_volume_claim:
        sentences.append(
            "No state volume: a search that is pre-empted or retried starts again; --state-volume-claim NAME keeps it."
        )
    return sentences


def with_resources(options, settings):
    """Return the options with single resources replaced.

    Args:
        options: the `ClusterOptions`.
        settings: texts of the form `STEP.NAME=VALUE`, such as `tune.memory_limit=32Gi`.

    Raises:
        InvalidInput: no such step or resource, a quantity Kubernetes does not know, or a request above its limit.
    """
    resources = dict(options.resources)
    for setting in settings:
        step, name, value = _parse_setting(setting)
        resources[step] = replace(resources[step], **{name: value})
    for step, wanted in resources.items():
        _check_order(step, wanted)
    return replace(options, resources=resources)


def parse_image(text):
    """Return (step, reference) from `STEP=REFERENCE`.

    Raises:
        InvalidInput: another form.
    """
    step, _, reference = text.partition("=")
    if step not in STEPS or not reference:
        raise InvalidInput(f"image must be STEP=REFERENCE with a step of {', '.join(STEPS)}, got {text!r}")
    return step, reference


def parse_node_selector(text):
    """Return (step, label, value) from `[STEP:]LABEL=VALUE`; without a step, None for every step.

    Raises:
        InvalidInput: another form.
    """
    step, rest = _split_step(text)
    label, _, value = rest.partition("=")
    if not label or not value:
        raise InvalidInput(f"node_selector must be [STEP:]LABEL=VALUE, got {text!r}")
    return step, label, value


def parse_toleration(text):
    """Return (step, Toleration) from `[STEP:]KEY[=VALUE][:EFFECT]`, the way kubectl writes a taint.

    Raises:
        InvalidInput: another form, or an effect that Kubernetes does not know.
    """
    step, rest = _split_step(text)
    taint, _, effect = rest.partition(":")
    key, equals, value = taint.partition("=")
    if not key or (equals and not value) or effect not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise InvalidInput(
            "toleration must be [STEP:]KEY[=VALUE][:EFFECT] with an effect of NoSchedule, PreferNoSchedule or "
            f"NoExecute, got {text!r}"
        )
    return step, Toleration(key, value or None, effect or None)


def _set_resources(task, wanted):
    task.set_cpu_request(wanted.cpu_request).set_cpu_limit(wanted.cpu_limit)
    task.set_memory_request(wanted.memory_request).set_memory_limit(wanted.memory_limit)
    task.set_retry(wanted.retries, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="600s")
    kubernetes.set_timeout(task, wanted.timeout_s)


def _set_pod(task, step, options):
    kubernetes.set_security_context(
        task, run_as_user=options.user_id, run_as_group=options.user_id, run_as_non_root=True
    )
    kubernetes.empty_dir_mount(task, volume_name="tmp", mount_path="/tmp")
    if options.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(options.image_pull_secrets))
    if options.state_volume_claim and step in STATE_STEPS:
        kubernetes.mount_pvc(task, options.state_volume_claim, STATE_MOUNT)
    if options.data_volume_claim and step == "prepare":
        kubernetes.mount_pvc(task, options.data_volume_claim, DATA_MOUNT)
    for only, label, value in options.node_selectors:
        if only in (None, step):
            kubernetes.add_node_selector(task, label, value)
    for only, toleration in options.tolerations:
        if only in (None, step):
            _tolerate(task, toleration)


def _tolerate(task, toleration):
    operator = "Equal" if toleration.value else "Exists"
    kubernetes.add_toleration(task, toleration.key, operator, toleration.value, toleration.effect)


def _split_step(text):
    first, colon, rest = text.partition(":")
    return (first, rest) if colon and first in STEPS else (None, text)


_QUANTITIES = {
    "cpu": (r"(\d+(?:\.\d+)?)(m?)", {"": 1, "m": 0.001}, "processors such as 2 or 500m"),
    "memory": (
        r"(\d+)(Ki|[MGTPE]i?|)",
        {"": 1}
        | {unit: 1000**n for n, unit in enumerate("MGTPE", 2)}
        | {f"{unit}i": 1024**n for n, unit in enumerate("KMGTPE", 1)},
        "an amount such as 4Gi or 512Mi",
    ),
}


def _amount(kind, text):
    """Return a Kubernetes quantity as a number, or None when it is none or not above zero."""
    pattern, units, _ = _QUANTITIES[kind]
    match = re.fullmatch(pattern, text)
    return (float(match[1]) * units[match[2]] or None) if match else None


def _parse_setting(setting):
    path, _, value = setting.partition("=")
    step, _, name = path.partition(".")
    names = Resources.__dataclass_fields__
    if step not in STEPS or name not in names or not value:
        raise InvalidInput(
            f"resource must be STEP.NAME=VALUE with a step of {', '.join(STEPS)} and a name of {', '.join(names)}, "
            f"got {setting!r}"
        )
    return (
        step,
        name,
        _parse_count(setting, name, value) if names[name].type is int else _parse_amount(path, name, value),
    )


def _parse_count(setting, name, value):
    low = 1 if name == "timeout_s" else 0
    if not re.fullmatch(r"\d{1,9}", value) or int(value) < low:
        raise InvalidInput(f"{name} must be an integer from {low} to 999999999, got {setting!r}")
    return int(value)


def _parse_amount(path, name, value):
    kind = name.partition("_")[0]
    if _amount(kind, value) is None:
        raise InvalidInput(f"{path} must be {_QUANTITIES[kind][2]}, got {value!r}")
    return value


def _check_order(step, wanted):
    for kind in _QUANTITIES:
        request, limit = getattr(wanted, f"{kind}_request"), getattr(wanted, f"{kind}_limit")
        if _amount(kind, request) > _amount(kind, limit):
            raise InvalidInput(f"{step}.{kind}_request must not exceed {step}.{kind}_limit ({limit}), got {request}")
