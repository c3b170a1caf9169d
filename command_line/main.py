"""The command line: `compile`, `local-run`, `submit`, `upload`, `schedule`, `report` and `compare`.

Every pipeline parameter is an option of the commands that run the pipeline, with name, type and default taken from
the pipeline's own signature.
"""

import contextlib
import errno
import functools
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import click
from kfp import compiler

from command_line import cluster_options
from command_line.quiet_import import QuietImport
from components.core import events, parameters
from components.core.errors import InvalidInput
from local import run as local_run

EXIT_BAD_INPUT = 2
HELP = {
    "data_source": "fashion-mnist, synthetic, or a path or address of IDX archives, an .npz file or images.",
    "validation_fraction": "Share of the training images held out.",
    "test_fraction": "Share of a folder of images without test/ that becomes the test split.",
    "image_size": "HEIGHTxWIDTH, or one number, that a folder's images are resized to.",
    "max_trials": "Trials in the search.",
    "trial_epochs": "Epoch budget of one trial.",
    "trial_time_limit_s": "Seconds after which a trial has failed; 0: none.",
    "stop_trials_early": "Whether hopeless trials end before their budget.",
    "workers": "Trials in flight at once; 0: as many as the machine allows.",
    "training_epochs": "Epoch budget of the final training.",
    "early_stopping_patience": "Epochs without a better validation accuracy before a training ends.",
    "refit": "Whether the final model is trained anew on training and validation images together.",
    "seed": "Decides everything that is random.",
    "warm_start": "Journal (trials.jsonl) of an earlier search to learn from.",
}
DATA_PARAMETERS = ("data_source", "test_fraction", "image_size")
TYPES = {"Integer": int, "Float": float, "String": str, "Boolean": bool}


class _Number(click.ParamType):
    """A number that is refused with the parameter's own rule."""

    def __init__(self, name, number_type):
        self.name = "integer" if number_type is int else "number"
        self._parameter = name
        self._type = number_type

    def convert(self, value, param, ctx):
        try:
            return self._type(value)
        except ValueError:
            rule = parameters.RANGES.get(self._parameter, f"a {self.name}")
            raise InvalidInput(f"{self._parameter} must be {rule}, got {value!r}") from None


class _TrueOrFalse(click.ParamType):
    name = "true|false"

    def __init__(self, parameter):
        self._parameter = parameter

    def convert(self, value, param, ctx):
        known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, bool):
            return value
        if value.lower() not in known:
            raise InvalidInput(f"{self._parameter} must be true or false, got {value!r}")
        return known[value.lower()]


@functools.cache
def pipeline_inputs():
    """Return the pipeline's parameters from its signature, in its order: (type, default) by name."""
    import pipeline

    inputs = pipeline.build().component_spec.inputs
    return {name: (TYPES[spec.type], TYPES[spec.type](spec.default)) for name, spec in inputs.items()}


def pipeline_options(command):
    """Add an option for every pipeline parameter; one that is not given is None, so that it can be told apart."""
    inputs = pipeline_inputs()
    for name in reversed(inputs):
        kind, default = inputs[name]
        click_type = _Number(name, kind) if kind in (int, float) else _TrueOrFalse(name) if kind is bool else str
        shown = str(default).lower() if kind is bool else default
        text = HELP.get(name, "") + (f"  [default: {shown}]" if shown != "" else "")
        command = click.option(f"--{name.replace('_', '-')}", name, type=click_type, default=None, help=text)(command)
    return command


def take_pipeline_options(values):
    """Return (given, all): the pipeline parameters that were given, and all with their defaults, checked."""
    inputs = pipeline_inputs()
    given = {name: value for name in inputs if (value := values.pop(name)) is not None}
    checked = parameters.check(**{name: given.get(name, default) for name, (_, default) in inputs.items()})
    return {name: checked[name] for name in given}, checked


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli():
    """Tune, train and evaluate a Keras network, here or on Kubeflow."""


@cli.command("local-run")
@click.option(
    "--output-dir",
    metavar="FOLDER",
    help="The run's folder; that of an unfinished run continues it.  [default: runs/TIME]",
)
@pipeline_options
def local_run_command(output_dir, **values):
    """Run the whole pipeline in this process."""
    import pipeline
    from components.tune import warm_start
    from local.display import listening

    given, every = take_pipeline_options(values)
    output_dir = _checked_output_dir(output_dir)
    warm_start.load(every["warm_start"], output_dir / "state")
    earlier = local_run.earlier_parameters(output_dir)
    if given.keys() & DATA_PARAMETERS:
        _check_local_source({name: every[name] for name in DATA_PARAMETERS})
    note = ""
    with listening() as console:
        if "data_source" not in given:
            every["data_source"], note = _default_source(every["data_source"], earlier)
        if earlier:
            local_run.refuse_another_search(output_dir, earlier, every)
        try:
            summary = local_run.run(pipeline.build, pipeline.COMPONENTS, every, output_dir, note)
        except (KeyboardInterrupt, SystemExit) as error:
            events.warn(f"interrupted; the same command with --output-dir {output_dir} continues")
            # click would put an empty line after the message of a Ctrl-C.
            raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else error.code) from None
    local_run.show(summary, output_dir, console)


