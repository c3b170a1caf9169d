"""IDX files of every element type and rank, and under the names that are about."""

import gzip
import struct

import numpy as np
import pytest

from components.core.errors import InvalidInput
from components.sources import dataset
from tests.idx import (
    NAMES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    archives,
    draw,
    label_bytes,
    packed,
    write_archives,
)

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx_bytes(values, code):
    values = np.asarray(values, TYPES[code])
    return struct.pack(f">{1 + values.ndim}I", code << 8 | values.ndim, *values.shape) + values.tobytes()


def write(folder, train_inputs, test_inputs, code=0x08, labels=(0, 1, 0, 1), label_code=0x08):
    """Write four plain files; labels are the same for both splits."""
    parts = ((train_inputs, code), (labels, label_code), (test_inputs, code), (labels, label_code))
    for name, part in zip(NAMES, parts, strict=True):
        (folder / name.removesuffix(".gz")).write_bytes(idx_bytes(*part))
    return str(folder)


@pytest.mark.parametrize("code", TYPES)
def test_every_element_type_is_read(code, tmp_path):
    values = np.arange(4 * 6).reshape(4, 2, 3)

    raw = dataset.load(write(tmp_path, values, values[::-1], code), seed=1)

    assert raw.train.inputs.dtype == raw.info.input_dtype == ("uint8" if code == 0x08 else "float32")
    assert np.array_equal(raw.train.inputs, values) and np.array_equal(raw.test.inputs, values[::-1])


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 3), (2, 2, 2, 2)])
def test_inputs_may_be_rows_grey_or_colour_images_or_more(shape, tmp_path):
    values = np.arange(4 * np.prod(shape)).reshape(4, *shape)

    raw = dataset.load(write(tmp_path, values, values), seed=1)

    assert raw.info.input_shape == shape and np.array_equal(raw.train.inputs, values)


@pytest.mark.parametrize(("code", "value"), [(0x0C, 2**24 + 1), (0x0E, np.nan), (0x0D, np.inf), (0x0E, 1e300)])
def test_a_number_that_float32_can_not_hold_is_refused_with_its_file_and_position(code, value, tmp_path):
    values = np.zeros((4, 2, 3))
    values[2, 1, 0] = value

    with pytest.raises(InvalidInput, match=r"train-images-idx3-ubyte must hold .* but at \[2, 1, 0\] stands"):
        dataset.load(write(tmp_path, values, np.zeros((4, 2, 3)), code), seed=1)


def test_a_large_integer_that_float32_holds_exactly_is_read(tmp_path):
    values = np.full((4, 2), -(2**31))

    assert (dataset.load(write(tmp_path, values, values, 0x0C), seed=1).train.inputs == -(2.0**31)).all()


def test_labels_of_letters_from_1_to_26_become_classes_from_0_and_it_is_said(tmp_path, capsys):
    folder = write_archives(tmp_path, n_train=52)
    (folder / TRAIN_LABELS).write_bytes(packed(label_bytes(np.arange(52) % 26 + 1)))
    (folder / TEST_LABELS).write_bytes(packed(label_bytes(np.arange(12) + 1)))

    raw = dataset.load(str(folder), seed=1)

    assert raw.train.labels.tolist() == [*range(26)] * 2 and raw.test.labels.tolist() == list(range(12))
    assert raw.info.class_names == tuple(str(number) for number in range(1, 27))
    assert "holds labels from 1 to 26; in this order they become the classes 0 to 25\n" in capsys.readouterr().out


def test_labels_that_are_the_classes_need_no_note(tmp_path, capsys):
    dataset.load(str(write_archives(tmp_path)), seed=1)

    assert capsys.readouterr().out == ""


def test_labels_of_32_bits_are_read(tmp_path):
    values = np.zeros((4, 2))

    raw = dataset.load(write(tmp_path, values, values, labels=(0, 70_000, 0, 70_000), label_code=0x0C), seed=1)

    assert raw.train.labels.tolist() == [0, 1, 0, 1] and raw.info.class_names == ("0", "70000")


def test_inputs_that_look_little_endian_are_said_to(tmp_path, capsys):
    dataset.load(write(tmp_path, np.full((4, 2), 5 << 8), np.zeros((4, 2)), 0x0B), seed=1)

    assert "read as big-endian, though all are multiples of 256 (the first 1,280, little-endian 5)" in (
        capsys.readouterr().out
    )


