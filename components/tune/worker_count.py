"""How many trials to run at once."""

from pathlib import Path

from components.core import journal, machine

WORKER_BYTES = 1_000 * 2**20
NVIDIA_DEVICE = Path("/dev/nvidia0")


def resolve_workers(workers: int, state_dir: str | Path) -> int:
    """Return how many trials to run at once.

    Args:
        workers: the parameter; 0 asks for the number that a search in `state_dir` began with, else for as many as
            processors and memory allow; 1 on a GPU.
        state_dir: folder of the journal.
    """
    import joblib

    if workers:
        return workers
    path = Path(state_dir) / journal.FILE_NAME
    begun = journal.read(path).header.get("workers") if path.exists() else None
    if isinstance(begun, int):
        return max(1, begun)
    if NVIDIA_DEVICE.exists():
        return 1
    return max(1, min(int(joblib.cpu_count()), machine.available_bytes() // WORKER_BYTES - 1))
