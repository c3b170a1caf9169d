"""Runs of a compiled pipeline."""

import datetime
import uuid
from collections.abc import Mapping
from typing import Any

import kfp_server_api as api

from cluster.connection import Cluster
from cluster.lookup import experiment_id, find_run
from cluster.package import Package, check_submission


def submit(
    cluster: Cluster,
    package: Package,
    parameters: Mapping[str, Any],
    experiment: str,
    run_name: str | None = None,
    service_account: str | None = None,
) -> str:
    """Start a run, print its link and return its id.

    Args:
        cluster: where.
        package: the compiled pipeline.
        parameters: the pipeline parameters that are given, by name.
        experiment: name of the experiment, made when there is none.
        run_name: the run's name, or None for pipeline and time.
        service_account: what the run's pods run as, or None for the cluster's default.

    Raises:
        InvalidInput: as `check_submission`.
        ClusterError: the cluster can't be reached or refuses.
    """
    check_submission(package, parameters)
    experiment_of_run = experiment_id(cluster, experiment)
    mark = f"submission {uuid.uuid4().hex}"  # by which to find the run when the answer is lost
    body = api.V2beta1Run(
        experiment_id=experiment_of_run,
        display_name=run_name or f"{package.name} {datetime.datetime.now():%Y-%m-%d %H:%M:%S}",
        description=f"{package.version_name}, {mark}",
        pipeline_spec=package.as_source,
        runtime_config=api.V2beta1RuntimeConfig(parameters=dict(parameters)),
        service_account=service_account,
    )
    run = cluster.call(
        cluster.client.runs.run_service_create_run, find=lambda: find_run(cluster, experiment_of_run, mark), run=body
    )
    print(f"Run {body.display_name}: {link(cluster, run.run_id)}", flush=True)
    return str(run.run_id)


def link(cluster: Cluster, run_id: str) -> str:
    """Return the address of a run's page."""
    return f"{cluster.url}/#/runs/details/{run_id}"
