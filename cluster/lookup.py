"""What the API knows already, found by name or by what is written on it."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import kfp_server_api as api

from cluster.connection import Cluster, found_or_none


def experiment_id(cluster: Cluster, name: str) -> str:
    """Return the id of the experiment of a name, which is made when there is none."""
    experiments = cluster.client.experiments

    def find() -> Any:
        found = _pages(
            cluster,
            experiments.experiment_service_list_experiments,
            "experiments",
            filter=_named(name),
            namespace=cluster.namespace,
        )
        return first(found, lambda experiment: experiment.display_name == name)

    body = api.V2beta1Experiment(display_name=name, namespace=cluster.namespace)
    create = experiments.experiment_service_create_experiment
    found = found_or_none(find) or cluster.call(create, find=find, experiment=body)
    return str(found.experiment_id)


def find_run(cluster: Cluster, experiment: str, mark: str) -> Any:
    """Return the experiment's run with a mark in its description, or None."""
    list_runs = cluster.client.runs.run_service_list_runs
    runs = _pages(cluster, list_runs, "runs", experiment_id=experiment, sort_by="created_at desc")
    return first(runs, lambda run: mark in (run.description or ""))


def find_pipeline(cluster: Cluster, name: str) -> Any:
    """Return the pipeline of a name, or None."""
    found = _pages(
        cluster,
        cluster.client.pipelines.pipeline_service_list_pipelines,
        "pipelines",
        filter=_named(name),
        namespace=cluster.namespace,
    )
    return first(found, lambda pipeline: pipeline.display_name == name)


def find_version(cluster: Cluster, pipeline_id: str, name: str) -> Any:
    """Return the version that holds this content; a pipeline's first version only has it in its description."""
    versions = _pages(
        cluster,
        cluster.client.pipelines.pipeline_service_list_pipeline_versions,
        "pipeline_versions",
        pipeline_id=pipeline_id,
    )
    return first(versions, lambda version: name in (version.display_name, version.description))


def schedules_named(cluster: Cluster, experiment: str, name: str) -> list[Any]:
    """Return the experiment's schedules of a name."""
    found = _pages(
        cluster,
        cluster.client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        experiment_id=experiment,
        filter=_named(name),
    )
    return [schedule for schedule in found if schedule.display_name == name]


def first(items: Iterable[Any], is_wanted: Callable[[Any], bool]) -> Any:
    """Return the first item that is wanted, or None."""
    return next((item for item in items if is_wanted(item)), None)


def _named(name: str) -> str:
    """Return the API's filter for a display name, the way `kfp.Client` writes it (1 is EQUALS)."""
    return json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})


def _pages(cluster: Cluster, method: Callable[..., Any], field: str, **arguments: Any) -> Iterator[Any]:
    """Yield the items of a list call, page by page."""
    token = None
    while True:
        page = cluster.call(method, page_size=100, page_token=token, **arguments)
        yield from getattr(page, field) or ()
        token = page.next_page_token
        if not token:
            return
