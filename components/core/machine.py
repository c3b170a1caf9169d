"""What this process may use of the machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Controller:
    """Where a version of control groups keeps its figures of memory, and what it calls them.

    Attributes:
        top: folder of the groups, below the root.
        limit: file of the limit, without a number where there is none.
        usage: file of what is in use, cached files included.
        reclaimable: entry of `memory.stat` with the cached files that the kernel gives up first.
    """

    top: str
    limit: str
    usage: str
    reclaimable: str


_VERSION_1 = _Controller(
    "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
)
_VERSION_2 = _Controller("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process can still take: what is free, at most what its control groups have left.

    Args:
        root: the file system in which the kernel's figures are looked up.
    """
    return max(0, min([_physical_bytes(root), *_left_in_groups(root)]))


def _physical_bytes(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what is left to this process's control groups and to all above them, where they have a limit."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, group = line.strip().split(":", 2)
        if controllers == "":
            controller = _VERSION_2
        elif "memory" in controllers.split(","):
            controller = _VERSION_1
        else:
            continue
        below = Path(group.lstrip("/"))
        for part in (below, *below.parents):
            yield from _left_in(root / controller.top / part, controller)


def _left_in(folder: Path, controller: _Controller) -> Iterator[int]:
    """Yield a group's limit less what it uses; cached files that nobody has lately read count as free."""
    for limit in _numbers(folder / controller.limit):
        used = sum(_numbers(folder / controller.usage))
        cached = sum(_numbers(folder / "memory.stat", controller.reclaimable))
        yield limit - max(0, used - cached)


def _numbers(path: Path, name: str = "") -> Iterator[int]:
    """Yield the number in a file of one or, with a name, in its line that begins with that; nothing for `max`."""
    for line in _lines(path):
        *key, text = line.split() or [""]
        if key == ([name] if name else []) and text.isdecimal():
            yield int(text)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
