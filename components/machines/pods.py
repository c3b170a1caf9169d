"""Worker machines that are pods: an Indexed Job of the pod that searches, on whose side Kubernetes keeps them alive.

What the searching pod's account may do is asked before anything is made. Where it may make no secret, as with the
account of a standalone Kubeflow Pipelines, the search's key stands in the job's own pod template: who may read pods in
the namespace could then join the search, and may in any case read what the pods of a run are given.
"""

import asyncio
import json
import os
from dataclasses import dataclass, field
from typing import Any

from distributed import Client
from kubernetes import client as api

from components.core import events
from components.core.errors import InvalidInput
from components.kube import account, reasons
from components.machines import manifest
from components.machines.manifest import KEY, SEARCH_LABEL, Placement
from components.machines.membership import OwnScheduler

PLACEMENT_VARIABLE = "WORKER_PLACEMENT"
POD_VARIABLES = ("KFP_POD_NAME", "HOSTNAME")
SEARCHING_CONTAINER = "main"
LOOK_S = 15.0
RIGHTS = (
    ("", "pods", "get"),
    ("", "pods", "list"),
    ("batch", "jobs", "create"),
    ("batch", "jobs", "list"),
    ("batch", "jobs", "get"),
    ("batch", "jobs", "delete"),
)

FILE_WITH_RIGHTS = "docs/worker-rights.yaml"


def is_in_cluster() -> bool:
    """Return whether this is a step's process in a pod of Kubeflow Pipelines."""
    return POD_VARIABLES[0] in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ


def placement_here() -> Placement:
    """Return what `submit` was told of the workers' pods, which it hands to the searching pod in a variable."""
    return Placement(**json.loads(os.environ.get(PLACEMENT_VARIABLE, "{}")))


