"""What this process may use of the machine: processors and memory, by affinity and cgroup of either version."""

import contextlib
import os
from pathlib import Path

CGROUP_MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_bytes() -> int:
    """Return the memory that this process and its children may use in all: the machine's, or the cgroup's limit."""
    amounts = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in CGROUP_MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
            amounts.append(int(path.read_text()))
    return min(amounts)
