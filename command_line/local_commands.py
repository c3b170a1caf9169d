"""`local-run`: the whole pipeline in this process, and `check`: whether it is worth it."""

import tempfile
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from command_line import check_cluster, cluster_options
from command_line.paths import check_utf8, check_writable_folder, given_path
from command_line.pipeline_parameters import Build, PipelineParameters
from components.core import keras_settings
from components.core.errors import InvalidInput
from images.contents import ROOT
from local import run as local_run
from local import starting


def commands(build: Build, parameters: PipelineParameters) -> list[click.Command]:
    """Return the commands of this file, for a pipeline and its parameters."""

    @click.command("local-run")
    @click.option(
        "--output-dir",
        metavar="FOLDER",
        help="The run's folder; that of an unfinished run continues it.  [default: runs/TIME]",
    )
    @parameters.options
    def run(output_dir: str | None, **values: Any) -> None:
        """Run the whole pipeline in this process."""
        _check_folders()
        given, all_values = parameters.take(values)
        _run(build, _checked_output_dir(output_dir), given, all_values)

    @click.command("check")
    @parameters.options
    @cluster_options.check_options
    def check(**values: Any) -> None:
        """Try the experiment out in a minute, or with --host the cluster: by a small run with the given options.

        Here, networks of the experiment's space are built, trained, saved and loaded on the real data.
        """
        given, all_values = parameters.take(values)
        source_of = click.get_current_context().get_parameter_source
        typed = [name for name in values if source_of(name) is ParameterSource.COMMANDLINE]
        if "host" in typed:
            check_cluster.check(build, given, values)
            return
        if typed:
            raise InvalidInput(f"{typed[0]} must come with --host, and has no effect on a check of this machine")
        _check_folders()
        _check(given, all_values)

    return [run, check]


def _check_folders() -> None:
    """Refuse folders whose names TensorFlow can't take, which it would say in the first training."""
    check_utf8("the project's folder", str(ROOT))
    check_utf8("the folder for temporary files (TMPDIR)", tempfile.gettempdir())


def _check(given: dict[str, Any], values: dict[str, Any]) -> None:
    """Check the experiment, print what was found, and end with 1 where something must be mended."""
    keras_settings.refuse_unusable()
    from local import check_report

    if given.keys() & set(starting.DATA_PARAMETERS):
        starting.check_local_source(values)
    if "data_source" not in given:
        values["data_source"], _ = starting.default_source(values["data_source"], None)
    if not check_report.check_and_show(values):
        raise SystemExit(1)


def _run(build: Build, output_dir: Path | None, given: dict[str, Any], values: dict[str, Any]) -> None:
    """Run the pipeline and show its result; without an `output_dir` the run has a new folder."""
    from local.display import listening
    from local.summary import show

    with listening() as console:
        folder, summary = starting.start(build, output_dir, given, values)
    show(summary, folder, console)


def _checked_output_dir(text: str | None) -> Path | None:
    """Return the run's folder, None for a new one, refusing one that could not be made."""
    if text is not None and (not text.strip() or "\0" in text):
        raise InvalidInput(f"output_dir must be a folder, got {text!r}")
    folder = None if text is None else given_path("output_dir", text)
    check_utf8("output_dir", str((folder or local_run.RUNS).absolute()))
    check_writable_folder("output_dir", folder or local_run.RUNS)
    return folder
