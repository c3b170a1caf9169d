"""The report's section on the search."""

import numpy as np

from components.evaluate import page, search_figures
from components.evaluate.axes import axes_of, positions, text_of
from components.evaluate.importance import MIN_TRIALS, importance

MOST_ROWS = 1000
MOST_SPANS = 2000
MOST_AXES = 24
LONGEST_REASON = 300


def search_section(inputs):
    """Return the section's HTML: what was tried, what came of it, and what mattered."""
    search = inputs.search
    if search is None or not search.trials:
        return page.missing("No trial has finished yet, so there is nothing to show of the search.")
    parts = [_summary(search), page.columns(_history(search), _timeline(search))]
    axes = [axis for axis in axes_of(search.measured) if axis.varies]
    if len(search.measured) < 2 or not axes:
        why = "at least two trials with an accuracy, and a hyperparameter in which they differ"
        parts.append(page.missing(f"What the hyperparameters did can't be drawn: that takes {why}."))
    else:
        parts += [page.columns(_coordinates(axes, search), _importance(axes, search)), _slices(axes, search)]
    return "".join([*parts, _trial_table(search)])


def _summary(search):
    counts = [f"{search.count('completed')} completed"]
    counts += [f"{search.count(status)} {word}" for status, word in _ENDINGS if search.count(status)]
    sentence = f"<p>{page.plural(len(search.trials), 'trial')}: {', '.join(counts)}. "
    best = search.best
    if best is None:
        return sentence + "None completed, so there is no best one.</p>"
    completed = [trial.validation_accuracy for trial in search.trials if trial.status == "completed"]
    accuracy = page.number(best.validation_accuracy)
    sentence += f"The best is trial {best.number} with a validation accuracy of {accuracy}"
    if len(completed) > 1:
        gain = best.validation_accuracy - completed[0]
        sentence += f", {gain:.4f} above the first that completed" if gain > 0 else ", the first that completed"
        sentence += f"; the median of the completed ones is {np.median(completed):.4f}"
    return sentence + ".</p>"


_ENDINGS = (("stopped", "stopped early"), ("failed", "failed"))


def _history(search):
    if not search.measured:
        return page.missing("The search's history can't be drawn: no trial has an accuracy.")
    caption = (
        "Validation accuracy of each trial, and the best of the completed ones so far. Triangles at the lower edge: "
        "accuracies below what is drawn. Crosses: failed trials, which have none."
    )
    return page.figure("search-history", search_figures.search_history(search.trials), caption)


def _timeline(search):
    if not search.spans:
        return page.missing("The workers' timeline can't be drawn: the run has no record of when its trials ran.")
    spans = search.spans[-MOST_SPANS:]
    caption = "When each worker tried which trial, coloured by how it ended. Gaps are waiting times."
    if len(spans) < len(search.spans):
        caption += f" Only the last {page.count(MOST_SPANS)} of {page.count(len(search.spans))} attempts."
    return page.figure("timeline", search_figures.timeline(spans), caption)


def _coordinates(axes, search):
    caption = (
        "Each line is a trial, drawn through its hyperparameters and coloured by the rank of its validation "
        "accuracy; the best are on top. A line that runs through “off” had no such hyperparameter."
    )
    drawn = search_figures.parallel_coordinates(axes[:MOST_AXES], search.measured)
    return page.figure("parallel-coordinates", drawn, caption)


def _importance(axes, search):
    trials = search.measured
    if len(trials) < MIN_TRIALS:
        return page.missing(
            "The importance of the hyperparameters is left out: a forest learns too little from "
            f"{page.plural(len(trials), 'trial')} with an accuracy, it takes {MIN_TRIALS}."
        )
    accuracies = np.array([trial.validation_accuracy for trial in trials])
    floor = search_figures.value_limits(accuracies)[0]
    result = importance(positions(axes, trials), np.maximum(accuracies, floor))
    if result is None:
        return page.missing(
            "The importance of the hyperparameters is left out: the trials' accuracies don't differ enough."
        )
    return page.figure("importance", search_figures.importance_bars(axes, result), _importance_caption(result, floor))


