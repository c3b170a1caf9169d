"""What is applied: an InferenceService of KServe, or a Deployment with its Service. Plain values, only our fields."""

from dataclasses import dataclass
from typing import Any

from components.deploy.placement import Placement

PORT = 8080
VERSION = "fashion-tuner/version"
REGISTRY = "fashion-tuner/registry"
NAME_LABEL = "app.kubernetes.io/name"
CONTAINER = "kserve-container"
"""The name by which KServe knows the container that answers."""

DRAIN_S = 5
"""How long a pod goes on taking requests after it was told to end, until nobody sends it any."""

START_S = 300
"""What a server may take to load its model."""


@dataclass(frozen=True)
class Kind:
    """A kind of objects in the Kubernetes API.

    Attributes:
        group: its API group, empty for the core.
        version: of the API.
        name: as a manifest has it.
        plural: as an address has it.
    """

    group: str
    version: str
    name: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str, name: str) -> str:
        """Return the address of an object of this kind."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}/{name}"

    @property
    def shown(self) -> str:
        """What an administrator calls it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


INFERENCE_SERVICE = Kind("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
SERVICE = Kind("", "v1", "Service", "services")


@dataclass(frozen=True)
class Wanted:
    """What a service should be.

    Attributes:
        name: the service's, and the model's in its addresses.
        registry: as the server's pods see it.
        version: the number of the registry's version.
        placement: what the pods have.
        canary_percent: the share of requests that a new version gets; 0: all.
    """

    name: str
    registry: str
    version: int
    placement: Placement
    canary_percent: int = 0


def inference_service(wanted: Wanted) -> dict[str, Any]:
    """Return KServe's InferenceService."""
    canary = {"canaryTrafficPercent": wanted.canary_percent} if wanted.canary_percent else {}
    return {**_object(INFERENCE_SERVICE, wanted), "spec": {"predictor": {**canary, **_pod(wanted)}}}


def deployment(wanted: Wanted) -> dict[str, Any]:
    """Return a Deployment; how many pods it has is left to whoever scales it."""
    labels = {NAME_LABEL: wanted.name}
    spec = {
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": labels}, "spec": _pod(wanted)},
    }
    return {**_object(DEPLOYMENT, wanted), "spec": spec}


def service(wanted: Wanted) -> dict[str, Any]:
    """Return the Service in front of the Deployment's pods."""
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": PORT}
    return {**_object(SERVICE, wanted), "spec": {"selector": {NAME_LABEL: wanted.name}, "ports": [port]}}


def _object(kind: Kind, wanted: Wanted) -> dict[str, Any]:
    annotations = {VERSION: str(wanted.version), REGISTRY: wanted.registry}
    metadata = {"name": wanted.name, "labels": {NAME_LABEL: wanted.name}, "annotations": annotations}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


def _pod(wanted: Wanted) -> dict[str, Any]:
    """Return the fields of a pod."""
    placement = wanted.placement
    pulled = [{"name": each} for each in placement.image_pull_secrets]
    claim = {"claimName": placement.registry_claim, "readOnly": True}
    volumes = [{"name": "tmp", "emptyDir": {}}]
    if placement.registry_claim:
        volumes.append({"name": "registry", "persistentVolumeClaim": claim})
    return {
        "containers": [_container(wanted)],
        "volumes": volumes,
        **({"imagePullSecrets": pulled} if pulled else {}),
        "terminationGracePeriodSeconds": 60,
    }


def _container(wanted: Wanted) -> dict[str, Any]:
    placement = wanted.placement
    words = {
        "registry": wanted.registry,
        "version": wanted.version,
        "name": wanted.name,
        "host": "0.0.0.0",
        "port": PORT,
    }
    ready = {"httpGet": {"path": "/v2/health/ready", "port": PORT}}
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    if placement.registry_claim:
        mounts.append({"name": "registry", "mountPath": placement.registry_mount})
    user = placement.user_id
    number = {} if user is None else {"runAsUser": user, "runAsGroup": user}
    return {
        "name": CONTAINER,
        "image": placement.image,
        "command": ["python3", "-m", "components.serve"],
        "args": [text for name, value in words.items() for text in (f"--{name}", str(value))],
        **({"envFrom": [{"secretRef": {"name": placement.secret}}]} if placement.secret else {}),
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "resources": {"requests": placement.requests, "limits": placement.limits},
        "readinessProbe": {**ready, "periodSeconds": 2, "failureThreshold": 2},
        "startupProbe": {**ready, "periodSeconds": 2, "failureThreshold": START_S // 2},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN_S)]}}},
        "securityContext": {
            **number,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
