"""Uploading a pipeline and its versions."""

import pytest

from cluster import uploads
from cluster.package import read_package
from components.core.errors import InvalidInput
from tests.kubeflow.calls import IMAGE, connect, posts, write_package


def test_the_first_upload_makes_a_pipeline(api, package):
    uploads.upload(connect(api), package)

    assert [pipeline["display_name"] for pipeline in api.pipelines.values()] == ["fashion-tuner"]


def test_the_same_content_is_uploaded_once(api, package, capsys):
    uploads.upload(connect(api), package)
    uploads.upload(connect(api), package)

    assert len(api.versions) == 1
    assert "is there already, nothing was uploaded" in capsys.readouterr().out


def test_other_content_is_a_new_version_named_after_it(api, package, tmp_path):
    other = read_package(write_package(tmp_path / "other.yaml", image=IMAGE.replace("0123", "4567")))
    uploads.upload(connect(api), package)
    uploads.upload(connect(api), other)
    uploads.upload(connect(api), package)
    uploads.upload(connect(api), other)

    assert [version["display_name"] for version in api.versions.values()] == ["fashion-tuner", other.version_name]


def test_a_version_is_found_on_a_later_page(api, package, tmp_path):
    for number in range(5):
        other = write_package(tmp_path / f"{number}.yaml", image=f"{IMAGE}{number}")
        uploads.upload(connect(api), read_package(other))
    uploads.upload(connect(api), read_package(tmp_path / "4.yaml"))

    assert len(api.versions) == 5


def test_a_server_without_lists_of_pipelines_is_uploaded_to(api, package):
    api.fail("GET", "/pipelines", status=404, body="not here", times=99)

    uploads.upload(connect(api), package)

    assert len(api.pipelines) == 1


def test_a_server_without_lists_of_versions_is_uploaded_to(api, package):
    uploads.upload(connect(api), package)
    api.fail("GET", "/pipelines/", status=404, body="not here", times=99)

    uploads.upload(connect(api), package)

    assert posts(api, "/pipelines/upload_version") == 1


def test_an_image_that_can_change_its_meaning_is_not_uploaded(api, tmp_path):
    package = read_package(write_package(tmp_path / "pipeline.yaml", image="team/prepare:latest"))

    with pytest.raises(InvalidInput, match="must not be tagged latest"):
        uploads.upload(connect(api), package)


def test_an_upload_whose_answer_is_lost_is_not_made_twice(api, package):
    api.fail("POST", "/pipelines/upload", cut=True, late=True)

    uploads.upload(connect(api), package)

    assert posts(api, "/pipelines/upload") == 1
