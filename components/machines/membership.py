"""Where a search's machines come from: processes of this machine, or a Dask cluster that is there already.

Each kind opens a client of a Dask scheduler, says which workers it has, and tends them while the search runs.
"""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import dask
from distributed import Client, Scheduler, Security

from components.core import events
from components.core.errors import InvalidInput
from components.machines.connection import VARIABLE, Connection
from components.workers.process import SOURCE_ROOT

CONNECT_LIMIT_S = 30
NO_PAGES = "127.0.0.1:0"
"""Dask opens a port for its pages always; it is then one that nobody else reaches."""

PROMPT_S = 0.001
"""Dask gathers messages for 5 and 10 ms before it sends them, which a search's short trials would wait for: 1,000 of
50 ms on 16 machines take 5.3 s so, and 4.2 s with this."""

MOST_ENDS = 3
"""So often a machine's process may end, on average, before another one is ready."""

SETTINGS = {
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.admin.low-level-log-length": 100,
}
"""A worker that is not heard of for a minute is lost; a stretch is tried again by the search, which counts, and not by
Dask."""


class Membership(Protocol):
    """Where machines come from."""

    async def open(self) -> Client:
        """Return a client of the scheduler.

        Raises:
            InvalidInput: there is none, or it may not be used.
        """

    async def members(self) -> dict[str, int]:
        """Return the workers that there are, by address, with the trainings that each has room for."""

    async def tend(self) -> None:
        """Replace what has ended, where that is this side's to do."""

    async def close(self) -> None:
        """End what was begun."""


@dataclass
class OwnScheduler:
    """A scheduler in this process, for this search alone.

    Attributes:
        host: the address that workers reach it at.
        dashboard: where Dask's pages are served, or empty for nowhere; with Bokeh installed its plots, too. They ask
            nobody who he is: an address of this machine alone keeps them to who is on it, or forwards a port to it.
    """

    host: str
    dashboard: str = ""
    security: Security = field(default_factory=Security.temporary)
    _scheduler: Any = None

    async def open(self) -> Client:
        """Start it and return a client of it."""
        dask.config.set(SETTINGS)
        shown: dict[str, Any] = {"dashboard": bool(self.dashboard), "dashboard_address": self.dashboard or NO_PAGES}
        self._scheduler = await Scheduler(host=self.host, port=0, protocol="tls://", security=self.security, **shown)
        if self.dashboard:
            host, port = self.dashboard.split(":")[0], self._scheduler.http_server.port
            events.note(f"Dask's pages: http://{host}:{port}/info/main/workers.html")
        opened = Client(self._scheduler.address, security=self.security, asynchronous=True, set_as_default=False)
        client: Client = await opened
        stream: Any = client.scheduler_comm
        stream.interval = PROMPT_S
        return client

    def connection(self, slots: int) -> Connection:
        """Return what a worker machine is given to reach it."""
        secret: Any = self.security
        return Connection(self._scheduler.address, secret.tls_worker_cert, secret.tls_worker_key, slots)

    def members(self) -> dict[str, int]:
        """Return its workers, by address, with the trainings that each has room for."""
        for stream in self._scheduler.stream_comms.values():
            stream.interval = PROMPT_S
        return {address: state.nthreads for address, state in self._scheduler.workers.items()}

    async def close(self) -> None:
        """End it; its workers hear of that, and end too."""
        if self._scheduler:
            await self._scheduler.close()


@dataclass
class Processes:
    """Worker machines that are processes of this machine: the very path that pods take, without a cluster.

    Attributes:
        n_machines: how many.
        slots: trainings at once of each.
    """

    n_machines: int
    slots: int
    scheduler: OwnScheduler
    _running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _ends: int = 0

    async def open(self) -> Client:
        client = await self.scheduler.open()
        self._running = [self._start() for _ in range(self.n_machines)]
        return client

    async def members(self) -> dict[str, int]:
        found = self.scheduler.members()
        if not self._seen >= found.keys():
            self._seen |= found.keys()
            self._ends = 0
        return found

    async def tend(self) -> None:
        """Start a process in the place of each that has ended.

        Raises:
            RuntimeError: one after the other ended before it was ready.
        """
        for place, process in enumerate(self._running):
            if process.poll() is None:
                continue
            self._ends += 1
            if self._ends > MOST_ENDS * self.n_machines:
                raise RuntimeError(f"no worker machine could be started: the last one ended with {process.returncode}")
            self._running[place] = self._start()

    async def close(self) -> None:
        await self.scheduler.close()
        for process in self._running:
            process.kill()
            process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        path = os.pathsep.join(filter(None, [str(SOURCE_ROOT), os.environ.get("PYTHONPATH")]))
        given = {"PYTHONPATH": path, VARIABLE: self.scheduler.connection(self.slots).as_text()}
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "components.machines.worker", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **given},
        )


@dataclass
class Existing:
    """The workers of a Dask cluster that is there already, which this search neither starts nor ends.

    What may talk to it is the cluster's matter: TLS files are those of Dask's own settings (`distributed.comm.tls`).

    Attributes:
        place: the scheduler's address, `tls://HOST:PORT` or `tcp://HOST:PORT`, or the path of its file.
    """

    place: str
    _client: Any = None

    async def open(self) -> Client:
        address = scheduler_address(self.place)
        if address.startswith("tcp://") and not _is_this_machine(address):
            events.warn(f"{address} is not encrypted: who reaches it can run code on its machines; use tls://")
        try:
            client: Client = await Client(
                address, asynchronous=True, set_as_default=False, timeout=CONNECT_LIMIT_S, security=Security()
            )
        except (OSError, TimeoutError, ValueError, RuntimeError, TypeError) as error:
            said = " ".join(str(error).split())
            raise InvalidInput(
                f"dask_scheduler must be the address or file of a Dask scheduler that can be reached, got "
                f"{self.place!r}: {said}"
            ) from error
        self._client = client
        return client

    async def members(self) -> dict[str, int]:
        found = await self._client.scheduler.identity(n_workers=-1)
        return {address: worker["nthreads"] for address, worker in found["workers"].items()}

    async def tend(self) -> None:
        """Leave its workers to the cluster."""

    async def close(self) -> None:
        """Leave the cluster as it is."""


def scheduler_address(place: str) -> str:
    """Return the address of a scheduler that is named by it, or by the file that Dask's `--scheduler-file` writes.

    Raises:
        InvalidInput: it is neither.
    """
    if "://" in place:
        return place
    rule = "dask_scheduler must be an address such as tls://HOST:8786, or a file that a Dask scheduler wrote"
    try:
        return str(json.loads(Path(place).read_bytes())["address"])
    except OSError as error:
        raise InvalidInput(f"{rule}, got {place!r}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(f"{rule}, got {place!r}, which holds no address") from None


def _is_this_machine(address: str) -> bool:
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1", socket.gethostname()) or host.startswith("127.")
