"""The command line's options for a cluster, and what they amount to.

Each `…_options` is a decorator that adds options to a click command; the function beside it takes what click hands to
the command (`values`, by name) and removes its own from it.
"""

import math
import re
import sys

import click

from cluster.placement import (
    CACHED,
    RESOURCES,
    STEPS,
    USER_ID,
    ClusterOptions,
    notes,
    parse_image,
    parse_node_selector,
    parse_toleration,
    with_resources,
)
from components.core.errors import InvalidInput
from images.references import image_references


def _decorate(*options):
    """Return a decorator that adds options to a command, in this order in its help."""

    def decorate(command):
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _option(flag, check, **settings):
    """Return an option for a name, with the function that checks it."""
    return click.option(flag, callback=check, metavar="NAME", **settings)


def _name(context, option, value):
    """Refuse an empty name."""
    if value is not None and not value.strip():
        raise InvalidInput(f"{option.name} must not be empty, got {value!r}")
    return value


def _kubernetes_name(context, option, value):
    """Refuse what can't be the name of a thing in Kubernetes; `value` is None, a name, or several."""
    for name in (value,) if isinstance(value, str) else value or ():
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", name):
            raise InvalidInput(
                f"{option.name} must be a name in Kubernetes (lower-case letters, digits, - and .), got {name!r}"
            )
    return value


def _seconds(context, option, value):
    if not 0 <= value < math.inf:
        raise InvalidInput(f"{option.name} must be a number of seconds from 0, got {value}")
    return value


def resource_table():
    """Return the resources of each step as a table of text, for the help."""
    names = tuple(RESOURCES["prepare"].__dataclass_fields__)
    rows = [("", *STEPS), *((name, *(str(getattr(RESOURCES[step], name)) for step in STEPS)) for name in names)]
    return "\n".join(f"{row[0]:<16}" + "".join(f"{cell:<10}" for cell in row[1:]) for row in rows)


cluster_options = _decorate(
    click.option("--registry", envvar="REGISTRY", default="", help="Where the images are pushed to."),
    click.option(
        "--image",
        multiple=True,
        metavar="STEP=REFERENCE",
        help="Another image for a step than the one `make images` builds.",
    ),
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
    _option("--state-volume-claim", _kubernetes_name, help="Volume that keeps a search."),
    _option("--data-volume-claim", _kubernetes_name, help="Volume with your data, at /data."),
    _option("--image-pull-secret", _kubernetes_name, multiple=True, help="Secret of a private registry."),
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
    _option("--namespace", _kubernetes_name, help="Your namespace in a Kubeflow of many users."),
    click.option("--token-file", metavar="FILE", help="File with a bearer token. [or KFP_TOKEN]"),
    click.option("--cookies-file", metavar="FILE", help="File with a Cookie header's value. [or KFP_COOKIES]"),
    click.option("--ca-cert", envvar="KFP_CA_CERT", metavar="FILE", help="Authority of the server's certificate."),
)

run_options = _decorate(
    _option("--experiment", _name, default="fashion-tuner", show_default=True, help="Made when there is none."),
    _option("--service-account", _kubernetes_name, help="What the run's pods run as."),
)

submit_options = _decorate(
    _option("--run-name", _name, help="The run's name; pipeline and time by default."),
    click.option("--wait/--no-wait", default=False, help="Follow the run; exit with 1 when it fails."),
    click.option(
        "--wait-timeout",
        type=float,
        default=0,
        callback=_seconds,
        metavar="SECONDS",
        help="With --wait: how long to follow it; 0: to its end.",
    ),
)

schedule_options = _decorate(
    click.option("--cron", required=True, help="Six fields: seconds, minutes, hours, day, month, day of week."),
    _option("--name", _name, default="fashion-tuner", show_default=True, help="The schedule's name."),
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
    references = image_references(take("registry"), gpu=gpus > 0, digests=take("digests"))
    options = ClusterOptions(
        images={**references, **dict(parse_image(text) for text in take("image"))},
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
    from cluster.connection import Connection

    names = ("host", "namespace", "token_file", "cookies_file", "ca_cert")
    return Connection(**{name: values.pop(name) for name in names})


def say_notes(options):
    """Print what a user should know of these `ClusterOptions`."""
    for sentence in notes(options):
        print(f"note: {sentence}", file=sys.stderr, flush=True)


def submit(package_path, options, values, parameters):
    """Start a run of a compiled pipeline, and follow it if that is wanted.

    Args:
        package_path: the compiled pipeline's file.
        options: the `ClusterOptions` it was compiled with.
        values: the command's values, of `connection_options`, `run_options` and `submit_options`.
        parameters: the pipeline parameters that are given, by name.

    Raises:
        InvalidInput: a value can't be used.
        ClusterError: the cluster can't be reached or refuses, or the run did not succeed.
    """
    from cluster import connection, runs

    if values["wait_timeout"] and not values["wait"]:
        raise InvalidInput(f"wait_timeout must come with --wait, got {values['wait_timeout']:g} without it")
    package = runs.read_package(package_path)
    runs.check_submission(package, parameters)
    connected = connection.connect(take_connection(values))
    run_id = runs.submit(
        connected, package, parameters, values["experiment"], values["run_name"], values["service_account"]
    )
    say_notes(options)
    if values["wait"]:
        runs.wait(connected, run_id, values["wait_timeout"])


def upload(package_path, options, values):
    """Upload a compiled pipeline; `values` are those of `connection_options`."""
    from cluster import connection, runs

    package = runs.read_package(package_path)
    runs.check_images(package)
    runs.upload(connection.connect(take_connection(values)), package)
    say_notes(options)


def schedule(package_path, options, values, parameters):
    """Schedule a compiled pipeline; `values` are those of `connection_options`, `run_options`, `schedule_options`."""
    from cluster import connection, cron, runs

    package = runs.read_package(package_path)
    cron.check(values["cron"])
    runs.check_submission(package, parameters)
    runs.schedule(
        connection.connect(take_connection(values)),
        package,
        parameters,
        values["cron"],
        values["name"],
        values["experiment"],
        values["service_account"],
    )
    say_notes(options)
