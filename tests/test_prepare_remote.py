"""Data in an S3-compatible server that runs here, and resumed downloads."""

import io
import threading

import numpy as np
import pytest

from components.core.errors import InvalidInput
from components.sources import addresses, dataset, remote, transfer
from tests import idx, s3_server
from tests.http_server import Answer, serving, write_certificate
from tests.test_prepare_images import write_splits

ROWS = np.arange(40 * 500, dtype="f4").reshape(40, 500)


def archive():
    file = io.BytesIO()
    np.savez(file, x_train=ROWS, y_train=np.arange(40) % 4 + 1, x_test=ROWS[:8], y_test=np.arange(8) % 4 + 1)
    return file.getvalue()


DATA = archive()
BLOCK = 30_000


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "cache"


@pytest.fixture
def s3(cache, monkeypatch):
    monkeypatch.setattr(transfer, "_BLOCK_BYTES", BLOCK)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with s3_server.serving() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        yield server


def load(address, **options):
    told = []
    return dataset.load(address, seed=1, progress=lambda *values: told.append(values), **options), told


def test_idx_archives_are_read_from_a_prefix(s3, tmp_path):
    s3.put_folder("my/data", idx.write_archives(tmp_path / "data"))

    raw, told = load("s3://pictures/my/data")

    assert np.array_equal(raw.train.inputs, idx.draw(30)[0]) and raw.info.source == "s3://pictures/my/data"
    assert {name for _, _, name in told} == set(idx.NAMES)


@pytest.mark.parametrize("address", ["s3://pictures/my/data.npz", "s3://pictures/my/", "s3://pictures/my"])
def test_an_archive_is_read_by_its_name_or_from_its_prefix(address, s3):
    s3.put("my/data.npz", DATA)

    raw, told = load(address)

    assert np.array_equal(raw.train.inputs, ROWS) and told[-1] == (len(DATA), len(DATA), "data.npz")


def test_a_folder_of_images_is_read_with_one_progress_for_all(s3, tmp_path):
    write_splits(tmp_path / "data", n_train=6)
    s3.put_folder("animals", tmp_path / "data")

    raw, told = load("s3://pictures/animals")

    assert raw.info.class_names == ("ant", "cat") and len(raw.train) == 12
    assert {name for _, _, name in told} == {"animals"} and told[-1][0] == told[-1][1]


def test_class_names_come_along(s3):
    s3.put("my/data.npz", DATA)
    s3.put("my/classes.txt", b"a\nb\nc\nd\n")

    assert load("s3://pictures/my/data.npz")[0].info.class_names == ("a", "b", "c", "d")


def test_what_is_there_is_not_downloaded_again(s3):
    s3.put("my/data.npz", DATA)
    load("s3://pictures/my/data.npz")
    s3.gets.clear()

    load("s3://pictures/my/data.npz")

    assert s3.gets == []


def test_another_version_is_downloaded(s3):
    s3.put("my/data.npz", DATA[::-1])
    with pytest.raises(InvalidInput, match=r"data.npz must be an undamaged"):
        load("s3://pictures/my/data.npz")
    s3.put("my/data.npz", DATA)

    assert len(load("s3://pictures/my/data.npz")[0].train) == 40


def test_a_connection_cut_in_the_middle_is_gone_on_with(s3):
    s3.put("my/data.npz", DATA)
    s3.cut_after = [None, 700]

    raw, _ = load("s3://pictures/my/data.npz")

    assert np.array_equal(raw.train.inputs, ROWS)
    assert [span for _, span in s3.gets[:3]] == ["bytes=0-29999", "bytes=30000-59999", "bytes=30000-59999"]


