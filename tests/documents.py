"""The tables in the documents that say what stands in the code: `python -m tests.documents` writes them anew."""

import re
from pathlib import Path

import pipeline
from command_line.pipeline_parameters import PipelineParameters
from components.core.parameters import PARAMETERS, Range
from components.steps import STEPS

ROOT = Path(__file__).resolve().parents[1]
LITERALS = re.compile(r"fashion-mnist|synthetic|https://|trials\.jsonl|train/CLASS|CLASS")


def parameter_table():
    """Return the table of pipeline parameters."""
    defaults = PipelineParameters(pipeline.build).defaults
    return _table(["option", "default", "range", "meaning"], [_option(*parameter) for parameter in defaults.items()])


def step_table():
    """Return the table of what each step is given on a cluster."""
    rows = {
        "CPU request / limit": lambda step: f"{step.resources.cpu_request} / {step.resources.cpu_limit}",
        "memory request / limit": lambda step: f"{step.resources.memory_request} / {step.resources.memory_limit}",
        "time-out of an attempt": lambda step: f"{step.resources.timeout_s / 3600:.3g} h",
        "retries, after 30 s, 60 s, 120 s": lambda step: str(step.resources.retries),
        "old outputs are used": lambda step: "yes" if step.cached else "no",
        "accelerator, with `--gpus N`": lambda step: "N" if step.takes_gpu else "",
        "volume": lambda step: ", ".join(
            ["`/data`"] * step.reads_data + ["`/state`"] * step.keeps_state + ["`/registry`"] * step.uses_registry
        ),
    }
    return _table(["", *STEPS], [[title, *map(cell, STEPS.values())] for title, cell in rows.items()])


TABLES = {"docs/parameters.md": parameter_table, "docs/kubeflow.md": step_table}
"""What makes a document's table, which is found by its head, by the document's path."""


def with_new_table(path):
    """Return a document's text with its table as the code says."""
    table = TABLES[path]()
    head = table.partition("\n")[0]
    first = re.escape(head.split(" | ")[0]) if head.startswith("| option") else r"\| \| prepare \|"
    return re.sub(rf"^{first}.*\n(\|.*\n)+", lambda _: table, (ROOT / path).read_text(), count=1, flags=re.MULTILINE)


def _option(name, default):
    rule = PARAMETERS[name].rule if name in PARAMETERS else None
    is_truth = isinstance(default, bool)
    allowed = f"{rule.low:,} to {rule.high:,}" if isinstance(rule, Range) else "true, false" if is_truth else ""
    description = PARAMETERS[name].description if name in PARAMETERS else ""
    shown = str(default).lower() if is_truth else str(default)
    return [f"`--{name.replace('_', '-')}`", _literal(shown), allowed, _literal(description)]


def _literal(text):
    return LITERALS.sub(lambda match: f"`{match[0]}`", text)


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("|" + "|".join(_cell(cell) for cell in line) + "|\n" for line in lines)


def _cell(text):
    return text if text == "---" else f" {text} " if text else " "


if __name__ == "__main__":
    for name in TABLES:
        (ROOT / name).write_text(with_new_table(name))
