"""What goes into a step's image: its share of `components/`, and the locked requirements that it is built on."""

import re
import shutil
from pathlib import Path

from components.core.errors import InvalidInput
from components.steps import IMAGES

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = Path("docker/Dockerfile")

_STAGE = re.compile(
    r"^FROM (?:([\w-]+)-packages|\w+) AS ([\w-]+)-packages\n(?:ARG GPU\n)?COPY requirements/(\S+) ", re.MULTILINE
)
_CUDA = "${GPU:+-gpu}"


def app_files(step: str, root: Path = ROOT) -> dict[str, bytes]:
    """Return what the image's working directory holds: content by path.

    Raises:
        InvalidInput: a folder that `components.steps` names is none.
    """
    folders = [f"components/{name}" for name in ("core", *IMAGES[step].shared, step)]
    for folder in folders:
        if not (root / folder).is_dir():
            raise InvalidInput(f"{folder} must be a folder, since step {step} needs it in components/steps.py")
    sources = [Path("components/__init__.py"), *(path for folder in folders for path in _sources(folder, root))]
    content = {str(path): (root / path).read_bytes() for path in sources}
    content["kfp_config.ini"] = f"[Components]\n{step} = components/{step}/component.py\n".encode()
    return content


def lock_files(step: str, gpu: bool = False, root: Path = ROOT) -> tuple[str, ...]:
    """Return the files under `requirements/` that the image is built from, the ones below it first.

    Raises:
        InvalidInput: the Dockerfile has no stage for the step's packages, or one of the files is missing.
    """
    stages = {name: (below, file) for below, name, file in _STAGE.findall((root / DOCKERFILE).read_text())}
    name, found = IMAGES[step].packages, list[str]()
    if name not in stages:
        raise InvalidInput(f"packages of {step} must be a stage of {DOCKERFILE} ({', '.join(stages)}), got {name!r}")
    while name:
        name, file = stages[name]
        found.insert(0, file.replace(_CUDA, "-gpu" if gpu and IMAGES[step].takes_gpu else ""))
    for file in found:
        if not (root / "requirements" / file).exists():
            raise InvalidInput(f"requirements/{file} is missing; state its group in pyproject.toml, then `make lock`")
    return tuple(found)


def write_context(step: str, folder: Path, root: Path = ROOT) -> None:
    """Write what the builder sees into a folder: the working directory as `app/`, and `requirements/`."""
    write_app(step, folder / "app", root)
    (folder / "requirements").mkdir()
    for path in sorted((root / "requirements").glob("*.txt")):
        shutil.copy2(path, folder / "requirements")


def write_app(step: str, folder: Path, root: Path = ROOT) -> None:
    """Write the image's working directory into a folder, readable for every user."""
    for path, content in app_files(step, root).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for path_here in (folder, *folder.rglob("*")):
        path_here.chmod(0o755 if path_here.is_dir() else 0o644)


def _sources(folder: str, root: Path) -> list[Path]:
    paths = (path.relative_to(root) for path in sorted((root / folder).rglob("*")) if path.is_file())
    return [path for path in paths if path.suffix not in (".pyc", ".pyo") and "__pycache__" not in path.parts]
