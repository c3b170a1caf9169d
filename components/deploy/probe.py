"""Asks a service about a version's examples, and compares what it says with what Keras said of them."""

import json
from typing import Any

import numpy as np
import urllib3

from components.core.errors import PipelineError
from components.registry import examples as example_files
from components.registry.examples import Examples

AT_ONCE = 8
TIMEOUT_S = 15.0


class WrongAnswer(PipelineError):
    """A service that answers otherwise than the version that it should serve."""


class NoAnswer(PipelineError):
    """A service that can't be asked yet."""


def ask(address: str, name: str, version: int, examples: Examples, class_names: tuple[str, ...]) -> str:
    """Return the version that has answered: `version`, or, of a service that has two, the other one.

    Raises:
        NoAnswer: the service can't be reached, or is not ready.
        WrongAnswer: the version answers otherwise than when it was registered.
    """
    with urllib3.PoolManager(timeout=TIMEOUT_S, retries=False) as pool:
        for start in range(0, len(examples), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            said = _asked(pool, f"{address.rstrip('/')}/v1/models/{name}:predict", examples.inputs[part])
            if said["model_version"] != str(version):
                return str(said["model_version"])
            _compare(said["predictions"], examples.probabilities[part], class_names, version)
    return str(version)


def _asked(pool: urllib3.PoolManager, url: str, inputs: np.ndarray) -> dict[str, Any]:
    body = json.dumps({"instances": inputs.tolist()}).encode()
    try:
        answer = pool.request("POST", url, body=body, headers={"content-type": "application/json"})
    except urllib3.exceptions.HTTPError as error:
        raise NoAnswer(f"{url} can't be reached: {error}") from None
    try:
        said = json.loads(answer.data)
        if answer.status == 200:
            return {"model_version": str(said["model_version"]), "predictions": list(said["predictions"])}
        reason = said["error"]
    except (ValueError, KeyError, TypeError):
        reason = answer.data[:200].decode(errors="replace")
    raise (WrongAnswer if answer.status == 400 else NoAnswer)(f"{url} answers {answer.status}: {reason}")


def _compare(said: list[Any], wanted: np.ndarray, class_names: tuple[str, ...], version: int) -> None:
    try:
        found = np.array([each["probabilities"] for each in said], np.float32)
        labels = [each["label"] for each in said]
        difference = float(np.abs(found - wanted).max())
    except (ValueError, KeyError, TypeError):
        raise WrongAnswer(f"version {version} answers in another form than this project's server") from None
    expected = [class_names[index] for index in wanted.argmax(axis=1)]
    if not difference <= example_files.TOLERANCE or (labels != expected and difference > 0):
        raise WrongAnswer(
            f"version {version} must answer as it did when it was registered, and a probability of its examples "
            f"differs by {difference:.4f}"
        )
