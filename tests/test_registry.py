"""A registry of models in a folder and in an object store: nothing shared, nothing lost, nothing half."""

import concurrent.futures
import json
import os
import threading

import pytest
from click.testing import CliRunner

from command_line import registry_commands
from components.core.errors import InvalidInput
from components.registry import champion, versions
from components.registry.store import FolderStore, ObjectStore, open_store
from components.registry.versions import Figure
from tests import s3_server

DESCRIBED = {
    "run": "run-1",
    "data": {"source": "clothes", "training": "a1", "test": "b2"},
    "code": {"components/experiment/network.py": "c3"},
    "class_names": ("shirt", "shoe"),
    "input_shape": (4, 5),
    "input_dtype": "uint8",
    "metrics": {"test_accuracy": Figure(0.75, 0.7, 0.8)},
    "hyperparameters": {"units": 3},
    "custom_objects": (),
}


@pytest.fixture(scope="module")
def server():
    with s3_server.serving() as server:
        yield server


def use(server, monkeypatch):
    """Let object stores be this server's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
    for name, value in s3_server.KEYS.items():
        monkeypatch.setenv({"region_name": "AWS_DEFAULT_REGION"}.get(name, name.upper()), value)


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return open_store(str(tmp_path / "registry"))
    server = request.getfixturevalue("server")
    use(server, monkeypatch)
    return open_store(f"s3://{s3_server.BUCKET}/{tmp_path.name}")


@pytest.fixture
def contents(tmp_path):
    """Return a function that makes the files of a version."""

    def contents(text="weights"):
        for name in ("model.keras", "card.md"):
            (tmp_path / name).write_text(f"{text} {name}")
        return {"model/model.keras": tmp_path / "model.keras", "model_card.md": tmp_path / "card.md"}

    return contents


def registered(store, contents, text="weights", run="run-1"):
    return versions.register(store, contents(text), {**DESCRIBED, "run": run})


class Interrupted(Exception):
    """Stands for the end of a process."""


class Breaking:
    """A store that ends the process at its nth write, before or after it was done."""

    def __init__(self, store, n_writes, is_done):
        self._store, self._left, self._is_done = store, n_writes, is_done

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name not in ("create", "put", "upload"):
            return method

        def write(*arguments):
            self._left -= 1
            if self._left < 0 and not self._is_done:
                raise Interrupted
            answer = method(*arguments)
            if self._left < 0:
                raise Interrupted
            return answer

        return write


def test_what_is_created_is_not_created_again_and_stays_as_it_was(store):
    assert store.create("a/b.json", b"one")
    assert not store.create("a/b.json", b"two")
    assert store.read("a/b.json") == b"one"
    assert store.names("a") == ["b.json"]


def test_what_is_not_there_is_none_and_a_folder_that_is_not_has_no_names(store):
    assert store.read("nothing") is None
    assert store.names("nowhere") == []


def test_a_version_comes_back_as_it_was_registered(store, contents):
    version = registered(store, contents)

    assert versions.read(store, 1) == version
    assert versions.read_all(store) == [version]
    with versions.fetched(store, version, "model/") as folder:
        assert [path.name for path in folder.iterdir()] == ["model.keras"]
        assert (folder / "model.keras").read_text() == "weights model.keras"
    assert versions.problems(store, version) == []


def test_the_same_files_of_the_same_run_are_one_version(store, contents):
    first, again = registered(store, contents), registered(store, contents)
    other = registered(store, contents, run="run-2")

    assert (first.number, again.number, other.number) == (1, 1, 2)


def test_versions_that_are_registered_at_once_get_numbers_of_their_own(store, contents):
    files = contents()
    start = threading.Barrier(8)

    def register(index):
        start.wait()
        return versions.register(store, files, {**DESCRIBED, "run": f"run-{index}"}).number

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(register, range(8)))

    assert sorted(found) == list(range(1, 9))
    assert {version.run for version in versions.read_all(store)} == {f"run-{index}" for index in range(8)}


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("n_writes", range(4))
def test_a_version_whose_run_ends_at_any_write_is_complete_or_not_there(n_writes, is_done, store, contents):
    before = registered(store, contents, "old")
    with pytest.raises(Interrupted):
        registered(Breaking(store, n_writes, is_done), contents, run="killed")

    there = versions.read_all(store)
    assert [each.run for each in there] in (["run-1"], ["run-1", "killed"])
    assert all(versions.problems(store, each) == [] for each in there if each != before)
    assert registered(store, contents, run="later").number == max(versions.numbers(store))
    assert registered(store, contents, run="killed").run == "killed"


def test_an_altered_file_is_named_and_never_used(tmp_path, contents):
    store = open_store(str(tmp_path / "registry"))
    version = registered(store, contents)
    (tmp_path / "registry/versions/0001/model/model.keras").write_text("other weights")

    assert versions.problems(store, version) == ["model/model.keras is not what was registered"]
    with pytest.raises(InvalidInput, match=r"model/model.keras of version 1 .* was altered or damaged"):
        versions.fetched(store, version).__enter__()


def test_a_file_s_name_that_leads_out_of_the_version_is_refused(tmp_path, contents):
    store = open_store(str(tmp_path / "registry"))
    registered(store, contents)
    path = tmp_path / "registry/versions/0001/version.json"
    value = json.loads(path.read_text())
    value["files"]["../../../stolen"] = next(iter(value["files"].values()))
    path.write_text(json.dumps(value))

    with pytest.raises(InvalidInput, match=r"versions/0001/version.json of the registry .* is damaged"):
        versions.read(store, 1)


def test_a_promotion_names_the_champion_and_keeps_the_history(store, contents):
    registered(store, contents)
    registered(store, contents, run="run-2")

    first = champion.change(store, champion.read(store), 1, "promotion", "run-1", "no champion")
    second = champion.change(store, first, 2, "promotion", "run-2", "better")

    assert champion.read(store) == second
    written = json.loads(store.read("champion.json"))
    assert (written["version"], written["revision"]) == (2, 2)
    assert [(entry["version"], entry["kind"], entry["reason"]) for entry in written["history"]] == [
        (1, "promotion", "no champion"),
        (2, "promotion", "better"),
    ]


def test_a_promotion_that_was_decided_against_an_earlier_champion_is_none(store, contents):
    registered(store, contents)
    registered(store, contents, run="run-2")
    seen = champion.read(store)
    champion.change(store, seen, 2, "promotion", "run-2", "first")

    assert champion.change(store, seen, 1, "promotion", "run-1", "late") is None
    assert champion.read(store).version == 2


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("n_writes", range(2))
def test_a_promotion_that_is_cut_off_happened_or_did_not(n_writes, is_done, store, contents):
    registered(store, contents)
    registered(store, contents, run="run-2")
    one = champion.change(store, champion.read(store), 1, "promotion", "run-1", "")
    with pytest.raises(Interrupted):
        champion.change(Breaking(store, n_writes, is_done), one, 2, "promotion", "run-2", "")

    found = champion.read(store)
    assert (found.revision, found.version) in ((1, 1), (2, 2))
    assert len(found.history) == found.revision
    after = champion.change(store, found, 1, "rollback", "somebody", "")
    assert json.loads(store.read("champion.json"))["revision"] == after.revision == found.revision + 1


def test_changes_at_once_are_all_kept_in_one_order(store, contents):
    registered(store, contents)
    start = threading.Barrier(6)

    def change(index):
        start.wait()
        while champion.change(store, champion.read(store), 1, "promotion", f"run-{index}", "") is None:
            pass

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(change, range(6)))

    history = json.loads(store.read("champion.json"))["history"]
    assert [entry["revision"] for entry in history] == list(range(1, 7))
    assert {entry["run"] for entry in history} == {f"run-{index}" for index in range(6)}


def test_a_rollback_goes_to_the_version_before_or_to_one_that_is_named(store, contents):
    now = champion.Champion()
    for number in (1, 2, 3):
        registered(store, contents, run=f"run-{number}")
        now = champion.change(store, now, number, "promotion", f"run-{number}", "")

    assert champion.rollback(store, None, "somebody")[1].version == 2
    assert champion.rollback(store, 1, "somebody")[1].version == 1
    with pytest.raises(InvalidInput, match="another one than that in service, got 1"):
        champion.rollback(store, 1, "somebody")
    with pytest.raises(InvalidInput, match=r"one of the registry .* \(1, 2, 3\), got 9"):
        champion.rollback(store, 9, "somebody")


def test_a_rollback_to_an_altered_version_is_refused(tmp_path, contents):
    store = open_store(str(tmp_path / "registry"))
    for number in (1, 2):
        registered(store, contents, run=f"run-{number}")
    champion.change(store, champion.Champion(), 2, "promotion", "run-2", "")
    os.truncate(tmp_path / "registry/versions/0001/model_card.md", 3)

    with pytest.raises(InvalidInput, match=r"of 1 model_card.md is not what was registered"):
        champion.rollback(store, 1, "somebody")
    assert champion.read(store).version == 2


def test_a_champion_that_is_damaged_is_made_anew_once_it_is_removed(tmp_path, contents):
    store = open_store(str(tmp_path / "registry"))
    registered(store, contents)
    champion.change(store, champion.Champion(), 1, "promotion", "run-1", "")
    (tmp_path / "registry/champion.json").write_text("{")

    with pytest.raises(InvalidInput, match=r"champion.json of the registry .* is damaged; remove it"):
        champion.read(store)
    (tmp_path / "registry/champion.json").unlink()
    assert champion.read(store).version == 1


@pytest.mark.parametrize("place", ["ftp://host/a", "https://host/a", "s3://user@bucket/a", "s3://", " "])
def test_a_place_of_another_kind_is_refused_by_name(place):
    with pytest.raises(InvalidInput, match="registry must be a folder, or an address at"):
        open_store(place)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(InvalidInput, match=r"registry must be a folder, and .* is a file"):
        open_store(str(tmp_path / "file"))


def test_a_folder_s_address_and_its_path_are_one_place(tmp_path):
    assert FolderStore(tmp_path).root == open_store(f"file://{tmp_path}").root


def test_a_network_that_fails_for_a_while_makes_no_second_version(server, tmp_path, monkeypatch, contents):
    """The answer to what creates the claim, and later the version, is lost after the server has done its work."""
    use(server, monkeypatch)
    monkeypatch.setattr("components.remote.failures.BACKOFF_S", (0.0, 0.0))
    store = ObjectStore(f"s3://{s3_server.BUCKET}/{tmp_path.name}")
    filesystem, lost = store._filesystem, []
    pipe_file = filesystem.pipe_file

    def losing(path, data, **options):
        answer = pipe_file(path, data, **options)
        if path.endswith(("claim", "version.json")) and path not in lost:
            lost.append(path)
            raise ConnectionResetError("the answer was lost")
        return answer

    monkeypatch.setattr(filesystem, "pipe_file", losing)

    assert registered(store, contents).number == 1
    assert len(lost) == 2
    assert [each.number for each in versions.read_all(store)] == [1]


def test_a_bucket_that_is_not_there_is_named(server, monkeypatch, contents):
    use(server, monkeypatch)

    with pytest.raises(InvalidInput, match="registry s3://nobodys/models does not exist: there is no such bucket"):
        registered(open_store("s3://nobodys/models"), contents)


def command(*arguments):
    """Run `registry …` and return (exception or None, output)."""
    done = CliRunner().invoke(registry_commands.commands()[0], arguments)
    return done.exception, done.output


def test_what_was_altered_or_never_completed_is_told_by_verify(tmp_path, contents):
    store = open_store(str(tmp_path / "registry"))
    registered(store, contents)
    registered(store, contents, run="run-2")
    with pytest.raises(Interrupted):
        registered(Breaking(store, 2, False), contents, run="killed")
    (tmp_path / "registry/versions/0002/model_card.md").unlink()

    error, output = command("verify", "--registry", str(tmp_path / "registry"))

    assert str(error) == "1 of 2 versions are not as they were registered"
    assert [line.split()[:2] for line in output.splitlines()[1:]] == [
        ["1", "as"],
        ["2", "model_card.md"],
        ["3", "never"],
    ]


def test_a_command_without_a_registry_is_refused_by_name():
    error, _ = command("list")

    assert str(error) == "registry must be given: use --registry FOLDER|ADDRESS"
