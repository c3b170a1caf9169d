"""How many stretches to train at once."""

from components.core import machine
from components.workers import devices

WORKER_BYTES = 1_000 * 2**20


def resolve_workers(workers: int) -> int:
    """Return how many stretches to train at once.

    Args:
        workers: the parameter; 0 asks for one a GPU or, without any, as many as processors and memory allow.
    """
    if workers:
        return workers
    if gpus := devices.visible():
        return len(gpus)
    return max(1, min(side_by_side(), machine.available_bytes() // WORKER_BYTES - 1))


def side_by_side() -> int:
    """Return how many trainings this machine has a device of their own for: its GPUs or, without any, processors."""
    import joblib

    return len(devices.visible()) or int(joblib.cpu_count())
