"""`compile`, `submit`, `upload`, `schedule`, `components`, `logs` and `watch`: the pipeline on Kubeflow."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cluster.options import ClusterOptions, notes
from command_line import cluster_options as options
from command_line.paths import PATH, check_writable_folder, given_path
from command_line.pipeline_parameters import Build, PipelineParameters
from components.core.errors import InvalidInput
from components.core.parameters import NAMED_SOURCES


def commands(build: Build, parameters: PipelineParameters, others: Mapping[str, Build]) -> list[click.Command]:
    """Return the commands of this file, for a pipeline, its parameters, and others that can be compiled, by name."""

    @click.command("compile")
    @click.option("--output", type=PATH, default=Path("build/pipeline.yaml"), show_default=True)
    @click.option("--graph", type=click.Choice(["pipeline", *others]), default="pipeline", show_default=True)
    @options.cluster_options
    def compile_command(output: Path, graph: str, **values: Any) -> None:
        """Write the pipeline as KFP v2 IR, or another graph."""
        chosen = options.take_cluster_options(values)
        _compile({**others, "pipeline": build}[graph], output, chosen)
        print(f"wrote {output}")
        _print_notes(chosen)

    @click.command("submit")
    @options.connection_options
    @options.run_options
    @options.submit_options
    @options.cluster_options
    @parameters.options
    def submit_command(**values: Any) -> None:
        """Compile the pipeline and start a run of it on Kubeflow."""
        given, everything = parameters.take(values)
        with _compiled(build, values, everything["data_source"]) as package:
            _submit(package, values, given)

    @click.command("upload")
    @options.connection_options
    @options.cluster_options
    def upload_command(**values: Any) -> None:
        """Upload the pipeline, or a new version of it, named after its content."""
        with _compiled(build, values) as package:
            _upload(package, values)

    @click.command("schedule")
    @options.connection_options
    @options.run_options
    @options.schedule_options
    @options.cluster_options
    @parameters.options
    def schedule_command(**values: Any) -> None:
        """Run the pipeline on Kubeflow at the times of a cron expression."""
        given, everything = parameters.take(values)
        with _compiled(build, values, everything["data_source"]) as package:
            _schedule(package, values, given)

    @click.command("components")
    @click.option("--output", type=PATH, default=Path("build/components"), show_default=True, help="Their folder.")
    @options.image_options
    def components_command(output: Path, **values: Any) -> None:
        """Write each step as a component file, for other people's pipelines."""
        from cluster import components

        check_writable_folder("output", output)
        for path in components.write(output, options.take_images(values)):
            print(f"wrote {path}")

    @click.command("logs")
    @click.argument("run")
    @click.argument("step", required=False)
    @options.connection_options
    def logs_command(run: str, step: str | None, **values: Any) -> None:
        """Print what a step of a run on Kubeflow wrote; without STEP, of the one that failed."""
        from cluster import connection, logs

        logs.show(connection.connect(options.take_connection(values)), run, step)

    @click.command("watch")
    @click.argument("run")
    @options.connection_options
    def watch_command(run: str, **values: Any) -> None:
        """Follow a run, here by its folder or on Kubeflow by its id, to its end; Ctrl-C leaves it alone."""
        if Path(run).is_dir() or os.sep in run:
            from rich.console import Console

            from local.watch import watch

            watch(given_path("run", run), Console())
            return
        from cluster import connection, tail, waiting

        cluster = connection.connect(options.take_connection(values))
        waiting.wait(cluster, run, at_each_look=tail.Tail(cluster))

    return [
        compile_command,
        submit_command,
        upload_command,
        schedule_command,
        components_command,
        logs_command,
        watch_command,
    ]


def _submit(path: Path, values: dict[str, Any], parameters: dict[str, Any]) -> None:
    from cluster import connection, package, runs, waiting

    if values["wait_timeout"] and not values["wait"]:
        raise InvalidInput(f"wait_timeout must come with --wait, got {values['wait_timeout']:g} without it")
    compiled = package.read_package(path)
    package.check_submission(compiled, parameters)
    cluster = connection.connect(options.take_connection(values))
    where = (values["experiment"], values["run_name"], values["service_account"])
    run_id = runs.submit(cluster, compiled, parameters, *where)
    _print_notes(values["cluster_options"])
    if values["wait"]:
        waiting.wait(cluster, run_id, values["wait_timeout"])


def _upload(path: Path, values: dict[str, Any]) -> None:
    from cluster import connection, package, uploads

    compiled = package.read_package(path)
    package.check_images(compiled)
    uploads.upload(connection.connect(options.take_connection(values)), compiled)
    _print_notes(values["cluster_options"])


def _schedule(path: Path, values: dict[str, Any], parameters: dict[str, Any]) -> None:
    from cluster import connection, package, schedules

    compiled = package.read_package(path)
    schedules.check_cron(values["cron"])
    package.check_submission(compiled, parameters)
    cluster = connection.connect(options.take_connection(values))
    where = (values["name"], values["experiment"], values["service_account"])
    schedules.schedule(cluster, compiled, parameters, values["cron"], *where)
    _print_notes(values["cluster_options"])


@contextlib.contextmanager
def _compiled(build: Build, values: dict[str, Any], data_source: str | None = None) -> Iterator[Path]:
    """Yield the file of the pipeline compiled with a command's values; it is gone after the block.

    What the values of `cluster_options` amount to takes their place. The data source is that of the run, None where it
    is not known yet.
    """
    chosen = options.take_cluster_options(values)
    values["cluster_options"] = replace(chosen, source_may_change=data_source not in NAMED_SOURCES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        _compile(build, path, values["cluster_options"])
        yield path


def _compile(build: Build, output: Path, chosen: ClusterOptions) -> None:
    from kfp import compiler

    if output.suffix not in (".yaml", ".yml", ".json"):
        raise InvalidInput(f"output must end in .yaml, .yml or .json, got {str(output)!r}")
    check_writable_folder("output", output.parent)
    partial = output.with_name(f".{output.stem}.partial{output.suffix}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        compiler.Compiler().compile(build(chosen, state_dir=chosen.state_dir), str(partial))
        os.replace(partial, output)
    except PermissionError as error:
        rule = f"output must be a file that can be written, got {str(output)!r}"
        raise InvalidInput(f"{rule}: {error.strerror}; name another with --output") from error


def _print_notes(chosen: ClusterOptions) -> None:
    """Print what a user should know of these options."""
    for sentence in notes(chosen):
        print(f"note: {sentence}", file=sys.stderr, flush=True)
