"""The graph: what the compiled pipeline says, and what a local run makes of it."""

import sys
from pathlib import Path

import pytest
import yaml
from kfp import compiler, dsl, local

import pipeline
from components.core import artifacts, journal
from components.steps import STEPS
from local import walker
from local.graph import Graph, UnknownConstruct
from tests import runs
from tests.graph_tasks import tasks_of

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Return the compiled pipeline's tasks by name, as the IR has them."""
    path = tmp_path_factory.mktemp("ir") / "pipeline.yaml"
    compiler.Compiler().compile(pipeline.build(), str(path))
    return tasks_of(next(yaml.safe_load_all(path.read_text())))


def sources(task):
    """Return (task, output) of every artifact that a task is given."""
    given = task.get("inputs", {}).get("artifacts", {}).values()
    producers = [source["taskOutputArtifact"] for source in given]
    return {(producer["producerTask"], producer["outputArtifactKey"]) for producer in producers}


def ancestors(graph, name):
    """Return (task, output) of every artifact that a task's result can depend on."""
    direct = sources(graph[name])
    return direct.union(*(ancestors(graph, producer) for producer, _ in direct))


def test_the_graph_has_the_steps_of_the_table(graph):
    assert sorted(graph) == sorted(STEPS)


@pytest.mark.parametrize("step", ["tune", "train"])
def test_the_test_images_never_reach(step, graph):
    assert ancestors(graph, step) >= {("prepare", "training_data")}
    assert ("prepare", "test_data") not in ancestors(graph, step)


def test_the_test_images_reach_evaluate(graph):
    assert ("prepare", "test_data") in sources(graph["evaluate"])


def test_no_step_waits_for_another_but_for_what_it_is_given(graph):
    waited_for = {name: set(task.get("dependentTasks", [])) for name, task in graph.items()}
    given = {name: {producer for producer, _ in sources(task)} for name, task in graph.items()}

    assert waited_for == {**given, "deploy": waited_for["deploy"]}
    assert "promote" in waited_for["deploy"]  # which puts into the registry what is read there


def test_an_output_is_named_as_the_next_steps_input(graph):
    given = [
        (name, source["taskOutputArtifact"]["outputArtifactKey"])
        for task in graph.values()
        for name, source in task.get("inputs", {}).get("artifacts", {}).items()
    ]

    assert given and all(name == output for name, output in given)


def test_the_tasks_that_ran_locally_are_those_of_the_compiled_graph(graph, finished_run):
    assert sorted(finished_run.summary["steps"]) == sorted(runs.STEPS_OF_A_RUN)


def test_defaults_of_the_graph_are_within_their_ranges():
    from components.core import parameters

    inputs = pipeline.build().component_spec.inputs
    parameters.check(**{name: spec.default for name, spec in inputs.items()})


@dsl.component(base_image="python:3.11", target_image="x")
def say(text: str):
    print(text)


@dsl.component(base_image="python:3.11", target_image="x")
def choose(text: str) -> str:
    return text


@dsl.container_component
def shell():
    return dsl.ContainerSpec(image="busybox", command=["true"], args=["--quiet"])


def loop():
    @dsl.pipeline
    def looping():
        with dsl.ParallelFor(["a", "b"]) as item:
            say(text=item)

    return looping


def condition():
    @dsl.pipeline
    def conditional(number: int = 1):
        with dsl.If(number > 0):
            say(text="a")

    return conditional


def nested():
    @dsl.pipeline
    def inner(text: str):
        say(text=text)

    @dsl.pipeline
    def outer():
        inner(text="a")

    return outer


def exit_handler():
    @dsl.pipeline
    def handled():
        with dsl.ExitHandler(say(text="end")):
            say(text="begin")

    return handled


def output_parameter():
    @dsl.pipeline
    def passing():
        say(text=choose(text="a").output)

    return passing


def placeholder():
    @dsl.pipeline
    def joined(text: str = "a"):
        say(text=f"got {text}")

    return joined


