"""How many stretches to train at once."""

from pathlib import Path

from components.core import machine

WORKER_BYTES = 1_000 * 2**20
NVIDIA_DEVICE = Path("/dev/nvidia0")


def resolve_workers(workers: int) -> int:
    """Return how many stretches to train at once.

    Args:
        workers: the parameter; 0 asks for as many as processors and memory allow; 1 on a GPU.
    """
    import joblib

    if workers:
        return workers
    if NVIDIA_DEVICE.exists():
        return 1
    return max(1, min(int(joblib.cpu_count()), machine.available_bytes() // WORKER_BYTES - 1))
