"""Which image each step runs in: a reference whose tag is derived from all that goes into the image.

The cluster's cache key holds an image's name and none of its code. So a name must change whenever what is in the
image does, and only then: the tag is a digest of the step's files, its locked requirements and its recipe.
"""

import hashlib
import json
import os
import re
from pathlib import Path

from cluster.placement import GPU_STEPS, STEPS
from components.core import files
from components.core.errors import InvalidInput

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = Path("docker/Dockerfile")
DIGESTS = ROOT / "build" / "digests.json"
NAME = "fashion-tuner"

_REGISTRY = re.compile(r"[\w.-]+(:\d+)?(/[a-z0-9._-]+)*/?")
_ARTEFACTS = ("__pycache__", ".pyc", ".pyo")


def image_references(registry="", gpu=False, digests=False, root=ROOT):
    """Return each step's image reference, by step.

    Args:
        registry: where the images are pushed to (`registry.example.org/team`), or empty for images that are loaded
            onto the nodes.
        gpu: whether `GPU_STEPS` get their images with CUDA.
        digests: refer to what was pushed by its digest, which nobody can move, rather than by tag.
        root: the project's folder.

    Raises:
        InvalidInput: no such registry, or a digest is asked for of an image that was not pushed from here.
    """
    if registry and not _REGISTRY.fullmatch(registry):
        raise InvalidInput(f"registry must be of the form registry.example.org/team, got {registry!r}")
    references = {step: _tagged(step, registry, gpu and step in GPU_STEPS, root) for step in STEPS}
    return {step: _pinned(reference) for step, reference in references.items()} if digests else references


def requirements_names(step, gpu=False):
    """Return the lock files under `requirements/` that the image is built from, the ones below it first."""
    below = {"prepare": (), "train": ("prepare",), "tune": ("prepare", "train"), "evaluate": ("prepare", "train")}
    names = (*below[step], step)
    return tuple(f"{name}-gpu" if gpu and name in GPU_STEPS else name for name in names)


def app_files(step, root=ROOT):
    """Return what the image's working directory holds: content by path, as bytes.

    The recipe in `docker/Dockerfile` copies the same files.
    """
    sources = [
        Path("components/__init__.py"),
        *_sources("components/core", root),
        *_sources("components/experiment", root),
        *_sources("components/training", root),
        *_sources(f"components/{step}", root),
    ]
    content = {str(path): (root / path).read_bytes() for path in sources}
    content["kfp_config.ini"] = f"[Components]\n{step} = components/{step}/component.py\n".encode()
    return content


def lay_out(step, folder, root=ROOT):
    """Write the image's working directory into a folder."""
    for path, content in app_files(step, root).items():
        target = Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def content_tag(step, gpu=False, root=ROOT):
    """Return the image's tag: the first 16 digits of a SHA-256 over everything that goes into the image."""
    content = app_files(step, root)
    for name in requirements_names(step, gpu):
        content[name] = (root / "requirements" / f"{name}.txt").read_bytes()
    content["Dockerfile"] = (root / DOCKERFILE).read_bytes()
    content["PYTHON_IMAGE"] = os.environ.get("PYTHON_IMAGE", "").encode()
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    return files.digest(sums)[:16]


def check_immutable(reference):
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


def record_digests(pushed, path=DIGESTS):
    """Remember the digests of pushed images, beside those that are known.

    Args:
        pushed: digest (`sha256:…`) by tagged reference.
        path: the file that remembers.
    """
    files.write_json({**_known_digests(path), **pushed}, path)


def _tagged(step, registry, gpu, root):
    prefix = f"{registry.rstrip('/')}/" if registry else ""
    return f"{prefix}{NAME}-{step}:{'gpu-' if gpu else ''}{content_tag(step, gpu, root)}"


def _pinned(reference):
    digest = _known_digests(DIGESTS).get(reference)
    if digest is None:
        remedy = "run `make images push REGISTRY=…`"
        raise InvalidInput(f"image must be pushed before it has a digest, got {reference!r}; {remedy}")
    return f"{reference.rpartition(':')[0]}@{digest}"


def _known_digests(path):
    return json.loads(path.read_bytes()) if path.exists() else {}


def _sources(folder, root):
    paths = (path.relative_to(root) for path in sorted((root / folder).rglob("*")) if path.is_file())
    return [path for path in paths if not str(path).endswith(_ARTEFACTS[1:]) and _ARTEFACTS[0] not in path.parts]