def test_a_little_endian_float_is_shown_as_what_it_was(tmp_path):
    values = np.zeros((4, 2))
    values[0, 1] = np.float64(127 / 255).byteswap()

    with pytest.raises(InvalidInput, match=r"at \[0, 1\] stands -.*the other way round 0\.498"):
        dataset.load(write(tmp_path, values, values, 0x0E), seed=1)


def test_labels_with_gaps_and_below_zero_become_classes_in_their_order(tmp_path):
    values = np.zeros((4, 2))

    raw = dataset.load(write(tmp_path, values, values, labels=(300, -5, 300, -5), label_code=0x0B), seed=1)

    assert raw.train.labels.tolist() == [1, 0, 1, 0] and raw.info.class_names == ("-5", "300")


@pytest.mark.parametrize(
    "names",
    [
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
        tuple(
            f"emnist-letters-{split}-{part}-ubyte.gz"
            for split in ("train", "test")
            for part in ("images-idx3", "labels-idx1")
        ),
        tuple(
            f"kmnist-{split}-{part}-ubyte" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1")
        ),
    ],
)
def test_other_common_names_are_known(names, tmp_path):
    for name, content in zip(names, archives(n_train=9).values(), strict=True):
        (tmp_path / name).write_bytes(content if name.endswith(".gz") else gzip.decompress(content))

    assert np.array_equal(dataset.load(str(tmp_path), seed=1).train.inputs, draw(9)[0])


@pytest.mark.parametrize("name", ["train-images.idx", "mnist_train_images.bin", "train-images-idx3-ubyte.zip"])
def test_a_name_that_is_not_known_is_refused_with_those_that_were_seen(name, tmp_path):
    folder = write_archives(tmp_path)
    (folder / TRAIN_IMAGES).rename(folder / name)

    with pytest.raises(InvalidInput, match=rf"has none; it holds .*{name}.*; give the file that is meant such a name"):
        dataset.check_source(str(folder))


def test_a_folder_of_unknown_names_alone_is_refused_with_those_that_were_seen(tmp_path):
    for number in range(10):
        (tmp_path / f"images{number}.bin").touch()

    with pytest.raises(InvalidInput, match=r"images0.bin, .*images7.bin and 2 more; give the archives names like"):
        dataset.check_source(str(tmp_path))


def test_the_folder_above_the_archives_is_refused_by_the_name_of_theirs(tmp_path):
    folder = write_archives(tmp_path / "FashionMNIST" / "raw")

    with pytest.raises(InvalidInput, match=rf"must be the folder that holds the data itself; name {folder}$"):
        dataset.check_source(str(tmp_path))


def test_an_archive_s_name_may_end_in_capitals(tmp_path):
    folder = write_archives(tmp_path)
    (folder / TRAIN_IMAGES).rename(folder / TRAIN_IMAGES.upper())

    assert len(dataset.load(str(folder), seed=1).train) == 30


def test_two_files_for_one_part_are_refused_by_both_names(tmp_path):
    folder = write_archives(tmp_path)
    other = f"emnist-letters-{TRAIN_IMAGES}"
    (folder / other).write_bytes((folder / TRAIN_IMAGES).read_bytes())

    with pytest.raises(InvalidInput, match=f"{other} and {TRAIN_IMAGES}"):
        dataset.check_source(str(folder))


@pytest.mark.parametrize(
    ("lines", "labels", "names"),
    [
        (["ant", "bee", "cat"], [1, 2, 3], ("ant", "bee", "cat")),
        (["none", "ant", "bee", "cat"], [1, 2, 3], ("ant", "bee", "cat")),
        (["ant", "", "bee", "", "cat"], [0, 2, 4], ("ant", "bee", "cat")),
    ],
)
def test_classes_txt_names_the_classes_line_by_line_or_by_label(lines, labels, names, tmp_path):
    folder = write_archives(tmp_path)
    (folder / TRAIN_LABELS).write_bytes(packed(label_bytes(labels * 10)))
    (folder / TEST_LABELS).write_bytes(packed(label_bytes(labels * 4)))
    (folder / "classes.txt").write_text("\n".join(lines) + "\n")

    assert dataset.load(str(folder), seed=1).info.class_names == names


def test_classes_txt_that_fits_neither_way_is_refused_with_both_counts(tmp_path):
    folder = write_archives(tmp_path)
    (folder / "classes.txt").write_text("ant\nbee\n")

    with pytest.raises(InvalidInput, match=r"classes.txt must hold a name for each of 3 classes.* holds 2"):
        dataset.load(str(folder), seed=1)


def test_a_file_address_is_the_path_itself(tmp_path):
    assert len(dataset.load(f"file://{write_archives(tmp_path)}", seed=1).train) == 30
