"""Everything about a compiled pipeline that is the cluster's rather than the search's."""

from dataclasses import dataclass, field

from components.steps import ALL_STEPS, Resources

STATE_MOUNT = "/state"
DATA_MOUNT = "/data"
REGISTRY_MOUNT = "/registry"
USER_ID = 10001
SERVER = "serve"
SERVER_RESOURCES = Resources("500m", "2", "1Gi", "2Gi", timeout_s=0, retries=0)
"""What the pods of a deployed service ask for; they have neither time-out nor retries."""

WORKER = "worker"
"""Stands for the pods that a search starts where an option names a step."""


@dataclass(frozen=True)
class Toleration:
    """A taint that a task's node may have; `value` None means any value, `effect` None any effect."""

    key: str
    value: str | None = None
    effect: str | None = None


@dataclass(frozen=True)
class ClusterOptions:
    """What `place` puts on each task; the defaults by step stand in `components.steps.ALL_STEPS`.

    Attributes:
        images: image reference by step; a step without one keeps its component's own name.
        resources: what each step asks for, and the pods of a deployed service, `SERVER`.
        gpus: accelerators for each step that takes them, 0 for none.
        accelerator: the accelerator's resource name.
        node_selectors: (step, label, value); a step of None means every step, `WORKER` the search's worker pods.
        tolerations: (step, toleration); the same.
        state_volume_claim: claim that is mounted at `STATE_MOUNT` in steps that keep state, or None.
        data_volume_claim: claim that is mounted at `DATA_MOUNT` in steps that read the user's data, or None.
        registry_volume_claim: claim that is mounted at `REGISTRY_MOUNT` in steps that use the registry, or None.
        registry_secret: secret with the credentials of the registry's store, or None.
        worker_resources: of the search's worker pods, by a resource's name; the others are the searching task's.
        labels: of every task's pod.
        worker_labels: of the worker pods and their job, such as the queue that admits them.
        image_pull_secrets: names of secrets for a private registry.
        cache: True or False for all steps, None for what the table says.
        cache_evaluate: whether evaluate is cached when `cache` is None.
        source_may_change: whether the data may change while its name stays: what lies at an address, or is only named
            when a run is started.
        ttl_s: seconds after its end for which a run's pods and workflow are kept; 0 leaves it to the cluster.
        run_timeout_s: seconds after which a run is ended, whatever it does; 0 for never.
        user_id: numeric user and group the tasks run as; None leaves the number to the cluster.
    """

    images: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resources] = field(
        default_factory=lambda: {
            **{name: step.resources for name, step in ALL_STEPS.items()},
            SERVER: SERVER_RESOURCES,
        }
    )
    gpus: int = 0
    accelerator: str = "nvidia.com/gpu"
    node_selectors: tuple[tuple[str | None, str, str], ...] = ()
    tolerations: tuple[tuple[str | None, Toleration], ...] = ()
    state_volume_claim: str | None = None
    data_volume_claim: str | None = None
    registry_volume_claim: str | None = None
    registry_secret: str | None = None
    worker_resources: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    worker_labels: dict[str, str] = field(default_factory=dict)
    image_pull_secrets: tuple[str, ...] = ()
    cache: bool | None = None
    cache_evaluate: bool = ALL_STEPS["evaluate"].cached
    source_may_change: bool = True
    ttl_s: int = 0
    run_timeout_s: int = 0
    user_id: int | None = USER_ID

    @property
    def state_dir(self) -> str:
        """The folder that the pipeline hands to the steps for their state; empty means none."""
        return STATE_MOUNT if self.state_volume_claim else ""

    def caches(self, name: str) -> bool:
        """Whether the step's old outputs may be used.

        Files on a volume or at an address can change under the same name, which the cache would not see, so a step
        that reads them is not cached unless `cache` says so.
        """
        if self.cache is not None:
            return self.cache
        if name == "evaluate":
            return self.cache_evaluate
        reads_what_may_change = ALL_STEPS[name].reads_data and (self.source_may_change or self.data_volume_claim)
        return ALL_STEPS[name].cached and not reads_what_may_change


def notes(options: ClusterOptions) -> list[str]:
    """Return what a user should know of these options, a sentence each."""
    if options.state_volume_claim:
        return []
    consequence = "a search that is pre-empted or retried starts again; --state-volume-claim NAME keeps it."
    return [f"No state volume: {consequence}"]
