"""The environment that the peers run in: made from the lock beside this file, and anew when the lock has changed."""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/peers-venv"
LOCK = Path(__file__).with_name("requirements.txt")


def installed() -> Path:
    """Return the Python of the peers' environment, which is made when it is not there."""
    stamp, lock = FOLDER / ".installed", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python = FOLDER / "bin/python"
    if not stamp.exists() or stamp.read_text() != lock:
        print(f"installing {LOCK.relative_to(ROOT)} into {FOLDER.relative_to(ROOT)}", file=sys.stderr, flush=True)
        _uv("venv", "--clear", "--python", sys.executable, FOLDER)
        _uv("pip", "sync", "--require-hashes", "--compile-bytecode", "--python", python, LOCK)
        stamp.write_text(lock)
    # Reading gigabytes of libraries for the first time would count as the first peer's start-up.
    subprocess.run(
        [python, "-c", "import keras_tuner, optuna, tensorflow, torch"], stderr=subprocess.DEVNULL, check=True
    )
    return python


def versions(*packages: str) -> dict[str, str]:
    """Return the locked versions of packages, by name."""
    lines = (line.split()[0].partition("==") for line in LOCK.read_text().splitlines() if "==" in line)
    locked = {name: version for name, _, version in lines}
    return {name: locked[name] for name in packages}


def _uv(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "uv", "--quiet", *map(str, arguments)], check=True)
