"""The account that talks to the Kubernetes API, and what it may do there."""

from collections.abc import Iterable
from pathlib import Path

from kubernetes import client as api
from kubernetes import config

from components.core.errors import InvalidInput

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

Right = tuple[str, str, str]
"""API group, resource and verb."""


def use_own() -> str:
    """Use the account of the pod that this process runs in, and return the pod's namespace."""
    config.load_incluster_config()
    return (ACCOUNT / "namespace").read_text().strip()


def use_any(namespace: str = "") -> str:
    """Use the pod's account, or outside of a cluster that of the user's kubeconfig; return the namespace.

    Args:
        namespace: the one to use; empty for the pod's or the kubeconfig's own.

    Raises:
        InvalidInput: there is neither.
    """
    if (ACCOUNT / "namespace").exists():
        own = use_own()
        return namespace or own
    try:
        config.load_kube_config()
        _, active = config.list_kube_config_contexts()
    except config.ConfigException as error:
        raise InvalidInput(f"a Kubernetes cluster must be known here, in a kubeconfig: {error}") from None
    return namespace or str(active["context"].get("namespace") or "default")


def may(namespace: str, right: Right) -> bool:
    """Return whether the account has a right in a namespace."""
    group, resource, verb = right
    asked = {"namespace": namespace, "group": group, "resource": resource, "verb": verb}
    review = {"spec": {"resourceAttributes": asked}}
    return bool(api.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed)


def missing(namespace: str, rights: Iterable[Right]) -> list[Right]:
    """Return, of some rights, those that the account lacks."""
    return [right for right in rights if not may(namespace, right)]