def test_the_next_run_goes_on_from_the_bytes_that_are_there(s3):
    s3.put("my/data.npz", DATA)
    s3.cut_after = [None] + [700] * 5
    address = addresses.parse("s3://pictures/my/data.npz")
    with pytest.raises(remote.Unreachable, match=r"s3://pictures/my/data.npz"):
        remote.fetch(address, lambda _, names: names, lambda *_: None, backoff_s=())
    s3.cut_after.clear()
    s3.gets.clear()

    raw, _ = load("s3://pictures/my/data.npz")

    assert np.array_equal(raw.train.inputs, ROWS) and s3.gets[0] == ("my/data.npz", "bytes=30000-59999")


def test_a_file_altered_while_it_is_downloaded_is_refused(s3, cache):
    s3.put("my/data.npz", DATA)

    def alter(n_reads):
        if n_reads == 1:
            s3.before_read = None
            s3.put("my/data.npz", DATA[::-1])

    s3.before_read = alter

    with pytest.raises(InvalidInput, match=r"s3://pictures/my/data.npz was altered while it was downloaded"):
        load("s3://pictures/my/data.npz")
    assert not list(cache.rglob("*data.npz*"))


@pytest.mark.parametrize("address", ["s3://no-such-bucket/data", "s3://no-such-bucket/data.npz"])
def test_a_missing_bucket_is_refused_by_name(address, s3):
    with pytest.raises(InvalidInput, match=f"{address} does not exist"):
        load(address)


@pytest.mark.parametrize("address", ["s3://pictures/nothing.npz", "s3://pictures/nothing"])
def test_a_missing_object_is_refused_by_name(address, s3):
    with pytest.raises(InvalidInput, match=f"{address} (does not exist|holds nothing)"):
        load(address)


def test_without_credentials_the_line_says_where_they_come_from(s3, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(InvalidInput, match=r"s3://pictures/my needs credentials.*AWS_ACCESS_KEY_ID"):
        load("s3://pictures/my")


def test_a_server_that_is_not_there_is_named(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(InvalidInput, match=r"s3://pictures/my could not be reached"):
        load("s3://pictures/my")


def test_a_file_without_a_place_is_refused_before_anything_is_downloaded(s3, tmp_path):
    write_splits(tmp_path / "data")
    s3.put_folder("animals", tmp_path / "data")
    s3.put("animals/train/notes.txt", b"x")

    with pytest.raises(InvalidInput, match=r"train/notes.txt must lie in the folder of its class"):
        load("s3://pictures/animals")
    assert s3.gets == []


@pytest.mark.parametrize(
    "address",
    ["s3://key:secret@bucket/data", "https://me:secret@host/data", "https://me@host/data?a=secret"],
)
def test_credentials_in_an_address_are_refused_without_showing_them(address):
    with pytest.raises(InvalidInput, match=r"data_source must hold no user name or password") as refusal:
        dataset.check_source(address)

    assert "secret" not in str(refusal.value)


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    path = write_certificate(tmp_path / "server.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return path


def test_an_archive_is_read_from_its_https_address(cache, trusted):
    with serving({"/data.npz": DATA}, trusted) as home:
        raw, _ = load(f"{home.address}/data.npz")

    assert np.array_equal(raw.train.inputs, ROWS)


@pytest.mark.parametrize("takes_ranges", [True, False])
def test_a_web_servers_cut_answer_is_gone_on_with_or_begun_anew(takes_ranges, cache, trusted):
    tagged = {"ETag": '"1"'}
    all_heard = threading.Event()
    cut = Answer(DATA[:5000], headers=tagged, n_announced=len(DATA), until=all_heard)
    whole = Answer(DATA, headers=tagged, takes_ranges=takes_ranges)
    with serving({"/data.npz": [cut, whole]}, trusted) as home:
        place = remote.fetch(
            addresses.parse(f"{home.address}/data.npz"),
            lambda _, names: names,
            lambda n_received, *_: all_heard.set() if n_received == 5000 else None,
            backoff_s=(0,),
        )

    assert place.path.read_bytes() == DATA and home.ranges[-2:] == [None, "bytes=5000-"]
