"""The pipeline's parameters: what each may be and what it is for, and the one place that refuses a value.

The command line, the pipeline and every component check through here, so that a value is refused with the
same sentence wherever it comes in. Defaults stand in the pipeline's signature, not here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from components.core.errors import InvalidInput

NAMED_SOURCES = ("fashion-mnist", "synthetic")
FORMATS = ("savedmodel", "onnx")

DEFAULT_TEST_FRACTION = 0.2
"""The one default that a step needs to know: another value is refused where it has no effect."""

_ADDRESS = re.compile(r"https://[^\s/]+\S*|(?:s3|gs)://[^\s/]+(?:/.*)?|file:///.+", re.DOTALL)
_REGISTRY = re.compile(r"(?:s3|gs)://[^\s/:@?]+(?:/[^?]*)?|file:///.+", re.DOTALL)
_SERVER = re.compile(r"https?://[^\s/@]+\S*")
_KUBERNETES_NAME = re.compile(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?")
_SCHEDULER = re.compile(r"(?:tls|tcp)://[^\s/]+:[0-9]{1,5}")
_IMAGE_SIZE = re.compile(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?")


class Rule(Protocol):
    """What a parameter may be."""

    def check(self, name: str, value: Any) -> Any:
        """Return `value` as the parameter's own type.

        Raises:
            InvalidInput: the value breaks the rule.
        """


@dataclass(frozen=True)
class Range:
    """A closed interval of numbers of one type; both ends are allowed."""

    type: type[int] | type[float]
    low: float
    high: float

    def __str__(self) -> str:
        noun = "an integer" if self.type is int else "a number"
        return f"{noun} from {self.low} to {self.high}"

    def check(self, name: str, value: Any) -> float:
        """Return `value` as the range's type.

        Raises:
            InvalidInput: not such a number (booleans and text are none), not finite, or out of the range.
        """
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high or value != self.type(value):
            raise InvalidInput(f"{name} must be {self}, got {value!r}")
        return self.type(value)


class TrueOrFalse:
    """A truth value."""

    def check(self, name: str, value: Any) -> bool:
        """Return `value`.

        Raises:
            InvalidInput: not a truth value.
        """
        if not isinstance(value, bool):
            raise InvalidInput(f"{name} must be true or false, got {value!r}")
        return value


class DataSource:
    """A name, a folder or an address; whether something is there is for the step that reads it."""

    def check(self, name: str, value: Any) -> str:
        """Return `value`.

        Raises:
            InvalidInput: it can't name a data source.
        """
        check_data_source(value)
        return str(value)


def shown_source(data_source: str) -> str:
    """Return a data source as it may be shown and kept: of an address neither user nor query, which grant access."""
    if not data_source.startswith("https://"):
        return data_source
    place, _, query = data_source.partition("?")
    host, slash, path = place.removeprefix("https://").partition("/")
    return f"https://{host.rpartition('@')[2]}{slash}{path}{'?…' if query else ''}"


@dataclass(frozen=True)
class PathOrAddress:
    """A path, an address of a certain form, or nothing.

    Attributes:
        address: what an address must be.
        rule: both, in words.
    """

    address: re.Pattern[str]
    rule: str

    def check(self, name: str, value: Any) -> str:
        """Return `value`.

        Raises:
            InvalidInput: it is no text, blank, or an address of another kind.
        """
        is_usable = isinstance(value, str) and "\0" not in value and bool(value.strip() or not value)
        if not is_usable or ("://" in value and not self.address.fullmatch(value)):
            raise InvalidInput(f"{name} must be {self.rule}, got {value!r}")
        return str(value)


@dataclass(frozen=True)
class Matching:
    """Text of a certain form, or nothing.

    Attributes:
        pattern: the form.
        rule: it, in words.
    """

    pattern: re.Pattern[str]
    rule: str

    def check(self, name: str, value: Any) -> str:
        """Return `value`.

        Raises:
            InvalidInput: it has another form.
        """
        if not isinstance(value, str) or (value and not self.pattern.fullmatch(value)):
            raise InvalidInput(f"{name} must be {self.rule}, got {value!r}")
        return value


class Formats:
    """Some of `FORMATS`, with commas between them, or nothing."""

    def check(self, name: str, value: Any) -> str:
        """Return `value`.

        Raises:
            InvalidInput: it names another format, or one twice.
        """
        wanted = formats(value) if isinstance(value, str) else ["?"]
        if not set(wanted) <= set(FORMATS) or len(set(wanted)) < len(wanted):
            raise InvalidInput(f"{name} must be of {', '.join(FORMATS)}, with commas, or nothing, got {value!r}")
        return str(value)


class ImageSize:
    """`28`, `32x48`, or nothing."""

    def check(self, name: str, value: Any) -> str:
        """Return `value`.

        Raises:
            InvalidInput: it is no such size.
        """
        height_and_width(value)
        return str(value)


@dataclass(frozen=True)
class Parameter:
    """A pipeline parameter.

    Attributes:
        rule: what it may be, or None when only the step that uses it can tell (a path, say).
        description: what it is for, a sentence of plain text.
        decides_search: whether a search that is continued must keep its value.
        is_path: whether it may be a path on this machine.
        needs: the parameter without which it has no effect, or empty.
    """

    rule: Rule | None
    description: str
    decides_search: bool = False
    is_path: bool = False
    needs: str = ""


PARAMETERS = {
    "data_source": Parameter(
        DataSource(),
        "fashion-mnist, synthetic, or a path or address of IDX archives, an .npz file or images.",
        decides_search=True,
        is_path=True,
    ),
    "validation_fraction": Parameter(
        Range(float, 0.01, 0.5), "Share of the training examples held out, stratified by class.", decides_search=True
    ),
    "test_fraction": Parameter(
        Range(float, 0.01, 0.5),
        "Share of a folder of images without test/ that becomes the test split.",
        decides_search=True,
    ),
    "image_size": Parameter(
        ImageSize(),
        "HEIGHTxWIDTH, or one number, that a folder's images are resized to.",
        decides_search=True,
    ),
    "max_trials": Parameter(Range(int, 1, 100_000), "Configurations that the search tries."),
    "trial_epochs": Parameter(
        Range(int, 1, 10_000), "Most epochs that one configuration gets in the search.", decides_search=True
    ),
    "trial_time_limit_s": Parameter(Range(int, 0, 604_800), "Seconds after which a trial has failed; 0: none."),
    "stop_trials_early": Parameter(
        TrueOrFalse(), "Whether hopeless trials end before their budget.", decides_search=True
    ),
    "round_size": Parameter(
        Range(int, 0, 10_000), "Trainings in a round of the search; 0: from the processors, once.", decides_search=True
    ),
    "time_budget_s": Parameter(
        Range(int, 0, 604_800),
        "Seconds of wall time that search and finals are planned for; 0: no such plan.",
        decides_search=True,
    ),
    "workers": Parameter(
        Range(int, 0, 1_024), "Trainings in flight at once; 0: one a GPU, or as many as processors and memory allow."
    ),
    "pods": Parameter(
        Range(int, 0, 1_000), "Worker machines of the search: pods on a cluster, processes here; 0: this one alone."
    ),
    "dask_scheduler": Parameter(
        PathOrAddress(_SCHEDULER, "tls://HOST:PORT, tcp://HOST:PORT or a file's path"),
        "Address or file of a Dask scheduler whose workers train for the search.",
        is_path=True,
    ),
    "worker_timeout_s": Parameter(
        Range(int, 0, 604_800), "Seconds without any worker machine after which the search ends; 0: never."
    ),
    "dashboard": Parameter(TrueOrFalse(), "Whether Dask's own pages are served while worker machines are used."),
    "finalists": Parameter(
        Range(int, 0, 1_000), "Configurations that are trained to the end; 0: from the processors, at least two."
    ),
    "training_epochs": Parameter(
        Range(int, 1, 10_000),
        "Epoch budget of a finalist, which every training's schedule is made for.",
        decides_search=True,
    ),
    "early_stopping_patience": Parameter(
        Range(int, 0, 10_000), "Epochs without a better objective before a final training ends."
    ),
    "refit": Parameter(
        TrueOrFalse(),
        "Whether the final model is trained anew, to the chosen epoch, on training and validation examples.",
    ),
    "seed": Parameter(Range(int, 0, 4_294_967_295), "Decides everything that is random.", decides_search=True),
    "warm_start": Parameter(
        None, "Journal (trials.jsonl) of an earlier search to learn from.", decides_search=True, is_path=True
    ),
    "registry": Parameter(
        PathOrAddress(_REGISTRY, "a folder, or an address at file://, s3:// or gs://"),
        "Folder, or s3:// or gs:// prefix, that models are registered in and promoted by; none: no registry.",
        is_path=True,
    ),
    "minimum_accuracy": Parameter(
        Range(float, 0, 1),
        "What the lower end of a first model's accuracy must reach to go into service.",
        needs="registry",
    ),
    "promotion_level": Parameter(
        Range(float, 0.000001, 0.5),
        "Chance, at most, of promoting a model that is not better than the champion.",
        needs="registry",
    ),
    "promotion_margin": Parameter(
        Range(float, 0, 0.5),
        "Accuracy that a model may lose where not worse is enough; 0: it must be better.",
        needs="registry",
    ),
    "promotion_class_loss": Parameter(
        Range(float, 0, 1), "Recall that a class may lose, at most, by a promotion.", needs="registry"
    ),
    "other_interface": Parameter(
        TrueOrFalse(),
        "Whether a model with other classes or another input than the champion's is judged alone.",
        needs="registry",
    ),
    "export": Parameter(
        Formats(),
        "Formats that a registered version holds besides Keras' own: savedmodel, onnx, or both with a comma.",
        needs="registry",
    ),
    "model_registry": Parameter(
        PathOrAddress(_SERVER, "an address http:// or https://, or nothing"),
        "Address of a Kubeflow Model Registry that versions are registered in, too; none: no such server.",
        needs="registry",
    ),
    "inference_service": Parameter(
        Matching(_KUBERNETES_NAME, "a name in Kubernetes of at most 50 lower-case letters, digits and -, or nothing"),
        "Name of the service that answers with the version in service; none: nothing is deployed.",
        needs="registry",
    ),
    "deployment": Parameter(
        TrueOrFalse(),
        "Whether the service is a plain Deployment with a Service, for a cluster without KServe.",
        needs="inference_service",
    ),
    "canary_percent": Parameter(
        Range(int, 0, 99),
        "Share of requests that a newly deployed version gets, in percent; 0: all.",
        needs="inference_service",
    ),
    "ready_timeout_s": Parameter(
        Range(int, 10, 86_400),
        "Seconds in which a deployed version must be ready and answer as it should.",
        needs="inference_service",
    ),
    "version": Parameter(
        Range(int, 0, 1_000_000), "Version of the registry whose model is asked; 0: that in service."
    ),
    "all_probabilities": Parameter(TrueOrFalse(), "Whether the table has a column for each class's probability."),
    "resize": Parameter(TrueOrFalse(), "Whether images of another size than the model takes are scaled to it."),
    "mlflow": Parameter(
        PathOrAddress(_SERVER, "an address http:// or https://, or nothing"),
        "Address of an MLflow server that the run is recorded on; none: that in MLFLOW_TRACKING_URI, if any.",
    ),
}
"""Parameter by name. Times are in seconds (`_s`), fractions are shares of one."""


def check(**values: Any) -> dict[str, Any]:
    """Return the parameters as a dictionary, each converted to its own type.

    Args:
        **values: parameters by name; a name without a rule (a folder, say) passes as it is.

    Raises:
        InvalidInput: one of them breaks its rule; the message names parameter, rule and value.
    """
    return {name: _check_one(name, value) for name, value in values.items()}


def _check_one(name: str, value: Any) -> Any:
    rule = PARAMETERS[name].rule if name in PARAMETERS else None
    return rule.check(name, value) if rule else value


def check_effect(given: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuse a parameter that was given without the one that it needs.

    Args:
        given: those that were given, by name.
        values: all of them.

    Raises:
        InvalidInput: the message names both.
    """
    for name, value in given.items():
        needed = PARAMETERS[name].needs if name in PARAMETERS else ""
        if needed and value and not values.get(needed):
            raise InvalidInput(f"{name} must come with {needed}, without which it has no effect, got {value!r}")


