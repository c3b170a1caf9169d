"""Folders of images, as people leave them."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from components.core import parameters
from components.core.errors import InvalidInput
from components.prepare.component import prepare
from components.sources import dataset
from local import walker
from tests.test_prepare import run_prepare


def picture(value, size=(4, 6), mode="L"):
    """Return an image of one grey, of size (height, width)."""
    return Image.new("L", size[::-1], value).convert(mode)


def write(folder, names, image=None):
    for position, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (image or picture(position)).save(path)
    return str(folder)


def write_splits(folder, n_train=3, n_test=2):
    counts = {"train": n_train, "test": n_test}
    names = [
        f"{split}/{kind}/{index}.png" for split in counts for kind in ("cat", "ant") for index in range(counts[split])
    ]
    return write(folder, names)


def test_train_and_test_folders_are_read_class_by_class_in_the_order_of_their_names(tmp_path):
    raw = dataset.load(write_splits(tmp_path), seed=1)

    assert raw.info.class_names == ("ant", "cat") and raw.info.input_shape == (4, 6)
    assert raw.train.labels.tolist() == [0, 0, 0, 1, 1, 1] and raw.train.inputs.dtype == np.uint8
    assert raw.train.inputs[:, 0, 0].tolist() == [3, 4, 5, 0, 1, 2] and raw.test.inputs[:, 0, 0].tolist() == [
        8,
        9,
        6,
        7,
    ]


def test_without_a_test_folder_a_share_of_each_class_becomes_the_test_split(tmp_path):
    folder = write(tmp_path, [f"{kind}/{index}.png" for kind in "ab" for index in range(10)])

    raw = dataset.load(folder, seed=1, test_fraction=0.3)

    assert np.bincount(raw.train.labels).tolist() == [7, 7] and np.bincount(raw.test.labels).tolist() == [3, 3]
    assert sorted([*raw.train.inputs[:, 0, 0], *raw.test.inputs[:, 0, 0]]) == list(range(20))


def test_the_seed_decides_the_test_split(tmp_path):
    folder = write(tmp_path, [f"{kind}/{index}.png" for kind in "ab" for index in range(10)])

    first, again, other = (dataset.load(folder, seed).test.inputs[:, 0, 0].tolist() for seed in (1, 1, 2))

    assert first == again != other


def test_a_class_of_two_images_can_not_be_split_in_three(tmp_path):
    folder = write(tmp_path, ["a/0.png", "a/1.png", "a/2.png", "b/0.png", "b/1.png"])

    with pytest.raises(InvalidInput, match=r"b must hold at least 3 images.* holds 2"):
        dataset.check_source(folder)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_one_image_with_colours_makes_all_of_them_red_green_and_blue(mode, tmp_path):
    write_splits(tmp_path)
    picture(7, mode=mode).save(tmp_path / "train/cat" / ("9.jpg" if mode == "CMYK" else "9.png"))

    raw = dataset.load(str(tmp_path), seed=1)

    assert raw.info.input_shape == (4, 6, 3) and raw.train.inputs[0].tolist() == [[[3, 3, 3]] * 6] * 4


@pytest.mark.parametrize("mode", ["1", "LA"])
def test_black_and_white_and_grey_with_alpha_stay_grey(mode, tmp_path):
    write_splits(tmp_path)
    picture(255, mode=mode).save(tmp_path / "train/cat/9.png")

    raw = dataset.load(str(tmp_path), seed=1)

    assert raw.info.input_shape == (4, 6) and (raw.train.inputs[-1] == 255).all()


@pytest.mark.parametrize(("image_size", "shape"), [("2", (2, 2)), ("8x3", (8, 3))])
def test_images_are_resized_to_a_stated_height_and_width(image_size, shape, tmp_path):
    write_splits(tmp_path)
    picture(90, (10, 10)).save(tmp_path / "train/cat/9.png")

    raw = dataset.load(str(tmp_path), seed=1, image_size=image_size)

    assert raw.info.input_shape == shape and (raw.train.inputs[-1] == 90).all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_image_of_another_size_is_named(split, tmp_path):
    write_splits(tmp_path)
    picture(0, (5, 6)).save(tmp_path / split / "cat/9.png")

    with pytest.raises(InvalidInput, match=f"{split}/cat/9.png must have 4 x 6 .*, got 5 x 6; give image_size"):
        dataset.load(str(tmp_path), seed=1)


def test_a_test_image_with_colours_does_not_change_the_training_images(tmp_path):
    write_splits(tmp_path)
    picture(0, mode="RGB").save(tmp_path / "test/cat/9.png")

    with pytest.raises(InvalidInput, match=r"test/cat/9.png must be grey like all training images"):
        dataset.load(str(tmp_path), seed=1)


def sixteen_bits_a_colour():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", 6, 4, 16, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(36)) * 4)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def bytes_of(image, kind, tmp_path):
    image.save(tmp_path / f"x.{kind}", format=kind)
    return (tmp_path / f"x.{kind}").read_bytes()


def spoiled(what, tmp_path):
    tmp_path.mkdir()
    png, jpeg = (bytes_of(picture(5, (40, 60)), kind, tmp_path) for kind in ("png", "jpeg"))
    return {
        "an empty file": b"",
        "a web page": b"<html>not found</html>",
        "a cut PNG": png[:-30],
        "a cut JPEG": jpeg[: len(jpeg) // 2],
        "an altered PNG": png[:50] + bytes([png[50] ^ 1]) + png[51:],
        "a GIF": bytes_of(picture(5), "gif", tmp_path),
        "16 bits of grey": bytes_of(Image.fromarray(np.zeros((40, 60), np.uint16)), "png", tmp_path),
        "16 bits a colour": sixteen_bits_a_colour(),
        "a bomb": png[:16] + struct.pack(">2I", 60_000, 60_000) + png[24:],
    }[what]


SPOILED = (
    "an empty file",
    "a web page",
    "a cut PNG",
    "a cut JPEG",
    "an altered PNG",
    "a GIF",
    "16 bits of grey",
    "16 bits a colour",
    "a bomb",
)


@pytest.mark.parametrize("what", SPOILED)
def test_an_image_that_can_not_be_used_is_named(what, tmp_path):
    write_splits(tmp_path / "data")
    (tmp_path / "data/train/cat/9.png").write_bytes(spoiled(what, tmp_path / "scratch"))

    with pytest.raises(InvalidInput, match=r"train/cat/9.png must") as refusal:
        dataset.load(str(tmp_path / "data"), seed=1, image_size="4x6")

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "train/cat/notes.txt",
        "train/notes.txt",
        "README.md",
        "val/cat/0.png",
        "train/cat/0.bmp",
        "0.png",
    ],
)
def test_a_file_that_has_no_place_is_refused_by_name(name, tmp_path):
    folder = write_splits(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"x")

    with pytest.raises(InvalidInput, match=f"/{name} must"):
        dataset.check_source(folder)


def test_a_folder_in_a_class_folder_is_refused_by_name(tmp_path):
    folder = write_splits(tmp_path)
    write(tmp_path, ["train/cat/deep/0.png"])

    with pytest.raises(InvalidInput, match=r"train/cat/deep must not lie so deep"):
        dataset.check_source(folder)


def test_an_empty_class_folder_is_refused_by_name(tmp_path):
    folder = write_splits(tmp_path)
    (tmp_path / "train/bee").mkdir()

    with pytest.raises(InvalidInput, match=r"train/bee must hold at least one image"):
        dataset.check_source(folder)


def test_hidden_files_and_the_list_of_classes_are_no_images(tmp_path):
    folder = write_splits(tmp_path)
    (tmp_path / "train/cat/.DS_Store").write_bytes(b"x")
    (tmp_path / "classes.txt").write_text("Formica\nFelis\n")

    assert dataset.load(folder, seed=1).info.class_names == ("Formica", "Felis")


def test_training_folders_without_test_folders_are_refused(tmp_path):
    folder = write(tmp_path, [f"train/{kind}/{index}.png" for kind in "ab" for index in range(3)])

    with pytest.raises(InvalidInput, match=r"has no test/"):
        dataset.check_source(folder)


def test_a_class_may_be_called_train(tmp_path):
    folder = write(tmp_path, [f"{kind}/{index}.png" for kind in ("bus", "train") for index in range(4)])

    assert dataset.load(folder, seed=1).info.class_names == ("bus", "train")


def test_a_class_of_the_test_folder_alone_is_refused_by_name(tmp_path):
    folder = write_splits(tmp_path)
    write(tmp_path, ["test/bee/0.png"])

    with pytest.raises(InvalidInput, match=r"but bee occur"):
        dataset.load(folder, seed=1)


@pytest.mark.parametrize(("option", "value"), [("test_fraction", 0.3), ("image_size", "28")])
def test_an_option_without_effect_is_refused_by_name(option, value):
    with pytest.raises(InvalidInput, match=f"{option} must be left out"):
        dataset.check_source("synthetic", **{option: value})


def test_a_share_is_refused_where_there_is_a_test_folder(tmp_path):
    with pytest.raises(InvalidInput, match=r"test_fraction must be left out"):
        dataset.check_source(write_splits(tmp_path), test_fraction=0.3)


@pytest.mark.parametrize("value", ["0", "x", "28x", "28x28x3", "-1", " 28", "99999", 28, None])
def test_an_image_size_that_is_none_is_refused(value):
    with pytest.raises(InvalidInput, match=r"image_size must be"):
        dataset.check_source("synthetic", image_size=value)


def test_the_component_has_the_pipelines_default_share():
    assert prepare.component_spec.inputs["test_fraction"].default == parameters.DEFAULT_TEST_FRACTION


def test_a_changed_image_changes_the_digest_that_continuing_a_run_is_bound_to(tmp_path):
    folder = write_splits(tmp_path)
    before = walker.content_digest(folder)
    picture(200).save(tmp_path / "train/cat/0.png")

    assert walker.content_digest(folder) != before


def test_the_same_folder_makes_byte_identical_artifacts(tmp_path):
    folder = write(tmp_path / "data", [f"{kind}/{index}.png" for kind in "ab" for index in range(10)])

    first, second = (run_prepare(tmp_path / name, folder) for name in ("first", "second"))

    assert [output.metadata for output in first] == [output.metadata for output in second]
