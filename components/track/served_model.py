"""How MLflow serves the model: loaded in Keras' safe mode, probabilities out. MLflow runs this file as it stands."""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class Classifier(PythonModel):
    """A run's model."""

    def load_context(self, context: Any) -> None:
        """Load the model artifact, after its checksums were found right."""
        import components.experiment  # noqa: F401 - registers its layers with Keras
        from components.core import models

        self.model = models.read(context.artifacts["model"])

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> np.ndarray:
        """Return probabilities, float32, shape (n, n_classes), of inputs of shape (n, *input_shape)."""
        from components.core import scores

        inputs = model_input["inputs"] if isinstance(model_input, dict) else model_input
        logits = self.model.predict(np.asarray(inputs), verbose=0)
        found: np.ndarray = np.exp(scores.log_probabilities(logits)).astype(np.float32)
        return found


set_model(Classifier())
