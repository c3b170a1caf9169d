"""The images' own command line: `python -m command_line.images build|push`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from command_line.exit_status import run_and_exit
from components.core.errors import InvalidInput
from components.steps import IMAGES
from images import builder, references
from images.secrets import build_secrets

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@click.group()
def command_line() -> None:
    """Build and push the images: one a step, and the server's."""


def _options(command: Decorated) -> Decorated:
    for option in (
        click.argument("steps", nargs=-1, type=click.Choice(list(IMAGES))),
        click.option("--gpu", envvar="GPU", is_flag=True, help="With CUDA, for the steps that take a GPU."),
        click.option("--registry", envvar="REGISTRY", default="", help="Where the images are pushed to."),
        click.option("--builder", "engine", envvar="BUILDER", default="", help="docker or buildah."),
    ):
        command = option(command)
    return command


@command_line.command()
@_options
def build(engine: str, registry: str, gpu: bool, steps: tuple[str, ...]) -> None:
    """Build the images of STEPS, of all by default."""
    wanted = _references(registry, gpu, steps)
    engine = builder.choose(engine)
    with build_secrets() as secrets:
        for step, reference in wanted.items():
            builder.build(engine, step, reference, gpu, secrets)
    for reference in wanted.values():
        print(reference)


@command_line.command()
@_options
def push(engine: str, registry: str, gpu: bool, steps: tuple[str, ...]) -> None:
    """Push images that were built before, and remember their digests."""
    if not registry:
        raise InvalidInput("REGISTRY must be given: make push REGISTRY=registry.example.org/team")
    engine = builder.choose(engine)
    for reference in _references(registry, gpu, steps).values():
        digest = builder.push(engine, reference)
        references.record_digests({reference: digest})
        print(f"{reference} {digest}")


def _references(registry: str, gpu: bool, steps: tuple[str, ...]) -> dict[str, str]:
    """Return the references of what is asked for; with CUDA there are only those of the steps that take a GPU."""
    wanted = steps or [name for name, image in IMAGES.items() if image.takes_gpu or not gpu]
    known = references.image_references(registry, gpu)
    return {step: reference for step, reference in known.items() if step in wanted}


if __name__ == "__main__":
    run_and_exit(lambda: command_line, "images")
