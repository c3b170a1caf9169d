"""The command line's options for a cluster, and what they amount to.

Each `…_options` is a decorator that adds options to a click command; the function beside it takes what click hands to
the command (`values`, by name) and removes its own from it.
"""

import click

from components.core.parameters import InvalidInput
from runners.images import image_references
from runners.placement import (
    CACHED,
    RESOURCES,
    STEPS,
    USER_ID,
    ClusterOptions,
    parse_node_selector,
    parse_toleration,
    with_resources,
)


def _decorate(*options):
    """Return a decorator that adds options to a command, in this order in its help."""

    def decorate(command):
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def resource_table():
    """Return the resources of each step as a table of text, for the help."""
    names = tuple(RESOURCES["prepare"].__dataclass_fields__)
    rows = [("", *STEPS), *((name, *(str(getattr(RESOURCES[step], name)) for step in STEPS)) for name in names)]
    return "\n".join(f"{row[0]:<16}" + "".join(f"{cell:<10}" for cell in row[1:]) for row in rows)


cluster_options = _decorate(
    click.option("--registry", envvar="REGISTRY", default="", help="Where the images are pushed to."),
    click.option("--digests", envvar="DIGESTS", is_flag=True, help="Refer to pushed images by digest, not by tag."),
    click.option("--gpus", type=int, default=0, show_default=True, help="Accelerators for tune and for train."),
    click.option("--accelerator", default="nvidia.com/gpu", show_default=True, help="Its resource name."),
    click.option(
        "--resource",
        "resource",
        multiple=True,
        metavar="STEP.NAME=VALUE",
        help="A resource other than the default, such as tune.memory_limit=32Gi; as often as needed.",
    ),
    click.option(
        "--node-selector",
        multiple=True,
        metavar="[STEP:]LABEL=VALUE",
        help="Label that the node must have.",
    ),
    click.option(
        "--toleration",
        multiple=True,
        metavar="[STEP:]KEY[=VALUE][:EFFECT]",
        help="Taint that the node may have.",
    ),
    click.option("--state-volume-claim", metavar="NAME", help="Volume that keeps a search."),
    click.option("--data-volume-claim", metavar="NAME", help="Volume with your data, at /data."),
    click.option("--image-pull-secret", multiple=True, metavar="NAME", help="Secret of a private registry."),
    click.option("--user-id", type=int, default=USER_ID, show_default=True, help="User the tasks run as; -1: any."),
    click.option("--cache/--no-cache", default=None, help="Use old outputs of all steps, or of none."),
    click.option(
        "--cache-evaluate/--no-cache-evaluate",
        default=CACHED["evaluate"],
        show_default=True,
        help="Use old outputs of evaluate too.",
    ),
)

connection_options = _decorate(
    click.option("--host", envvar="KFP_HOST", metavar="URL", help="Address of Kubeflow Pipelines. [env: KFP_HOST]"),
    click.option("--namespace", metavar="NAME", help="Your namespace in a Kubeflow of many users."),
    click.option("--token-file", metavar="FILE", help="File with a bearer token. [or KFP_TOKEN]"),
    click.option("--cookies-file", metavar="FILE", help="File with a Cookie header's value. [or KFP_COOKIES]"),
    click.option("--ca-cert", envvar="KFP_CA_CERT", metavar="FILE", help="Authority of the server's certificate."),
)

run_options = _decorate(
    click.option("--experiment", default="fashion-tuner", show_default=True, help="Made when there is none."),
    click.option("--service-account", metavar="NAME", help="What the run's pods run as."),
)

submit_options = _decorate(
    click.option("--run-name", metavar="NAME", help="The run's name; pipeline and time by default."),
    click.option("--wait/--no-wait", default=False, help="Follow the run; exit with 1 when it fails."),
    click.option(
        "--wait-timeout",
        type=float,
        default=0,
        metavar="SECONDS",
        help="0 follows it to its end.",
    ),
)

schedule_options = _decorate(
    click.option("--cron", required=True, help="Six fields: seconds, minutes, hours, day, month, day of week."),
    click.option("--name", default="fashion-tuner", show_default=True, help="The schedule's name."),
)


def take_cluster_options(values):
    """Return the `ClusterOptions`, with the images' references, from a command's values.

    Raises:
        InvalidInput: one of them can't be used; the message names it.
    """
    take = values.pop
    gpus, user_id = take("gpus"), take("user_id")
    if not 0 <= gpus <= 64:
        raise InvalidInput(f"gpus must be an integer from 0 to 64, got {gpus}")
    if user_id == 0 or user_id < -1:
        raise InvalidInput(f"user_id must be a user other than root, from 1, or -1 for any, got {user_id}")
    options = ClusterOptions(
        images=image_references(take("registry"), gpu=gpus > 0, digests=take("digests")),
        gpus=gpus,
        accelerator=take("accelerator"),
        node_selectors=tuple(parse_node_selector(text) for text in take("node_selector")),
        tolerations=tuple(parse_toleration(text) for text in take("toleration")),
        state_volume_claim=take("state_volume_claim"),
        data_volume_claim=take("data_volume_claim"),
        image_pull_secrets=tuple(take("image_pull_secret")),
        cache=take("cache"),
        cache_evaluate=take("cache_evaluate"),
        user_id=None if user_id == -1 else user_id,
    )
    return with_resources(options, take("resource"))


def take_connection(values):
    """Return the `Connection` from a command's values."""
    from runners.cluster import Connection

    names = ("host", "namespace", "token_file", "cookies_file", "ca_cert")
    return Connection(**{name: values.pop(name) for name in names})


def submit(package_path, values, parameters):
    """Start a run of a compiled pipeline, and follow it if that is wanted.

    Args:
        package_path: the compiled pipeline's file.
        values: the command's values, of `connection_options`, `run_options` and `submit_options`.
        parameters: the pipeline parameters that are given, by name.

    Raises:
        InvalidInput: a value can't be used.
        ClusterError: the cluster can't be reached or refuses, or the run did not succeed.
    """
    from runners import cluster, kubeflow

    package = kubeflow.read_package(package_path)
    kubeflow.check_submission(package, parameters)
    connected = cluster.connect(take_connection(values))
    run_id = kubeflow.submit(
        connected, package, parameters, values["experiment"], values["run_name"], values["service_account"]
    )
    if values["wait"]:
        kubeflow.wait(connected, run_id, values["wait_timeout"])


def upload(package_path, values):
    """Upload a compiled pipeline; `values` are those of `connection_options`."""
    from runners import cluster, kubeflow

    package = kubeflow.read_package(package_path)
    kubeflow.upload(cluster.connect(take_connection(values)), package)


def schedule(package_path, values, parameters):
    """Schedule a compiled pipeline; `values` are those of `connection_options`, `run_options`, `schedule_options`."""
    from runners import cluster, cron, kubeflow

    package = kubeflow.read_package(package_path)
    cron.check(values["cron"])
    kubeflow.check_submission(package, parameters)
    kubeflow.schedule(
        cluster.connect(take_connection(values)),
        package,
        parameters,
        values["cron"],
        values["name"],
        values["experiment"],
        values["service_account"],
    )
