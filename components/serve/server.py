"""KServe's model server with this project's limits, page and manners: refusals in a line, and an end without loss."""

import asyncio
import logging
import logging.config
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from components.core.errors import InvalidInput
from components.inference.servable import Servable
from components.serve import page
from components.serve.batching import Batcher
from components.serve.errors import Overloaded, Refused
from components.serve.limits import BodyLimit

_ARGUMENTS, sys.argv = sys.argv, sys.argv[:1]  # KServe reads its own options as it is imported, and must find none
try:
    from kserve import ModelRepository, ModelServer, errors, model_server
    from kserve.protocol.dataplane import DataPlane

    from components.serve.model import Predictor
finally:
    sys.argv = _ARGUMENTS


@dataclass(frozen=True)
class Settings:
    """How a server listens, and what it holds.

    Attributes:
        name: what the model is called in addresses, `/v1/models/NAME:predict`.
        host: address that HTTP is served at: `127.0.0.1` for this machine alone, `0.0.0.0` for all.
        port: of HTTP.
        grpc_port: of gRPC, which all machines can reach; 0 for none.
        batch_size: the most examples that are computed at once.
        queue_size: the most that are held, beyond which a request is answered 503.
        most_megabytes: the most that a request may have.
        grace_s: how long requests that have begun may take once the server is told to end.
    """

    name: str = "model"
    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int = 0
    batch_size: int = 64
    queue_size: int = 1024
    most_megabytes: int = 16
    grace_s: int = 25

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}/"


def make(servable: Servable, settings: Settings) -> tuple[Predictor, Callable[[], None]]:
    """Return a model server's model, and what serves it until SIGTERM or SIGINT.

    Raises:
        InvalidInput: a port is taken, or a setting is out of its range.
    """
    _check(settings)
    predictor = Predictor(settings.name, servable, Batcher(settings.batch_size, settings.queue_size))
    server = _Server(settings)
    app = model_server.app
    app.add_middleware(BodyLimit, most_bytes=settings.most_megabytes * 1_000_000)
    app.add_exception_handler(Refused, _answered(400))
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(Overloaded, _answered(503, {"retry-after": "1"}))
    app.include_router(page.routes(predictor))
    return predictor, lambda: server.start([predictor])


class _Repository(ModelRepository):
    """One model, which the registry's champion decides: nobody may load or unload it over the network."""

    def load(self, name: str) -> bool:
        raise Refused("models can't be loaded over the network; put another version into service in the registry")

    def unload(self, name: str) -> None:
        raise Refused("models can't be unloaded over the network; end the server")


class _DataPlane(DataPlane):
    """Reads requests; what is malformed is the client's mistake."""

    def decode(self, *arguments: Any, **named: Any) -> Any:
        try:
            return super().decode(*arguments, **named)
        except errors.InvalidInput as error:
            raise Refused(str(error)) from None
        except Exception as error:  # KServe looks for fields that may be missing, or of another kind
            raise Refused(f"the request must follow the protocol: {type(error).__name__} {error}") from None


class _Server(ModelServer):
    """Ends by finishing what has begun: KServe's own forgets the model first, and its requests with it."""

    def __init__(self, settings: Settings) -> None:
        logging.config.dictConfig(_LOGGING)
        model_server.args.configure_logging = False
        model_server.args.grpc_max_receive_message_length = settings.most_megabytes * 1_000_000
        super().__init__(
            http_port=settings.port,
            grpc_port=settings.grpc_port,
            enable_grpc=bool(settings.grpc_port),
            registered_models=_Repository(),
            grace_period=settings.grace_s,
            enable_latency_logging=False,
            workers=1,
        )
        self.dataplane = _DataPlane(self.registered_models)
        self._host = settings.host

    def register_signal_handler(self) -> None:
        self._rest_server.config.host = self._host
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, frame: self.stop(received))

    def stop(self, sig: int) -> None:
        """End gRPC; uvicorn, which calls this when it has answered its last request, has ended HTTP."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # before it has begun to serve
            sys.exit(128 + sig)
        if self._grpc_server:
            self._ending = loop.create_task(self._grpc_server.stop(sig))


class _OneLine(logging.Filter):
    """Leaves out what a client was told already, and the traceback of where."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if isinstance(record.exc_info, tuple) else None
        is_theirs = kind and issubclass(kind, (errors.InvalidInput, errors.ServerNotReady, errors.ModelNotFound))
        return not is_theirs


_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"one_line": {"()": _OneLine}},
    "formatters": {"plain": {"format": "%(levelname)s: %(message)s"}},
    "handlers": {"standard_error": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["one_line"]}},
    "loggers": {
        name: {"handlers": ["standard_error"], "level": "WARNING", "propagate": False}
        for name in ("kserve", "kserve.trace", "uvicorn")
    },
}


def _answered(status: int, headers: dict[str, str] | None = None) -> Any:
    """Return what answers a request with an error's own line."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status, headers)

    return answer


async def _misread(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that is not of the protocol's form, in a line."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "InferenceRequest"))
    return JSONResponse({"error": f"the request must follow the protocol: {where or 'body'}: {first['msg']}"}, 400)


def _check(settings: Settings) -> None:
    for name, low, high in (
        ("port", 1, 65_535),
        ("grpc_port", 0, 65_535),
        ("batch_size", 1, 4_096),
        ("queue_size", settings.batch_size, 1_000_000),
        ("most_megabytes", 1, 1_000),
        ("grace_s", 1, 3_600),
    ):
        if not low <= getattr(settings, name) <= high:
            raise InvalidInput(f"{name} must be an integer from {low} to {high}, got {getattr(settings, name)}")
    _check_free("port", settings.host, settings.port)
    if settings.grpc_port:
        _check_free("grpc_port", "0.0.0.0", settings.grpc_port)


def _check_free(name: str, host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            option = f"--{name.replace('_', '-')}"
            raise InvalidInput(
                f"{name} must be free on {host}, got {port}: {error.strerror}; name another with {option}"
            ) from None
