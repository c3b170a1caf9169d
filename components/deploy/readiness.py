"""Whether a service is ready, by its own account, and where it answers."""

from dataclasses import dataclass
from typing import Any

from kubernetes import client as api

from components.deploy.manifests import NAME_LABEL
from components.kube import reasons


@dataclass(frozen=True)
class State:
    """How a service stands.

    Attributes:
        is_ready: whether it says that it is, of what was applied last.
        reason: why not, in words.
        address: where it answers inside the cluster, or empty.
    """

    is_ready: bool
    reason: str
    address: str = ""


def of_inference_service(found: dict[str, Any]) -> State:
    """Return how an InferenceService stands."""
    status = found.get("status", {})
    conditions = status.get("conditions", [])
    is_observed = status.get("observedGeneration", 0) in (0, found["metadata"]["generation"])
    is_ready = is_observed and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    waiting = [
        f"{each['type']} {each['status']}: {each.get('message') or each.get('reason') or 'no reason given'}"
        for each in conditions
        if each["status"] != "True"
    ]
    address = (status.get("address") or {}).get("url") or status.get("url") or ""
    return State(is_ready, "; ".join(waiting) or "the controller has said nothing yet", address)


def of_deployment(found: dict[str, Any], namespace: str) -> State:
    """Return how a Deployment stands; its Service has its name."""
    status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
    is_observed = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    counts = [status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas")]
    is_ready = is_observed and counts == [wanted] * 3
    stuck = [
        f"{each['type']} {each['status']}: {each.get('message', '')}"
        for each in status.get("conditions", [])
        if (each["type"], each["status"]) in (("Progressing", "False"), ("ReplicaFailure", "True"))
    ]
    reason = "; ".join([f"{counts[0]} of {wanted} pods are of the new version, {counts[1]} available", *stuck])
    return State(is_ready, reason, f"http://{found['metadata']['name']}.{namespace}.svc.cluster.local")


def of_pods(namespace: str, name: str) -> str:
    """Return what keeps a service's pods from running, as far as it can be seen."""
    try:
        pods = []
        for selector in (f"{NAME_LABEL}={name}", f"serving.kserve.io/inferenceservice={name}"):
            pods += api.CoreV1Api().list_namespaced_pod(namespace, label_selector=selector).items
    except api.ApiException:
        return ""
    return "; ".join(sorted({why for pod in pods for why in _why(pod)}))


def _why(pod: Any) -> list[str]:
    ended = [each.last_state.terminated for each in pod.status.container_statuses or [] if each.last_state]
    crashes = [f"the server ended with {each.exit_code}: {_last_line(each)}" for each in ended if each]
    return [*reasons.why_pending(pod), *crashes]


def _last_line(ended: Any) -> str:
    lines = (ended.message or "").strip().splitlines()
    return str(lines[-1] if lines else ended.reason)
