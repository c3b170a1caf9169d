"""Which version of a registry is in service, and how it came to be.

Each change is a file of its own, `promotions/NNNN.json`, which is made and never changed: two runs that decide at once
can't both make the same one, and the one that comes late compares with the new champion. `champion.json` says the same
in one place; whoever reads it here looks whether a change is missing in it, as after a kill between the two.
"""

import datetime
import json
from dataclasses import dataclass
from typing import Any

from components.core.errors import InvalidInput
from components.registry import versions
from components.registry.store import Store

FILE = "champion.json"
FOLDER = "promotions"
FORMAT = 1


@dataclass(frozen=True)
class Champion:
    """What is in service.

    Attributes:
        revision: how many changes there were.
        version: the number of the version in service; None for none yet.
        history: the changes, the oldest first: `revision`, `version`, `at`, `kind` (`promotion` or `rollback`), `run`,
            and `reason`.
    """

    revision: int = 0
    version: int | None = None
    history: tuple[dict[str, Any], ...] = ()


def read(store: Store) -> Champion:
    """Return the champion, with all changes that there are.

    Raises:
        InvalidInput: `champion.json` or a change is damaged.
    """
    champion = _parsed(store, store.read(FILE))
    while (data := store.read(_change(champion.revision + 1))) is not None:
        champion = _after(champion, _parsed_change(store, champion.revision + 1, data))
    return champion


def change(store: Store, before: Champion, version: int, kind: str, run: str, reason: str) -> Champion | None:
    """Put a version into service in the place of `before`; return None where that is no longer the champion.

    Args:
        store: the registry.
        before: the champion that the change was decided against.
        version: the number of a version that is there.
        kind: `promotion` or `rollback`.
        run: who asked for it.
        reason: why, in words.
    """
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    revision = before.revision + 1
    entry = {"revision": revision, "version": version, "at": at, "kind": kind, "run": run, "reason": reason}
    if not store.create(_change(revision), _text(entry)):
        return None
    _write(store, _after(before, entry))
    return read(store)


def rollback(store: Store, number: int | None, run: str) -> tuple[Champion, Champion]:
    """Put an earlier version back into service and return the champion before and after.

    Args:
        store: the registry.
        number: the version; None for the one that was in service before.
        run: who asked for it.

    Raises:
        InvalidInput: there is no such version, it is in service, or one of its files is missing or altered.
    """
    before = read(store)
    wanted = _previous(store, before) if number is None else number
    version = versions.read(store, wanted)
    if wanted == before.version:
        raise InvalidInput(f"version must be another one than that in service, got {wanted}")
    if wrong := versions.problems(store, version):
        raise InvalidInput(f"version must be whole to go into service, and of {wanted} {wrong[0]}")
    after = change(store, before, wanted, "rollback", run, f"in the place of version {before.version}")
    if after is None:
        raise InvalidInput(f"version {wanted} did not go into service: another one just did; look, and ask again")
    return before, after


def _previous(store: Store, champion: Champion) -> int:
    """Return the version that was in service before the present one."""
    others = [entry["version"] for entry in champion.history if entry["version"] != champion.version]
    if not others:
        raise InvalidInput(f"version must be given: the registry {store.shown} has had no other one in service")
    return int(others[-1])


def _write(store: Store, champion: Champion) -> None:
    """Write `champion.json`, and again while a later change is seen: the last one to write knows all."""
    while True:
        content = {"format": FORMAT, "revision": champion.revision, "version": champion.version}
        store.put(FILE, _text({**content, "history": list(champion.history)}))
        latest = read(store)
        if latest.revision <= champion.revision:
            return
        champion = latest


def _after(champion: Champion, entry: dict[str, Any]) -> Champion:
    return Champion(entry["revision"], entry["version"], (*champion.history, entry))


def _change(revision: int) -> str:
    return f"{FOLDER}/{revision:04d}.json"


def _text(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def _parsed(store: Store, data: bytes | None) -> Champion:
    if data is None:
        return Champion()
    try:
        value = json.loads(data)
        if value["format"] != FORMAT or len(value["history"]) != value["revision"]:
            raise ValueError
        return Champion(int(value["revision"]), int(value["version"]), tuple(value["history"]))
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(
            f"{FILE} of the registry {store.shown} is damaged; remove it, and it is made anew of {FOLDER}/"
        ) from None


def _parsed_change(store: Store, revision: int, data: bytes) -> dict[str, Any]:
    try:
        entry = dict(json.loads(data))
        if entry["revision"] != revision or not isinstance(entry["version"], int):
            raise ValueError
        return entry
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(f"{_change(revision)} of the registry {store.shown} is damaged") from None
