"""The page at `/`, for people: drop an image or pick one of the test set's, and see what the model says of it."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from components.serve.model import Predictor

HERE = Path(__file__).parent / "static"
MOST_SHOWN = 20
PAGES = Path(__file__).parents[1] / "pages"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'"
"""Nothing is fetched from elsewhere, and nothing that an image or a class name holds is run."""

FILES = {
    "/": (HERE / "index.html", "text/html; charset=utf-8"),
    "/page/page.css": (PAGES / "page.css", "text/css"),
    "/page/serve.css": (HERE / "serve.css", "text/css"),
    "/page/serve.js": (HERE / "serve.js", "text/javascript"),
}


def routes(predictor: Predictor) -> APIRouter:
    """Return the page's routes, and the model's metadata as KServe's protocol has it, with the class names."""
    router = APIRouter(include_in_schema=False)
    for path, (file, kind) in FILES.items():
        router.add_api_route(path, _file(file, kind), methods=["GET"])

    @router.get("/page/model.json")
    async def model() -> JSONResponse:
        servable = predictor.current
        shown = servable.examples
        examples = [
            {"input": inputs.tolist(), "label": int(label)}
            for inputs, label in zip(shown.inputs[:MOST_SHOWN], shown.labels, strict=False)
        ]
        return JSONResponse({"name": predictor.name, **servable.facts, "examples": examples})

    @router.get("/v2/models/{name}")
    async def metadata(name: str) -> Any:
        if name != predictor.name:
            return JSONResponse({"error": f"Model with name {name} does not exist."}, 404)
        facts = predictor.current.facts
        return {
            "name": name,
            "versions": [facts["version"]],
            "platform": "keras",
            "inputs": predictor.get_input_types(),
            "outputs": predictor.get_output_types(),
            "parameters": {"class_names": facts["class_names"], "input_dtype": facts["input_dtype"]},
        }

    return router


def _file(path: Path, kind: str) -> Any:
    content = path.read_bytes()

    async def answer() -> Response:
        return Response(content, media_type=kind, headers={"content-security-policy": POLICY})

    return answer