def _checked_output_dir(text):
    """Return the run's folder, refusing one that could not be made."""
    if text is None:
        return local_run.new_output_dir()
    if not text.strip() or "\0" in text:
        raise InvalidInput(f"output_dir must be a folder, got {text!r}")
    nearest = next(path for path in (Path(text), *Path(text).absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InvalidInput(f"output_dir must be a folder, got {text!r}, and {nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InvalidInput(f"output_dir must be in a folder that can be written to, got {text!r}")
    return Path(text)


def _check_local_source(values):
    from components.prepare import dataset

    dataset.check_source(**values)


def _default_source(default, earlier):
    """Return the data source of a run that named none, and a note when it is not what the user may expect."""
    from components.prepare import dataset

    if earlier:
        return earlier["parameters"]["data_source"], earlier["note"]
    try:
        dataset.fetch_fashion_mnist(progress=events.listener.downloaded)
    except dataset.Unreachable as error:
        return "synthetic", local_run.note_fallback(str(error))
    return default, ""


@cli.command("compile")
@click.option("--output", type=Path, default=Path("build/pipeline.yaml"), show_default=True)
@cluster_options.cluster_options
def compile_command(output, **values):
    """Write the pipeline as KFP v2 IR."""
    options = cluster_options.take_cluster_options(values)
    _compile(output, options)
    print(f"wrote {output}")
    cluster_options.say_notes(options)


def _compile(output, options):
    import pipeline

    if output.suffix not in (".yaml", ".yml", ".json"):
        raise InvalidInput(f"output must end in .yaml, .yml or .json, got {str(output)!r}")
    output.parent.mkdir(parents=True, exist_ok=True)
    built = pipeline.build(options, state_dir=options.state_dir)
    partial = output.with_name(f".{output.stem}.partial{output.suffix}")
    compiler.Compiler().compile(built, str(partial))
    os.replace(partial, output)


@cli.command()
@cluster_options.connection_options
@cluster_options.run_options
@cluster_options.submit_options
@cluster_options.cluster_options
@pipeline_options
def submit(**values):
    """Compile the pipeline and start a run of it on Kubeflow."""
    given, _ = take_pipeline_options(values)
    options = cluster_options.take_cluster_options(values)
    with _compiled(options) as package:
        cluster_options.submit(package, options, values, given)


@cli.command()
@cluster_options.connection_options
@cluster_options.cluster_options
def upload(**values):
    """Upload the pipeline, or a new version of it, named after its content."""
    options = cluster_options.take_cluster_options(values)
    with _compiled(options) as package:
        cluster_options.upload(package, options, values)


@cli.command()
@cluster_options.connection_options
@cluster_options.run_options
@cluster_options.schedule_options
@cluster_options.cluster_options
@pipeline_options
def schedule(**values):
    """Run the pipeline on Kubeflow at the times of a cron expression."""
    given, _ = take_pipeline_options(values)
    options = cluster_options.take_cluster_options(values)
    with _compiled(options) as package:
        cluster_options.schedule(package, options, values, given)


@contextlib.contextmanager
def _compiled(options):
    """Yield the file of the pipeline compiled with these `ClusterOptions`; it is gone after the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        _compile(path, options)
        yield path


@cli.command()
@click.option("--output-dir", type=Path, required=True, help="Folder of a run, finished or not.")
def report(output_dir):
    """Make a run's report again, without training anything."""
    from local.report import write_report

    print(f"wrote {write_report(output_dir)}")


@cli.command()
@click.argument("runs", nargs=-1, required=True, type=Path)
@click.option("--html", type=Path, help="Write the comparison as a page, too.")
def compare(runs, html):
    """Show several runs side by side."""
    from local.compare import compare as show

    show(list(runs), html)


def main():
    """Run the command line and end the process: 0, 2 for bad input, 130 or 143 when interrupted, 1 for the rest."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.meta_path.insert(0, QuietImport("tensorflow"))
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_exit_status())


def _exit_status():
    from cluster.connection import ClusterError

    try:
        return cli(prog_name="pipeline.py", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return EXIT_BAD_INPUT
    except click.ClickException as error:
        return _complain(error.format_message(), EXIT_BAD_INPUT)
    except InvalidInput as error:
        return _complain(error, EXIT_BAD_INPUT)
    except ClusterError as error:
        return _complain(error, 1)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except OSError as error:
        return _complain(_describe(error), 1)
    except Exception as error:
        if _is_expected(error):
            return _complain(error, 1)
        traceback.print_exc()
        return 1


def _is_expected(error):
    """Whether an error speaks of the user's network or data rather than of this program."""
    return type(error).__name__ in ("SearchFailed", "TrainingFailed")


def _complain(message, status):
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return status


def _describe(error):
    what = error.filename2 or error.filename or "a file"
    cause = "no space is left on the disk" if error.errno == errno.ENOSPC else error.strerror or str(error)
    return f"{what} can't be written or read: {cause}; what was there before is unchanged"


def _terminate(number, frame):
    sys.exit(128 + number)
