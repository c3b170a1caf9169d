"""How a process of ours ends: 0, 2 for what can't be used, 130 or 143 when interrupted, 1 for the rest."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import click

from command_line.quiet_import import QuietImport
from components.core.errors import InvalidInput, PipelineError


def run_and_exit(make_command: Callable[[], click.Command], name: str) -> NoReturn:
    """Make a command, run it with this process' arguments, and end the process; `name` is what the help calls it.

    What a user can understand is one line on standard error, anything else a traceback.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.meta_path.insert(0, QuietImport("tensorflow"))
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(make_command, name))


def _run(make_command: Callable[[], click.Command], name: str) -> int:
    try:
        return make_command().main(prog_name=name, standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return InvalidInput.exit_status
    except click.ClickException as error:
        return _complain(error.format_message(), InvalidInput.exit_status)
    except PipelineError as error:
        return _complain(error, error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except OSError as error:
        return _complain(_describe(error), PipelineError.exit_status)
    except Exception:
        traceback.print_exc()
        return PipelineError.exit_status


def _complain(message: object, status: int) -> int:
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return status


def _describe(error: OSError) -> str:
    what = error.filename2 or error.filename or "a file"
    cause = "no space is left on the disk" if error.errno == errno.ENOSPC else error.strerror or str(error)
    return f"{what} can't be written or read: {cause}; what was there before is unchanged"


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