@dataclass
class Pods:
    """The pods of a job.

    Attributes:
        n_pods: how many.
        slots: trainings at once of each; 0: as many as its GPUs, processors and memory allow.
        placement: what they have otherwise than the searching pod.
        dashboard: where Dask's pages are served, or empty.
    """

    n_pods: int
    slots: int
    placement: Placement
    dashboard: str = ""
    _scheduler: Any = None
    _job: str = ""
    _secret: str = ""
    _said: str = ""
    _looked: float = 0.0
    _namespace: str = field(default="")

    async def open(self) -> Client:
        """Start the scheduler, remove what an earlier attempt has left, and make the job.

        Raises:
            InvalidInput: the account lacks a right, or the API server refuses the job.
        """
        self._namespace = account.use_own()
        self._refuse_without_rights()
        pod = self._own_pod()
        self._remove_leftovers(pod)
        self._scheduler = OwnScheduler(pod["status"]["podIP"], self.dashboard)
        client: Client = await self._scheduler.open()
        try:
            self._make(pod)
        except api.ApiException as error:
            await client.close()
            raise InvalidInput(f"pods: the job of {self.n_pods} workers was refused: {reasons.said(error)}") from error
        return client

    async def members(self) -> dict[str, int]:
        found: dict[str, int] = self._scheduler.members()
        return found

    async def tend(self) -> None:
        """Leave it to Kubernetes to replace pods; say what keeps them from running, and notice the job's end.

        Raises:
            RuntimeError: the job has failed.
        """
        now = asyncio.get_running_loop().time()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        try:
            ended, said = await asyncio.to_thread(self._look)
        except (api.ApiException, OSError):
            return  # an API server that is away for a while takes no worker along
        if ended:
            raise RuntimeError(f"the job of the workers has ended: {ended}; {said}")
        if said != self._said:
            self._said = said
            events.note(f"worker pods: {said}")

    async def close(self) -> None:
        """End the pods with their job."""
        if self._scheduler:
            await self._scheduler.close()
        if self._job:
            await asyncio.to_thread(self._delete_job, self._job)
        if self._secret:
            await asyncio.to_thread(self._delete_secret)

    def _refuse_without_rights(self) -> None:
        missing = [f"{verb} {resource}" for _, resource, verb in account.missing(self._namespace, RIGHTS)]
        if missing:
            raise InvalidInput(
                f"pods must be 0 where the account of the tune step may not {', '.join(missing)} in namespace "
                f"{self._namespace}: apply {FILE_WITH_RIGHTS}, got {self.n_pods}"
            )

    def _own_pod(self) -> dict[str, Any]:
        name = next(os.environ[name] for name in POD_VARIABLES if name in os.environ)
        pod = api.CoreV1Api().read_namespaced_pod(name, self._namespace)
        found: dict[str, Any] = api.ApiClient().sanitize_for_serialization(pod)
        return found

    def _remove_leftovers(self, pod: dict[str, Any]) -> None:
        selector = f"{SEARCH_LABEL}={manifest.run_of(pod)}"
        for left in api.BatchV1Api().list_namespaced_job(self._namespace, label_selector=selector).items:
            events.note(f"removing the worker pods that an earlier attempt has left: {left.metadata.name}")
            self._delete_job(left.metadata.name)

    def _make(self, pod: dict[str, Any]) -> None:
        connection = self._scheduler.connection(self.slots).as_text()
        variable: dict[str, Any] = {"value": connection}
        if account.may(self._namespace, ("", "secrets", "create")):
            made = api.CoreV1Api().create_namespaced_secret(self._namespace, manifest.secret(pod, connection))
            self._secret = made.metadata.name
            variable = {"valueFrom": {"secretKeyRef": {"name": self._secret, "key": KEY}}}
        containers = [each["name"] for each in pod["spec"]["containers"]]
        container = SEARCHING_CONTAINER if SEARCHING_CONTAINER in containers else containers[0]
        wanted = manifest.job(pod, container, self.n_pods, variable, self.placement)
        self._job = api.BatchV1Api().create_namespaced_job(self._namespace, wanted).metadata.name
        events.note(f"job {self._job} starts {events.counted(self.n_pods, 'worker pod')}")

    def _look(self) -> tuple[str, str]:
        """Return why the job has ended, or nothing, and how its pods are."""
        job = api.BatchV1Api().read_namespaced_job(self._job, self._namespace)
        ends = [each for each in job.status.conditions or [] if each.type == "Failed" and each.status == "True"]
        selector = f"job-name={self._job}"
        pods = api.CoreV1Api().list_namespaced_pod(self._namespace, label_selector=selector).items
        return " ".join(f"{each.reason}: {each.message}" for each in ends), _phases(pods, self.n_pods, self._job)

    def _delete_job(self, name: str) -> None:
        try:
            api.BatchV1Api().delete_namespaced_job(
                name, self._namespace, propagation_policy="Background", grace_period_seconds=0
            )
        except api.ApiException as error:
            if error.status != 404:
                events.warn(f"job {name} could not be deleted, and goes with this pod: {reasons.said(error)}")

    def _delete_secret(self) -> None:
        try:
            api.CoreV1Api().delete_namespaced_secret(self._secret, self._namespace)
        except api.ApiException as error:
            if error.status not in (403, 404):
                said = reasons.said(error)
                events.warn(f"secret {self._secret} could not be deleted, and goes with this pod: {said}")


def _phases(pods: list[Any], n_pods: int, job: str) -> str:
    """Return how many pods are in which phase, and what keeps the first pending one waiting or others from being."""
    counts: dict[str, int] = {}
    for pod in pods:
        counts[pod.status.phase] = counts.get(pod.status.phase, 0) + 1
    told = ", ".join(f"{count} {phase.lower()}" for phase, count in sorted(counts.items())) or "none yet"
    waits = [why for pod in pods if pod.status.phase == "Pending" for why in reasons.why_pending(pod)]
    n_missing = n_pods - sum(pod.status.phase != "Failed" for pod in pods)
    missing = f"; {n_missing} not made: `kubectl describe job {job}` says why" if pods and n_missing > 0 else ""
    return (f"{told} ({waits[0]})" if waits else told) + missing
