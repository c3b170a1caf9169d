"""Objects of a Kubernetes API by server-side apply: only the fields that are given are ours."""

from typing import Any

import urllib3
from kubernetes.client import ApiClient, ApiException

from components.core.errors import PipelineError
from components.deploy.manifests import Kind
from components.kube import reasons

MANAGER = "fashion-tuner"
TIMEOUT_S = 30


class Refused(PipelineError):
    """What the API server, or one of its webhooks, has refused."""


class Unreachable(PipelineError):
    """An API server that does not answer, which may pass."""


def get(kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
    """Return an object, or None when there is none.

    Raises:
        Refused: it may not be read, or the kind is not known to the cluster.
    """
    try:
        return _call("GET", kind.path(namespace, name))
    except ApiException as error:
        if error.status == 404 and _is_about(error, name):
            return None
        if error.status == 404:
            raise Refused(
                f"the cluster must know {kind.shown}, and does not: install KServe, or give --deployment true"
            ) from None
        raise Refused(f"{kind.shown} {name} in {namespace} can't be read: {reasons.said(error)}") from None


def apply(kind: Kind, namespace: str, manifest: dict[str, Any], force: bool = False) -> dict[str, Any]:
    """Make an object, or give it our fields, and return it as it is then.

    Args:
        kind: its kind.
        namespace: where it is.
        manifest: our fields.
        force: take fields that somebody else owns; without it that is refused.

    Raises:
        Refused: by the server, or a webhook; a conflict names the fields, and who owns them.
    """
    name = manifest["metadata"]["name"]
    query = {"fieldManager": MANAGER, **({"force": "true"} if force else {})}
    try:
        return _call("PATCH", kind.path(namespace, name), query, manifest)
    except ApiException as error:
        hint = "; who set these fields must give them up, or set them to the same" if error.status == 409 else ""
        raise Refused(f"{kind.name} {name} was refused: {reasons.said(error)}{hint}") from None


def delete(kind: Kind, namespace: str, name: str) -> None:
    """Delete an object, if it is there."""
    try:
        _call("DELETE", kind.path(namespace, name))
    except ApiException as error:
        if error.status != 404:
            raise Refused(f"{kind.name} {name} can't be deleted: {reasons.said(error)}") from None


def ours(before: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """Return an object's values at the fields of a manifest: what brings them back when it is applied."""
    return {**_at(before, manifest), "apiVersion": manifest["apiVersion"], "kind": manifest["kind"]}


def _at(value: Any, fields: Any) -> Any:
    if isinstance(fields, dict) and isinstance(value, dict):
        return {name: _at(value[name], inside) for name, inside in fields.items() if name in value}
    if isinstance(fields, list) and isinstance(value, list) and all(_is_named(each) for each in (*fields, *value)):
        named = {each["name"]: each for each in fields}
        return [_at(each, named[each["name"]]) for each in value if each["name"] in named]
    return value


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and "name" in value


def _is_about(error: ApiException, name: str) -> bool:
    return f'"{name}" not found' in reasons.said(error)


def _call(method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> dict[str, Any]:
    kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
    try:
        found: dict[str, Any] = ApiClient().call_api(
            path,
            method,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": kind},
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=TIMEOUT_S,
        )
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(f"the Kubernetes API can't be reached: {error}") from None
    return found
