"""Builds and pushes the images, with docker or with buildah."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from components.core.errors import InvalidInput
from components.steps import IMAGES
from images import contents

PYTHON_IMAGE = "docker.io/library/python:3.11-slim-bookworm"

BUILD_COMMANDS = {
    "docker": ("docker", "buildx", "build", "--load"),
    "buildah": ("buildah", "build", "--layers", "--isolation=chroot", "--network=host", "--pull=false"),
}
"""How each builder builds; what is built is said to both in the same words.

buildah needs no daemon and, with `chroot` isolation, no right to make namespaces.
"""


def choose(name: str = "") -> str:
    """Return the builder of a name, or the one that works here.

    Raises:
        InvalidInput: no such builder, or none that works here.
    """
    if name:
        if name not in BUILD_COMMANDS or not shutil.which(name):
            raise InvalidInput(f"BUILDER must be {' or '.join(BUILD_COMMANDS)}, and installed here, got {name!r}")
        return name
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        return "docker"
    if shutil.which("buildah"):
        return "buildah"
    raise InvalidInput("BUILDER must be docker or buildah, and neither works here; install one of them")


def build(builder: str, step: str, reference: str, gpu: bool, secrets: Mapping[str, str]) -> None:
    """Build a step's image.

    Args:
        builder: `docker` or `buildah`.
        step: name of the step.
        reference: what the image is called.
        gpu: whether with CUDA.
        secrets: file by secret's name, see `build_secrets`.
    """
    with tempfile.TemporaryDirectory() as folder:
        contents.write_context(step, Path(folder))
        _run(*build_command(builder, step, reference, gpu, secrets), folder)


def build_command(builder: str, step: str, reference: str, gpu: bool, secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that builds a step's image, but for the folder that it is built from."""
    settings = {
        "PYTHON_IMAGE": python_image(),
        "GPU": "1" if gpu else "",
        "STEP": step,
        "PACKAGES": IMAGES[step].packages,
    }
    return (
        *BUILD_COMMANDS[builder],
        *(f"--secret=id={name},src={path}" for name, path in secrets.items()),
        *(f"--build-arg={name}={value}" for name, value in settings.items()),
        f"--file={contents.ROOT / contents.DOCKERFILE}",
        f"--tag={reference}",
    )


def push(builder: str, reference: str) -> str:
    """Push an image that was built before, and return its digest."""
    if builder == "buildah":
        with tempfile.NamedTemporaryFile() as digest:
            _run("buildah", "push", f"--digestfile={digest.name}", reference)
            return Path(digest.name).read_text().strip()
    _run("docker", "push", reference)
    described = _run("docker", "image", "inspect", "--format={{json .RepoDigests}}", reference, captured=True)
    name = reference.rpartition(":")[0]
    digests = [str(digest).partition("@") for digest in json.loads(described)]
    return next(digest for pushed_to, _, digest in digests if pushed_to == name)


def python_image() -> str:
    """Return the image with Python that the others are built on."""
    return os.environ.get("PYTHON_IMAGE") or PYTHON_IMAGE


def _run(*command: str, captured: bool = False) -> str:
    """Run a command, and end this process when it fails; return what it printed if that is `captured`."""
    done = subprocess.run(command, stdout=subprocess.PIPE if captured else None, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed with exit status {done.returncode}; its output says why")
    return done.stdout or ""
