"""From a registry to a service: what the step and the command line both do."""

from components.core.errors import InvalidInput
from components.deploy import deployment as deploying
from components.deploy.deployment import Target
from components.deploy.manifests import Wanted
from components.deploy.placement import Placement
from components.kube import account
from components.registry import champion, examples, versions
from components.registry.store import open_store


def deploy_champion(
    registry: str,
    inference_service: str,
    deployment: bool,
    canary_percent: int,
    ready_timeout_s: float,
    placement: Placement,
    namespace: str = "",
    address: str = "",
    registry_there: str = "",
) -> int:
    """Make a service answer with the version that is in service in a registry, and return its number.

    Args:
        registry: the registry, as it is seen from here.
        inference_service: the service's name.
        deployment: whether it is a plain Deployment, for a cluster without KServe.
        canary_percent: the share of requests that it gets; 0: all.
        ready_timeout_s: how long it may take.
        placement: what its pods have.
        namespace: where it is; empty for this pod's, or the kubeconfig's.
        address: where it is asked; empty for where it says itself.
        registry_there: the registry as its pods see it, where that is otherwise.

    Raises:
        InvalidInput: nothing is in service, a right is missing, or the parameters don't go together.
        NotDeployed: it could not be done, and the service is as it was.
    """
    if deployment and canary_percent:
        raise InvalidInput(f"canary_percent must be 0 with a plain Deployment, got {canary_percent}")
    store = open_store(registry)
    number = champion.read(store).version
    if number is None:
        raise InvalidInput(f"registry {store.shown} must have a version in service, and has none yet")
    version = versions.read(store, number)
    with versions.fetched(store, version, examples.FILE) as path:
        shown = examples.read(path)
    target = Target(account.use_any(namespace), deployment, ready_timeout_s, address)
    wanted = Wanted(inference_service, registry_there or registry, number, placement, canary_percent)
    deploying.deploy(target, wanted, shown, version.class_names)
    return number
