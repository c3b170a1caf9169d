"""How a process of ours ends: 0, 2 for what can't be used, 130 or 143 when interrupted, 1 for the rest."""

import contextlib
import errno
import io
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import click

from command_line.quiet_import import QuietImport
from components.core.errors import InvalidInput, PipelineError

_NO_READER = "standard output was closed by the program that read it, before all was written"


def run_and_exit(make_command: Callable[[], click.Command], name: str) -> NoReturn:
    """Make a command, run it with this process' arguments, and end the process; `name` is what the help calls it.

    What a user can understand is one line on standard error, anything else a traceback.
    """
    _open_standard_streams()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.meta_path.insert(0, QuietImport("tensorflow"))
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(make_command, name))


def _run(make_command: Callable[[], click.Command], name: str) -> int:
    try:
        status = _invoke(make_command(), name)
        sys.stdout.flush()
        return status
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return InvalidInput.exit_status
    except click.ClickException as error:
        return _complain(error.format_message(), InvalidInput.exit_status)
    except PipelineError as error:
        return _complain(error, error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # how rich says so
            return _complain(_NO_READER, PipelineError.exit_status)
        raise
    except OSError as error:
        return _complain(_describe(error), PipelineError.exit_status)
    except Exception:
        traceback.print_exc()
        return PipelineError.exit_status


def _invoke(command: click.Command, name: str) -> int:
    """Run a command with this process' arguments and return its exit status.

    `Command.main` does the same, but ends the process without a word when nobody reads its output.
    """
    try:
        with command.make_context(name, sys.argv[1:]) as context:
            return command.invoke(context) or 0
    except click.exceptions.Exit as error:  # after --help
        return error.exit_code


def _open_standard_streams() -> None:
    """Let what is written to a standard stream that is closed go nowhere.

    Else its number goes to the next file that is opened, which then holds what libraries write to standard error. And
    a character that a stream's encoding doesn't have is written as an escape.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain(message: object, status: int) -> int:
    with contextlib.suppress(OSError):  # nobody reads this either
        print(f"error: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        if _has_no_reader(descriptor):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else the interpreter complains as it ends
    return status


def _has_no_reader(descriptor: int) -> bool:
    """Return whether a stream is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _describe(error: OSError) -> str:
    if isinstance(error, BrokenPipeError) and _has_no_reader(1):
        return _NO_READER
    what = error.filename2 or error.filename or "a file"
    cause = "no space is left on the disk" if error.errno == errno.ENOSPC else error.strerror or str(error)
    return f"{what} can't be written or read: {cause}; what was there before is unchanged"


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
