"""The Python interface: what the command line does, for notebooks and programs.

from fashion_tuner import load_run, run_locally

run = run_locally(data_source="fashion-mnist", max_trials=8)
run.test_accuracy, run.trials
"""

import contextlib
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pipeline
from cluster.options import ClusterOptions
from command_line.pipeline_parameters import PipelineParameters
from components.core import events
from components.core.errors import InvalidInput, PipelineError
from components.core.parameters import check, check_effect
from local.results import Run, compare, load_run

__all__ = ["ClusterOptions", "InvalidInput", "PipelineError", "Run", "compare", "load_run", "run_locally", "submit"]


def run_locally(output_dir: str | Path | None = None, **parameters: Any) -> Run:
    """Run the whole pipeline in this process and return the finished run.

    Args:
        output_dir: the run's folder; that of an unfinished run continues it. None: a new one below `runs`.
        **parameters: pipeline parameters by name, see docs/parameters.md; the others have their defaults.

    Raises:
        InvalidInput: a parameter is unknown or breaks its rule, or something from outside can't be used.
        PipelineError: the run has failed in a way that its message explains.
    """
    from local import starting

    given, values = _checked(parameters)
    with _shown():
        folder, _ = starting.start(pipeline.build, Path(output_dir) if output_dir else None, given, values)
    return load_run(folder)


def submit(
    host: str,
    options: ClusterOptions | None = None,
    *,
    experiment: str = "fashion-tuner",
    run_name: str | None = None,
    service_account: str | None = None,
    namespace: str | None = None,
    token_file: str | None = None,
    **parameters: Any,
) -> str:
    """Start a run on Kubeflow Pipelines and return its id.

    Args:
        host: address of Kubeflow Pipelines.
        options: images, resources and volumes; by default the images that `make images` names.
        experiment: name of the experiment, made when there is none.
        run_name: the run's name; None for pipeline and time.
        service_account: what the run's pods run as.
        namespace: yours, in a Kubeflow of many users.
        token_file: file with a bearer token.
        **parameters: pipeline parameters by name.

    Raises:
        InvalidInput: a parameter is unknown or breaks its rule, or what it names can't be seen from the cluster.
        PipelineError: the cluster can't be reached, or refuses.
    """
    from cluster import connection, package, runs
    from cluster.client import Connection
    from images.references import image_references

    given, _ = _checked(parameters)
    chosen = options or ClusterOptions(images=image_references())
    compiled = package.package_of(pipeline.build(chosen, state_dir=chosen.state_dir))
    cluster = connection.connect(Connection(host, namespace, token_file))
    return runs.submit(cluster, compiled, given, experiment, run_name, service_account)


def _checked(parameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was given, and all pipeline parameters.

    Raises:
        InvalidInput: one is unknown, or breaks its rule.
    """
    known = PipelineParameters(pipeline.build)
    for name in parameters:
        if name not in known.inputs:
            near = difflib.get_close_matches(name, known.inputs, 1, 0)
            raise InvalidInput(f"parameter must be one of the pipeline's, got {name!r}; the nearest is {near[0]!r}")
    values = check(**{**known.defaults, **parameters})
    given = {name: values[name] for name in parameters}
    check_effect(given, values)
    return given, values


@contextlib.contextmanager
def _shown() -> Iterator[None]:
    """Show the events of a run in the notebook that this is called in, or as a terminal or log has them."""
    if "ipykernel" not in sys.modules:
        from local.display import listening

        with listening():
            yield
        return
    from local.notebook import InNotebook

    before = events.listener
    events.listener = InNotebook()
    try:
        with contextlib.closing(events.listener):
            yield
    finally:
        events.listener = before
