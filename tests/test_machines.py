"""One search on several machines: the same journal as on one, whatever becomes of them on the way."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from components.core.errors import InvalidInput
from components.machines import bench, crew
from components.machines.connection import VARIABLE, Connection, take
from components.machines.membership import OwnScheduler, scheduler_address
from components.tune.executor import executor_for
from components.tune.search import SearchSettings
from tests import processes
from tests.fork import with_small_network
from tests.searches import Search, write_training_data

SETTINGS = {
    "max_trials": 6,
    "trial_epochs": 3,
    "training_epochs": 4,
    "stop_trials_early": True,
    "round_size": 3,
    "finalists": 1,
    "seed": 7,
    "workers": 2,
}


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Return a function that makes a `Search` of a small network on a state folder of its own."""
    folder = tmp_path_factory.mktemp("machines")
    source, data = with_small_network(folder / "source"), write_training_data(folder / "training_data")
    marks = []

    def make(name, **changed):
        marks.append(processes.new_mark())
        return Search(source, data, folder / name, {**SETTINGS, **changed}, marks[-1])

    yield make
    for mark in marks:
        processes.end(mark)


@pytest.fixture(scope="module")
def undisturbed(make):
    """Return what a search of this machine alone leaves."""
    return make("undisturbed").run()


def machines_of(searching):
    """Return the processes of a search that are worker machines."""
    return [pid for pid in processes.marked(searching.mark) if b"components.machines.worker" in command(pid)]


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


@pytest.mark.slow
def test_machines_that_are_killed_change_nothing_in_the_journal(make, undisturbed):
    searching = make("killed", pods=2)
    process = searching.start()
    for n_trials in (1, 3):
        processes.until(lambda n=n_trials: len(searching.trials()) >= n or process.poll() is not None, 120)
        os.kill(machines_of(searching)[0], signal.SIGKILL)

    assert process.wait() == 0, searching.log()
    assert searching.result() == undisturbed
    assert "is gone" in searching.log()
    assert processes.marked(searching.mark) == []


@pytest.mark.slow
def test_machines_end_with_a_search_that_is_killed_and_another_number_of_them_goes_on(make, undisturbed):
    searching = make("continued", pods=1)
    process = searching.start()
    processes.until(lambda: len(searching.trials()) >= 2 or process.poll() is not None, 120)

    process.kill()
    process.wait()

    processes.until(lambda: not processes.marked(searching.mark), 30)
    searching.settings["pods"] = 3
    assert searching.run() == undisturbed


@pytest.mark.slow
def test_the_workers_of_a_cluster_that_is_there_already_do_the_same(make, undisturbed):
    searching = make("existing")
    environment = {**os.environ, "PYTHONPATH": str(searching.source), processes.MARK: searching.mark}
    file = searching.state_dir.with_suffix(".json")
    program = (
        "import asyncio, sys, distributed\n"
        "async def main():\n"
        "    async with distributed.Scheduler(host='127.0.0.1', dashboard=False, scheduler_file=sys.argv[1]) as s:\n"
        "        async with distributed.Nanny(s.address, nthreads=2):\n"
        "            await s.finished()\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    script = searching.state_dir.with_suffix(".py")
    script.write_text(program)
    words = [sys.executable, str(script), str(file)]
    cluster = subprocess.Popen(words, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        processes.until(lambda: file.exists() and file.read_text().endswith("}"), 60)
        searching.settings["dask_scheduler"] = str(file)
        assert searching.run() == undisturbed
        assert cluster.poll() is None
    finally:
        cluster.kill()
        cluster.wait()


async def connect(security):
    """Return what a stranger gets who asks a search's scheduler for its workers."""
    from distributed import rpc

    owner = OwnScheduler("127.0.0.1")
    client = await owner.open()
    try:
        address = owner.connection(1).address
        if security is None:
            address = address.replace("tls://", "tcp://")
        arguments = {"connection_args": security.get_connection_args("client")} if security else {}
        async with rpc(address, **arguments) as stranger:
            return await asyncio.wait_for(stranger.identity(), 5)
    finally:
        await client.close()
        await owner.close()


@pytest.mark.parametrize("who", ["without a certificate", "with another certificate"])
def test_a_stranger_can_not_talk_to_the_scheduler(who):
    from distributed import Security

    security = Security.temporary() if who == "with another certificate" else None

    with pytest.raises((OSError, TimeoutError)):
        asyncio.run(connect(security))


def test_nothing_but_the_scheduler_can_be_reached_from_elsewhere():
    import psutil

    async def reachable():
        owner = OwnScheduler("0.0.0.0")
        client = await owner.open()
        found = [each.laddr for each in psutil.Process().connections("inet") if each.status == "LISTEN"]
        address = owner.connection(1).address
        await client.close()
        await owner.close()
        return [each.port for each in found if each.ip != "127.0.0.1"], int(address.rpartition(":")[2])

    ports, own = asyncio.run(reachable())

    assert ports == [own]


def test_a_machine_s_connection_is_not_handed_on_to_what_it_starts(monkeypatch):
    given = Connection("tls://10.0.0.1:8786", "certificate", "key", 2)
    monkeypatch.setenv(VARIABLE, given.as_text())

    assert take() == given
    assert VARIABLE not in os.environ


def test_a_machine_that_would_train_otherwise_is_named_with_the_difference():
    theirs = {**bench.description()["decides"], "keras": "3.0.0"}

    assert crew._difference(theirs).startswith("it has keras 3.0.0, and the search has 3.")


def test_a_scheduler_s_file_names_its_address(tmp_path):
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"address": "tls://10.0.0.1:8786"}))

    assert scheduler_address(str(path)) == "tls://10.0.0.1:8786"


@pytest.mark.parametrize("content", [None, "{}", "nothing"])
def test_a_file_without_an_address_is_refused_by_name(tmp_path, content):
    path = tmp_path / "scheduler.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(InvalidInput, match="dask_scheduler must be an address such as tls://HOST:8786, or a file"):
        scheduler_address(str(path))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pods": 2, "dask_scheduler": "tls://h:1"}, "pods must be 0 with a dask_scheduler"),
        ({"dashboard": True}, "dashboard must be false without pods"),
    ],
)
def test_settings_that_exclude_each_other_are_refused_by_name(changed, message):
    with pytest.raises(InvalidInput, match=message):
        executor_for(SearchSettings(**{**SETTINGS, **changed}), {})


def test_a_scheduler_that_is_not_there_is_refused_by_name(monkeypatch):
    monkeypatch.setattr("components.machines.membership.CONNECT_LIMIT_S", 1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    settings = SearchSettings(**{**SETTINGS, "dask_scheduler": address})

    with pytest.raises(InvalidInput, match="dask_scheduler must be the address or file of a Dask"):
        executor_for(settings, {"training_data": "", "fingerprint": ""})


class Nobody(OwnScheduler):
    """A scheduler without workers."""

    async def members(self):
        return {}

    async def tend(self):
        pass


def test_a_search_without_any_machine_ends_after_the_time_out(monkeypatch):
    monkeypatch.setattr(crew, "OWN_AFTER_S", 0.0)
    begun = time.monotonic()
    setup = {"training_data": "", "fingerprint": ""}

    with (
        crew.Crew(Nobody("127.0.0.1"), setup, own_slots=1, n_expected=2, timeout_s=0.5) as lonely,
        pytest.raises(crew.WorkersLost, match=r"no worker machine was there for worker_timeout_s, 0\.5 s"),
    ):
        assert lonely.idle == [0]
        while time.monotonic() < begun + 60:
            lonely.wait()
