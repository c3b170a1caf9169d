"""Runs under the Keras settings of users who need others for their own work."""

import json

import pytest

from tests import runs


@pytest.mark.slow
def test_a_run_is_the_same_whatever_keras_is_set_to(finished_run, tiny_data, tmp_path):
    settings = {"floatx": "float16", "backend": "jax", "image_data_format": "channels_first", "epsilon": 0.1}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    others = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1"}

    run = runs.local_run(tmp_path / "run", others, data_source=tiny_data, **runs.SMALL, workers=1)

    assert (run.status, run.stderr) == (0, "")
    assert run.weights == finished_run.weights
    assert run.summary["test_accuracy"] == finished_run.summary["test_accuracy"]


def test_settings_that_keras_can_not_begin_with_are_refused_by_name(tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "bfloat16"}')

    run = runs.local_run(tmp_path / "run", {"KERAS_HOME": str(tmp_path)}, data_source="synthetic")

    line = f"error: floatx in {tmp_path / 'keras.json'} must be one of float16, float32, float64, got 'bfloat16'\n"
    assert (run.status, run.stderr) == (2, line)
