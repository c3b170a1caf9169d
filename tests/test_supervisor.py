"""A step's process that is killed, and started again."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.core import supervisor
from components.core.files import STATE_VARIABLE, kept_or_temporary

COUNT = """
import os, pathlib, signal
from components.core.files import kept_or_temporary
with kept_or_temporary("") as folder:
    (folder / "starts").open("a").write("x")
    n = len((folder / "starts").read_text())
    {end}
"""


def python(code):
    return [sys.executable, "-c", code]


def counting(end):
    return python(COUNT.format(end=end))


def test_what_was_killed_is_started_again_and_finds_its_state(capfd):
    ending = "os.kill(os.getpid(), signal.SIGKILL) if n < 3 else print(n, 'starts')"

    assert supervisor.supervise(counting(ending), pauses_s=(0, 0, 0)) == 0
    said = capfd.readouterr().out
    assert "3 starts" in said
    assert "warning: the step's process was ended by SIGKILL; it is started again in 0 s (2 of 3)" in said


def test_what_is_killed_again_and_again_is_given_up_with_the_signal_s_status(capfd):
    ending = "print(n, 'starts', flush=True); os.abort()"

    assert supervisor.supervise(counting(ending), pauses_s=(0, 0)) == 128 + signal.SIGABRT
    assert "3 starts" in (said := capfd.readouterr().out) and "4 starts" not in said


@pytest.mark.parametrize("status", [0, 1, 2, 143])
def test_what_ends_by_itself_is_not_started_again(status, capfd):
    assert supervisor.supervise(counting(f"print('started', flush=True); os._exit({status})"), (0, 0)) == status
    assert capfd.readouterr().out.count("started") == 1


def test_a_state_folder_of_the_step_s_own_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "supervisor"))

    with kept_or_temporary(str(tmp_path / "volume")) as folder:
        assert folder == tmp_path / "volume"


def test_its_folder_is_gone_afterwards(capfd):
    assert supervisor.supervise(python(f"import os; print(os.environ['{STATE_VARIABLE}'])")) == 0
    assert not Path(capfd.readouterr().out.strip()).exists()


@pytest.fixture
def supervised(tmp_path):
    """Return a supervisor with a command that waits, and the command's process id."""
    path = str(tmp_path / "pid")
    code = f"import os, pathlib, time; pathlib.Path({path!r}).write_text(str(os.getpid())); time.sleep(60)"
    words = [sys.executable, "-m", "components.core.supervisor", *python(code)]
    with subprocess.Popen(words) as process:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        yield process, int((tmp_path / "pid").read_text())
        process.kill()


def until(is_so):
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_sigterm_goes_on_to_the_command_which_is_not_started_again(supervised):
    process, command = supervised
    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 143
    assert not Path(f"/proc/{command}").exists()


def test_the_command_ends_with_its_supervisor(supervised):
    process, command = supervised
    process.kill()
    process.wait()

    until(lambda: not is_running(command))


def is_running(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_holds_no_more_than_python_itself():
    listed = python("import sys; import components.core.supervisor; print(*sys.modules)")
    loaded = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()

    assert not {"numpy", "tensorflow", "keras", "kfp"} & set(loaded)