def importer():
    @dsl.pipeline
    def importing():
        dsl.importer(artifact_uri="gs://bucket/x", artifact_class=dsl.Dataset)

    return importing


def container():
    @dsl.pipeline
    def running():
        shell()

    return running


UNKNOWN = {
    loop: "parameterIterator|nested pipeline",
    condition: "the condition int",
    nested: "a nested pipeline",
    exit_handler: "triggerPolicy|nested pipeline",
    output_parameter: "output parameters",
    placeholder: "for text",
    importer: "no Python function",
    container: "no Python function",
}


@pytest.mark.parametrize(("build", "name"), UNKNOWN.items(), ids=[build.__name__ for build in UNKNOWN])
def test_a_construct_that_the_local_runner_does_not_know_is_refused_by_name(build, name, tmp_path):
    with pytest.raises(UnknownConstruct, match=f"task [a-z0-9-]+ uses .*({name})"):
        walker.run(build(), {}, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "is_wanted"),
    [
        ({"text": "a", "really": False}, False),
        ({"text": "", "really": True}, False),
        ({"text": "a", "really": True}, True),
    ],
)
def test_a_task_under_conditions_runs_when_all_of_them_hold(values, is_wanted):
    @dsl.pipeline
    def conditional(text: str = "", really: bool = True):
        with dsl.If(text != ""), dsl.If(really == True):  # noqa: E712
            say(text=text)

    graph = Graph(conditional)

    assert graph.in_order() == ["say"]
    assert graph.is_wanted("say", values) is is_wanted


def test_a_task_under_a_condition_is_given_what_one_beside_it_would_be(tmp_path):
    graph = Graph(pipeline.build())
    report = {"name": "report", "uri": "/report"}
    finished = {("evaluate", "report"): report, ("evaluate", "model_card"): {}, ("train", "model"): {}}

    task = graph.task(
        "promote",
        {**graph.defaults(), "registry": "models"},
        {**finished, ("prepare", "test_data"): {}},
        tmp_path / "first",
    )

    assert task.inputs["report"] == report
    assert (task.parameters["registry"], task.parameters["run"]) == ("models", "first")
    assert graph.in_order()[-3:] == ["promote", "track", "deploy"]


def test_numbers_of_the_graph_have_their_own_types_again():
    @dsl.pipeline
    def typed(number: int = 3, share: float = 1, really: bool = True):
        say(text="a")

    values = Graph(typed).defaults()

    assert {name: repr(value) for name, value in values.items()} == {"number": "3", "share": "1.0", "really": "True"}


def by_kfp(data, folder):
    """Run the same graph by KFP's own local runner, on twins of the components without an image; return its folder."""
    originals = {name: getattr(pipeline, name) for name in STEPS}
    twins = {
        name: dsl.component(component.python_func, base_image="python:3.11", install_kfp_package=False)
        for name, component in originals.items()
    }
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder), raise_on_error=True)
    try:
        vars(pipeline).update(twins)
        built = pipeline.build(state_dir=str(folder / "state"))
        built(data_source=str(data), **runs.SMALL, workers=1)
    finally:
        vars(pipeline).update(originals)
    return folder


@pytest.mark.slow
def test_kfps_own_runner_gives_the_same_results(tiny_data, finished_run, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setitem(sys.modules, "docker", None)  # KFP would take our folder of that name for the package

    folder = by_kfp(tiny_data, tmp_path)

    (best,), (trials,), (model,) = (
        list(folder.rglob(name)) for name in ("best_hyperparameters", f"trials/{journal.FILE_NAME}", "model.keras")
    )
    theirs = [trial.as_dict() for trial in journal.in_order(journal.read(trials).trials)]
    assert artifacts.read_best_hyperparameters(best) == finished_run.summary["best_hyperparameters"]
    assert runs.without_seconds(theirs) == runs.without_seconds(finished_run.summary["trials"])
    assert runs.weights(model) == finished_run.weights
