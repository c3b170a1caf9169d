"""What prepare hands on: the data set, its split, and the two artifacts."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kfp import dsl

from components.core import artifacts
from components.core.data import DatasetInfo, Labelled
from components.core.errors import InvalidInput
from components.prepare.component import prepare
from components.sources import dataset, fashion_mnist
from tests.idx import NAMES, TEST_LABELS, TRAIN_LABELS, draw, label_bytes, packed, write_archives

REAL_DATA = os.environ.get(fashion_mnist.FOLDER_VARIABLE)
needs_real_data = pytest.mark.skipif(not REAL_DATA, reason=f"{fashion_mnist.FOLDER_VARIABLE} is not set")


def labelled(labels):
    """Return images of one pixel, numbered in their order, with these labels."""
    return Labelled(np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1), np.array(labels))


def run_prepare(folder, data_source, validation_fraction=0.2, seed=1):
    """Run the component; return its two output artifacts."""
    training_data, test_data = (dsl.Dataset(uri=str(folder / name)) for name in ("training_data", "test_data"))
    prepare.python_func(training_data, test_data, data_source, validation_fraction, seed)
    return training_data, test_data


def test_a_folder_of_archives_is_read_as_it_was_written(tmp_path):
    raw = dataset.load(str(write_archives(tmp_path, n_train=9, n_test=6, n_classes=3, shape=(12, 20), seed=5)), seed=1)

    images, labels = draw(9, n_classes=3, shape=(12, 20), seed=5)
    assert np.array_equal(raw.train.inputs, images)
    assert np.array_equal(raw.train.labels, labels)
    assert raw.train.inputs.dtype == np.uint8 and raw.train.labels.dtype == np.int64
    assert len(raw.test) == 6
    assert raw.info.input_shape == (12, 20)


def test_classes_of_an_own_data_set_are_called_by_their_numbers(tmp_path):
    raw = dataset.load(str(write_archives(tmp_path, n_classes=4)), seed=1)

    assert raw.info.class_names == ("0", "1", "2", "3")


def test_ten_classes_of_the_usual_size_alone_make_no_fashion_mnist(tmp_path):
    raw = dataset.load(str(write_archives(tmp_path, n_classes=10, shape=(28, 28))), seed=1)

    assert raw.info.class_names == tuple("0123456789")


def test_archives_may_lie_there_uncompressed_without_gz_in_their_names(tmp_path):
    folder = write_archives(tmp_path, n_train=9)
    for name in NAMES:
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress((folder / name).read_bytes()))
        (folder / name).unlink()

    assert np.array_equal(dataset.load(str(folder), seed=1).train.inputs, draw(9)[0])


def test_all_256_classes_that_a_byte_can_hold_are_usable(tmp_path):
    raw = dataset.load(str(write_archives(tmp_path, n_train=512, n_classes=256, shape=(16, 16))), seed=1)

    assert raw.info.n_classes == 256


def test_a_class_may_be_absent_from_the_test_images(tmp_path):
    folder = write_archives(tmp_path, n_test=4, n_classes=3)
    (folder / TEST_LABELS).write_bytes(packed(label_bytes([0, 0, 1, 1])))

    assert dataset.load(str(folder), seed=1).info.n_classes == 3


@pytest.mark.parametrize("source", ["fashion-mnist", "synthetic", "https://example.org/data"])
def test_a_source_that_is_no_folder_is_not_looked_for_before_the_run(source):
    dataset.check_source(source)


@pytest.mark.parametrize("source", ["", "http://example.org/data", "ftp://example.org", "https://", 3, None])
def test_what_can_name_no_source_is_refused(source):
    with pytest.raises(InvalidInput, match="data_source must be"):
        dataset.check_source(source)


def test_a_good_folder_passes_the_check(tmp_path):
    dataset.check_source(str(write_archives(tmp_path)))


def test_a_fifth_of_every_class_is_held_out():
    train, validation = dataset.split(labelled([0] * 10 + [1] * 20 + [2] * 5), 0.2, seed=1)

    assert np.bincount(validation.labels).tolist() == [2, 4, 1]
    assert np.bincount(train.labels).tolist() == [8, 16, 4]


def test_a_class_of_two_images_has_one_on_either_side():
    train, validation = dataset.split(labelled([0, 0, 1, 1]), 0.01, seed=1)

    assert train.labels.tolist() == validation.labels.tolist() == [0, 1]


def test_a_class_with_one_image_can_not_be_split():
    with pytest.raises(InvalidInput, match="class 2 has 1"):
        dataset.split(labelled([0, 0, 1, 1, 2]), 0.5, seed=1)


@given(
    counts=st.lists(st.integers(2, 20), min_size=2, max_size=6),
    fraction=st.floats(0.01, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_image_is_on_one_side_with_its_label_and_every_class_on_both(counts, fraction, seed):
    labels = np.repeat(np.arange(len(counts)), counts)[::-1]

    train, validation = dataset.split(labelled(labels), fraction, seed)

    numbers = np.concatenate([train.inputs, validation.inputs]).ravel()
    assert sorted(numbers) == list(range(len(labels)))
    assert np.array_equal(np.concatenate([train.labels, validation.labels]), labels[numbers])
    assert set(train.labels) == set(validation.labels) == set(labels)


def test_the_same_seed_holds_out_the_same_images():
    first, second = (dataset.split(labelled([0, 1] * 20), 0.25, seed=7)[1] for _ in range(2))

    assert np.array_equal(first.inputs, second.inputs)


def test_another_seed_holds_out_other_images():
    first, second = (dataset.split(labelled([0, 1] * 20), 0.25, seed)[1] for seed in (7, 8))

    assert not np.array_equal(first.inputs, second.inputs)


def test_prepare_hands_on_both_splits_and_the_test_images(tmp_path):
    folder = write_archives(tmp_path / "data", n_train=30, n_test=12)

    training_data, test_data = run_prepare(tmp_path, str(folder))

    splits = artifacts.read_training_data(training_data.path)
    assert (len(splits.train), len(splits.validation)) == (24, 6)
    assert splits.info == DatasetInfo(str(folder), ("0", "1", "2"), (6, 4))
    assert np.array_equal(artifacts.read_test_data(test_data.path).test.inputs, draw(12, seed=1)[0])


def test_prepare_describes_its_artifacts_in_their_metadata(tmp_path):
    folder = write_archives(tmp_path / "data", n_train=30, n_test=12)

    training_data, test_data = run_prepare(tmp_path, str(folder))

    common = {"source": str(folder), "classes": "0, 1, 2"}
    fingerprint = artifacts.read_training_data(training_data.path).fingerprint
    assert test_data.metadata.items() >= {**common, "n_test": 12}.items()
    assert training_data.metadata.items() >= {**common, "n_train": 24, "n_validation": 6}.items()
    assert len(fingerprint) == len(training_data.metadata["fingerprint"]) == 64


def test_prepared_images_are_mapped_from_the_file_that_processes_share(tmp_path):
    training_data, _ = run_prepare(tmp_path, str(write_archives(tmp_path / "data")))

    assert isinstance(artifacts.read_training_data(training_data.path).train.inputs, np.memmap)


def test_the_same_parameters_make_byte_identical_artifacts(tmp_path):
    folder = write_archives(tmp_path / "data")

    first, second = (run_prepare(tmp_path / name, str(folder)) for name in ("first", "second"))

    assert [output.metadata for output in first] == [output.metadata for output in second]


def test_the_test_labels_leave_no_trace_in_the_training_data(tmp_path):
    folder = write_archives(tmp_path / "data")
    before, _ = run_prepare(tmp_path / "before", str(folder))
    (folder / TEST_LABELS).write_bytes(packed(label_bytes(draw(12)[1][::-1])))

    after, _ = run_prepare(tmp_path / "after", str(folder))

    assert after.metadata == before.metadata


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("data_source", "http://example.org"),
        ("validation_fraction", 0.6),
        ("validation_fraction", float("nan")),
        ("validation_fraction", 0),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", True),
    ],
)
def test_prepare_refuses_a_parameter_out_of_its_range(parameter, value, tmp_path):
    with pytest.raises(InvalidInput, match=f"{parameter} must be"):
        run_prepare(tmp_path, **{"data_source": "synthetic", parameter: value})


def test_prepare_needs_neither_tensorflow_nor_keras(tmp_path):
    folder = write_archives(tmp_path / "data")
    program = (
        "import sys; from kfp import dsl; from components.prepare.component import prepare\n"
        f"outputs = [dsl.Dataset(uri={str(tmp_path)!r} + name) for name in ('/training_data', '/test_data')]\n"
        f"prepare.python_func(*outputs, {str(folder)!r}, 0.1, 1)\n"
        "print(*{'tensorflow', 'keras', 'keras_tuner'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_importing_the_component_does_not_import_its_core():
    program = "import sys, components.prepare.component; print('components.sources.dataset' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@needs_real_data
def test_fashion_mnist_is_its_published_self():
    raw = dataset.load("fashion-mnist", seed=1)

    assert raw.train.inputs.shape == (60_000, 28, 28) and raw.test.inputs.shape == (10_000, 28, 28)
    assert np.bincount(raw.train.labels).tolist() == [6_000] * 10
    assert raw.info.class_names[9] == "Ankle boot"


@needs_real_data
def test_fashion_mnist_in_an_own_folder_keeps_its_class_names():
    assert dataset.load(REAL_DATA, seed=1).info.class_names == fashion_mnist.CLASS_NAMES


@needs_real_data
def test_fashion_mnist_is_known_by_its_images_whatever_its_classes_are_called(tmp_path):
    for name in NAMES:
        (tmp_path / name).symlink_to(Path(REAL_DATA, name))
    (tmp_path / "classes.txt").write_text("".join(f"Klasse {number}\n" for number in range(10)))

    info = dataset.load(str(tmp_path), seed=1).info

    assert (info.known_as, info.class_names[9]) == ("fashion-mnist", "Klasse 9")


def test_other_data_is_not_known(tiny_data):
    assert [dataset.load(source, seed=1).info.known_as for source in (str(tiny_data), "synthetic")] == ["", ""]


@needs_real_data
def test_the_folder_that_the_environment_names_may_hold_plain_files(tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name.removesuffix(".gz")).write_bytes(gzip.decompress(Path(REAL_DATA, name).read_bytes()))
    monkeypatch.setenv(fashion_mnist.FOLDER_VARIABLE, str(tmp_path))

    assert dataset.load("fashion-mnist", seed=1).info.class_names == fashion_mnist.CLASS_NAMES


def test_the_folder_that_the_environment_names_must_hold_fashion_mnist(tiny_data, monkeypatch):
    monkeypatch.setenv(fashion_mnist.FOLDER_VARIABLE, str(tiny_data))

    with pytest.raises(InvalidInput, match=r"FASHION_MNIST_DIR=.* must hold Fashion-MNIST, and holds something else"):
        dataset.load("fashion-mnist", seed=1)


@needs_real_data
def test_fashion_mnist_with_other_labels_has_numbers_for_class_names(tmp_path):
    for name in NAMES:
        (tmp_path / name).symlink_to(Path(REAL_DATA, name).resolve())
    (tmp_path / TRAIN_LABELS).unlink()
    (tmp_path / TRAIN_LABELS).write_bytes(packed(label_bytes(np.arange(60_000) % 10)))

    assert dataset.load(str(tmp_path), seed=1).info.class_names == tuple("0123456789")
