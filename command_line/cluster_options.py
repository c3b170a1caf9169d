"""The command line's options for a cluster, and what they amount to.

Each `…_options` is a decorator that adds options to a click command; the function beside it takes what click hands to
the command (`values`, by name) and removes its own from it.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cluster.option_texts import parse_image, parse_label, parse_node_selector, parse_toleration, with_resources
from cluster.options import USER_ID, ClusterOptions
from command_line.paths import PATH
from components.core.errors import InvalidInput
from components.steps import STEPS
from images.references import image_references

if TYPE_CHECKING:
    from cluster.client import Connection

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Decorator = Callable[[Decorated], Decorated]

MOST_SECONDS = 2_147_483_647
"""What Kubernetes' 32 bits hold."""

_TAKING_GPUS = ", ".join(name for name, step in STEPS.items() if step.takes_gpu)


def _decorate(*options: Decorator[Any]) -> Decorator[Any]:
    """Return a decorator that adds options to a command, in this order in its help."""

    def decorate(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _option(flag: str, check: Callable[..., Any], **settings: Any) -> Decorator[Any]:
    """Return an option for a name, with the function that checks it."""
    return click.option(flag, callback=check, metavar="NAME", **settings)


def _name(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty name."""
    if value is not None and not value.strip():
        raise InvalidInput(f"{option.name} must not be empty, got {value!r}")
    return value


def _kubernetes_name(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Refuse what can't be the name of a thing in Kubernetes; `value` is None, a name, or several."""
    for name in (value,) if isinstance(value, str) else value or ():
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", name):
            raise InvalidInput(
                f"{option.name} must be a name in Kubernetes (lower-case letters, digits, - and .), got {name!r}"
            )
    return value


def _seconds(context: click.Context, option: click.Parameter, value: float) -> float:
    if not 0 <= value < math.inf:
        raise InvalidInput(f"{option.name} must be a number of seconds from 0, got {value}")
    return value


def _whole_seconds(context: click.Context, option: click.Parameter, value: int) -> int:
    if not 0 <= value <= MOST_SECONDS:
        raise InvalidInput(f"{option.name} must be an integer from 0 to {MOST_SECONDS}, got {value}")
    return value


image_options = _decorate(
    click.option("--image-registry", envvar="REGISTRY", default="", help="Where the images are pushed to."),
    click.option(
        "--image",
        multiple=True,
        metavar="STEP=REFERENCE",
        help="Another image for a step than the one `make images` builds.",
    ),
    click.option("--digests", envvar="DIGESTS", is_flag=True, help="Refer to pushed images by digest, not by tag."),
)

server_options = _decorate(
    image_options,
    click.option(
        "--resource",
        "resource",
        multiple=True,
        metavar="STEP.NAME=VALUE",
        help="A resource other than the default, such as tune.memory_limit=32Gi; as often as needed.",
    ),
    _option("--registry-volume-claim", _kubernetes_name, help="Volume with a registry of models, at /registry."),
    _option("--registry-secret", _kubernetes_name, help="Secret with the keys of the registry's S3 store."),
    _option("--image-pull-secret", _kubernetes_name, multiple=True, help="Secret of a private registry."),
    click.option("--user-id", type=int, default=USER_ID, show_default=True, help="User the tasks run as; -1: any."),
)
"""What is said of the pods of a deployed service as of those of a run."""

cluster_options = _decorate(
    server_options,
    click.option(
        "--gpus",
        type=int,
        default=0,
        show_default=True,
        help=f"Accelerators for each of: {_TAKING_GPUS}; a worker on each.",
    ),
    click.option("--accelerator", default="nvidia.com/gpu", show_default=True, help="Its resource name."),
    click.option(
        "--node-selector",
        multiple=True,
        metavar="[STEP:]LABEL=VALUE",
        help="Label that the node must have; worker: for the search's worker pods.",
    ),
    click.option(
        "--toleration",
        multiple=True,
        metavar="[STEP:]KEY[=VALUE][:EFFECT]",
        help="Taint that the node may have; worker: for the search's worker pods.",
    ),
    click.option(
        "--label", multiple=True, metavar="LABEL=VALUE", help="Label of every task's pod, such as a cost centre's."
    ),
    click.option(
        "--worker-label",
        multiple=True,
        metavar="LABEL=VALUE",
        help="Label of the search's worker pods and their job, such as a queue's.",
    ),
    _option("--state-volume-claim", _kubernetes_name, help="Volume that keeps a search."),
    _option("--data-volume-claim", _kubernetes_name, help="Volume with your data, at /data."),
    click.option(
        "--ttl-s",
        type=int,
        default=0,
        callback=_whole_seconds,
        metavar="SECONDS",
        help="How long an ended run is kept.",
    ),
    click.option(
        "--run-timeout-s",
        type=int,
        default=0,
        callback=_whole_seconds,
        metavar="SECONDS",
        help="Most that a run takes.",
    ),
    click.option("--cache/--no-cache", default=None, help="Use old outputs of all steps, or of none."),
    click.option(
        "--cache-evaluate/--no-cache-evaluate",
        default=STEPS["evaluate"].cached,
        show_default=True,
        help="Use old outputs of evaluate too.",
    ),
)

connection_options = _decorate(
    click.option("--host", envvar="KFP_HOST", metavar="URL", help="Address of Kubeflow Pipelines. [env: KFP_HOST]"),
    _option("--namespace", _kubernetes_name, help="Your namespace in a Kubeflow of many users."),
    click.option("--token-file", type=PATH, metavar="FILE", help="File with a bearer token. [or KFP_TOKEN]"),
    click.option(
        "--cookies-file", type=PATH, metavar="FILE", help="File with a Cookie header's value. [or KFP_COOKIES]"
    ),
    click.option(
        "--ca-cert", type=PATH, envvar="KFP_CA_CERT", metavar="FILE", help="Authority of the server's certificate."
    ),
    click.option("--plain-http", is_flag=True, help="Send token or cookies over http:// to another machine, too."),
)

run_options = _decorate(
    _option("--experiment", _name, default="fashion-tuner", show_default=True, help="Made when there is none."),
    _option("--service-account", _kubernetes_name, help="What the run's pods run as."),
)

check_options = _decorate(
    connection_options,
    cluster_options,
    _option("--service-account", _kubernetes_name, help="With --host: what the pods run as."),
    click.option(
        "--wait-timeout",
        type=float,
        default=1_800,
        show_default=True,
        callback=_seconds,
        metavar="SECONDS",
        help="With --host: how long each of the two or three runs is followed; 0: to its end.",
    ),
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
    click.option("--cron", required=True, help="Six fields, seconds first, or @daily and the like."),
    _option("--name", _name, default="fashion-tuner", show_default=True, help="The schedule's name."),
)


def take_cluster_options(values: dict[str, Any]) -> ClusterOptions:
    """Return the `ClusterOptions`, with the images' references, from a command's values.

    Raises:
        InvalidInput: one of them can't be used; the message names it.
    """
    take = values.pop
    gpus = take("gpus")
    if not 0 <= gpus <= 64:
        raise InvalidInput(f"gpus must be an integer from 0 to 64, got {gpus}")
    options = ClusterOptions(
        images=take_images(values, gpu=gpus > 0),
        gpus=gpus,
        accelerator=take("accelerator"),
        node_selectors=tuple(parse_node_selector(text) for text in take("node_selector")),
        tolerations=tuple(parse_toleration(text) for text in take("toleration")),
        worker_labels=dict(parse_label("worker_label", text) for text in take("worker_label")),
        labels=dict(parse_label("label", text) for text in take("label")),
        state_volume_claim=take("state_volume_claim"),
        data_volume_claim=take("data_volume_claim"),
        registry_volume_claim=take("registry_volume_claim"),
        registry_secret=take("registry_secret"),
        image_pull_secrets=tuple(take("image_pull_secret")),
        cache=take("cache"),
        cache_evaluate=take("cache_evaluate"),
        ttl_s=take("ttl_s"),
        run_timeout_s=take("run_timeout_s"),
        user_id=take_user_id(values),
    )
    return with_resources(options, take("resource"))


def take_user_id(values: dict[str, Any]) -> int | None:
    """Return the user that tasks run as, None for any that the cluster chooses, from a command's values.

    Raises:
        InvalidInput: it is root, or no user.
    """
    user_id: int = values.pop("user_id")
    if user_id == 0 or user_id < -1:
        raise InvalidInput(f"user_id must be a user other than root, from 1, or -1 for any, got {user_id}")
    return None if user_id == -1 else user_id


def take_images(values: dict[str, Any], gpu: bool = False) -> dict[str, str]:
    """Return the image reference of each step from a command's values.

    Raises:
        InvalidInput: one of them can't be used; the message names it.
    """
    references = image_references(values.pop("image_registry"), gpu=gpu, digests=values.pop("digests"))
    return {**references, **dict(parse_image(text) for text in values.pop("image"))}


def take_connection(values: dict[str, Any]) -> "Connection":
    """Return the `Connection` from a command's values."""
    from cluster.client import Connection

    names = ("host", "namespace", "token_file", "cookies_file", "ca_cert", "plain_http")
    given = {name: values.pop(name) for name in names}
    paths = {name: str(path) for name, path in given.items() if isinstance(path, Path)}
    return Connection(**{**given, **paths})
