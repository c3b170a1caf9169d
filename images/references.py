"""Which image each step runs in: a reference whose tag is derived from all that goes into the image.

The cluster's cache key holds an image's name and none of its code. So a name must change whenever what is in the
image does, and only then: the tag is a digest of the step's files, its locked requirements and its recipe.
"""

import hashlib
import json
import os
import re
from pathlib import Path

from components.core import files
from components.core.errors import InvalidInput
from components.steps import IMAGES
from images import contents

DIGESTS = contents.ROOT / "build" / "digests.json"
NAME = "fashion-tuner"

_REGISTRY = re.compile(r"[\w.-]+(:\d+)?(/[a-z0-9._-]+)*/?")


def image_references(
    registry: str = "", gpu: bool = False, digests: bool = False, root: Path = contents.ROOT
) -> dict[str, str]:
    """Return the reference of each image, by the name of its step, or `serve`.

    Args:
        registry: where the images are pushed to (`registry.example.org/team`), or empty for images that are loaded
            onto the nodes.
        gpu: whether the steps that take a GPU get their images with CUDA.
        digests: refer to what was pushed by its digest, which nobody can move, rather than by tag.
        root: the project's folder.

    Raises:
        InvalidInput: no such registry, or a digest is asked for of an image that was not pushed from here.
    """
    if registry and not _REGISTRY.fullmatch(registry):
        raise InvalidInput(f"registry must be of the form registry.example.org/team, got {registry!r}")
    references = {name: _tagged(name, registry, gpu and image.takes_gpu, root) for name, image in IMAGES.items()}
    return {name: _pinned(reference) for name, reference in references.items()} if digests else references


def content_tag(step: str, gpu: bool = False, root: Path = contents.ROOT) -> str:
    """Return the image's tag: the first 16 digits of a SHA-256 over everything that goes into the image."""
    content = contents.app_files(step, root)
    for name in contents.lock_files(step, gpu, root):
        content[name] = (root / "requirements" / name).read_bytes()
    content["Dockerfile"] = (root / contents.DOCKERFILE).read_bytes()
    content["PYTHON_IMAGE"] = os.environ.get("PYTHON_IMAGE", "").encode()
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    return str(files.digest(sums))[:16]


def check_immutable(reference: str) -> None:
    """Refuse an image reference that can mean another image tomorrow.

    Raises:
        InvalidInput: the reference has neither tag nor digest, or its tag is `latest`.
    """
    reason = (
        "the cluster's cache knows an image by its name only, so a name that can change its meaning runs old code or "
        "gives old results; `make images push REGISTRY=…` names each image after its content"
    )
    if re.search(r"@sha256:[0-9a-f]{64}$", reference):
        return
    tag = re.search(r"^[^@]+:([\w.-]+)$", reference)
    if tag is None:
        raise InvalidInput(f"image must have a tag or a digest, got {reference!r}: {reason}")
    if tag[1] == "latest":
        raise InvalidInput(f"image must not be tagged latest, got {reference!r}: {reason}")


def record_digests(pushed: dict[str, str], path: Path = DIGESTS) -> None:
    """Remember the digests of pushed images, beside those that are known.

    Args:
        pushed: digest (`sha256:…`) by tagged reference.
        path: the file that remembers.
    """
    files.write_json({**_known_digests(path), **pushed}, path)


def _tagged(step: str, registry: str, gpu: bool, root: Path) -> str:
    prefix = f"{registry.rstrip('/')}/" if registry else ""
    return f"{prefix}{NAME}-{step}:{'gpu-' if gpu else ''}{content_tag(step, gpu, root)}"


def _pinned(reference: str) -> str:
    digest = _known_digests(DIGESTS).get(reference)
    if digest is None:
        remedy = "run `make images push REGISTRY=…`"
        raise InvalidInput(f"image must be pushed before it has a digest, got {reference!r}; {remedy}")
    return f"{reference.rpartition(':')[0]}@{digest}"


def _known_digests(path: Path) -> dict[str, str]:
    return dict(json.loads(path.read_bytes())) if path.exists() else {}
