"""The figures: what they draw of many trials, outliers, pauses and pictures."""

import numpy as np

from components.evaluate import search_figures
from components.evaluate.marks import thinned, value_limits
from components.evaluate.objective import Objective
from components.evaluate.rungs import comparable
from components.evaluate.timeline_figure import busy_share, timeline
from components.evaluate.trials import SearchRecord, Span
from components.pages import pictures
from tests import report_samples


def test_outliers_do_not_flatten_the_rest():
    low, high = value_limits([0.1, 0.88, 0.89, 0.9, 0.9])

    assert 0.8 < low < 0.88 and 0.9 < high < 0.92


def test_the_best_so_far_never_falls():
    assert search_figures.best_so_far(report_samples.older_search(0.5, 0.8, 0.7)).tolist() == [0.5, 0.8, 0.8]


def test_a_stopped_trial_is_not_the_best_so_far():
    trials = [report_samples.trial(0, accuracy=0.5), report_samples.trial(1, "stopped", accuracy=0.9)]

    assert search_figures.best_so_far(SearchRecord(trials, [])).tolist() == [0.5, 0.5]


def test_thinning_keeps_the_best():
    search = report_samples.older_search(*((n * 37 % 100) / 100 for n in range(100)))

    assert search.best in [each.trial for each in thinned(comparable(search), Objective(), 20)]


def test_a_night_between_two_parts_of_a_search_is_cut_out():
    spans = [Span(0, 0, 0.0, 10.0, "completed"), Span(1, 0, 30_000.0, 30_010.0, "completed")]

    assert "with 1 pause cut out" in timeline(spans, (6,)) and busy_share(spans) == 1


def test_a_picture_has_a_run_for_each_row_of_equal_pixels():
    drawn = pictures.picture(np.array([[255, 255, 0], [0, 0, 255]], np.uint8), "x")

    assert 'd="M0 0.5h2M2 1.5h1"' in drawn and 'stroke="#ffffff"' in drawn


def test_a_large_picture_is_scaled_down():
    assert 'viewBox="0 0 40 20"' in pictures.picture(np.zeros((60, 120), np.uint8), "x")
