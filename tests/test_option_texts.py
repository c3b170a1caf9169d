"""A user's words for resources, images, node selectors and tolerations."""

from dataclasses import replace

import pytest

from cluster import option_texts
from cluster.options import ClusterOptions, Toleration
from components.core.errors import InvalidInput
from components.steps import STEPS


def test_a_single_resource_can_be_set():
    options = option_texts.with_resources(ClusterOptions(), ["tune.memory_limit=32Gi", "tune.timeout_s=60"])

    assert options.resources["tune"] == replace(STEPS["tune"].resources, memory_limit="32Gi", timeout_s=60)
    assert options.resources["train"] == STEPS["train"].resources


@pytest.mark.parametrize(
    "setting, rule",
    [
        ("tune.memory=1Gi", "resource must be STEP.NAME=VALUE"),
        ("bake.cpu_limit=1", "resource must be STEP.NAME=VALUE"),
        ("tune.cpu_limit", "resource must be STEP.NAME=VALUE"),
        ("tune.cpu_limit=many", "tune.cpu_limit must be processors such as 2 or 500m, got 'many'"),
        ("tune.cpu_limit=0", "tune.cpu_limit must be processors such as 2 or 500m, got '0'"),
        ("tune.memory_limit=4GB", "tune.memory_limit must be an amount such as 4Gi or 512Mi, got '4GB'"),
        ("tune.memory_limit=4000K", "tune.memory_limit must be an amount such as 4Gi or 512Mi, got '4000K'"),
        ("tune.timeout_s=0", "timeout_s must be an integer from 1"),
        ("tune.retries=-1", "retries must be an integer from 0"),
        ("tune.memory_request=64Gi", r"tune.memory_request must not exceed tune.memory_limit \(16Gi\), got 64Gi"),
    ],
)
def test_a_resource_that_kubernetes_does_not_know_is_refused(setting, rule):
    with pytest.raises(InvalidInput, match=rule):
        option_texts.with_resources(ClusterOptions(), [setting])


def test_an_image_of_ones_own_is_written_with_its_step():
    assert option_texts.parse_image("tune=registry.example.org:5000/tune:1") == (
        "tune",
        "registry.example.org:5000/tune:1",
    )


@pytest.mark.parametrize("text", ["", "tune", "tune=", "bake=a:1", "registry.example.org/tune:1"])
def test_an_image_of_another_form_is_refused(text):
    with pytest.raises(InvalidInput, match="image must be STEP=REFERENCE"):
        option_texts.parse_image(text)


def test_node_selectors_are_written_as_label_and_value():
    assert option_texts.parse_node_selector("pool=gpu") == (None, "pool", "gpu")
    assert option_texts.parse_node_selector("tune:cloud.example.org/pool=gpu") == (
        "tune",
        "cloud.example.org/pool",
        "gpu",
    )


@pytest.mark.parametrize("text", ["pool", "=gpu", "pool="])
def test_a_node_selector_of_another_form_is_refused(text):
    with pytest.raises(InvalidInput, match="node_selector must be"):
        option_texts.parse_node_selector(text)


def test_tolerations_are_written_as_kubectl_writes_taints():
    assert option_texts.parse_toleration("spot") == (None, Toleration("spot"))
    assert option_texts.parse_toleration("spot=yes:NoExecute") == (None, Toleration("spot", "yes", "NoExecute"))
    assert option_texts.parse_toleration("train:gpu:NoSchedule") == ("train", Toleration("gpu", None, "NoSchedule"))


@pytest.mark.parametrize("text", ["", "spot=", "spot:Never", ":NoSchedule"])
def test_a_toleration_of_another_form_is_refused(text):
    with pytest.raises(InvalidInput, match="toleration must be"):
        option_texts.parse_toleration(text)