def formats(export: str) -> list[str]:
    """Return the formats that a text names."""
    return [each.strip() for each in export.split(",")] if export else []


def check_data_source(value: object) -> None:
    """Refuse what can't name a data source; whether a folder exists is for the step that reads it.

    Raises:
        InvalidInput: empty, not text, or a URL of another kind than `https://`, `s3://`, `gs://` or `file://`.
    """
    if isinstance(value, str) and _is_no_path(value.strip()) and not _is_no_path(value):
        raise InvalidInput(f"data_source must have no space around it, got {value!r}")
    known = f"{', '.join(NAMED_SOURCES)}, a path, or an https://, s3://, gs:// or file:/// address"
    if (
        not isinstance(value, str)
        or not value.strip()
        or "\0" in value
        or ("://" in value and not _ADDRESS.fullmatch(value))
    ):
        shown = shown_source(value) if isinstance(value, str) else value
        raise InvalidInput(f"data_source must be one of {known}, got {shown!r}")


def _is_no_path(data_source: str) -> bool:
    return data_source in NAMED_SOURCES or bool(_ADDRESS.fullmatch(data_source))


def local_path(data_source: str) -> str | None:
    """Return the path that a data source is on this machine; None when it is a name, or lies elsewhere."""
    if data_source in NAMED_SOURCES:
        return None
    path = data_source.removeprefix("file://")
    return None if "://" in path else path


def height_and_width(image_size: str) -> tuple[int, int] | None:
    """Return an image size, `28` or `32x48`, as two numbers of pixels; None when it is empty.

    Raises:
        InvalidInput: it is no such size.
    """
    match = _IMAGE_SIZE.fullmatch(image_size) if isinstance(image_size, str) else None
    if image_size == "":
        return None
    if not match:
        rule = "image_size must be HEIGHTxWIDTH in pixels or one number for both, each from 1 to 9999"
        raise InvalidInput(f"{rule}, got {image_size!r}")
    return int(match[1]), int(match[2] or match[1])
