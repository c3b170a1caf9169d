"""The report as a browser shows it: nothing fetched, nothing cut off, everything to be read."""

import dataclasses
import os
import re

import pytest

from components.evaluate.inputs import ReportInputs
from components.evaluate.report import render
from tests import browser, report_samples
from tests.test_report import FIGURES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not browser.CHROMIUM and not os.environ.get("CI"), reason="there is no chromium"),
]

LONG_NAMES = tuple(f"{number} is {name}" for number, name in enumerate(report_samples.HOSTILE))


def with_long_names(search):
    names = [f"a hyperparameter with quite a long name, number {n}" for n in range(20)]
    trials = [
        dataclasses.replace(each, hyperparameters={name: (each.number + n) % 7 for n, name in enumerate(names)})
        for each in search.trials
    ]
    return ReportInputs(dataclasses.replace(search, trials=trials))


PAGES = {
    "whole": lambda: report_samples.run(24, 22),
    "hostile": lambda: report_samples.run(5, 4, LONG_NAMES, skill=1.0, reason="<script>alert(1)</script>" * 20),
    "forty classes": lambda: report_samples.run(40, 40, [f"class number {n}" for n in range(40)], n=2000),
    "one trial, two classes": lambda: report_samples.run(1, names=("cat", "dog"), skill=50.0),
    "colour": lambda: report_samples.run(4, shape=(32, 48, 3)),
    "vectors, least is best": lambda: report_samples.run(
        20, shape=(30,), dtype="float32", objective=report_samples.CROSS_ENTROPY
    ),
    "a thousand classes": lambda: report_samples.run(4, names=[f"class number {n}" for n in range(1000)], n=10_000),
    "four hundred trials": lambda: report_samples.run(400, 390, n=20),
    "an older search": lambda: ReportInputs(report_samples.older_search(*(0.6 + n / 100 for n in range(20)))),
    "many long names": lambda: with_long_names(report_samples.search(24, 20)),
    "unfinished": lambda: ReportInputs(report_samples.search(3, 2)),
}

# Text below the contrast of WCAG AA: 4.5 to 1 against the nearest background behind it.
TOO_FAINT = """
(() => {
  const parse = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const luminance = colour => {
    const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parse(colour).map(v => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (parse(colour)[3] !== 0) return colour;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("#confusion-matrix svg")) continue;
    const style = getComputedStyle(element), svg = element instanceof SVGElement;
    const [a, b] = [luminance(svg ? style.fill : style.color), luminance(background(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.add(walker.currentNode.data.slice(0, 40));
  }
  return [...found];
})()
"""

# Text in a drawing that reaches out of it, in the page's own font.
CUT_OFF = """
[...document.querySelectorAll("svg text")].filter(text => {
  const inner = text.getBoundingClientRect(), outer = text.ownerSVGElement.getBoundingClientRect();
  return inner.left < outer.left - 1 || inner.right > outer.right + 1
    || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
}).map(text => text.textContent)
"""

SIZES = """
Object.fromEntries([...document.querySelectorAll("figure")].map(figure => {
  const shapes = [...figure.querySelectorAll("svg")].map(svg => svg.getBoundingClientRect());
  return [figure.id, shapes.length ? Math.min(...shapes.map(shape => Math.min(shape.width, shape.height))) : 0];
}))
"""

# What reaches out of the page's column.
BESIDE_THE_COLUMN = """
(() => {
  const column = document.querySelector("main").getBoundingClientRect();
  return [...document.querySelectorAll("main *:not(.scroll *):not(svg *)")].filter(element => {
    const box = element.getBoundingClientRect();
    return box.left < column.left - 1 || box.right > column.right + 1;
  }).map(element => element.tagName + element.className);
})()
"""

WIDER_THAN_THE_PAGE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def tab():
    assert browser.CHROMIUM, "CI must have chromium"
    with browser.tab() as opened:
        yield opened


@pytest.fixture(scope="module", params=PAGES)
def page(request, tab, tmp_path_factory):
    """The tab with a page open in it, and the name of the page."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(PAGES[request.param]()))
    tab.events.clear()
    tab.resize(1600)
    tab.open(path.as_uri())
    return tab, request.param


def test_nothing_is_requested_but_the_page(page):
    requests = [
        event["params"]["request"]["url"] for event in page[0].events if event["method"] == "Network.requestWillBeSent"
    ]

    assert [re.sub(".*/", "", url) for url in requests] == ["report.html"]


def test_the_console_is_silent(page):
    noise = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")

    assert [event for event in page[0].events if event["method"] in noise] == []


@pytest.mark.parametrize("width", [360, 1280, 1600])
def test_nothing_is_wider_than_its_column_or_the_page(page, width):
    page[0].resize(width)

    assert page[0].evaluate(WIDER_THAN_THE_PAGE) == 0
    assert page[0].evaluate(BESIDE_THE_COLUMN) == []


@pytest.mark.parametrize("width", [360, 1600])
def test_every_figure_has_a_size(page, width):
    page[0].resize(width)
    sizes = page[0].evaluate(SIZES)

    assert all(size > 40 for size in sizes.values())
    assert page[1] != "whole" or sorted(sizes) == sorted(FIGURES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out(page, scheme):
    page[0].prefer(scheme)

    assert page[0].evaluate(TOO_FAINT) == []


def test_no_text_of_a_drawing_is_cut_off(page):
    assert page[0].evaluate(CUT_OFF) == []


def test_the_page_can_be_printed(page):
    assert page[0].call("Page.printToPDF")["data"].startswith("JVBER")
