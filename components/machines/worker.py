"""A worker machine: a Dask worker that trains what the search hands out, `python -m components.machines.worker`.

It ends with 0 only when the search has ended; with another status when it was asked to end otherwise, or has lost the
search, so that who keeps the machines (an Indexed Job, say) puts another one in its place.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time

import dask
from distributed import Worker

from components.machines import bench, connection
from components.machines.membership import NO_PAGES

START_LIMIT_S = 60
SEARCH_ENDED = "scheduler-close"
PARENT_CHECK_S = 1.0


class Machine(Worker):
    """A Dask worker that ends its process at once, with all that it trains, when it is closed."""

    async def close(self, *arguments: object, reason: str = "", **options: object) -> None:
        """End the process: with 0 when the search closed its scheduler."""
        with contextlib.suppress(Exception):
            bench.leave()
        os._exit(0 if reason == SEARCH_ENDED else 1)


async def serve(given: connection.Connection) -> None:
    """Work for a search until it ends, or this process is ended."""
    with tempfile.TemporaryDirectory(prefix="machine-") as folder:
        machine = Machine(
            given.address,
            security=given.security,
            nthreads=bench.slots(given.slots),
            memory_limit=0,
            dashboard_address=NO_PAGES,
            local_directory=folder,
            death_timeout=START_LIMIT_S,
        )
        async with machine:
            await machine.finished()


def main() -> None:
    # A terminal sends Ctrl-C to every process: it is the search's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # As the first process of a container it would not end without a handler.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    if len(sys.argv) > 1:
        _end_with(int(sys.argv[1]))
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    dask.config.set({"distributed.admin.low-level-log-length": 100, "distributed.worker.profile.enabled": False})
    asyncio.run(serve(connection.take()))


def _end_with(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
