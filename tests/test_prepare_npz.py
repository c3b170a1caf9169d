"""`.npz` archives, good ones and damaged ones."""

from pathlib import Path

import numpy as np
import pytest

from components.core.errors import InvalidInput
from components.sources import dataset, memory

ROWS = np.arange(6 * 3).reshape(6, 3)
GOOD = {"x_train": ROWS, "y_train": [3, 1, 3, 1, 3, 1], "x_test": ROWS[:2], "y_test": [1, 3]}


def write(folder, save=np.savez, **changed):
    path = folder / "data.npz"
    save(path, **{name: value for name, value in {**GOOD, **changed}.items() if value is not None})
    return str(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_is_read_as_it_was_written(save, tmp_path):
    raw = dataset.load(write(tmp_path, save), seed=1)

    assert np.array_equal(raw.train.inputs, ROWS) and raw.train.inputs.dtype == np.float32
    assert raw.train.labels.tolist() == [1, 0, 1, 0, 1, 0] and raw.info.class_names == ("1", "3")
    assert raw.info.input_shape == (3,) and not raw.info.are_images


def test_a_folder_may_hold_the_archive(tmp_path):
    write(tmp_path)

    assert len(dataset.load(str(tmp_path), seed=1).train) == 6


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("u1", "uint8"), ("?", "uint8"), ("i1", "float32"), ("<u2", "float32"), (">i8", "float32"), ("f2", "float32")],
)
def test_bytes_stay_bytes_and_other_numbers_become_float32(dtype, kept, tmp_path):
    values = (ROWS % 2).astype(dtype)

    raw = dataset.load(write(tmp_path, x_train=values, x_test=values[:2]), seed=1)

    assert raw.train.inputs.dtype == raw.info.input_dtype == kept and np.array_equal(raw.train.inputs, ROWS % 2)


def test_an_array_in_columns_first_order_is_read_as_it_is_meant(tmp_path):
    values = np.asfortranarray(np.arange(6 * 2 * 3, dtype="f4").reshape(6, 2, 3))

    raw = dataset.load(write(tmp_path, x_train=values, x_test=values[:2]), seed=1)

    assert np.array_equal(raw.train.inputs, values)


def test_labels_may_be_a_column(tmp_path):
    raw = dataset.load(write(tmp_path, y_train=np.array([[3], [1]] * 3), y_test=np.array([[1], [3]])), seed=1)

    assert raw.train.labels.tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("kind", ["U", "S"])
def test_labels_may_be_text_which_names_the_classes(kind, tmp_path):
    texts = np.array(["dog", "cat"] * 3).astype(kind)

    raw = dataset.load(write(tmp_path, y_train=texts, y_test=texts[:2]), seed=1)

    assert raw.info.class_names == ("cat", "dog") and raw.train.labels.tolist() == [1, 0, 1, 0, 1, 0]


def test_text_that_is_numbers_is_in_the_order_of_the_numbers(tmp_path):
    texts = np.array(["10", "2"] * 3)

    assert dataset.load(write(tmp_path, y_train=texts, y_test=texts[:2]), seed=1).info.class_names == ("2", "10")


def test_class_names_come_from_the_archive(tmp_path):
    assert dataset.load(write(tmp_path, class_names=["ant", "bee"]), seed=1).info.class_names == ("ant", "bee")


def test_class_names_come_from_the_list_beside_the_archive(tmp_path):
    (tmp_path / "classes.txt").write_text("ant\nbee\n")

    assert dataset.load(write(tmp_path), seed=1).info.class_names == ("ant", "bee")


def test_a_list_of_the_text_labels_decides_their_order_and_swaps_no_names(tmp_path):
    texts = np.array(["cat", "dog"] * 3)

    raw = dataset.load(write(tmp_path, y_train=texts, y_test=texts[:2], class_names=["dog", "cat"]), seed=1)

    assert raw.info.class_names == ("dog", "cat") and raw.train.labels.tolist() == [1, 0] * 3


def test_arrays_that_are_not_used_are_named(tmp_path, capsys):
    dataset.load(write(tmp_path, weights=[1.0]), seed=1)

    assert "not used: weights" in capsys.readouterr().out


