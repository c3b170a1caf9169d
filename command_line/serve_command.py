"""`serve`: a model answers on this machine."""

from typing import Any

import click

from components.core import keras_settings
from components.serve.options import options


def commands() -> list[click.Command]:
    """Return the command of this file."""

    @click.command("serve")
    @options
    def serve_command(**values: Any) -> None:
        """Answer requests with the model of a run, or the version of a registry that is in service."""
        keras_settings.refuse_unusable()
        from components.serve.serving import serve

        serve(**values)

    return [serve_command]
