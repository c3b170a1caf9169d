"""A real HTTP or HTTPS server for tests, which answers as it is told and remembers what it was asked."""

import contextlib
import datetime
import ipaddress
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Answer:
    """One answer; after `body`, and once `until` is set, the connection is closed, whatever was announced."""

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    n_announced: int | None = None
    takes_ranges: bool = False
    until: threading.Event | None = None


@dataclass
class Server:
    """A running server: `answers` maps a path to its answers in turn, the last of which is repeated.

    `asked` holds the paths that were read, in order, and `ranges` the byte ranges that were asked for, None for all.
    """

    address: str
    answers: dict
    asked: list
    ranges: list


@contextlib.contextmanager
def serving(answers, certificate=None):
    """Run a `Server` on a free local port.

    Args:
        answers: a dictionary of `Answer`, bytes, or a list of them, by path; any other path is answered 404.
        certificate: a PEM file with key and certificate, for HTTPS.
    """
    asked, ranges = [], []
    handler = type("Handler", (_Handler,), {"answers": answers, "asked": asked, "ranges": ranges})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Server(f"http{'s' * bool(certificate)}://127.0.0.1:{server.server_port}", answers, asked, ranges)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    answers: dict
    asked: list
    ranges: list

    def do_HEAD(self):
        answer = self.answers.get(self.path, Answer(status=404))
        self._send_headers(_whole(answer[0] if isinstance(answer, list) else answer))

    def do_GET(self):
        self.asked.append(self.path)
        self.ranges.append(self.headers.get("Range"))
        answer = self.answers.get(self.path, Answer(status=404))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        answer = _whole(answer)
        if self.ranges[-1] and answer.takes_ranges:
            answer = _from(answer, int(self.ranges[-1].removeprefix("bytes=").partition("-")[0]))
        self._send_headers(answer)
        self.wfile.write(answer.body)
        if answer.until:
            answer.until.wait(20)

    def _send_headers(self, answer):
        self.send_response(answer.status)
        n_announced = len(answer.body) if answer.n_announced is None else answer.n_announced
        for name, value in {"Content-Length": n_announced, **answer.headers}.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_):
        pass


def _whole(answer):
    return Answer(answer) if isinstance(answer, bytes) else answer


def _from(answer, start):
    """Return the rest of an answer, as HTTP sends a range of it."""
    n_bytes = len(answer.body) if answer.n_announced is None else answer.n_announced
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{n_bytes - 1}/{n_bytes}"}
    return Answer(answer.body[start:], 206, headers, n_bytes - start)


def write_certificate(path):
    """Write a key and a certificate for 127.0.0.1 that it signs itself to `path`, and return it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    key_format = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*key_format) + certificate.public_bytes(serialization.Encoding.PEM))
    return path