def test_a_class_that_is_absent_from_the_test_split_is_named(tmp_path, capsys):
    dataset.load(write(tmp_path, y_test=[1, 1]), seed=1)

    assert "the test split has no example of 3" in capsys.readouterr().out


class Pickled:
    def __reduce__(self):
        return (print, ("unpickled",))


BAD = {
    "a missing array": ({"y_test": None}, "y_test is missing; it holds x_test, x_train, y_train"),
    "objects": ({"x_train": np.array([Pickled()] * 6)}, "x_train must hold no Python objects"),
    "labels that are objects": ({"y_train": np.array(["a", None] * 3)}, "y_train must hold no Python objects"),
    "a single row": ({"x_train": np.arange(6)}, "x_train must have at least 2 dimensions"),
    "complex numbers": ({"x_train": ROWS * 1j}, "x_train must hold integers or floats"),
    "labels that are floats": ({"y_train": [0.5, 1] * 3}, "y_train must hold integers or text"),
    "a column a class": ({"y_train": np.eye(6, dtype=int)}, "take the argmax"),
    "a label too few": ({"y_train": [1, 3] * 2}, "y_train must hold a label for each of 6 rows, but holds 4"),
    "other columns in the test": (
        {"x_test": ROWS[:2, :2]},
        "x_test must hold rows of 3 like the training",
    ),
    "a NaN": ({"x_train": np.where(ROWS == 4, np.nan, ROWS)}, r"x_train must hold finite .* at \[1, 1\] stands nan"),
    "a class of one example": ({"y_train": [1, 1, 1, 1, 1, 3]}, "but 3 occurs 1 time"),
    "a class of the test alone": ({"y_test": [1, 4]}, "but 4 occur.* in the test split alone"),
    "a single class": ({"y_train": [1] * 6, "y_test": [1, 1]}, "at least 2 classes"),
    "text and numbers": ({"y_test": np.array(["a", "b"])}, "y_test must hold integers as the training labels do"),
    "a name twice": ({"class_names": ["a", "a"]}, "'a' is there twice"),
    "nothing": ({"x_train": np.zeros((0, 3))}, "at least one example"),
}


@pytest.mark.parametrize(("changed", "problem"), BAD.values(), ids=BAD)
def test_a_bad_archive_is_refused_by_array_and_problem(changed, problem, tmp_path, capsys):
    with pytest.raises(InvalidInput, match=problem) as refusal:
        dataset.load(write(tmp_path, **changed), seed=1)

    assert str(tmp_path / "data.npz") in str(refusal.value) and "unpickled" not in capsys.readouterr().out


@pytest.mark.parametrize("length", [0, 1, 30, 500, -1])
def test_a_cut_archive_is_refused(length, tmp_path):
    path = Path(write(tmp_path))
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(InvalidInput, match=r"must be an undamaged .npz archive"):
        dataset.load(str(path), seed=1)


def test_an_altered_byte_is_noticed(tmp_path):
    path = Path(write(tmp_path))
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)

    with pytest.raises(InvalidInput, match=r"data.npz"):
        dataset.load(str(path), seed=1)


def test_two_archives_in_a_folder_are_refused_by_both_names(tmp_path):
    write(tmp_path)
    (tmp_path / "other.npz").write_bytes(b"")

    with pytest.raises(InvalidInput, match=r"data.npz and other.npz"):
        dataset.check_source(str(tmp_path))


def test_data_that_memory_can_not_hold_is_refused_with_both_sizes(tmp_path):
    with pytest.raises(InvalidInput, match=r"needs 6.0 GiB to be loaded and split, and 1.0 GiB are available"):
        memory.check(6 << 30, "data.npz", root=small_machine(tmp_path))


def small_machine(folder):
    """Return the root of a file system whose kernel says that 4 GiB are free and this process may take one."""
    (folder / "proc/self").mkdir(parents=True)
    (folder / "proc/meminfo").write_text("MemAvailable: 4194304 kB\n")
    (folder / "proc/self/cgroup").write_text("0::/pod\n")
    (folder / "sys/fs/cgroup/pod").mkdir(parents=True)
    (folder / "sys/fs/cgroup/pod/memory.max").write_text("1073741824\n")
    return folder
