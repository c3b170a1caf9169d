"""How much memory there is, so that data which would not fit is refused before it is loaded."""

from pathlib import Path

from components.core import machine
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
    available = machine.available_bytes(root)
    if needed_bytes > available:
        raise InvalidInput(
            f"data_source must fit into memory: {origin} needs {size(needed_bytes)} to be loaded and split, "
            f"and {size(available)} are available; use a smaller part of it, or a machine with more memory"
        )


def size(n_bytes: int) -> str:
    """Return a number of bytes in the largest unit that suits it."""
    amount, unit = float(n_bytes), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{n_bytes} bytes" if unit == "bytes" else f"{amount:,.1f} {unit}"
