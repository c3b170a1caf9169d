"""Options from a file: what holds, where it comes from, and what is refused by name."""

import click
import pytest
from click.testing import CliRunner

import pipeline
from command_line import config, main
from components.core.errors import InvalidInput


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a command of three options with a file, and returns what it is given."""

    def run(text, *arguments, suffix=".toml"):
        path = tmp_path / f"config{suffix}"
        path.write_text(text)
        got = {}

        @click.command("work")
        @click.option("--max-trials", type=int, default=16)
        @click.option("--refit", type=bool, default=False)
        @click.option("--resource", multiple=True)
        def work(**values):
            got.update(values)

        @click.command("other")
        @click.option("--host", default="")
        def other(host):
            pass

        config.add_to([work, other])
        done = CliRunner().invoke(work, ["--config", str(path), *arguments])
        if done.exception:
            raise done.exception
        return got

    return run


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".toml", 'max-trials = 3\nrefit = true\nresource = ["a=1", "b=2"]'),
        (".yaml", "max_trials: 3\nrefit: true\nresource: [a=1, b=2]"),
        (".json", '{"max_trials": 3, "refit": true, "resource": ["a=1", "b=2"]}'),
    ],
)
def test_a_file_of_any_kind_gives_options(suffix, text, run):
    assert run(text, suffix=suffix) == {"max_trials": 3, "refit": True, "resource": ("a=1", "b=2")}


def test_the_command_line_beats_a_profile_and_that_the_rest_of_the_file(run):
    text = "max-trials = 3\nrefit = true\n[profile.small]\nmax-trials = 2\n[profile.other]\nmax-trials = 9"

    assert run(text)["max_trials"] == 3
    assert run(text, "--profile", "small") == {"max_trials": 2, "refit": True, "resource": ()}
    assert run(text, "--profile", "small", "--max-trials", "1")["max_trials"] == 1


def test_a_key_of_another_command_is_that_command_s(run):
    assert run('host = "http://127.0.0.1"\nmax-trials = 3')["max_trials"] == 3


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("max-trails = 3", (), r"max-trails in .*config.toml must be an option; the nearest one is max_trials"),
        ("[profile.a]\nrefitt = true", (), r"refitt in .*, profile a must be an option; the nearest one is refit"),
        ("max-trials = 3\nmax_trials = 4", (), "max_trials in .* must be given once"),
        ("max-trials = ", (), "config must be well-formed"),
        ("max-trials = 1979-05-27", (), "max-trials in .* must be text, a number"),
        ("[max-trials]\na = 1", (), "max-trials in .* must be text, a number"),
        (
            "[profile.a]\nrefit = true",
            ("--profile", "b"),
            r"profile must be one of those in config.toml \(a\), got 'b'",
        ),
        ('[profile.a]\nhost = "x"', ("--profile", "a"), "profile must have an option of work, and a has only host"),
        ("profile = 3", (), "profile in .* must be groups of options"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_name(text, arguments, message, run):
    with pytest.raises(InvalidInput, match=message):
        run(text, *arguments)


def test_a_number_of_another_kind_is_refused_as_if_it_was_typed(run):
    with pytest.raises((InvalidInput, SystemExit)):
        run("max-trials = 2.5")


def test_a_file_of_another_kind_or_none_is_refused(tmp_path):
    (tmp_path / "config.ini").touch()

    with pytest.raises(InvalidInput, match=r"config must be a \.toml, \.yaml or \.json file"):
        config.read(tmp_path / "config.ini", None, ())
    with pytest.raises(InvalidInput, match="config must be a file that can be read"):
        config.read(tmp_path / "none.toml", None, ())


def invoke(*arguments):
    return CliRunner(env={"KFP_HOST": "", "REGISTRY": ""}).invoke(main.command_line(pipeline.build), arguments)


def shown(*arguments):
    """Return what `config` says, (value, origin) by option."""
    done = invoke("config", *arguments)
    assert done.exception is None, done.exception
    lines = [line.split("  ") for line in done.output.splitlines()[1:]]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_what_holds_is_shown_with_where_it_comes_from(tmp_path):
    (tmp_path / "mine.toml").write_text("max-trials = 3\n[profile.a]\nseed = 4")

    found = shown("--config", str(tmp_path / "mine.toml"), "--profile", "a")

    assert found["max_trials"][:2] == ["3", "mine.toml"]
    assert found["seed"][:2] == ["4", "mine.toml, profile a"]
    assert found["trial_epochs"][:2] == ["9", "default"]


def test_the_profiles_that_come_with_the_project_hold():
    found = shown("--profile", "longer")

    assert found["training_epochs"][:2] == ["100", "profiles.toml, profile longer"]
    for name in ("gpu", "pods"):
        assert any(f"profile {name}" in cell for row in shown("--profile", name).values() for cell in row)


def test_a_value_out_of_its_range_is_refused_where_it_is_shown(tmp_path):
    (tmp_path / "mine.yaml").write_text("max_trials: 0")

    done = invoke("config", "--config", str(tmp_path / "mine.yaml"))

    assert "max_trials must be an integer from 1 to 100000, got 0" in str(done.exception)


@pytest.mark.slow
def test_a_run_s_summary_repeats_it(finished_run):
    found = shown("--config", str(finished_run.folder / "summary.json"))

    parameters = finished_run.summary["parameters"]
    assert found["seed"][0] == str(parameters["seed"])
    assert found["data_source"][0] == parameters["data_source"]
    assert {row[1] for name, row in found.items() if name in ("max_trials", "training_epochs")} == {"summary.json"}
