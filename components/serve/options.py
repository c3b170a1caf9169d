"""The server's options, the same on this machine's command line and in its image."""

from pathlib import Path
from typing import Any

import click


def options(command: Any) -> Any:
    """Add a server's options to a command, which hands their values to `serve`."""
    for option in reversed(
        (
            click.option("--run", type=Path, metavar="FOLDER", help="A finished run, whose model answers."),
            click.option("--registry", metavar="FOLDER|ADDRESS", default="", help="A registry of models."),
            click.option("--version", type=int, help="Its version; without one, that in service, and its successors."),
            click.option("--name", default="model", show_default=True, help="The model's name in addresses."),
            click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: for other machines, too."),
            click.option("--port", type=int, default=8080, show_default=True, help="HTTP: v1, v2, metrics, the page."),
            click.option("--grpc-port", type=int, default=0, help="gRPC: v2, for other machines, too; 0: none."),
            click.option("--batch-size", type=int, default=64, show_default=True, help="Most examples at once."),
            click.option(
                "--queue-size", type=int, default=1024, show_default=True, help="Most that are held; then 503."
            ),
            click.option("--most-megabytes", type=int, default=16, show_default=True, help="Most that a request has."),
            click.option(
                "--grace-s", type=int, default=25, show_default=True, help="What SIGTERM leaves to requests."
            ),
            click.option(
                "--follow-s", type=float, default=5, show_default=True, help="How often a promotion is looked for."
            ),
        )
    ):
        command = option(command)
    return command
