"""Image references: derived from what goes into each image, and from nothing else."""

import re
import shutil
from dataclasses import replace

import pytest

from components.core.errors import InvalidInput
from components.steps import IMAGES
from images import builder, contents, references

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def project(tmp_path):
    """A copy of what goes into the images, to change."""
    for name in ("components", "requirements", "docker"):
        shutil.copytree(contents.ROOT / name, tmp_path / name)
    return tmp_path


def changed_by(project, path):
    """Return the steps whose tag changes with one more line in a file."""
    before = {step: references.content_tag(step, root=project) for step in IMAGES}
    with open(project / path, "a") as file:
        file.write("\n")
    return {step for step in IMAGES if references.content_tag(step, root=project) != before[step]}


@pytest.mark.parametrize("step", IMAGES)
def test_a_step_s_own_file_changes_its_own_image(project, step):
    assert changed_by(project, f"components/{step}/__init__.py") == {step}


def holding(folder):
    """Return the steps whose images hold a shared folder."""
    return {name for name, step in IMAGES.items() if folder in step.shared}


def built_on(lock_file):
    """Return the steps whose images are built on a lock file."""
    return {step for step in IMAGES if lock_file in contents.lock_files(step)}


def test_a_shared_folder_changes_the_images_that_hold_it(project):
    assert changed_by(project, "components/experiment/network.py") == holding("experiment")
    assert changed_by(project, "components/training/loop.py") == holding("training")


@pytest.mark.parametrize("path", ["components/core/files.py", "components/__init__.py", "docker/Dockerfile"])
def test_a_shared_file_changes_every_image(project, path):
    assert changed_by(project, path) == set(IMAGES)


def test_a_lock_file_changes_the_images_that_are_built_on_it(project):
    assert changed_by(project, "requirements/base.txt") == set(IMAGES)
    assert changed_by(project, "requirements/train.txt") == built_on("train.txt") >= {"tune", "train", "evaluate"}
    assert changed_by(project, "requirements/tune.txt") == built_on("tune.txt") >= {"tune"}


def test_a_file_beside_the_sources_changes_no_image(project):
    (project / "components/core/__pycache__").mkdir(exist_ok=True)
    (project / "components/core/__pycache__/files.cpython-311.pyc").touch()

    assert changed_by(project, "components/core/__pycache__/files.cpython-311.pyc") == set()


def test_a_new_file_changes_the_image_that_holds_it(project):
    before = references.content_tag("tune", root=project)
    (project / "components/tune/extra.py").touch()

    assert references.content_tag("tune", root=project) != before


def test_the_same_content_has_the_same_tag_in_another_folder(project):
    assert references.image_references(root=project) == references.image_references()


def test_another_python_image_changes_the_tag(monkeypatch):
    before = references.content_tag("prepare")
    monkeypatch.setenv("PYTHON_IMAGE", "registry.example.org/python:3.11")

    assert references.content_tag("prepare") != before


def test_a_reference_is_registry_name_and_tag():
    reference = references.image_references("registry.example.org/team/")["prepare"]

    assert re.fullmatch(r"registry\.example\.org/team/fashion-tuner-prepare:[0-9a-f]{16}", reference)


@pytest.mark.parametrize("registry", ["https://registry.example.org", "registry.example.org/Team", "a b", ":5000"])
def test_what_is_no_registry_is_refused(registry):
    with pytest.raises(InvalidInput, match="registry must be of the form"):
        references.image_references(registry)


def test_a_builder_that_is_not_installed_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(InvalidInput, match="BUILDER must be docker or buildah, and installed here, got 'buildah'"):
        builder.choose("buildah")


def test_only_the_steps_that_use_a_gpu_have_an_image_with_cuda():
    plain, cuda = references.image_references(), references.image_references(gpu=True)

    assert {step for step in IMAGES if plain[step] != cuda[step]} == {
        n for n, step in IMAGES.items() if step.takes_gpu
    }


def test_what_was_pushed_is_referred_to_by_its_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(references, "DIGESTS", tmp_path / "digests.json")
    tagged = references.image_references("registry.example.org")
    references.record_digests(dict.fromkeys(tagged.values(), DIGEST), tmp_path / "digests.json")

    pinned = references.image_references("registry.example.org", digests=True)

    assert pinned["tune"] == f"registry.example.org/fashion-tuner-tune@{DIGEST}"


