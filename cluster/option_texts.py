"""A user's words for single choices of `ClusterOptions`, as they stand on a command line."""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cluster.options import SERVER, WORKER, ClusterOptions, Toleration
from components.core.errors import InvalidInput
from components.steps import ALL_STEPS, IMAGES, STEPS, Resources


def with_resources(options: ClusterOptions, settings: Iterable[str]) -> ClusterOptions:
    """Return the options with single resources replaced.

    Args:
        options: what the others stay.
        settings: texts of the form `STEP.NAME=VALUE`, such as `tune.memory_limit=32Gi`.

    Raises:
        InvalidInput: no such step or resource, a quantity Kubernetes does not know, or a request above its limit.
    """
    resources, of_workers = dict(options.resources), dict(options.worker_resources)
    for setting in settings:
        step, name, value = _parse_setting(setting)
        changed: dict[str, Any] = {name: value}
        if step == WORKER:
            of_workers |= changed
        else:
            resources[step] = dataclasses.replace(resources[step], **changed)
    for step, wanted in {**resources, **_of_workers(resources, of_workers)}.items():
        _check_order(step, wanted)
    return dataclasses.replace(options, resources=resources, worker_resources=of_workers)


def parse_label(option: str, text: str) -> tuple[str, str]:
    """Return (label, value) from an option's `LABEL=VALUE`.

    Raises:
        InvalidInput: another form, or no label of Kubernetes'.
    """
    label, _, value = text.partition("=")
    if not re.fullmatch(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", label) or (
        not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value)
    ):
        raise InvalidInput(f"{option} must be LABEL=VALUE as Kubernetes has them, got {text!r}")
    return label, value


def parse_image(text: str) -> tuple[str, str]:
    """Return (step, reference) from `STEP=REFERENCE`.

    Raises:
        InvalidInput: another form.
    """
    step, _, reference = text.partition("=")
    if step not in IMAGES or not reference:
        raise InvalidInput(f"image must be STEP=REFERENCE with a step of {', '.join(IMAGES)}, got {text!r}")
    return step, reference


def parse_node_selector(text: str) -> tuple[str | None, str, str]:
    """Return (step, label, value) from `[STEP:]LABEL=VALUE`; without a step, None for every step.

    Raises:
        InvalidInput: another form.
    """
    step, rest = _split_step(text)
    label, _, value = rest.partition("=")
    if not label or not value:
        raise InvalidInput(f"node_selector must be [STEP:]LABEL=VALUE, got {text!r}")
    return step, label, value


def parse_toleration(text: str) -> tuple[str | None, Toleration]:
    """Return (step, Toleration) from `[STEP:]KEY[=VALUE][:EFFECT]`, the way kubectl writes a taint.

    Raises:
        InvalidInput: another form, or an effect that Kubernetes does not know.
    """
    step, rest = _split_step(text)
    taint, _, effect = rest.partition(":")
    key, equals, value = taint.partition("=")
    if not key or (equals and not value) or effect not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise InvalidInput(
            "toleration must be [STEP:]KEY[=VALUE][:EFFECT] with an effect of NoSchedule, PreferNoSchedule or "
            f"NoExecute, got {text!r}"
        )
    return step, Toleration(key, value or None, effect or None)


@dataclass(frozen=True)
class _Quantity:
    """How Kubernetes writes amounts of a resource: a number, then one of the `units`."""

    pattern: str
    units: dict[str, float]
    example: str

    def amount(self, text: str) -> float | None:
        """Return a quantity as a number, or None when it is none or not above zero."""
        match = re.fullmatch(self.pattern, text)
        return (float(match[1]) * self.units[match[2]] or None) if match else None


_QUANTITIES = {
    "cpu": _Quantity(r"(\d+(?:\.\d+)?)(m?)", {"": 1, "m": 0.001}, "processors such as 2 or 500m"),
    "memory": _Quantity(
        r"(\d+)(Ki|[MGTPE]i?|)",
        {"": 1.0}
        | {unit: 1000.0**n for n, unit in enumerate("MGTPE", 2)}
        | {f"{unit}i": 1024.0**n for n, unit in enumerate("KMGTPE", 1)},
        "an amount such as 4Gi or 512Mi",
    ),
}


def _of_workers(resources: dict[str, Resources], changed: dict[str, str]) -> dict[str, Resources]:
    """Return what the search's worker pods ask for, as one more entry."""
    of_search = next(resources[name] for name, step in STEPS.items() if step.starts_workers)
    values: dict[str, Any] = dict(changed)
    return {WORKER: dataclasses.replace(of_search, **values)} if changed else {}


def _split_step(text: str) -> tuple[str | None, str]:
    first, colon, rest = text.partition(":")
    return (first, rest) if colon and first in (*ALL_STEPS, WORKER) else (None, text)


def _parse_setting(setting: str) -> tuple[str, str, str | int]:
    path, _, value = setting.partition("=")
    step, _, name = path.partition(".")
    fields = {field.name: field.type for field in dataclasses.fields(Resources)}
    is_amount = step in (SERVER, WORKER) and name in fields and fields[name] is not int
    if not (step in ALL_STEPS or is_amount) or name not in fields or not value:
        raise InvalidInput(
            f"resource must be STEP.NAME=VALUE with a step of {', '.join(ALL_STEPS)} and a name of "
            f"{', '.join(fields)}, "
            f"or {WORKER}.NAME=VALUE or {SERVER}.NAME=VALUE without time-out and retries, got {setting!r}"
        )
    return step, name, _parse_count(setting, name, value) if fields[name] is int else _parse_amount(path, name, value)


def _parse_count(setting: str, name: str, value: str) -> int:
    low = 1 if name == "timeout_s" else 0
    if not re.fullmatch(r"\d{1,9}", value) or int(value) < low:
        raise InvalidInput(f"{name} must be an integer from {low} to 999999999, got {setting!r}")
    return int(value)


def _parse_amount(path: str, name: str, value: str) -> str:
    quantity = _QUANTITIES[name.partition("_")[0]]
    if quantity.amount(value) is None:
        raise InvalidInput(f"{path} must be {quantity.example}, got {value!r}")
    return value


def _check_order(step: str, wanted: Resources) -> None:
    for kind, quantity in _QUANTITIES.items():
        request, limit = getattr(wanted, f"{kind}_request"), getattr(wanted, f"{kind}_limit")
        if (quantity.amount(request) or 0) > (quantity.amount(limit) or 0):
            raise InvalidInput(f"{step}.{kind}_request must not exceed {step}.{kind}_limit ({limit}), got {request}")
