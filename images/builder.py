"""Builds and pushes the images, with docker or with buildah: `python -m images.builder build|push`."""

import configparser
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from cluster.placement import GPU_STEPS, STEPS
from components.core.errors import InvalidInput
from images import references

PYTHON_IMAGE = "docker.io/library/python:3.11-slim-bookworm"
BAKE_FILE = "docker/docker-bake.hcl"

_PIP_FILES = (Path("/etc/pip.conf"), Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf")
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_CERTIFICATE_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


class Docker:
    """Builds with `docker buildx bake`."""

    def build(self, references, gpu, secrets):
        targets = [f"--set={step}.tags={reference}" for step, reference in references.items()]
        mounts = [f"--set=*.secrets=id={name},src={path}" for name, path in secrets.items()]
        settings = {"GPU": "1" if gpu else "", "PYTHON_IMAGE": python_image()}
        _run("docker", "buildx", "bake", f"--file={BAKE_FILE}", "--load", *targets, *mounts, *references, **settings)

    def push(self, reference):
        """Push an image and return its digest."""
        _run("docker", "push", reference)
        described = _run("docker", "image", "inspect", "--format={{json .RepoDigests}}", reference, quiet=True)
        name = reference.rpartition(":")[0]
        return next(digest.partition("@")[2] for digest in json.loads(described) if digest.startswith(f"{name}@"))


class Buildah:
    """Builds with buildah, which needs no daemon and, with `chroot` isolation, no right to make namespaces."""

    def build(self, references, gpu, secrets):
        mounts = [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        settings = [f"--build-arg=PYTHON_IMAGE={python_image()}", f"--build-arg=GPU={'1' if gpu else ''}"]
        command = ("buildah", "build", "--layers", "--isolation=chroot", "--network=host", "--pull=false")
        for step, reference in references.items():
            what = (f"--build-arg=STEP={step}", f"--file={references.DOCKERFILE}", f"--tag={reference}", ".")
            _run(*command, *mounts, *settings, *what)

    def push(self, reference):
        """Push an image and return its digest."""
        with tempfile.NamedTemporaryFile() as digest:
            _run("buildah", "push", f"--digestfile={digest.name}", reference)
            return Path(digest.name).read_text().strip()


def builder(name=""):
    """Return the builder of a name, or the one that works here.

    Raises:
        InvalidInput: no such builder, or none that works here.
    """
    known = {"docker": Docker, "buildah": Buildah}
    if name:
        if name not in known or not shutil.which(name):
            raise InvalidInput(f"BUILDER must be {' or '.join(known)}, and installed here, got {name!r}")
        return known[name]()
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        return Docker()
    if shutil.which("buildah"):
        return Buildah()
    raise InvalidInput("BUILDER must be docker or buildah, and neither works here; install one of them")


def python_image():
    return os.environ.get("PYTHON_IMAGE") or PYTHON_IMAGE


@contextlib.contextmanager
def build_secrets():
    """Yield files that the build may look at and no layer holds, by secret's name: pip's settings and certificates.

    What pip uses on this machine (its files, then its variables) is what it uses in the build.
    """
    settings = _pip_settings()
    certificate = next((os.environ[name] for name in _CERTIFICATE_VARIABLES if os.environ.get(name)), None)
    with tempfile.TemporaryDirectory() as folder:
        secrets = {}
        if certificate:
            settings["cert"] = "/run/secrets/ca.crt"
            secrets["ca.crt"] = certificate
        if settings:
            secrets["pip.conf"] = f"{folder}/pip.conf"
            lines = [f"{name} = {value}" for name, value in settings.items()]
            Path(secrets["pip.conf"]).write_text("\n".join(["[global]", *lines, ""]))
        yield secrets


@click.group()
def main():
    """Build and push one image a step."""


def _with_options(command):
    for option in (
        click.argument("steps", nargs=-1, type=click.Choice(STEPS)),
        click.option("--gpu", envvar="GPU", is_flag=True, help="With CUDA, for tune and train."),
        click.option("--registry", envvar="REGISTRY", default="", help="Where the images are pushed to."),
        click.option("--builder", "engine", envvar="BUILDER", default="", help="docker or buildah."),
    ):
        command = option(command)
    return command


@main.command()
@_with_options
def build(engine, registry, gpu, steps):
    """Build the images of STEPS, of all by default."""
    references = _references(registry, gpu, steps)
    with build_secrets() as secrets:
        builder(engine).build(references, gpu, secrets)
    for reference in references.values():
        print(reference)


@main.command()
@_with_options
def push(engine, registry, gpu, steps):
    """Push images that were built before, and remember their digests."""
    if not registry:
        raise InvalidInput("REGISTRY must be given: make push REGISTRY=registry.example.org/team")
    for reference in _references(registry, gpu, steps).values():
        digest = builder(engine).push(reference)
        references.record_digests({reference: digest})
        print(f"{reference} {digest}")


def _references(registry, gpu, steps):
    """Return the references of what is asked for; with CUDA there are no others than those of `GPU_STEPS`."""
    wanted = steps or (GPU_STEPS if gpu else STEPS)
    return {
        step: reference for step, reference in references.image_references(registry, gpu).items() if step in wanted
    }


def _pip_settings():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read([*_PIP_FILES, os.environ.get("PIP_CONFIG_FILE", "")])
    settings: dict[str, str | None] = {}
    for name in _PIP_SETTINGS:
        for section in ("global", "install"):
            settings[name] = parser.get(section, name, fallback=settings.get(name))
        settings[name] = os.environ.get(f"PIP_{name.upper().replace('-', '_')}", settings[name])
    return {name: value for name, value in settings.items() if value}


def _run(*command, quiet=False, **settings):
    done = subprocess.run(
        command,
        cwd=references.ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE if quiet else None,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed with exit status {done.returncode}; its output says why")
    return done.stdout


if __name__ == "__main__":
    try:
        main()
    except InvalidInput as error:
        print(error, file=sys.stderr)
        sys.exit(2)
