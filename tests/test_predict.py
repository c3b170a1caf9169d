"""Predictions for many inputs: every kind of data, in order, gone on with after a kill."""

import csv
import gzip
import signal
import struct
import subprocess
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from kfp import dsl
from PIL import Image

from components.core.errors import InvalidInput
from components.inference import servable
from components.predict import predicting
from components.predict.component import predict as component
from components.registry.store import open_store
from tests import model_registry, runs
from tests.model_registry import NAMES, SHAPE

DATA = model_registry.test_data().test


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    model_registry.register(open_store(str(folder / "models")), folder / "made")
    return folder / "models"


@pytest.fixture(scope="module")
def model(place):
    return servable.of_registry(open_store(str(place)))


def images(folder, labels, size=SHAPE):
    """Write an image of each label, in colours that are grey."""
    folder.mkdir(parents=True)
    for index, label in enumerate(labels):
        Image.fromarray(np.full(size, 10 + 100 * label, np.uint8)).save(folder / f"{index:04d}.png")
    return folder


def idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()) if path.suffix == ".gz" else header + array.tobytes())
    return path


def rows(path):
    return pq.read_table(path).to_pylist()


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


SOURCES = {
    "images in any folder": (lambda folder: images(folder / "new" / "today", [2, 0, 1]).parent, "today/0000.png"),
    "one array": (lambda folder: npz(folder / "new.npz", x=DATA.inputs[[2, 0, 1]]), "x[0]"),
    "an archive to train on": (
        lambda folder: npz(folder / "a.npz", x_train=DATA.inputs[[2]], x_test=DATA.inputs[[0, 1]], y_train=[1]),
        "x_train[0]",
    ),
    "one IDX file": (lambda folder: idx(folder / "new.bin", DATA.inputs[[2, 0, 1]]), "new.bin[0]"),
    "IDX archives without labels": (
        lambda folder: idx(folder / "test-images-idx3-ubyte.gz", DATA.inputs[[2, 0, 1]]).parent,
        "test-images-idx3-ubyte.gz[0]",
    ),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_every_kind_of_data_is_answered_in_its_order(model, kind, suffix, tmp_path):
    make, first = SOURCES[kind]
    (tmp_path / "data").mkdir()
    output = tmp_path / f"out{suffix}"

    done = predicting.predict(model, str(make(tmp_path / "data")), output)

    found = rows(output) if suffix == ".parquet" else list(csv.DictReader(output.open()))
    assert (done.n_rows, done.n_new) == (3, 3)
    assert [row["label"] for row in found] == [NAMES[2], NAMES[0], NAMES[1]]
    assert found[0]["example"] == first and list(found[0]) == ["example", "label", "probability"]
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == [output.name]


def test_probabilities_of_all_classes_are_columns_on_demand(model, tmp_path):
    source = npz(tmp_path / "new.npz", x=DATA.inputs)

    predicting.predict(model, str(source), tmp_path / "out.parquet", all_probabilities=True)

    found = np.array([[row[f"probability of {name}"] for name in NAMES] for row in rows(tmp_path / "out.parquet")])
    assert found == pytest.approx(model.compute(DATA.inputs), abs=1e-6)


def test_images_of_another_size_are_refused_by_name_or_scaled(model, tmp_path):
    source = images(tmp_path / "new", [1, 2], size=(40, 50))

    with pytest.raises(InvalidInput, match=r"0000\.png must have 4 x 5 pixels, got 40 x 50; --resize scales it"):
        predicting.predict(model, str(source), tmp_path / "out.csv")
    predicting.predict(model, str(source), tmp_path / "out.csv", resize=True)
    assert [row["label"] for row in csv.DictReader((tmp_path / "out.csv").open())] == [NAMES[1], NAMES[2]]


REFUSED = {
    "another shape": (
        lambda folder: npz(folder / "a.npz", x=np.zeros((3, 5, 4), np.uint8)),
        "x must hold uint8",
    ),
    "another type": (lambda folder: npz(folder / "a.npz", x=np.zeros((3, 4, 5), np.float32)), "got float32"),
    "two arrays": (lambda folder: npz(folder / "a.npz", a=DATA.inputs, b=DATA.inputs), "or one array of examples"),
    "two things": (lambda folder: npz(images(folder / "a", [1]) / "b.npz", x=DATA.inputs).parent, "and nothing else"),
    "nothing": (lambda folder: folder, "must hold images"),
    "not there": (lambda folder: folder / "nowhere", "can't be read"),
    "colours": (lambda folder: _coloured(folder / "a"), "must be grey"),
}


def _coloured(folder):
    folder.mkdir()
    Image.new("RGB", SHAPE[::-1]).save(folder / "a.png")
    return folder


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_model_does_not_take_is_refused_in_a_line(model, kind, tmp_path):
    make, message = REFUSED[kind]
    (tmp_path / "data").mkdir()

    with pytest.raises(InvalidInput, match=message) as error:
        predicting.predict(model, str(make(tmp_path / "data")), tmp_path / "out.csv")
    assert "\n" not in str(error.value) and not (tmp_path / "out.csv").exists()


def test_what_was_begun_is_gone_on_with_and_never_mixed_with_another_table(model, tmp_path, monkeypatch):
    monkeypatch.setattr(predicting, "BATCH", 50)
    monkeypatch.setattr(predicting, "ROWS_OF_A_PART", 100)
    source, output = npz(tmp_path / "new.npz", x=DATA.inputs), tmp_path / "out.parquet"
    asked = []

    def lost(done, total):
        if done == 250:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predicting.predict(model, str(source), output, progress=lost)
    with pytest.raises(InvalidInput, match="of a table whose all_probabilities is False, got True"):
        predicting.predict(model, str(source), output, all_probabilities=True)
    done = predicting.predict(model, str(source), output, progress=lambda done, total: asked.append(done))

    assert (done.n_rows, done.n_new) == (300, 100) and asked == [250, 300]
    undisturbed = tmp_path / "other.parquet"
    predicting.predict(model, str(source), undisturbed)
    assert rows(output) == rows(undisturbed)


@pytest.mark.slow
def test_a_process_that_is_killed_loses_no_part(place, tmp_path):
    source, output = npz(tmp_path / "new.npz", x=np.tile(DATA.inputs, (4_000, 1, 1))), tmp_path / "out.parquet"
    words = runs.command("predict", registry=place, data_source=source, output=output)
    parts = tmp_path / ".out.parquet.parts"

    process = subprocess.Popen(words, env=runs.environment())
    end = time.monotonic() + 120
    while not list(parts.glob("*.parquet")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    done = subprocess.run(words, env=runs.environment(), capture_output=True, text=True)

    assert done.returncode == 0 and "of them from before" in done.stdout, done.stderr
    table = pq.read_table(output)
    assert table.num_rows == 1_200_000 and not parts.exists()
    assert table["label"].to_pylist() == [NAMES[label] for label in np.tile(DATA.labels, 4_000)]


def test_the_component_writes_the_table_of_the_version_in_service(place, tmp_path):
    source = npz(tmp_path / "new.npz", x=DATA.inputs[:4])
    outputs = {"predictions": dsl.Artifact(uri=str(tmp_path / "predictions")), "metrics": dsl.Metrics(uri="m")}

    component.python_func(**outputs, data_source=str(source), registry=str(place))

    assert len(rows(tmp_path / "predictions/predictions.parquet")) == 4
    assert outputs["metrics"].metadata == {"n_rows": 4, "version": 1.0}


def test_its_own_pipeline_compiles_with_the_image_that_it_needs(tmp_path):
    words = runs.command("compile", graph="predict", output=tmp_path / "predict.yaml")

    subprocess.run(words, check=True, env=runs.environment())

    spec, _ = yaml.safe_load_all((tmp_path / "predict.yaml").read_text())
    (executor,) = spec["deploymentSpec"]["executors"].values()
    assert executor["container"]["image"].startswith("fashion-tuner-predict:")
    assert set(spec["root"]["inputDefinitions"]["parameters"]) >= {"data_source", "registry"}


@pytest.mark.parametrize("output", ["out.txt", "out"])
def test_a_table_of_another_format_is_refused(output, model, tmp_path):
    with pytest.raises(InvalidInput, match=r"must be a file that ends in \.parquet or \.csv"):
        predicting.predict(model, "synthetic", tmp_path / output)