_METHOD = (
    "Lines: a standard deviation between trees. Functional ANOVA over a random forest "
    '(<a href="https://proceedings.mlr.press/v32/hutter14.html">Hutter et al., 2014</a>).'
)
_LIMITS = (
    "Limits: it describes the forest, not the network; the search tries good regions more often, so that the others "
    "are known less well, and yet they weigh as much; stopped trials count with what they had reached."
)
_DOUBT = "<strong>Don’t rely on this figure:</strong> the forest learned nothing that holds. "


def _importance_caption(result, floor):
    return (
        f"{_DOUBT if result.explained <= 0 else ''}"
        "How much of the accuracy’s variance over the whole space each hyperparameter explains by itself; "
        f"combinations explain another {page.share(result.interactions)}. {_METHOD} On trials that its trees had not "
        f"seen the forest has R² = {result.explained:.2f} (1: perfect; 0 or less: useless). {_LIMITS} "
        f"Accuracies below {max(floor, 0):.3f} count as that."
    )


def _slices(axes, search):
    drawn = [search_figures.hyperparameter_slice(axis, search.measured, n) for n, axis in enumerate(axes[:MOST_AXES])]
    left_out = f" Only the first {MOST_AXES} of {len(axes)}." if len(axes) > MOST_AXES else ""
    caption = f"Validation accuracy against each hyperparameter, over the trials in which it was active.{left_out}"
    return page.figure("hyperparameter-slices", f'<div class="panels">{"".join(drawn)}</div>', caption)


def _trial_table(search):
    trials, names = rows_shown(search.trials), [axis.name for axis in axes_of(search.trials)]
    has_reasons = any(trial.reason for trial in trials)
    columns = [("Trial", "n"), ("Status", "t"), ("Validation accuracy", "n"), ("Epochs", "n"), ("Seconds", "n")]
    columns += [(name, "n" if _is_numeric(name, trials) else "t") for name in names]
    columns += [("Reason", "t")] if has_reasons else []
    rows = [_trial_row(trial, names, has_reasons) for trial in trials]
    best = [index for index, trial in enumerate(trials) if trial == search.best]
    caption = "All trials; the best completed one is bold."
    if len(trials) < len(search.trials):
        counts = page.count(len(trials)), page.count(len(search.trials))
        caption = "{} of {} trials, the best and the last; the journal holds all.".format(*counts)
    table = page.table(caption, columns, rows, tall=len(rows) > 40, marked=best)
    return f'<h3>Trials</h3><div class="bleed">{table}</div>'


def rows_shown(trials):
    """Return the trials to list, in order of number: all, or of very many the best and the last."""
    if len(trials) <= MOST_ROWS:
        return trials
    half = MOST_ROWS // 2
    early = sorted(trials[:-half], key=lambda trial: -(trial.validation_accuracy or 0))[:half]
    return sorted([*early, *trials[-half:]], key=lambda trial: trial.number)


def _trial_row(trial, names, has_reasons):
    values = trial.hyperparameters
    cells = [
        str(trial.number),
        trial.status,
        page.number(trial.validation_accuracy),
        str(trial.epochs),
        f"{trial.seconds:.1f}",
    ]
    cells += [_value(values[name]) if name in values else "" for name in names]
    return [*cells, _reason(trial.reason)] if has_reasons else cells


def _value(value):
    shown = text_of(value)
    return shown if isinstance(value, (int, float)) else page.name(shown)


def _reason(reason):
    if not reason:
        return ""
    short = reason if len(reason) <= LONGEST_REASON else reason[:LONGEST_REASON] + "…"
    return f'<span class="reason">{page.text(short)}</span>'


def _is_numeric(name, trials):
    values = [trial.hyperparameters[name] for trial in trials if name in trial.hyperparameters]
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
