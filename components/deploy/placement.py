"""What the pods of a service are, besides the version: told by whoever compiles the pipeline, in a variable."""

import json
import os
from dataclasses import dataclass, field

from components.core.errors import InvalidInput

VARIABLE = "SERVING"


@dataclass(frozen=True)
class Placement:
    """What the server's pods have.

    Attributes:
        image: the server's.
        requests, limits: `cpu` and `memory`, as Kubernetes writes them.
        registry_claim: the volume with the registry, mounted where the registry's path says; empty: none.
        registry_mount: that path.
        secret: its keys are variables in the server: the registry's credentials; empty: none.
        image_pull_secrets: names.
        user_id: numeric user and group; None leaves the number to the cluster.
    """

    image: str
    requests: dict[str, str] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    registry_claim: str = ""
    registry_mount: str = ""
    secret: str = ""
    image_pull_secrets: list[str] = field(default_factory=list)
    user_id: int | None = None


def placement_here() -> Placement:
    """Return what the pipeline was compiled with.

    Raises:
        InvalidInput: this is no task of a compiled pipeline.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        raise InvalidInput(
            "inference_service must be empty in a run on this machine; `python pipeline.py deploy` puts a version "
            "behind a service from here"
        )
    return Placement(**json.loads(text))
