"""What a Kubernetes API server says, in a line."""

import json
from typing import Any

from kubernetes.client import ApiException


def said(error: ApiException) -> str:
    """Return what the API server said."""
    try:
        return " ".join(str(json.loads(error.body)["message"]).split())
    except (ValueError, KeyError, TypeError):
        return f"{error.status} {' '.join(str(error.reason).split())}"


def why_pending(pod: Any) -> list[str]:
    """Return what keeps a pod from running, a reason each."""
    unscheduled = [
        f"{each.reason}: {each.message}"
        for each in pod.status.conditions or []
        if each.type == "PodScheduled" and each.status == "False"
    ]
    waiting = [each.state.waiting for each in pod.status.container_statuses or [] if each.state and each.state.waiting]
    return [*unscheduled, *(f"{each.reason}: {each.message or ''}".rstrip(": ") for each in waiting)]
