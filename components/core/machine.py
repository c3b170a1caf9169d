"""What this process may use of the machine."""

import os
from collections.abc import Iterator
from pathlib import Path


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process can still take: what is free, at most what its control groups allow.

    Args:
        root: the file system in which the kernel's figures are looked up.
    """
    return min([_physical_bytes(root), *_limits(root)])


def _physical_bytes(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _limits(root: Path) -> Iterator[int]:
    """Yield the limits of this process's control groups and of all above them, of version 1 and 2."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, group = line.strip().split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        below = Path(group.lstrip("/"))
        for part in (below, *below.parents):
            for text in _lines(top / part / name):
                if text.strip().isdecimal():
                    yield int(text)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
