"""`deploy`: the version in service of a registry answers behind a service of a cluster, after a rollback, say."""

from typing import Any

import click

from cluster.option_texts import with_resources
from cluster.options import SERVER, ClusterOptions
from command_line import cluster_options
from components.core.errors import InvalidInput
from components.core.parameters import check, local_path


def commands() -> list[click.Command]:
    """Return the command of this file."""

    @click.command("deploy")
    @click.option("--registry", default="", metavar="FOLDER|ADDRESS", help="The registry, as it is seen from here.")
    @click.option("--registry-there", default="", metavar="FOLDER|ADDRESS", help="The registry, as the pods see it.")
    @click.option("--inference-service", default="", metavar="NAME", help="The service.")
    @click.option("--deployment", is_flag=True, help="A plain Deployment with a Service, in place of KServe's.")
    @click.option("--canary-percent", type=int, default=0, show_default=True, help="Its share of requests; 0: all.")
    @click.option("--ready-timeout-s", type=int, default=900, show_default=True, help="What it may take.")
    @click.option("--service-namespace", default="", metavar="NAME", help="Where; the kubeconfig's by default.")
    @click.option("--address", default="", metavar="URL", help="Where to ask the service from here.")
    @cluster_options.server_options
    def deploy_command(**values: Any) -> None:
        """Make a service of a Kubernetes cluster answer with the version that is in service."""
        from cluster.placement import serving_placement
        from components.deploy.placement import Placement
        from components.deploy.serving import deploy_champion

        placement = Placement(**serving_placement(_chosen(values)))
        for name in ("registry", "inference_service"):
            if not values[name]:
                raise InvalidInput(f"{name} must be given: use --{name.replace('_', '-')}")
        names = ("registry", "inference_service", "deployment", "canary_percent", "ready_timeout_s")
        check(**{name: values[name] for name in names})
        there = values["registry_there"] or values["registry"]
        if local_path(there) is not None and not placement.registry_claim:
            raise InvalidInput(
                f"registry must be an address that pods can reach, got {there!r}; a folder needs "
                "--registry-volume-claim NAME and --registry-there PATH"
            )
        namespace = values.pop("service_namespace")
        number = deploy_champion(**values, placement=placement, namespace=namespace)
        click.echo(f"{values['inference_service']} answers with version {number}")

    return [deploy_command]


def _chosen(values: dict[str, Any]) -> ClusterOptions:
    """Take what the server's pods have from a command's values."""
    resources = values.pop("resource")
    for setting in resources:
        if not setting.startswith(f"{SERVER}."):
            raise InvalidInput(f"resource must be {SERVER}.NAME=VALUE, got {setting!r}")
    options = ClusterOptions(
        images=cluster_options.take_images(values),
        registry_volume_claim=values.pop("registry_volume_claim"),
        registry_secret=values.pop("registry_secret"),
        image_pull_secrets=tuple(values.pop("image_pull_secret")),
        user_id=cluster_options.take_user_id(values),
    )
    return with_resources(options, resources)
