"""The GPUs that trainings may use: a worker has one, and the process that starts the workers none.

They are found without CUDA, which would take a part of each one's memory for this process as long as it lives.
"""

import contextlib
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from components.core import events

CHOICE = "CUDA_VISIBLE_DEVICES"
CONTAINER_S = "NVIDIA_VISIBLE_DEVICES"
"""What the container was given: by name, or as `all`, `void` or numbers, of which nothing follows in it."""

OTHER_PLACES = ("/usr/local/nvidia/bin", "/usr/lib/wsl/lib")
"""Where `nvidia-smi` lies in pods of Google's and in Windows' Linux, outside of PATH."""

LISTING_LIMIT_S = 60

_LISTED = re.compile(r"^\s*(GPU|MIG)\b.*\(UUID: ([^)\s]+)\)\s*$", re.MULTILINE)


def visible(environment: Mapping[str, str] = os.environ, root: Path = Path("/")) -> tuple[str, ...]:
    """Return the GPUs, and parts of GPUs (MIG), that may be used, as CUDA_VISIBLE_DEVICES names them.

    Args:
        environment: whose PATH and choice count.
        root: the file system whose device files are looked at where there is no `nvidia-smi`.
    """
    gpus, usable = _there(environment, root)
    if CHOICE not in environment:
        return usable
    chosen: list[str] = []
    for name in map(str.strip, environment[CHOICE].split(",")):
        if name in chosen or not _is_there(name, gpus, usable):
            break  # CUDA reads no further either
        chosen.append(name)
    return tuple(chosen)


def of_worker(slot: int, devices: tuple[str, ...]) -> str | None:
    """Return the device of a worker, None where there are none; where there are more workers they share them."""
    return devices[slot % len(devices)] if devices else None


def leave_to_workers() -> None:
    """Keep TensorFlow in this process off the GPUs, if it has not begun yet."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")


def take_one() -> None:
    """Have TensorFlow in this process use one GPU, and only what it needs of its memory, if it has not begun yet."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")[:1]
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    if gpus and not tf.config.get_visible_devices("GPU"):
        events.note("this process has left the GPUs to its workers, and trains on the processors")


def _there(environment: Mapping[str, str], root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the GPUs that are there, and of what can be used: a GPU's parts in its place."""
    program = shutil.which("nvidia-smi", path=os.pathsep.join([environment.get("PATH", ""), *OTHER_PLACES]))
    listed = _LISTED.findall(_listing(program)) if program else []
    if listed:
        return tuple(name for kind, name in listed if kind == "GPU"), _usable(listed)
    numbers = tuple(map(str, range(sum(path.name[6:].isdecimal() for path in root.glob("dev/nvidia*")))))
    given = tuple(name for name in environment.get(CONTAINER_S, "").split(",") if name.startswith(("GPU-", "MIG-")))
    return numbers, given if numbers and given else numbers


def _usable(listed: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return all names but those of GPUs below which parts are listed."""
    kinds = [*(kind for kind, _ in listed), "GPU"]
    return tuple(name for place, (_, name) in enumerate(listed) if kinds[place : place + 2] != ["GPU", "MIG"])


def _is_there(name: str, gpus: tuple[str, ...], usable: tuple[str, ...]) -> bool:
    """Say whether CUDA would find a device by a number, or by a name or its beginning."""
    if name.isdecimal():
        return int(name) < len(gpus)
    known = [each for each in (*gpus, *usable) if not each.isdecimal()]
    found = any(each.startswith(name) or name.startswith(f"MIG-{each}/") for each in known)
    return name.startswith(("GPU-", "MIG-")) and bool(gpus) and (found or not known)


@functools.cache
def _listing(program: str) -> str:
    """Return what `nvidia-smi -L` prints, nothing where it fails."""
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=LISTING_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        events.warn(f"nvidia-smi can't say which GPUs there are: {error}")
        return ""
    return done.stdout if done.returncode == 0 else ""
