"""How prepare downloads: from real servers on this machine, good and bad ones."""

import hashlib
import socket
import threading

import numpy as np
import pytest

from components.core.errors import InvalidInput
from components.remote import failures
from components.sources import dataset, fashion_mnist, transfer
from components.sources.fashion_mnist import Published
from tests.http_server import Answer, serving, write_certificate
from tests.idx import NAMES, TRAIN_IMAGES, archives, draw

FILES = archives()
PUBLISHED = tuple(Published(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in FILES.items())
WHOLE = {f"/{name}": data for name, data in FILES.items()}
CHUNKED = {"Content-Length": None, "Transfer-Encoding": "chunked"}
CUT = Answer(FILES[TRAIN_IMAGES][:50], n_announced=len(FILES[TRAIN_IMAGES]))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that Fashion-MNIST is kept in, not there yet."""
    return tmp_path / "cache" / "fashion-tuner"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return write_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture
def trusted(certificate, monkeypatch):
    """A certificate that this process trusts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return certificate


def fetch(*servers, archives=PUBLISHED, progress=None):
    homes = tuple(getattr(server, "address", server) for server in servers)
    return fashion_mnist.fetch(homes, progress, archives, backoff_s=(0, 0))


def kept(folder):
    """Return the archives in the folder, by name, without the lock and what is only half there."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def nobody():
    """Return an address where no server is."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_missing_archives_are_downloaded_into_the_folder(folder):
    with serving(WHOLE) as home:
        assert fetch(home) == folder

    assert kept(folder) == FILES


def test_archives_that_are_there_are_not_downloaded(folder):
    with serving(WHOLE) as home:
        fetch(home)
        home.asked.clear()
        fetch(home)

    assert home.asked == []


def test_only_what_is_missing_is_downloaded(folder):
    with serving(WHOLE) as home:
        fetch(home)
        (folder / TRAIN_IMAGES).unlink()
        home.asked.clear()
        fetch(home)

    assert home.asked == [f"/{TRAIN_IMAGES}"]


def test_an_archive_that_is_not_the_published_one_is_refused_by_name_and_left_alone(folder):
    folder.mkdir(parents=True)
    (folder / TRAIN_IMAGES).write_bytes(b"mine")

    with serving(WHOLE) as home, pytest.raises(InvalidInput, match=f"{folder / TRAIN_IMAGES} must be") as refusal:
        fetch(home)

    assert not isinstance(refusal.value, failures.Unreachable)
    assert kept(folder) == {TRAIN_IMAGES: b"mine"} and home.asked == []


def test_a_folder_that_is_a_file_is_refused_by_name(folder):
    folder.parent.mkdir()
    folder.write_bytes(b"")

    with serving(WHOLE) as home, pytest.raises(InvalidInput, match=f"{folder}.* can't be used for Fashion-MNIST"):
        fetch(home)


BAD_HOMES = {
    "holds nothing": Answer(status=404),
    "is closed": Answer(status=403),
    "has failed": Answer(status=500),
    "is overloaded": Answer(status=503),
    "asks for patience": Answer(status=429),
    "cuts the connection": CUT,
    "sends nothing": Answer(b"", n_announced=5),
    "sends another file": FILES[TRAIN_IMAGES][::-1],
    "sends an empty file": b"",
    "sends a web page": b"<html>Please log in</html>",
    "sends a few bytes more": FILES[TRAIN_IMAGES] + b"more",
    "sends a part without saying so": Answer(FILES[TRAIN_IMAGES][:50], headers={"Content-Length": None}),
    "ends amid its chunks": Answer(b"32\r\n" + FILES[TRAIN_IMAGES][:20], headers=CHUNKED),
    "announces nonsense": Answer(FILES[TRAIN_IMAGES][:50], headers={"Content-Length": "many"}),
    "leads in circles": Answer(status=302, headers={"Location": f"/{TRAIN_IMAGES}"}),
    "leads to a file of this machine": Answer(status=302, headers={"Location": "file:///etc/hostname"}),
    "leads nowhere": Answer(status=302, headers={"Location": "http://"}),
}


@pytest.mark.parametrize("answer", BAD_HOMES.values(), ids=BAD_HOMES)
def test_a_home_that_does_not_give_the_archive_leaves_nothing_in_its_place(answer, folder):
    with serving({**WHOLE, f"/{TRAIN_IMAGES}": answer}) as home, pytest.raises(failures.Unreachable) as refusal:
        fetch(home)

    assert TRAIN_IMAGES in str(refusal.value) and "127.0.0.1" in str(refusal.value) and "\n" not in str(refusal.value)
    assert kept(folder) == {}


@pytest.mark.parametrize("answer", BAD_HOMES.values(), ids=BAD_HOMES)
def test_the_second_home_gives_what_the_first_does_not(answer, folder):
    with serving({f"/{TRAIN_IMAGES}": answer}) as bad, serving(WHOLE) as good:
        fetch(bad, good)

    assert kept(folder) == FILES


def test_a_home_that_can_not_be_reached_is_passed_over(folder):
    with serving(WHOLE) as home:
        fetch(nobody(), home)

    assert kept(folder) == FILES


def test_the_home_that_gave_one_archive_is_asked_first_for_the_next(folder):
    with serving({}) as bad, serving(WHOLE) as good:
        fetch(bad, good)

    assert bad.asked == [f"/{TRAIN_IMAGES}"]


@pytest.mark.parametrize("failure", [CUT, Answer(status=503), Answer(status=429)])
def test_a_passing_failure_is_tried_again(failure, folder):
    with serving({**WHOLE, f"/{TRAIN_IMAGES}": [failure, failure, FILES[TRAIN_IMAGES]]}) as home:
        fetch(home)

    assert kept(folder) == FILES


@pytest.mark.parametrize(
    ("answer", "n_attempts"), [(CUT, 3), (Answer(status=500), 3), (Answer(status=404), 1), (b"another file", 1)]
)
def test_attempts_end(answer, n_attempts, folder):
    with serving({f"/{TRAIN_IMAGES}": answer}) as home, pytest.raises(failures.Unreachable):
        fetch(home)

    assert len(home.asked) == n_attempts


def test_when_no_home_gives_an_archive_the_message_says_why_of_each(folder):
    with serving({}) as empty, pytest.raises(failures.Unreachable) as refusal:
        fetch(nobody(), empty)

    assert "127.0.0.1 could not be reached; 127.0.0.1 answered 404 Not Found" in str(refusal.value)
    assert fashion_mnist.FOLDER_VARIABLE in str(refusal.value)


def test_what_an_interrupted_download_left_is_not_used(folder):
    with serving({**WHOLE, f"/{TRAIN_IMAGES}": CUT}) as home:
        with pytest.raises(failures.Unreachable):
            fetch(home)
        (folder / f".{TRAIN_IMAGES}.part").write_bytes(FILES[TRAIN_IMAGES][:50])
        home.answers[f"/{TRAIN_IMAGES}"] = FILES[TRAIN_IMAGES]
        fetch(home)

    assert kept(folder) == FILES


def test_a_file_marked_as_compressed_in_transit_is_kept_as_it_is_stored(folder):
    marked = Answer(FILES[TRAIN_IMAGES], headers={"Content-Encoding": "gzip"})
    with serving({**WHOLE, f"/{TRAIN_IMAGES}": marked}) as home:
        fetch(home)

    assert kept(folder) == FILES


def test_a_file_may_come_in_chunks_without_a_length(folder):
    data = FILES[TRAIN_IMAGES]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (data[:99], data[99:])) + b"0\r\n\r\n"
    with serving({**WHOLE, f"/{TRAIN_IMAGES}": Answer(chunks, headers=CHUNKED)}) as home:
        fetch(home)

    assert kept(folder) == FILES


