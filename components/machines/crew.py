"""The machines of a search as one executor: it hands stretches to whoever is there, and hears what became of them.

Which machine trains a stretch, and how often one is lost on the way, changes nothing but the time. The search's own
thread owns all state here; a second thread talks to Dask and posts what happens into a queue.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distributed import Client

from components.core import events, files, machine
from components.core.errors import InvalidInput, PipelineError
from components.machines import bench
from components.machines.membership import Membership
from components.workers.pool import IDLE_WORKER_BYTES, Event, Finished, Large, Lost, Note
from components.workers.stretch import Stretch

LOOK_S = 0.5
OWN_AFTER_S = 20.0
"""So long machines are waited for before this one begins to train itself: what a pod takes to start where nothing is
in its way."""

MOST_WELCOMED = 4
"""So many machines are given the data at once: the pieces on their way are then at most 32 MiB."""

MOST_SENT_BYTES = 256 * 2**20
"""Larger checkpoints stay where they are: to train a few epochs again is cheaper than to send them twice."""

CALL_LIMIT_S = 120


class WorkersLost(PipelineError):
    """No machine was left for too long."""


@dataclass(frozen=True)
class Joined:
    """A machine that can be given stretches."""

    address: str
    name: str
    n_slots: int


@dataclass(frozen=True)
class Left:
    """A machine that has gone."""

    address: str


@dataclass
class Slot:
    """A place for a training: on the machine with an address or, without one, on this machine."""

    address: str
    machine: str
    number: int | None = None
    since: float = 0.0


class Crew:
    """All machines of a search, and the stretches they are training; used as `components.workers.pool.Pool` is.

    Attributes:
        start_up_seconds: how long workers took to start, all together.
        memory_bytes: what trainings on this machine may take together; another one knows its own.
        devices: none; each machine knows its own.

    Args:
        membership: where the machines come from.
        setup: `training_data`, the path of the artifact, and its `fingerprint`.
        own_slots: trainings at once on this machine while no other is there.
        n_expected: how many trainings at once there will be, as far as that is known.
        time_limit_s: seconds after which a stretch is given up; 0 for never.
        timeout_s: seconds without any machine after which the search ends; 0 for never.
    """

    devices: tuple[str, ...] = ()

    def __init__(
        self,
        membership: Membership,
        setup: dict[str, Any],
        own_slots: int,
        n_expected: int,
        time_limit_s: float = 0,
        timeout_s: float = 0,
    ) -> None:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self.start_up_seconds = 0.0
        self.memory_bytes = max(1, machine.available_bytes() - own_slots * IDLE_WORKER_BYTES)
        self._n_expected = n_expected
        self._timeout_s = timeout_s
        self._time_limit_s = time_limit_s
        self._setup = setup
        self._slots = {slot: Slot("", "") for slot in range(own_slots)}
        self._n_slots = own_slots
        self._own: tuple[bench.Bench, ThreadPoolExecutor] | None = None
        self._messages: queue.SimpleQueue[Event | Joined | Left | bench.Trained | Exception] = queue.SimpleQueue()
        self._alone_since = time.monotonic()
        self._dask = _DaskThread(membership, setup, time_limit_s, self._messages.put)
        try:
            self._dask.start()
            self._wait_for_the_first()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def n_workers(self) -> int:
        """How many trainings there is, or will be, room for at once."""
        return max(self._n_expected, len(self._others()), 1)

    @property
    def idle(self) -> list[int]:
        """The slots that have no stretch: of the other machines, or of this one while no other is there."""
        return [number for number, slot in (self._others() or self._ours()).items() if slot.number is None]

    @property
    def running(self) -> set[int]:
        """The numbers of the configurations in flight."""
        return {slot.number for slot in self._slots.values() if slot.number is not None}

    def machine_of(self, slot: int) -> str:
        """Return the name of the machine that a slot is on, empty for this one."""
        return self._slots[slot].machine

    def assign(self, slot: int, stretch: Stretch) -> None:
        """Give a stretch to an idle slot."""
        place = self._slots[slot]
        place.number, place.since = stretch.number, time.monotonic()
        if place.address:
            self._dask.train(place.address, slot, stretch)
        else:
            self._train_here(slot, stretch)

    def wait(self) -> list[Event]:
        """Return what has happened, waiting until something has; nothing when only a machine has come or gone.

        Raises:
            WorkersLost: no machine was there for too long.
            InvalidInput: a machine refused the experiment, or the data.
        """
        while True:
            self._give_up_when_alone()
            try:
                message = self._messages.get(timeout=LOOK_S)
            except queue.Empty:
                if self._is_time_to_help():
                    return []
                continue
            return self._take_in(message)

    def close(self) -> None:
        """End all trainings and what was begun for them; nothing of theirs is worth saving."""
        self._dask.close()
        self._close_own()

    def _others(self) -> dict[int, Slot]:
        return {number: slot for number, slot in self._slots.items() if slot.address}

    def _ours(self) -> dict[int, Slot]:
        """Return this machine's slots once it is time to use them."""
        if self._own is None and not self._is_time_to_help():
            return {}
        return {number: slot for number, slot in self._slots.items() if not slot.address}

    def _is_time_to_help(self) -> bool:
        return not self._others() and time.monotonic() - self._alone_since >= OWN_AFTER_S

    def _wait_for_the_first(self) -> None:
        """Wait for a machine, or until it is time that this one trains itself."""
        while not self._others() and not self._is_time_to_help():
            with contextlib.suppress(queue.Empty):
                self._take_in(self._messages.get(timeout=LOOK_S))
        if not self._others():
            events.note("no other machine is there yet; this one begins")

    def _give_up_when_alone(self) -> None:
        waited = time.monotonic() - self._alone_since
        if self._timeout_s and not self._others() and waited >= self._timeout_s:
            raise WorkersLost(
                f"no worker machine was there for worker_timeout_s, {self._timeout_s:g} s; what was found is kept: "
                "the same run, begun again when there are machines, goes on"
            )

    def _take_in(self, message: Event | Joined | Left | bench.Trained | Exception) -> list[Event]:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, Joined):
            return self._join(message)
        if isinstance(message, Left):
            return self._leave(message.address)
        if isinstance(message, bench.Trained):
            self.start_up_seconds += message.start_up_s
            return self._take_in(message.event)
        if isinstance(message, (Finished, Lost)):
            slot = self._slots.get(message.worker)
            if slot is None or slot.number != message.number:
                return []  # of a machine that was given up meanwhile
            slot.number = None
            return [replace(message, machine=slot.machine)]
        return [message]

    def _join(self, joined: Joined) -> list[Event]:
        for _ in range(joined.n_slots):
            self._slots[self._n_slots] = Slot(joined.address, joined.name)
            self._n_slots += 1
        if self._own and not any(slot.number is not None for slot in self._slots.values() if not slot.address):
            self._close_own()
        self._tell(f"{joined.name} joins")
        return []

    def _leave(self, address: str) -> list[Event]:
        gone = {number: slot for number, slot in self._slots.items() if slot.address == address}
        if not gone:
            return []
        self._slots = {number: slot for number, slot in self._slots.items() if number not in gone}
        if not self._others():
            self._alone_since = time.monotonic()
        name = next(iter(gone.values())).machine
        self._tell(f"{name} is gone")
        return [
            Lost(
                slot.number,
                number,
                time.monotonic() - slot.since,
                f"its machine, {name}, was lost",
                with_machine=True,
                machine=name,
            )
            for number, slot in gone.items()
            if slot.number is not None
        ]

    def _tell(self, what: str) -> None:
        others = self._others()
        n_machines = len({slot.address for slot in others.values()})
        room = f"{events.counted(n_machines, 'machine')}, {events.counted(len(others), 'training')} at once"
        events.note(f"machine {what}: {room}")

    def _train_here(self, slot: int, stretch: Stretch) -> None:
        if self._own is None:
            n_slots = sum(not each.address for each in self._slots.values())
            own = bench.Bench(self._setup, n_slots, self._time_limit_s)
            self._own = own, ThreadPoolExecutor(n_slots)
        worker, threads = self._own
        threads.submit(self._post_result, slot, stretch, lambda: worker.train(stretch, self._messages.put))

    def _post_result(self, slot: int, stretch: Stretch, train: Callable[[], bench.Trained]) -> None:
        try:
            trained = train()
            self._messages.put(replace(trained, event=replace(trained.event, worker=slot)))
        except Exception as error:
            self._messages.put(error)

    def _close_own(self) -> None:
        if self._own:
            worker, threads = self._own
            self._own = None
            threads.shutdown(wait=False, cancel_futures=True)
            worker.close()


