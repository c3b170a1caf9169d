"""The deploy step: the registry's version in service answers behind a service of the cluster."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="deploy")
@described
def deploy(
    metrics: dsl.Output[dsl.Metrics],
    registry: str,
    inference_service: str,
    deployment: bool = False,
    canary_percent: int = 0,
    ready_timeout_s: int = 900,
) -> None:
    """Make the service answer with the version in service, wait until it does, or leave it as it was."""
    from components.core import parameters, termination
    from components.deploy import serving
    from components.deploy.placement import placement_here

    termination.exit_on_sigterm("deploy")
    given = parameters.check(
        registry=registry,
        inference_service=inference_service,
        deployment=deployment,
        canary_percent=canary_percent,
        ready_timeout_s=ready_timeout_s,
    )
    version = serving.deploy_champion(**given, placement=placement_here())
    metrics.log_metric("deployed_version", version)