def test_two_processes_that_need_the_archives_download_them_once(folder):
    with serving(WHOLE) as home:
        others = [threading.Thread(target=fetch, args=(home,)) for _ in range(4)]
        for other in others:
            other.start()
        for other in others:
            other.join()

    assert sorted(home.asked) == sorted(WHOLE) and kept(folder) == FILES


def test_progress_is_told_the_bytes_received_the_bytes_in_all_and_the_name(folder):
    told = []
    with serving(WHOLE) as home:
        fetch(home, progress=lambda *values: told.append(values))

    n_bytes = len(FILES[TRAIN_IMAGES])
    assert (n_bytes, n_bytes, TRAIN_IMAGES) in told and {name for _, _, name in told} == set(NAMES)


def test_a_certificate_that_is_not_trusted_is_refused(folder, certificate):
    with serving(WHOLE, certificate) as home, pytest.raises(failures.Unreachable, match="no trusted connection"):
        fetch(home)


def test_a_home_that_leads_away_from_https_is_refused(folder, trusted):
    with serving(WHOLE) as plain:
        away = {path: Answer(status=302, headers={"Location": plain.address + path}) for path in WHOLE}
        with serving(away, trusted) as home, pytest.raises(failures.Unreachable, match="not https://"):
            fetch(home)

    assert kept(folder) == {}