def test_what_was_not_pushed_has_no_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(references, "DIGESTS", tmp_path / "digests.json")

    with pytest.raises(InvalidInput, match="image must be pushed before it has a digest"):
        references.image_references("registry.example.org", digests=True)


@pytest.mark.parametrize(
    "reference", ["prepare:0a1b", "localhost:5000/prepare:v1", f"localhost:5000/prepare@{DIGEST}"]
)
def test_a_tag_or_a_digest_is_immutable_enough(reference):
    references.check_immutable(reference)


@pytest.mark.parametrize("reference", ["prepare", "localhost:5000/prepare", "prepare:", "prepare@sha256:12"])
def test_a_reference_without_a_tag_is_refused(reference):
    with pytest.raises(InvalidInput, match=r"image must have a tag or a digest, got .*: the cluster's cache knows"):
        references.check_immutable(reference)


def test_latest_is_refused():
    with pytest.raises(InvalidInput, match="image must not be tagged latest, got 'team/prepare:latest'"):
        references.check_immutable("team/prepare:latest")


@pytest.mark.parametrize(
    "lower, upper",
    [
        ("base", "prepare"),
        ("base", "train"),
        ("train", "tune"),
        ("train", "evaluate"),
        ("train", "train-gpu"),
        ("tune", "tune-gpu"),
        ("train-gpu", "tune-gpu"),
    ],
)
def test_locked_requirements_contain_those_of_the_image_below(lower, upper):
    assert pins(lower) <= pins(upper)


def pins(name):
    """Return the lines of a lock file that name a package and its version."""
    return {line for line in (contents.ROOT / f"requirements/{name}.txt").read_text().splitlines() if "==" in line}


@pytest.mark.parametrize("step", IMAGES)
@pytest.mark.parametrize("gpu", [False, True])
def test_a_step_s_lock_files_exist_from_the_base_up(step, gpu):
    names = contents.lock_files(step, gpu)

    assert names[0] == "base.txt"
    assert names[-1].removesuffix(".txt").removesuffix("-gpu") == IMAGES[step].packages
    assert any("-gpu" in name for name in names) == (gpu and IMAGES[step].takes_gpu)


def test_packages_without_a_stage_are_refused(monkeypatch):
    monkeypatch.setitem(IMAGES, "tune", replace(IMAGES["tune"], packages="bake"))

    with pytest.raises(InvalidInput, match=r"packages of tune must be a stage of docker/Dockerfile .*, got 'bake'"):
        contents.lock_files("tune")


def test_a_shared_folder_that_is_none_is_refused(monkeypatch):
    monkeypatch.setitem(IMAGES, "tune", replace(IMAGES["tune"], shared=("kitchen",)))

    with pytest.raises(InvalidInput, match="components/kitchen must be a folder, since step tune needs it"):
        contents.app_files("tune")


@pytest.mark.parametrize("step", IMAGES)
def test_the_builder_sees_what_the_tag_is_derived_from_and_no_other_source(step, tmp_path):
    contents.write_context(step, tmp_path)
    app = tmp_path / "app"

    found = {str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()}

    assert found == contents.app_files(step)
    assert {path.name for path in tmp_path.iterdir()} == {"app", "requirements"}
    assert re.findall("^COPY (?!requirements/)(.*)$", (contents.ROOT / contents.DOCKERFILE).read_text(), re.M) == [
        "app /app"
    ]


def test_what_a_user_without_rights_must_read_is_readable(tmp_path):
    contents.write_app("train", tmp_path / "app")

    modes = {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "app").rglob("*") if path.is_file()}
    assert modes == {"0o644"}


def test_both_builders_are_told_the_same():
    commands = [
        builder.build_command(name, "tune", "tune:1", True, {"ca.crt": "/x"}) for name in ("docker", "buildah")
    ]

    docker, buildah = (command[len(builder.BUILD_COMMANDS[command[0]]) :] for command in commands)
    assert docker == buildah
    assert {"--build-arg=STEP=tune", "--build-arg=PACKAGES=tune", "--build-arg=GPU=1", "--tag=tune:1"} < set(docker)
    assert "--secret=id=ca.crt,src=/x" in docker


def test_a_working_directory_is_laid_out_with_the_component_s_place(tmp_path):
    contents.write_app("train", tmp_path)

    assert (tmp_path / "kfp_config.ini").read_text() == "[Components]\ntrain = components/train/component.py\n"
    folders = sorted(folder.name for folder in (tmp_path / "components").iterdir() if folder.is_dir())
    assert folders == ["core", "experiment", "train", "training", "workers"]
