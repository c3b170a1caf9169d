"""How much memory there is, so that data which would not fit is refused before it is loaded."""

import os
from collections.abc import Iterator
from pathlib import Path

from components.core.errors import InvalidInput


def check(needed_bytes: int, origin: str, root: Path = Path("/")) -> None:
    """Refuse data that needs more memory than there is.

    Args:
        needed_bytes: what loading and splitting the data takes at most.
        origin: what the user calls the data.
        root: the file system in which the kernel's figures are looked up.

    Raises:
        InvalidInput: the message gives both sizes.
    """
    available = available_bytes(root)
    if needed_bytes > available:
        raise InvalidInput(
            f"data_source must fit into memory: {origin} needs {size(needed_bytes)} to be loaded and split, "
            f"and {size(available)} are available; use a smaller part of it, or a machine with more memory"
        )


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process can still take: what is free, at most what its control groups allow."""
    return min([_physical_bytes(root), *_limits(root)])


def size(n_bytes: int) -> str:
    """Return a number of bytes in the largest unit that suits it."""
    amount, unit = float(n_bytes), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{n_bytes} bytes" if unit == "bytes" else f"{amount:,.1f} {unit}"


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