def test_a_home_may_lead_to_another_https_address(folder, trusted):
    with serving(WHOLE, trusted) as other:
        moved = {path: Answer(status=302, headers={"Location": other.address + path}) for path in WHOLE}
        with serving(moved, trusted) as home:
            fetch(home)

    assert kept(folder) == FILES


def test_an_own_data_set_is_read_from_its_https_prefix(trusted):
    with serving({f"/my/data/{name}": data for name, data in FILES.items()}, trusted) as home:
        raw = dataset.load(f"{home.address}/my/data/", seed=1, progress=lambda *_: None)

    assert np.array_equal(raw.train.inputs, draw(30)[0])
    assert raw.info.source == f"{home.address}/my/data/"


def test_the_query_of_an_https_prefix_goes_after_the_archives_names(trusted):
    with serving({f"/data/{name}?key=7": data for name, data in FILES.items()}, trusted) as home:
        raw = dataset.load(f"{home.address}/data?key=7", seed=1, progress=lambda *_: None)

    assert len(raw.test) == 12


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"<html>Please log in</html>", "web page"),
        (FILES[TRAIN_IMAGES][:-1], "end is missing"),
        (Answer(status=404), "answered 404"),
    ],
)
def test_a_bad_archive_at_an_https_prefix_is_refused_with_its_address(answer, problem, trusted):
    with serving({**WHOLE, f"/{TRAIN_IMAGES}": answer}, trusted) as home, pytest.raises(InvalidInput) as refusal:
        dataset.load(home.address, seed=1, progress=lambda *_: None)

    assert f"{home.address}/{TRAIN_IMAGES}" in str(refusal.value) and problem in str(refusal.value)


@pytest.mark.parametrize("prefix", ["https://127.0.0.1:x", "https://[", "https://:443", "https://host:0/data"])
def test_an_address_that_is_none_is_refused_before_the_run(prefix):
    with pytest.raises(InvalidInput, match="data_source must be a well-formed https:// prefix"):
        dataset.check_source(prefix)


def test_a_password_in_an_address_is_refused_without_showing_it():
    with pytest.raises(InvalidInput, match="data_source must hold no user name or password") as refusal:
        dataset.check_source("https://me:secret@127.0.0.1/data")

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("prefix", ["https://..", f"https://{'x' * 300}", "https://a..b/data"])
def test_an_address_that_no_request_can_go_to_is_refused_in_one_line(prefix):
    with pytest.raises(InvalidInput) as refusal:
        dataset.load(prefix, seed=1)

    assert prefix in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(("n_received", "seconds"), [(0, 29), (4_096 * 60, 60), (10**9, 3_600)])
def test_a_download_at_a_fair_pace_goes_on(n_received, seconds):
    transfer.check_pace(n_received, seconds)


def test_a_download_that_would_never_end_is_given_up():
    with pytest.raises(failures.DownloadError, match="sent only 600 bytes in 60 s"):
        transfer.check_pace(600, 60)
