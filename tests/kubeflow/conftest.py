"""What the tests against a server share: the server, a compiled pipeline, and none of this machine's settings."""

import pytest

from cluster.package import read_package
from tests.kubeflow.calls import write_package
from tests.kubeflow.server import Api


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch, tmp_path):
    for name in ("KFP_TOKEN", "KFP_COOKIES", "KF_PIPELINES_SA_TOKEN_PATH", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


@pytest.fixture
def api():
    with Api() as running:
        yield running


@pytest.fixture
def package(tmp_path):
    return read_package(write_package(tmp_path / "pipeline.yaml"))
