"""Putting a compiled pipeline where the user interface lists it."""

from typing import Any

from cluster.connection import Cluster, found_or_none
from cluster.lookup import find_pipeline, find_version
from cluster.package import Package, check_images


def upload(cluster: Cluster, package: Package) -> None:
    """Upload a new pipeline, or a new version of the one of its name.

    Versions are named after their content, so the same content is there once.

    Raises:
        InvalidInput: as `check_images`.
        ClusterError: the cluster can't be reached or refuses.
    """
    check_images(package)
    pipeline = found_or_none(lambda: find_pipeline(cluster, package.name))
    if pipeline is None:
        pipeline, action = _upload_pipeline(cluster, package), "is new"
    elif found_or_none(lambda: find_version(cluster, pipeline.pipeline_id, package.version_name)):
        action = "is there already, nothing was uploaded"
    else:
        _upload_version(cluster, package, pipeline.pipeline_id)
        action = "is a new version"
    link = f"{cluster.url}/#/pipelines/details/{pipeline.pipeline_id}"
    print(f"Pipeline {package.name}: {package.version_name} {action}: {link}", flush=True)


def _upload_pipeline(cluster: Cluster, package: Package) -> Any:
    return cluster.call(
        cluster.client.pipeline_uploads.upload_pipeline,
        find=lambda: find_pipeline(cluster, package.name),
        uploadfile=package.path,
        name=package.name,
        description=package.version_name,
        namespace=cluster.namespace,
    )


def _upload_version(cluster: Cluster, package: Package, pipeline_id: str) -> None:
    cluster.call(
        cluster.client.pipeline_uploads.upload_pipeline_version,
        find=lambda: find_version(cluster, pipeline_id, package.version_name),
        uploadfile=package.path,
        name=package.version_name,
        pipelineid=pipeline_id,
        description=package.version_name,
    )
