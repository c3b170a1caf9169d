"""Brings a service to a version: rights first, then the change, then proof, and back where the proof fails."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import urllib3

from components.core import events
from components.core.errors import InvalidInput, PipelineError
from components.deploy import manifests, objects, probe, readiness
from components.deploy.manifests import DEPLOYMENT, INFERENCE_SERVICE, SERVICE, Kind, Wanted
from components.kube import account
from components.registry.examples import Examples

VERBS = ("get", "create", "patch", "delete")
FILE_WITH_RIGHTS = "docs/deploy-rights.yaml"
LOOK_S = 2.0
CANARY_PAUSE_S = 0.1
"""Between two requests to a service of two versions, until the new one has answered."""


class NotDeployed(PipelineError):
    """A service that could not be brought to a version, and is as it was."""


@dataclass(frozen=True)
class Target:
    """Where a service is.

    Attributes:
        namespace: of Kubernetes.
        is_plain: whether it is a Deployment with a Service, rather than KServe's.
        ready_timeout_s: how long it may take to be ready and answer.
        address: where to ask it; empty for where it says itself.
    """

    namespace: str
    is_plain: bool
    ready_timeout_s: float
    address: str = ""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (DEPLOYMENT, SERVICE) if self.is_plain else (INFERENCE_SERVICE,)


def deploy(target: Target, wanted: Wanted, examples: Examples, class_names: tuple[str, ...]) -> None:
    """Make a service answer with a version, or leave it as it was.

    Args:
        target: where it is.
        wanted: what it should be.
        examples: of the version, with its answers.
        class_names: of the version.

    Raises:
        InvalidInput: the account lacks a right; nothing was changed.
        NotDeployed: it was refused, was not ready in time, or answered otherwise than it must.
    """
    try:
        _refuse_without_rights(target)
    except urllib3.exceptions.HTTPError as error:
        raise objects.Unreachable(f"the Kubernetes API can't be reached: {error}") from None
    first = target.kinds[0]
    applied = {kind: _manifest(kind, wanted) for kind in target.kinds}
    before = {kind: objects.get(kind, target.namespace, wanted.name) for kind in target.kinds}
    events.note(f"{first.name} {wanted.name} in {target.namespace}: {_change(before[first], wanted)}")
    changed: list[Kind] = []
    try:
        for kind, manifest in applied.items():
            try:
                objects.apply(kind, target.namespace, manifest)
            except objects.Unreachable:
                changed.append(kind)  # the answer was lost, perhaps not the change
                raise
            changed.append(kind)
        _until_it_answers(target, wanted, examples, class_names)
    except BaseException as error:
        _bring_back(target, {kind: before[kind] for kind in changed}, applied)
        if isinstance(error, PipelineError):
            state = "is as it was" if before[first] else "is not there, as before"
            message = f"version {wanted.version} was not deployed, and {wanted.name} {state}: {error}"
            raise NotDeployed(message) from error
        raise
    events.note(f"version {wanted.version} answers as it did when it was registered")


def _manifest(kind: Kind, wanted: Wanted) -> dict[str, Any]:
    makers: dict[Kind, Callable[[Wanted], dict[str, Any]]] = {
        INFERENCE_SERVICE: manifests.inference_service,
        DEPLOYMENT: manifests.deployment,
        SERVICE: manifests.service,
    }
    return makers[kind](wanted)


def _refuse_without_rights(target: Target) -> None:
    rights = [(kind.group, kind.plural, verb) for kind in target.kinds for verb in VERBS]
    for group, resource, verb in account.missing(target.namespace, rights):
        name = f"{resource}.{group}" if group else resource
        raise InvalidInput(f"may not {verb} {name} in {target.namespace}: apply {FILE_WITH_RIGHTS}")


def _change(before: dict[str, Any] | None, wanted: Wanted) -> str:
    if before is None:
        return f"made for version {wanted.version}"
    had = before["metadata"].get("annotations", {}).get(manifests.VERSION, "something else")
    return f"from {had} to version {wanted.version}"


def _until_it_answers(target: Target, wanted: Wanted, examples: Examples, class_names: tuple[str, ...]) -> None:
    """Return when the service is ready and the version has answered.

    Raises:
        NotDeployed: it takes too long.
        WrongAnswer: it answers otherwise than it must.
    """
    end, said = time.monotonic() + target.ready_timeout_s, ""
    while time.monotonic() < end:
        try:
            state = _state(target, wanted.name)
        except objects.Unreachable as error:
            state = readiness.State(False, str(error))
        reason = state.reason
        if state.is_ready:
            try:
                address = target.address or state.address
                answered = probe.ask(address, wanted.name, wanted.version, examples, class_names)
                if answered == str(wanted.version):
                    return
                reason = f"version {answered} has answered"
                if wanted.canary_percent:
                    time.sleep(CANARY_PAUSE_S)  # the next request may get the new one
                    continue
            except probe.NoAnswer as error:
                reason = str(error)
        if reason != said:
            events.note(f"{wanted.name} is not ready yet: {reason}")
            said = reason
        time.sleep(min(LOOK_S, target.ready_timeout_s / 10))
    pods = readiness.of_pods(target.namespace, wanted.name)
    raise NotDeployed(f"not ready after {target.ready_timeout_s:g} s: {'; '.join(filter(None, (said, pods)))}")


def _state(target: Target, name: str) -> readiness.State:
    found = objects.get(target.kinds[0], target.namespace, name)
    if found is None:
        return readiness.State(False, "it was deleted meanwhile")
    if target.is_plain:
        return readiness.of_deployment(found, target.namespace)
    return readiness.of_inference_service(found)


def _bring_back(
    target: Target, before: dict[Kind, dict[str, Any] | None], applied: dict[Kind, dict[str, Any]]
) -> None:
    """Give objects the values that our fields had, or remove those that were not there."""
    for kind, was in before.items():
        try:
            if was is None:
                objects.delete(kind, target.namespace, applied[kind]["metadata"]["name"])
            else:
                objects.apply(kind, target.namespace, objects.ours(was, applied[kind]), force=True)
        except (objects.Refused, objects.Unreachable) as error:
            events.warn(f"{kind.name} could not be brought back: {error}")
