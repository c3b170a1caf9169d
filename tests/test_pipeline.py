"""The graph: what the compiled pipeline says, what a local run makes of it, and who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kfp import compiler, dsl, local

import pipeline
from components.core import artifacts, journal
from local import walker
from tests import runs

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("prepare", "tune", "train", "evaluate")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Return the compiled pipeline's tasks by name, as the IR has them."""
    path = tmp_path_factory.mktemp("ir") / "pipeline.yaml"
    compiler.Compiler().compile(pipeline.build(), str(path))
    return next(yaml.safe_load_all(path.read_text()))["root"]["dag"]["tasks"]


def sources(task):
    """Return (task, output) of every artifact that a task is given."""
    given = task.get("inputs", {}).get("artifacts", {}).values()
    producers = [source["taskOutputArtifact"] for source in given]
    return {(producer["producerTask"], producer["outputArtifactKey"]) for producer in producers}


def ancestors(graph, name):
    """Return (task, output) of every artifact that a task's result can depend on."""
    direct = sources(graph[name])
    return direct.union(*(ancestors(graph, producer) for producer, _ in direct))


def test_the_graph_has_the_four_steps(graph):
    assert sorted(graph) == sorted(STEPS)


@pytest.mark.parametrize("step", ["tune", "train"])
def test_the_test_images_never_reach(step, graph):
    assert ancestors(graph, step) >= {("prepare", "training_data")}
    assert ("prepare", "test_data") not in ancestors(graph, step)


def test_the_test_images_reach_evaluate(graph):
    assert ("prepare", "test_data") in sources(graph["evaluate"])


def test_no_step_waits_for_another_but_for_what_it_is_given(graph):
    waited_for = {name: set(task.get("dependentTasks", [])) for name, task in graph.items()}

    assert waited_for == {name: {producer for producer, _ in sources(task)} for name, task in graph.items()}


def test_an_output_is_named_as_the_next_steps_input(graph):
    given = [
        (name, source["taskOutputArtifact"]["outputArtifactKey"])
        for task in graph.values()
        for name, source in task.get("inputs", {}).get("artifacts", {}).items()
    ]

    assert given and all(name == output for name, output in given)


def test_the_tasks_that_ran_locally_are_those_of_the_compiled_graph(graph, finished_run):
    assert sorted(finished_run.summary["steps"]) == sorted(graph)


def test_defaults_of_the_graph_are_within_their_ranges():
    from components.core import parameters

    inputs = pipeline.build().component_spec.inputs
    parameters.check(**{name: spec.default for name, spec in inputs.items()})


FOREIGN = {
    "import pipeline": ("tensorflow", "keras", "keras_tuner", "sklearn", "matplotlib"),
    "import components.train.fitting": ("keras_tuner", "kfp"),
    "import components.evaluate.evaluation, components.evaluate.report, components.core.models": (
        "keras_tuner",
        "kfp",
    ),
    "import components.prepare.dataset": ("tensorflow", "keras", "keras_tuner", "sklearn", "kfp"),
}


@pytest.mark.parametrize(("statement", "packages"), FOREIGN.items(), ids=[name.split(",")[0] for name in FOREIGN])
def test_a_fresh_interpreter_does_not_load_what_is_not_needed(statement, packages):
    program = f"{statement}\nimport sys; print(*set({packages!r}) & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == ""


def modules(*folders):
    """Return the project's source files in these folders, by their path below the root."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def imported(tree):
    """Return the names of all modules that a file imports anywhere, `a.b` for `from a import b` too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_only_the_shells_know_kubeflow():
    knowing = {
        path for path, tree in modules("components").items() if any(n.split(".")[0] == "kfp" for n in imported(tree))
    }

    assert knowing == {f"components/{step}/component.py" for step in STEPS}


def test_a_step_never_imports_another_step():
    for path, tree in modules("components").items():
        own = path.split("/")[1]
        steps = {name.split(".")[1] for name in imported(tree) if name.startswith("components.") and name.count(".")}
        assert steps <= {own, "core"}, path


def test_core_imports_no_step():
    for path, tree in modules("components/core").items():
        assert all(n.startswith("components.core") for n in imported(tree) if n.startswith("components.")), path


def test_components_import_no_runner():
    for path, tree in modules("components").items():
        rooms = {"local", "cluster", "images", "command_line", "pipeline"}
        assert not {name.split(".")[0] for name in imported(tree)} & rooms, path


def test_a_shell_imports_its_core_only_inside_the_function():
    for step in STEPS:
        tree = ast.parse((ROOT / "components" / step / "component.py").read_text())
        top = {name for node in tree.body if not isinstance(node, ast.FunctionDef) for name in imported(node)}
        assert not any(name.startswith("components") for name in top), step


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
    def conditional(text: str = "a"):
        with dsl.If(text == "a"):
            say(text=text)

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
    condition: "triggerPolicy",
    nested: "a nested pipeline",
    exit_handler: "triggerPolicy|nested pipeline",
    output_parameter: "output parameters",
    placeholder: "for text",
    importer: "no Python function",
    container: "no Python function",
}


@pytest.mark.parametrize(("build", "name"), UNKNOWN.items(), ids=[build.__name__ for build in UNKNOWN])
def test_a_construct_that_the_local_runner_does_not_know_is_refused_by_name(build, name, tmp_path):
    with pytest.raises(NotImplementedError, match=f"task [a-z0-9-]+ uses .*({name})"):
        walker.run(build(), {"say": say, "choose": choose}, {}, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_numbers_of_the_graph_have_their_own_types_again():
    @dsl.pipeline
    def typed(number: int = 3, share: float = 1, really: bool = True):
        say(text="a")

    values = walker._defaults(walker.json_format.MessageToDict(typed.pipeline_spec))

    assert {name: repr(value) for name, value in values.items()} == {"number": "3", "share": "1.0", "really": "True"}


def by_kfp(data, folder):
    """Run the same graph by KFP's own local runner, on twins of the components without an image; return its folder."""
    twins = {
        name: dsl.component(component.python_func, base_image="python:3.11", install_kfp_package=False)
        for name, component in pipeline.COMPONENTS.items()
    }
    originals = {name: getattr(pipeline, name) for name in STEPS}
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder), raise_on_error=True)
    try:
        vars(pipeline).update(twins)
        built = pipeline.build(state_dir=str(folder / "state"))
        built(data_source=str(data), max_trials=3, trial_epochs=2, training_epochs=3, seed=7, workers=1)
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
