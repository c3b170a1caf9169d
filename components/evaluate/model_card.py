"""The model card: what a model is for, how good it is, how it was chosen, and how to load it, as Markdown."""

import html
import re

from components.evaluate.axes import text_of
from components.evaluate.model_sections import chosen_accuracy
from components.evaluate.style import clean

LOADING = """\
```python
import keras

model = keras.saving.load_model("model/model.keras", compile=False, safe_mode=True)
logits = model.predict(images)  # uint8, shape (n, {shape}): raw grey levels, scaling is in the model
classes = logits.argmax(axis=1)
probabilities = keras.ops.softmax(logits)
```
"""


def model_card(inputs):
    """Return the card as Markdown; `inputs.evaluation` must be there."""
    parts = [_purpose(inputs), _data(inputs), _result(inputs), _choice(inputs), _limits(inputs), _loading(inputs)]
    return "\n".join(["# Model card\n", *parts])


def escape(value):
    """Return any value as text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$-])", r"\\\1", html.escape(clean(value), quote=False))


def _purpose(inputs):
    data = inputs.evaluation.data
    size = " × ".join(str(side) for side in data["input_shape"])
    return (
        "## What it is for\n\n"
        f"It puts a grey image of {size} pixels into one of {len(data['class_names'])} classes: "
        f"{', '.join(escape(name) for name in data['class_names'])}. It is a fully connected network, meant for "
        "images made like those it was trained on, and for comparing ways to train.\n"
    )


def _data(inputs):
    data = inputs.evaluation.data
    card = f"## Data\n\nSource: {escape(data['source'])}. Test images: {inputs.evaluation.n_images}.\n"
    if data["source"] == "synthetic":
        card += "\n**The data is synthetic: drawn by a program. The figures say nothing about real data.**\n"
    return card


def _result(inputs):
    evaluation = inputs.evaluation
    low, high = evaluation.accuracy_interval
    rows = [
        ("Test accuracy", f"{evaluation.accuracy:.4f} (95% interval {low:.4f} to {high:.4f})"),
        ("Test loss (cross-entropy)", f"{evaluation.loss:.4f}"),
        ("Mean F1 of the classes", f"{evaluation.macro_f1:.4f}"),
        ("Expected calibration error", f"{evaluation.calibration_error:.4f}"),
    ]
    return "## Result\n\n| Measure | Value |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def _choice(inputs):
    card = "## How it was chosen\n\n"
    best = inputs.search.best if inputs.search else None
    if best:
        n, completed = len(inputs.search.trials), inputs.search.count("completed")
        card += (
            f"A Bayesian search over {n} trials ({completed} completed) maximised validation accuracy; trial "
            f"{best.number} was best with {best.validation_accuracy:.4f}. "
        )
    accuracy = chosen_accuracy(inputs.history or {})
    if accuracy is not None:
        epoch = inputs.history["chosen_epoch"]
        card += f"The final training kept epoch {epoch}, with a validation accuracy of {accuracy:.4f}. "
    if inputs.description.get("refit"):
        card += "The model was then trained anew on training and validation images together, up to that epoch. "
    card += "The test images were used once, after every choice had been made.\n"
    values = inputs.description.get("hyperparameters") or {}
    listed = "".join(f"- {escape(name)}: {escape(text_of(value))}\n" for name, value in values.items())
    return f"{card}\n{listed}" if listed else card


def _limits(inputs):
    evaluation = inputs.evaluation
    scored = [score for score in evaluation.classes if score.recall is not None]
    weakest = min(scored, key=lambda score: score.recall)
    return (
        "## Limits\n\n"
        f"- It recognises {escape(weakest.name)} worst: recall {weakest.recall:.3f} over {weakest.n_images} images.\n"
        "- The interval covers the choice of test images, not another seed, another search or other data.\n"
        "- It answers with one of its classes for any image, whatever it shows.\n"
        "- It has not been examined for fairness or for safety.\n"
    )


def _loading(inputs):
    shape = ", ".join(str(side) for side in inputs.evaluation.data["input_shape"])
    return "## How to load it\n\n" + LOADING.replace("{shape}", shape)
