"""What happens before and around a run on this machine, whether a command line or a notebook asks for it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components.core import events, keras_settings
from components.core.errors import InvalidInput
from local import run as local_run

DATA_PARAMETERS = ("data_source", "test_fraction", "image_size")


def start(
    build: Callable[..., Any], output_dir: Path | None, given: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Path, dict[str, Any]]:
    """Run the pipeline, or go on with it, and return the run's folder and summary.

    Args:
        build: makes the pipeline from a `state_dir`.
        output_dir: the run's folder; None for a new one.
        given: the pipeline parameters that were given, by name.
        values: all of them; where no data source was given it is the earlier run's, or what can be had.

    Raises:
        InvalidInput: something from outside can't be used, found before anything is trained where that can be.
    """
    keras_settings.refuse_unusable()
    from components.deploy.placement import placement_here
    from components.promote import model_registry
    from components.registry.store import open_store
    from components.tune import warm_start

    warm_start.load(values["warm_start"], (output_dir or local_run.RUNS) / "state")
    begun = local_run.read_begun(output_dir) if output_dir else None
    if given.keys() & set(DATA_PARAMETERS):
        check_local_source(values)
    if values["registry"]:
        open_store(values["registry"])
    if values["model_registry"]:
        model_registry.check(values["model_registry"])
    if values["inference_service"]:
        placement_here()
    chosen, note = dict(values), ""
    if "data_source" not in given:
        chosen["data_source"], note = default_source(values["data_source"], begun)
    if output_dir and begun:
        local_run.refuse_another_search(output_dir, begun, chosen)
    return local_run.run(build, chosen, output_dir, note)


def check_local_source(values: Mapping[str, Any]) -> None:
    """Refuse a data source that can be seen to be unusable.

    Raises:
        InvalidInput: the message names what is wrong.
    """
    from components.sources import dataset

    dataset.check_source(**{name: values[name] for name in DATA_PARAMETERS})


def default_source(default: str, begun: local_run.Begun | None) -> tuple[str, str]:
    """Return the data source of a run that named none, and a note when it is not what the user may expect."""
    from components.sources import dataset

    if begun:
        source = str(begun["parameters"]["data_source"])
        if source.endswith("?…"):
            raise InvalidInput(f"data_source must be given again to continue: of {source} what follows is not kept")
        return source, begun["note"]
    try:
        dataset.make_available(default, events.listener.downloaded)
    except dataset.Unreachable as error:
        return "synthetic", local_run.note_fallback(str(error))
    return default, ""
