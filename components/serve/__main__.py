"""The server in its image: `python -m components.serve --registry s3://… --version 7`."""

import sys
from typing import Any

import click

from components.core import termination
from components.core.errors import PipelineError
from components.serve.options import options
from components.serve.serving import serve


@click.command()
@options
def main(**values: Any) -> None:
    """Serve a model over KServe's protocols."""
    termination.exit_on_sigterm("serve")  # as the first process of a container it would not end without a handler
    try:
        serve(**values)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
