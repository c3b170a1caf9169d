"""What prepare does with archives that are not what they should be."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kfp import dsl

from components.core.errors import InvalidInput
from components.prepare.component import prepare
from components.sources import dataset, idx
from components.sources.places import Place
from tests.idx import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    archives,
    draw,
    image_bytes,
    label_bytes,
    packed,
    write_archives,
)

GOOD = archives()
IMAGES = gzip.decompress(GOOD[TRAIN_IMAGES])
LABELS = gzip.decompress(GOOD[TRAIN_LABELS])
PAGE = b"<!DOCTYPE html>\n<html><body>404: not found</body></html>\n"


def header(magic, *sizes):
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes)


def flipped(data, position):
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


# Seen from the headers, so that a command line can refuse them before any work is done.
BAD_HEADERS = {
    "an empty file": (TRAIN_IMAGES, b"", "is empty"),
    "empty labels": (TEST_LABELS, b"", "is empty"),
    "one byte": (TRAIN_LABELS, b"\x1f", "must be a gzip archive"),
    "a web page": (TRAIN_IMAGES, PAGE, "web page"),
    "a web page after blank lines": (TEST_IMAGES, b"\n\n" + PAGE, "web page"),
    "a compressed web page": (TRAIN_IMAGES, packed(PAGE), "magic number is 0x3c21444f"),
    "a zip archive": (TRAIN_IMAGES, b"PK\x03\x04" + bytes(50), "50 4b 03 04"),
    "archives that are not compressed": (TRAIN_IMAGES, IMAGES, "if it is not compressed, take .gz off its name"),
    "an archive in an archive": (TRAIN_IMAGES, packed(GOOD[TRAIN_IMAGES]), "1f 8b 08 00, as a gzip archive"),
    "an archive of nothing": (TEST_IMAGES, packed(b""), "holds only 0"),
    "half a magic number": (TEST_IMAGES, packed(b"\0\0"), "holds only 2"),
    "half a header": (TRAIN_IMAGES, packed(IMAGES[:10]), "holds only 10"),
    "half a labels' header": (TRAIN_LABELS, packed(LABELS[:6]), "holds only 6"),
    "a gzip header alone": (TRAIN_IMAGES, GOOD[TRAIN_IMAGES][:10], "end is missing"),
    "an unknown compression": (TRAIN_IMAGES, flipped(GOOD[TRAIN_IMAGES], 2), "altered"),
    "labels as images": (TRAIN_IMAGES, GOOD[TRAIN_LABELS], "holds labels"),
    "images as labels": (TRAIN_LABELS, GOOD[TRAIN_IMAGES], "holds images"),
    "labels as test images": (TEST_IMAGES, GOOD[TEST_LABELS], "holds labels"),
    "floats beside bytes": (TEST_IMAGES, packed(header(0x00000D03, 12, 6, 4) + bytes(1152)), "becomes float32"),
    "colour images beside grey": (TEST_IMAGES, packed(header(0x804, 12, 6, 4, 3) + bytes(864)), "6 x 4 like"),
    "an unknown element type": (
        TRAIN_IMAGES,
        packed(header(0x00000A03, 30, 6, 4) + bytes(720)),
        "0x00000a03, whose element type 0a is none of 08 (uint8)",
    ),
    "labels that are floats": (TRAIN_LABELS, packed(header(0x00000D01, 30) + bytes(120)), "must hold labels"),
    "a little-endian header": (
        TRAIN_LABELS,
        packed(header(0x01080000, 30) + bytes(30)),
        "0x01080000, which is little-endian",
    ),
    "little-endian sizes": (
        TRAIN_IMAGES,
        packed(
            struct.pack(">I3I", 0x803, *(int.from_bytes(size.to_bytes(4, "little"), "big") for size in (30, 6, 4)))
        ),
        "read as little-endian it says 30 x 6 x 4",
    ),
    "no images": (TRAIN_IMAGES, packed(header(0x803, 0, 6, 4)), "at least one"),
    "images without height": (TRAIN_IMAGES, packed(header(0x803, 30, 0, 4)), "30 x 0 x 4"),
    "no labels": (TEST_LABELS, packed(header(0x801, 0)), "at least one"),
    "a missing label": (TRAIN_LABELS, packed(label_bytes(draw(29)[1])), "a label for each of 30 images, but holds 29"),
    "a label too many": (TEST_LABELS, packed(label_bytes(draw(13)[1])), "a label for each of 12 images, but holds 13"),
    "training labels for the test": (TEST_LABELS, GOOD[TRAIN_LABELS], "each of 12 images, but holds 30"),
    "test images of another shape": (TEST_IMAGES, packed(image_bytes(draw(12, shape=(4, 6))[0])), "6 x 4 like"),
    "a header of 2**96 bytes": (TRAIN_IMAGES, packed(header(0x803, *[2**32 - 1] * 3)), "is too short"),
    "a header of 4 GiB on a small file": (TRAIN_IMAGES, packed(header(0x803, 65_536, 256, 256)), "is too short"),
    "labels for 4 GiB": (TRAIN_LABELS, packed(header(0x801, 2**32 - 1)), "is too short"),
}

# Seen only when all is read.
BAD_CONTENTS = {
    "a cut archive": (TRAIN_IMAGES, GOOD[TRAIN_IMAGES][:-20], "end is missing"),
    "an archive without its checksum": (TRAIN_LABELS, GOOD[TRAIN_LABELS][:-8], "end is missing"),
    "an archive cut by a byte": (TEST_LABELS, GOOD[TEST_LABELS][:-1], "end is missing"),
    "a flipped byte": (TRAIN_IMAGES, flipped(GOOD[TRAIN_IMAGES], 300), "altered"),
    "a flipped byte of the checksum": (TEST_IMAGES, flipped(GOOD[TEST_IMAGES], -6), "altered"),
    "a flipped byte of the length": (TEST_LABELS, flipped(GOOD[TEST_LABELS], -1), "altered"),
    "an image too few": (TRAIN_IMAGES, packed(IMAGES[:-24]), "must hold 720 bytes after its header"),
    "a pixel too few": (TEST_IMAGES, packed(gzip.decompress(GOOD[TEST_IMAGES])[:-1]), "ends after 287"),
    "a pixel too many": (TRAIN_IMAGES, packed(IMAGES + b"\0"), "more bytes follow, 1"),
    "a label byte too many": (TRAIN_LABELS, packed(LABELS + b"\1"), "more bytes follow, 1"),
    "no end of bytes after the labels": (TRAIN_LABELS, packed(LABELS + bytes(999)), "follow, more than 240"),
    "labels of 32 bits under a header of bytes": (
        TRAIN_LABELS,
        packed(LABELS[:8] + np.frombuffer(LABELS[8:], "u1").astype(">i4").tobytes()),
        "4 bytes a number where its header says 1 (0x08, uint8)",
    ),
    "little-endian labels of 32 bits": (
        TRAIN_LABELS,
        packed(header(0xC01, 30) + np.frombuffer(LABELS[8:], "u1").astype("<i4").tobytes()),
        "but all are multiples of 16,777,216 (the first 16,777,216, little-endian 1)",
    ),
    "garbage after the archive": (TRAIN_IMAGES, GOOD[TRAIN_IMAGES] + b"garbage", "other bytes follow"),
    "a byte after the archive": (TRAIN_LABELS, GOOD[TRAIN_LABELS] + b"\x1f", "other bytes follow"),
    "zeros after the archive": (TEST_LABELS, GOOD[TEST_LABELS] + bytes(512), "other bytes follow"),
    "another archive after the archive": (TRAIN_IMAGES, GOOD[TRAIN_IMAGES] * 2, "more bytes follow"),
    "half an archive after the archive": (
        TRAIN_LABELS,
        GOOD[TRAIN_LABELS] + GOOD[TRAIN_LABELS][:10],
        "end is missing",
    ),
    "a class of one image": (TRAIN_LABELS, packed(label_bytes([0, 1] * 14 + [0, 2])), "but 2 occurs 1 time(s)"),
    "a label far off": (TRAIN_LABELS, packed(label_bytes([0, 1, 2] * 9 + [0, 1, 255])), "but 255 occurs 1 time(s)"),
    "a single class": (TRAIN_LABELS, packed(label_bytes([0] * 30)), "at least 2 classes"),
    "an unknown class in the test": (
        TEST_LABELS,
        packed(label_bytes([0, 1, 2, 3] * 3)),
        "but 3 occur(s) in the test split alone",
    ),
}
BAD = BAD_HEADERS | BAD_CONTENTS


def folder_with(tmp_path, name, data):
    folder = write_archives(tmp_path / "data")
    (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(("name", "data", "problem"), BAD.values(), ids=BAD)
def test_a_bad_archive_is_refused_with_its_name_and_what_is_wrong(name, data, problem, tmp_path):
    folder = folder_with(tmp_path, name, data)

    with pytest.raises(InvalidInput) as refusal:
        dataset.load(str(folder), seed=1)

    message = str(refusal.value)
    assert str(folder / name) in message and problem in message and "\n" not in message


@pytest.mark.parametrize(("name", "data", "problem"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_bad_header_is_refused_before_the_archives_are_read(name, data, problem, tmp_path):
    with pytest.raises(InvalidInput, match=name):
        dataset.check_source(str(folder_with(tmp_path, name, data)))


@pytest.mark.parametrize(("name", "data", "problem"), BAD.values(), ids=BAD)
def test_nothing_is_written_when_an_archive_is_bad(name, data, problem, tmp_path):
    folder = folder_with(tmp_path, name, data)
    outputs = [dsl.Dataset(uri=str(tmp_path / "out" / part)) for part in ("training_data", "test_data")]

    with pytest.raises(InvalidInput):
        prepare.python_func(*outputs, data_source=str(folder), validation_fraction=0.2, seed=1)

    assert not (tmp_path / "out").exists()


def missing(path):
    path.unlink()


def folder_in_place(path):
    path.unlink()
    path.mkdir()


def pipe_in_place(path):
    path.unlink()
    os.mkfifo(path)


def link_to_nothing(path):
    path.unlink()
    path.symlink_to("nowhere")


def link_to_itself(path):
    path.unlink()
    path.symlink_to(path.name)


def link_to_an_unreadable_file(path):
    path.unlink()
    path.symlink_to("/proc/self/mem")  # a file that no one can read from its start, not even root


@pytest.mark.parametrize(
    "spoil",
    [missing, folder_in_place, pipe_in_place, link_to_nothing, link_to_itself, link_to_an_unreadable_file],
)
def test_what_is_no_readable_file_is_refused_by_name(spoil, tmp_path):
    folder = write_archives(tmp_path)
    spoil(folder / TEST_IMAGES)

    with pytest.raises(InvalidInput, match=TEST_IMAGES):
        dataset.check_source(str(folder))


@pytest.mark.parametrize("name", ["nowhere", TRAIN_IMAGES, f"{TRAIN_IMAGES}/inside", "x" * 300])
def test_what_is_no_folder_is_refused_by_name(name, tmp_path):
    write_archives(tmp_path)

    with pytest.raises(InvalidInput, match=f"must be a folder with four IDX archives.*, got '{tmp_path / name}'"):
        dataset.check_source(str(tmp_path / name))


def test_a_name_with_a_line_break_is_quoted_in_the_message(tmp_path):
    folder = write_archives(tmp_path / "two\nlines")
    (folder / TRAIN_IMAGES).write_bytes(b"")

    with pytest.raises(InvalidInput) as refusal:
        dataset.check_source(str(folder))

    assert "\n" not in str(refusal.value)


def peak_bytes_while_refusing(place):
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput):
            idx.read_inputs(place)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n_announced", [10, 65_536])
def test_a_decompression_bomb_takes_no_more_memory_than_the_file_can_hold(n_announced, tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as bomb:
        bomb.write(header(0x803, n_announced, 256, 256))
        for _ in range(64):
            bomb.write(bytes(1 << 20))

    assert peak_bytes_while_refusing(Place(path, str(path))) < 4 << 20


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch") / "images.gz"


def read_or_none(path, data):
    path.write_bytes(data)
    try:
        return idx.read_inputs(Place(path, str(path)))
    except InvalidInput:
        return None


@given(position=st.integers(0, len(GOOD[TRAIN_IMAGES]) - 1), change=st.integers(1, 255))
def test_an_archive_with_a_changed_byte_is_refused_or_reads_the_same(scratch, position, change):
    data = bytearray(GOOD[TRAIN_IMAGES])
    data[position] ^= change

    content = read_or_none(scratch, data)

    assert content is None or np.array_equal(content, draw(30)[0])


@given(length=st.integers(0, len(GOOD[TRAIN_IMAGES]) - 1))
def test_an_archive_cut_anywhere_is_refused(scratch, length):
    assert read_or_none(scratch, GOOD[TRAIN_IMAGES][:length]) is None


@given(tail=st.binary(min_size=1, max_size=40))
def test_an_archive_with_anything_after_its_end_is_refused(scratch, tail):
    assert read_or_none(scratch, GOOD[TRAIN_IMAGES] + tail) is None


@given(shape=st.tuples(*[st.integers(1, 7)] * 3), cut=st.integers(0, 400))
def test_an_archive_in_two_gzip_members_reads_as_one(scratch, shape, cut):
    images = draw(shape[0], shape=shape[1:])[0]
    data = image_bytes(images)

    assert np.array_equal(read_or_none(scratch, packed(data[:cut]) + packed(data[cut:])), images)
