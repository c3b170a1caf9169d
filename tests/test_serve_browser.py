"""The server's page in a real browser: test examples and dropped images are answered, nothing is fetched elsewhere."""

import time

import numpy as np
import pytest
from PIL import Image

from components.registry.store import open_store
from tests import browser, model_registry, serving
from tests.model_registry import NAMES, SHAPE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return a tab that shows the page of a server."""
    folder = tmp_path_factory.mktemp("registry")
    model_registry.register(open_store(str(folder / "models")), folder / "made")
    with serving.serving("--registry", folder / "models") as server, browser.tab() as tab:
        tab.open(f"{server.address}/")
        until(tab, "!document.getElementById('ask').hidden")
        yield tab


def until(tab, condition):
    end = time.monotonic() + 20
    while not tab.evaluate(condition):
        assert time.monotonic() < end, tab.evaluate("document.body.innerText")
        time.sleep(0.05)


def answer(tab):
    return tab.evaluate("document.getElementById('answer').innerText")


def drop(tab, path):
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    node = tab.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    tab.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


def test_a_test_example_is_answered_with_its_label(page):
    for index, name in enumerate(NAMES):
        page.evaluate(f"document.querySelectorAll('#examples button')[{index}].click()")
        until(page, f"document.querySelector('#answer .verdict')?.textContent === {name!r}")
        assert f"Its label: {name}" in answer(page)
    assert page.evaluate("document.querySelectorAll('#answer li').length") == len(NAMES)


def test_an_image_of_another_size_is_scaled_and_answered(page, tmp_path):
    Image.fromarray(np.full((SHAPE[0] * 10, SHAPE[1] * 10, 3), 110, np.uint8)).save(tmp_path / "bag.png")

    drop(page, tmp_path / "bag.png")

    until(page, "document.getElementById('answer').innerText.includes('bag.png, 50 × 40 pixels')")
    assert page.evaluate("document.querySelector('#answer .verdict').textContent") == "bright"


def test_what_is_no_image_is_said_so(page, tmp_path):
    (tmp_path / "letter.png").write_text("Dear reader")

    drop(page, tmp_path / "letter.png")

    until(page, "document.getElementById('answer').innerText.includes('letter.png can’t be read as an image')")


def test_nothing_is_fetched_from_elsewhere_and_nothing_goes_wrong(page):
    asked = [each["params"]["request"]["url"] for each in page.events if each["method"] == "Network.requestWillBeSent"]
    told = [each for each in page.events if each["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]

    assert asked and {url.split("/")[2].split(":")[0] for url in asked if not url.startswith("data:")} == {"127.0.0.1"}
    assert told == []


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_its_window(page, width):
    page.resize(width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
