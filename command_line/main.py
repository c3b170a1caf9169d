"""The command line of a pipeline: one module a group of commands."""

from collections.abc import Mapping
from typing import NoReturn

import click

from command_line import (
    cluster_commands,
    config,
    config_command,
    deploy_command,
    local_commands,
    predict_command,
    registry_commands,
    report_commands,
    serve_command,
)
from command_line.exit_status import run_and_exit
from command_line.pipeline_parameters import Build, PipelineParameters


def main(build: Build, others: Mapping[str, Build] | None = None) -> NoReturn:
    """Run the command line of the pipeline that `build` makes, and end the process; `others` can be compiled, too."""
    run_and_exit(lambda: command_line(build, others), "pipeline.py")


def command_line(build: Build, others: Mapping[str, Build] | None = None) -> click.Group:
    """Return the command line; the commands that run the pipeline have each of its parameters as an option."""
    parameters = PipelineParameters(build)
    running = [
        *local_commands.commands(build, parameters),
        *cluster_commands.commands(build, parameters, others or {}),
    ]
    configured = [command for command in running if command.name not in ("components", "logs", "watch")]
    config.add_to(configured)
    return click.Group(
        commands=[
            *running,
            config_command.command(configured),
            *report_commands.commands(),
            *registry_commands.commands(),
            *serve_command.commands(),
            *predict_command.commands(),
            *deploy_command.commands(),
        ],
        help="Tune, train and evaluate a Keras network, here or on Kubeflow.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
