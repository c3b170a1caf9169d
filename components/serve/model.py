"""KServe's view of the model: a request in either protocol goes in, an answer in the same one comes out."""

import asyncio
from typing import Any

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model

from components.inference.servable import Servable
from components.serve import inputs
from components.serve.batching import Batcher
from components.serve.errors import Refused

OUTPUTS = ("label", "probability", "probabilities")


class Predictor(Model):
    """The model that answers now.

    Attributes:
        current: that one; whoever replaces it leaves requests that have begun to the old one.
    """

    def __init__(self, name: str, servable: Servable, batcher: Batcher) -> None:
        super().__init__(name)
        self.current = servable
        self._batcher = batcher
        self.ready = True

    async def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        """Return the answer to a request, see `of_instances` and `of_tensor` in `components.serve.inputs`.

        Raises:
            Refused: it can't be understood.
            Overloaded: there are too many at once.
        """
        servable = self.current
        read = inputs.of_tensor if isinstance(payload, InferRequest) else inputs.of_instances
        examples = await asyncio.to_thread(read, payload, servable)
        rows = await self._batcher.answer(servable, examples)
        if isinstance(payload, InferRequest):
            return _response(payload, self.name, servable, rows)
        return {
            "predictions": [_prediction(row, servable) for row in rows],
            "model_name": self.name,
            "model_version": servable.version,
        }

    def get_input_types(self) -> list[dict[str, Any]]:
        shape = [-1, *self.current.input_shape]
        return [{"name": inputs.INPUT, "datatype": inputs.DATATYPES[self.current.input_dtype], "shape": shape}]

    def get_output_types(self) -> list[dict[str, Any]]:
        n_classes = len(self.current.class_names)
        return [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probability", "datatype": "FP32", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, n_classes]},
        ]


def _prediction(row: np.ndarray, servable: Servable) -> dict[str, Any]:
    best = int(row.argmax())
    return {
        "label": servable.class_names[best],
        "probability": float(row[best]),
        "probabilities": [float(value) for value in row],
    }


def _response(request: InferRequest, name: str, servable: Servable, rows: np.ndarray) -> InferResponse:
    best = rows.argmax(axis=1)
    labels = np.array([servable.class_names[index].encode() for index in best], object)
    values = {"label": labels, "probability": rows.max(axis=1), "probabilities": rows}
    is_binary = request.use_binary_outputs
    return InferResponse(
        response_id=request.id or "",
        model_name=name,
        infer_outputs=[_tensor(output, values[output], is_binary) for output in _wanted(request)],
        model_version=servable.version,
        use_binary_outputs=is_binary,
        requested_outputs=request.request_outputs,
    )


def _wanted(request: InferRequest) -> list[str]:
    """Return the names of the outputs that a request asks for: all, where it names none."""
    names = [output.name for output in request.request_outputs or ()] or list(OUTPUTS)
    for name in names:
        if name not in OUTPUTS:
            raise Refused(f"outputs must be of {', '.join(OUTPUTS)}, got {name!r}")
    return names


def _tensor(name: str, values: np.ndarray, is_binary: bool) -> InferOutput:
    tensor = InferOutput(name, list(values.shape), "BYTES" if values.dtype == object else "FP32")
    tensor.set_data_from_numpy(values, binary_data=is_binary)
    return tensor
