"""What the tests share: a quiet TensorFlow, and runs of the whole pipeline on a data set of a few hundred images."""

import functools
import inspect
import os
import types

import pytest
from kfp.dsl import pipeline_task

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests import runs
from tests.idx import write_archives

# KFP asks for its caller's name by reading the sources of all callers, which takes seconds once much is imported.
pipeline_task.inspect = types.SimpleNamespace(**{**vars(inspect), "stack": functools.partial(inspect.stack, 0)})


def pytest_collection_modifyitems(items):
    """Begin with the files that hold slow tests, so that no processor ends with a long one while the other waits."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """Return a folder with 500 training and 60 test images of 12 x 20 pixels, in three classes."""
    return write_archives(tmp_path_factory.mktemp("data"), n_train=500, n_test=60, n_classes=3, shape=(12, 20))


@pytest.fixture(scope="session")
def finished_run(tiny_data, tmp_path_factory):
    """Return what a whole run on the tiny data printed and left: a `tests.runs.Done`. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("run")
    given = {"data_source": tiny_data, "registry": folder / "registry", "workers": 1}
    return runs.local_run(folder / "out", **given, **runs.SMALL)
