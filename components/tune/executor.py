"""Who trains for a search: the processes of this machine, or machines that it starts or is given."""

from typing import TYPE_CHECKING, Any

from components.core.errors import InvalidInput
from components.workers.pool import Pool

if TYPE_CHECKING:
    from components.machines.crew import Crew
    from components.tune.search import SearchSettings

LOOPBACK = "127.0.0.1"
DASHBOARD = f"{LOOPBACK}:8787"


def executor_for(settings: "SearchSettings", setup: dict[str, Any]) -> "Pool | Crew":
    """Return who trains the stretches of a search.

    Args:
        settings: the `SearchSettings`.
        setup: the data: `training_data`, the artifact's path, and its `fingerprint`.

    Raises:
        InvalidInput: worker machines can't be had as the settings ask for; the message names the parameter.
    """
    if settings.pods and settings.dask_scheduler:
        raise InvalidInput(f"pods must be 0 with a dask_scheduler, which has its own workers, got {settings.pods}")
    if settings.dashboard and not settings.pods:
        raise InvalidInput("dashboard must be false without pods: a search of one machine has none, got true")
    if not settings.pods and not settings.dask_scheduler:
        return Pool(settings.workers, setup, settings.trial_time_limit_s)
    from components.machines.crew import Crew

    membership, n_expected = _membership(settings)
    return Crew(
        membership,
        setup,
        own_slots=settings.workers,
        n_expected=n_expected,
        time_limit_s=settings.trial_time_limit_s,
        timeout_s=settings.worker_timeout_s,
    )


def _membership(settings: "SearchSettings") -> tuple[Any, int]:
    """Return where the machines come from, and how many trainings at once they will have room for, if known."""
    from components.machines import pods
    from components.machines.membership import Existing, OwnScheduler, Processes

    if settings.dask_scheduler:
        return Existing(settings.dask_scheduler), 0
    dashboard = DASHBOARD if settings.dashboard else ""
    if pods.is_in_cluster():
        workers = pods.Pods(settings.pods, settings.workers_wanted, pods.placement_here(), dashboard)
        return workers, settings.pods * settings.workers
    scheduler = OwnScheduler(LOOPBACK, dashboard)
    slots = settings.workers_wanted or max(1, settings.workers // settings.pods)
    return Processes(settings.pods, slots, scheduler), settings.pods * slots
