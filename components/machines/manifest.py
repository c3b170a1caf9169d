"""The Indexed Job and the secret that give a search its pods: plain values, made from the pod that searches."""

from dataclasses import dataclass, field
from typing import Any

from components.machines.connection import VARIABLE

SEARCH_LABEL = "fashion-tuner/search"
CONTAINER = "worker"
KEY = "connection"
ENDED_BY_SIGTERM = 143
MOST_FAILURES_OF_AN_INDEX = 6
TIME_TO_LIVE_S = 300
WEEK_S = 7 * 86_400
OUR_VOLUMES = ("tmp",)
"""Volumes of the searching pod that its workers get too. The state volume is none: a claim may often be mounted on one
node only, and what workers leave travels to the search."""


@dataclass(frozen=True)
class Placement:
    """What the workers' pods have otherwise than the searching pod.

    Attributes:
        resources: `cpu_request`, `cpu_limit`, `memory_request`, `memory_limit`, as far as they differ.
        node_selector: labels that their nodes must have, in place of the searching pod's; None: the same.
        tolerations: as Kubernetes writes them, in place of the searching pod's; None: the same.
        labels: further labels of the job and its pods, such as Kueue's queue.
    """

    resources: dict[str, str] = field(default_factory=dict)
    node_selector: dict[str, str] | None = None
    tolerations: list[dict[str, str]] | None = None
    labels: dict[str, str] = field(default_factory=dict)


def secret(pod: dict[str, Any], connection: str) -> dict[str, Any]:
    """Return the secret with what a worker needs to reach the search; it goes with the searching pod."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(pod, {}),
        "stringData": {KEY: connection},
    }


def job(
    pod: dict[str, Any], container: str, n_pods: int, connection: dict[str, Any], placement: Placement
) -> dict[str, Any]:
    """Return the job of the workers, which goes with the searching pod.

    Args:
        pod: the searching pod, as the API server gives it.
        container: the name of its container that searches.
        n_pods: how many workers.
        connection: what the variable of the connection is: a `value`, or a `valueFrom`.
        placement: what is otherwise.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(pod, placement.labels),
        "spec": {
            "completionMode": "Indexed",
            "completions": n_pods,
            "parallelism": n_pods,
            "backoffLimitPerIndex": MOST_FAILURES_OF_AN_INDEX,
            "maxFailedIndexes": n_pods,
            "activeDeadlineSeconds": pod["spec"].get("activeDeadlineSeconds") or WEEK_S,
            "ttlSecondsAfterFinished": TIME_TO_LIVE_S,
            "podFailurePolicy": {"rules": _not_counted()},
            "template": _template(pod, container, connection, placement),
        },
    }


def run_of(pod: dict[str, Any]) -> str:
    """Return what names the search that a pod is of: all attempts of a run's task have the same."""
    labels = pod["metadata"].get("labels", {})
    return str(labels.get("pipeline/runid") or pod["metadata"]["name"])[:63]


def _not_counted() -> list[dict[str, Any]]:
    """Return the ends that are no fault of the worker: its node was taken, or its pod was deleted."""
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "Ignore",
            "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [ENDED_BY_SIGTERM]},
        },
    ]


def _template(pod: dict[str, Any], container: str, connection: dict[str, Any], placement: Placement) -> dict[str, Any]:
    theirs = pod["spec"]
    (main,) = [each for each in theirs["containers"] if each["name"] == container]
    kept = {
        name: theirs[name] for name in ("imagePullSecrets", "securityContext", "priorityClassName") if name in theirs
    }
    selector = theirs.get("nodeSelector") if placement.node_selector is None else placement.node_selector
    tolerations = theirs.get("tolerations") if placement.tolerations is None else placement.tolerations
    spec = {
        **kept,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "nodeSelector": selector or {},
        "tolerations": tolerations or [],
        "volumes": [volume for volume in theirs.get("volumes", []) if volume["name"] in OUR_VOLUMES],
        "containers": [_container(main, connection, placement)],
    }
    no_sidecar = {"sidecar.istio.io/inject": "false"}
    labels = {**placement.labels, **no_sidecar, SEARCH_LABEL: run_of(pod)}
    return {"metadata": {"labels": labels, "annotations": no_sidecar}, "spec": spec}


def _container(main: dict[str, Any], connection: dict[str, Any], placement: Placement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": CONTAINER,
        "image": main["image"],
        "command": ["python3", "-m", "components.machines.worker"],
        "env": [{"name": VARIABLE, **connection}],
        "resources": _resources(main.get("resources", {}), placement.resources),
        "volumeMounts": [mount for mount in main.get("volumeMounts", []) if mount["name"] in OUR_VOLUMES],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    copied = ("imagePullPolicy", "securityContext", "workingDir")
    return {**found, **{name: main[name] for name in copied if main.get(name)}}


def _resources(of_main: dict[str, Any], changed: dict[str, str]) -> dict[str, Any]:
    """Return the requests and limits of the searching container, with what is otherwise."""
    found = {kind: dict(of_main.get(kind) or {}) for kind in ("requests", "limits")}
    for name, value in changed.items():
        resource, _, kind = name.partition("_")
        found[f"{kind}s"][resource] = value
    return found


def _metadata(pod: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    return {
        "generateName": f"{pod['metadata']['name'][:40].rstrip('-.')}-workers-",
        "labels": {**labels, SEARCH_LABEL: run_of(pod)},
        "ownerReferences": [owner],
    }
