"""Image references: derived from what goes into each image, and from nothing else."""

import re
import shutil

import pytest

from cluster.placement import STEPS
from components.core.errors import InvalidInput
from images import builder, references

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def project(tmp_path):
    """A copy of what goes into the images, to change."""
    for name in ("components", "requirements", "docker"):
        shutil.copytree(references.ROOT / name, tmp_path / name)
    return tmp_path


def changed_by(project, path):
    """Return the steps whose tag changes with one more line in a file."""
    before = {step: references.content_tag(step, root=project) for step in STEPS}
    with open(project / path, "a") as file:
        file.write("\n")
    return {step for step in STEPS if references.content_tag(step, root=project) != before[step]}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_s_own_file_changes_its_own_image(project, step):
    assert changed_by(project, f"components/{step}/component.py") == {step}


@pytest.mark.parametrize("path", ["components/core/files.py", "components/__init__.py", "docker/Dockerfile"])
def test_a_shared_file_changes_every_image(project, path):
    assert changed_by(project, path) == set(STEPS)


def test_a_lock_file_changes_the_images_that_are_built_on_it(project):
    assert changed_by(project, "requirements/prepare.txt") == set(STEPS)
    assert changed_by(project, "requirements/train.txt") == {"tune", "train", "evaluate"}
    assert changed_by(project, "requirements/tune.txt") == {"tune"}


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
        builder.builder("buildah")


def test_only_the_steps_that_use_a_gpu_have_an_image_with_cuda():
    plain, cuda = references.image_references(), references.image_references(gpu=True)

    assert {step for step in STEPS if plain[step] != cuda[step]} == {"tune", "train"}


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
        ("prepare", "train"),
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
    return {line for line in (references.ROOT / f"requirements/{name}.txt").read_text().splitlines() if "==" in line}


@pytest.mark.parametrize("step", STEPS)
def test_the_recipe_copies_what_the_tag_is_derived_from(step):
    recipe = (references.ROOT / references.DOCKERFILE).read_text().replace("${STEP}", step)
    copied = re.findall(r"^COPY (components\S*) ", recipe, re.MULTILINE)

    named = [path for path in references.app_files(step) if path != "kfp_config.ini"]

    assert copied == ["components/__init__.py", "components/core", f"components/{step}"]
    assert all(any(path == source or path.startswith(f"{source}/") for source in copied) for path in named)


def test_a_working_directory_is_laid_out_with_the_component_s_place(tmp_path):
    references.lay_out("train", tmp_path)

    assert (tmp_path / "kfp_config.ini").read_text() == "[Components]\ntrain = components/train/component.py\n"
    assert sorted(folder.name for folder in (tmp_path / "components").iterdir() if folder.is_dir()) == [
        "core",
        "train",
    ]