class _DaskThread:
    """A thread that welcomes machines, notices those that have gone, and has stretches trained.

    Args:
        membership: where the machines come from.
        setup: of the data that each is given.
        time_limit_s: of a stretch.
        post: takes what has happened.
    """

    def __init__(
        self, membership: Membership, setup: dict[str, Any], time_limit_s: float, post: Callable[[Any], None]
    ) -> None:
        self._membership = membership
        self._setup = setup
        self._time_limit_s = time_limit_s
        self._post = post
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client: Client | None = None
        self._known: dict[str, asyncio.Task[None]] = {}
        self._trainings: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._refused: set[str] = set()
        self._welcoming = asyncio.Semaphore(MOST_WELCOMED)

    def start(self) -> None:
        """Open the membership and begin to watch it.

        Raises:
            InvalidInput: it can't be opened.
        """
        self._thread.start()
        self._do(self._open())

    def train(self, address: str, slot: int, stretch: Stretch) -> None:
        """Have a stretch trained on a machine; what comes of it is posted."""
        self._loop.call_soon_threadsafe(self._begin_training, address, slot, stretch)

    def close(self) -> None:
        """End everything; the thread is gone afterwards."""
        if self._thread.is_alive():
            with contextlib.suppress(Exception):
                self._do(self._close(), CALL_LIMIT_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_LIMIT_S)

    def _do(self, work: Coroutine[Any, Any, None], limit_s: float | None = None) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(limit_s)

    async def _open(self) -> None:
        self._client = await self._membership.open()
        self._client.subscribe_topic(bench.TOPIC, self._hear)
        self._watching = asyncio.create_task(self._watch())

    async def _close(self) -> None:
        tasks = [each for each in (self._watching, *self._known.values(), *self._trainings.values()) if each]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._client.run(bench.leave, on_error="ignore"), 5)
            with contextlib.suppress(Exception):
                await self._client.close(timeout=5)
        await self._membership.close()

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Take in what a training says on the way."""
        _, said = event
        kinds: dict[str, Callable[..., Event]] = {"Note": Note, "Large": Large}
        self._post(kinds[said["kind"]](**{name: value for name, value in said.items() if name != "kind"}))

    async def _watch(self) -> None:
        """Welcome who has come, and say who has gone, until the end."""
        try:
            while True:
                found = await self._membership.members()
                for address in self._known.keys() - found.keys():
                    self._forget(address)
                for address in found.keys() - self._known.keys():
                    self._known[address] = asyncio.create_task(self._welcome(address, found[address]))
                await self._membership.tend()
                await asyncio.sleep(LOOK_S)
        except Exception as error:
            self._post(error)

    def _forget(self, address: str) -> None:
        self._known.pop(address).cancel()
        for key in [each for each in self._trainings if each[0] == address]:
            self._trainings.pop(key).cancel()
        self._post(Left(address))

    async def _welcome(self, address: str, n_slots: int) -> None:
        """Hold a machine's versions against ours, give it the data, and post that it can be used."""
        try:
            said = await self._call(address, bench.description)
            if difference := _difference(said["decides"]):
                return self._refuse(f"machine {said['name']} is not used: {difference}")
            async with self._welcoming:
                for path in sorted(Path(self._setup["training_data"]).iterdir()):
                    await self._send(address, path, f"{bench.DATA}/{path.name}")
            await self._call(address, bench.begin, self._setup["fingerprint"], n_slots, self._time_limit_s)
            self._post(Joined(address, f"{said['name']}:{said['pid']}", n_slots))
        except Exception as error:  # of whatever kind: it is another program's, on another machine
            if address in await self._membership.members():
                self._refuse(f"the machine at {address} is not used: {type(error).__name__}: {error}")

    def _refuse(self, why: str) -> None:
        if why not in self._refused:
            self._refused.add(why)
            events.warn(" ".join(why.split()))

    def _begin_training(self, address: str, slot: int, stretch: Stretch) -> None:
        self._trainings[address, slot] = asyncio.create_task(self._train(address, slot, stretch))

    async def _train(self, address: str, slot: int, stretch: Stretch) -> None:
        assert self._client is not None
        try:
            local, name = Path(stretch.checkpoint), f"weights/{Path(stretch.checkpoint).name}"
            if local.is_file():
                await self._send(address, local, name)
            future = self._client.submit(
                bench.train,
                replace(stretch, checkpoint=name),
                key=f"stretch-{stretch.number}-{uuid.uuid4().hex}",
                workers=[address],
                pure=False,
                retries=0,
            )
            try:
                trained = await future
            finally:
                future.release()
            if 0 < trained.n_bytes <= MOST_SENT_BYTES:
                await self._fetch(address, name, trained.n_bytes, local)
            if trained.n_bytes:
                await self._call(address, bench.remove, name)
            self._post(replace(trained, event=replace(trained.event, worker=slot)))
        except InvalidInput as error:
            self._post(error)
        except Exception as error:  # whatever Dask raises where a machine goes away, and what that machine raised
            await asyncio.sleep(4 * LOOK_S)  # to be cancelled, where it has gone
            reason = f"its machine failed: {type(error).__name__}: {' '.join(str(error).split())}"[:500]
            self._post(Lost(stretch.number, slot, 0.0, reason, with_machine=True))
        finally:
            self._trainings.pop((address, slot), None)

    async def _call(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        assert self._client is not None
        said = await asyncio.wait_for(self._client.run(function, *arguments, workers=[address]), CALL_LIMIT_S)
        return said[address]

    async def _send(self, address: str, path: Path, name: str) -> None:
        size = path.stat().st_size
        with open(path, "rb") as file:
            for offset in range(0, max(1, size), bench.PIECE_BYTES):
                await self._call(address, bench.write, name, offset, file.read(bench.PIECE_BYTES))

    async def _fetch(self, address: str, name: str, size: int, path: Path) -> None:
        with files.replacing(path) as partial, open(partial, "wb") as file:
            for offset in range(0, size, bench.PIECE_BYTES):
                file.write(await self._call(address, bench.read, name, offset))


def _difference(theirs: dict[str, Any]) -> str:
    """Return in what a machine differs that decides a training, or nothing."""
    ours = bench.description()["decides"]
    odd = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    if not odd:
        return ""
    name = odd[0]
    return f"it has {name} {theirs.get(name, 'not at all')}, and the search has {ours.get(name, 'none')}"
