"""A stand-in for the Kubeflow Pipelines API server: version v2beta1 over a real socket, in memory.

It keeps experiments, runs, pipelines and schedules the way the real one does as far as a client can tell, and fails
where a test tells it to.
"""

import datetime
import email
import email.policy
import http.server
import itertools
import json
import re
import ssl
import threading
import urllib.parse
from dataclasses import dataclass

PREFIX = "/apis/v2beta1"
LOG_IS_GONE = {"error_message": "failed to retrieve log"}  # with status 200, as the real one


@dataclass
class Failure:
    """What goes wrong with the next `times` requests of a method whose path starts with `path`.

    `status` answers with that status; `cut` closes the connection instead, `late` after the work was done.
    """

    method: str
    path: str
    status: int = 0
    body: str = '{"error": "scripted failure", "code": 13, "message": "scripted failure"}'
    cut: bool = False
    late: bool = False
    times: int = 1


class Api:
    """The server's state, and what it is told to do.

    Attributes:
        url: where it listens, while it does.
        requests: (method, path) of every request that came in.
        headers: the headers of the latest request.
        bodies: the JSON bodies of the POST requests, by path.
        failures: the scripted failures that are left.
        views: what a run looks like at each GET, a dictionary of its changed fields; the last one stays.
        token: the bearer token that is asked for, or None.
        multi_user: whether the server says that it has many users.
        logs: what an attempt wrote, by the name of its node.
        log_path: a pattern of the paths at which logs are served.
        version: what the API of version 1 says of the server, or empty.
        redirect_to: the server to which every request is sent on, or None.

    Args:
        certificate: file with the server's certificate and key, for https; None for http.
    """

    def __init__(self, certificate=None):
        self._certificate = certificate
        self.requests, self.bodies, self.failures, self.headers = [], {}, [], {}
        self.experiments, self.runs, self.pipelines, self.versions, self.schedules = {}, {}, {}, {}, {}
        self.views = [{"state": "SUCCEEDED"}]
        self.token = None
        self.multi_user = False
        self.stopped = False
        self.logs, self.log_path, self.redirect_to, self.version = {}, None, None, "2.17.0"
        self._ids = itertools.count(1)

    def __enter__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Stop listening; from now on connections are refused."""
        self.stopped = True  # for the connections that are open
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def fail(self, *arguments, **fields):
        self.failures.append(Failure(*arguments, **fields))

    def next_failure(self, method, path):
        for failure in self.failures:
            if failure.method == method and path.startswith(PREFIX + failure.path) and failure.times > 0:
                failure.times -= 1
                return failure
        return None

    def answer(self, method, path, query, body):
        """Return (status, answer) for a request, `body` being a dictionary or an uploaded file's bytes."""
        if path == "/apis/v1beta1/healthz" and self.version:
            return 200, {"tag_name": self.version, "multi_user": self.multi_user}
        if self.log_path and re.fullmatch(self.log_path, path) and method == "GET":
            return 200, self.logs.get(path.split("/")[-2] if path.endswith("/log") else query["podname"], LOG_IS_GONE)
        for verb, pattern, name in _ROUTES:
            match = re.fullmatch(PREFIX + pattern, path)
            if match and verb == method:
                return getattr(self, name)(*match.groups(), query=query, body=body)
        return 404, {"error": "Not Found", "code": 5, "message": "Not Found"}

    def health(self, query, body):
        return 200, {"multi_user": self.multi_user}

    def list_experiments(self, query, body):
        return 200, _page("experiments", self.experiments, query, "namespace")

    def create_experiment(self, query, body):
        if any(known["display_name"] == body["display_name"] for known in self.experiments.values()):
            return 409, {"error": "Already exist", "code": 6, "message": "experiment already exists"}
        return 200, self._keep(self.experiments, "experiment_id", body)

    def list_runs(self, query, body):
        return 200, _page("runs", self.runs, query, "experiment_id")

    def create_run(self, query, body):
        if body["experiment_id"] not in self.experiments:
            return 404, {"error": "no such experiment", "code": 5, "message": "no such experiment"}
        return 200, self._keep(self.runs, "run_id", body) | {"state": "PENDING"}

    def get_run(self, run_id, query, body):
        if run_id not in self.runs:
            return 404, {"error": f"Run {run_id} not found", "code": 5, "message": f"Run {run_id} not found"}
        view = self.views.pop(0) if len(self.views) > 1 else self.views[0]
        return 200, self.runs[run_id] | view

    def terminate_run(self, run_id, query, body):
        return 200, {}

    def delete_run(self, run_id, query, body):
        return (200, {}) if self.runs.pop(run_id, None) else (404, {"code": 5, "message": "no such run"})

    def delete_experiment(self, experiment_id, query, body):
        return (200, {}) if self.experiments.pop(experiment_id, None) else (404, {"code": 5, "message": "no such one"})

    def list_pipelines(self, query, body):
        return 200, _page("pipelines", self.pipelines, query, "namespace")

    def upload_pipeline(self, query, body):
        if any(known["display_name"] == query["name"] for known in self.pipelines.values()):
            return 409, {"error_message": "Failed to create a pipeline and a pipeline version"}
        described = {"display_name": query["name"], "description": query.get("description", "")}
        pipeline = self._keep(self.pipelines, "pipeline_id", described | _of_namespace(query))
        self._keep(self.versions, "pipeline_version_id", {"pipeline_id": pipeline["pipeline_id"], **described})
        return 200, pipeline

    def upload_version(self, query, body):
        described = {"display_name": query["name"], "description": query.get("description", "")}
        fields = {"pipeline_id": query["pipelineid"], **described}
        return 200, self._keep(self.versions, "pipeline_version_id", fields)

    def list_versions(self, pipeline_id, query, body):
        return 200, _page("pipeline_versions", self.versions, query | {"pipeline_id": pipeline_id}, "pipeline_id")

    def list_schedules(self, query, body):
        return 200, _page("recurringRuns", self.schedules, query, "experiment_id")

    def create_schedule(self, query, body):
        return 200, self._keep(self.schedules, "recurring_run_id", body | {"status": "ENABLED"})

    def delete_schedule(self, schedule_id, query, body):
        if self.schedules.pop(schedule_id, None) is None:
            return 404, {"error": "no such recurring run", "code": 5, "message": "no such recurring run"}
        return 200, {}

    def _keep(self, store, key, fields):
        name = f"{key}-{next(self._ids)}"
        created_at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        store[name] = {**fields, key: name, "created_at": created_at}
        return store[name]


_ROUTES = (
    ("GET", "/healthz", "health"),
    ("GET", "/experiments", "list_experiments"),
    ("POST", "/experiments", "create_experiment"),
    ("GET", "/runs", "list_runs"),
    ("POST", "/runs", "create_run"),
    ("GET", "/runs/([^/:]+)", "get_run"),
    ("POST", "/runs/([^/:]+):terminate", "terminate_run"),
    ("DELETE", "/runs/([^/:]+)", "delete_run"),
    ("DELETE", "/experiments/([^/:]+)", "delete_experiment"),
    ("GET", "/pipelines", "list_pipelines"),
    ("POST", "/pipelines/upload", "upload_pipeline"),
    ("POST", "/pipelines/upload_version", "upload_version"),
    ("GET", "/pipelines/([^/]+)/versions", "list_versions"),
    ("GET", "/recurringruns", "list_schedules"),
    ("POST", "/recurringruns", "create_schedule"),
    ("DELETE", "/recurringruns/([^/:]+)", "delete_schedule"),
)


def _of_namespace(query):
    return {"namespace": query["namespace"]} if "namespace" in query else {}


def _page(field, store, query, scope):
    """Return a page of two items, so that a client that reads one page only is found out."""
    found = [item for item in store.values() if scope not in query or item.get(scope) == query[scope]]
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", ()):
        found = [item for item in found if item.get(predicate["key"]) == predicate["stringValue"]]
    start = int(query.get("page_token") or 0)
    more = {"next_page_token": str(start + 2)} if start + 2 < len(found) else {}
    return {field: found[start : start + 2], "total_size": len(found), **more} if found else {}


class _Handler(http.server.BaseHTTPRequestHandler):
    """Passes requests to `server.api`, and answers as it says or as its failures do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._serve("GET")

    def do_POST(self):
        self._serve("POST")

    def do_DELETE(self):
        self._serve("DELETE")

    def log_message(self, *_):
        pass

    def _serve(self, method):
        api = self.server.api
        url = urllib.parse.urlsplit(self.path)
        body = self._body()
        api.requests.append((method, url.path))
        api.headers = dict(self.headers)
        if api.redirect_to:
            self._redirect()
            return
        if isinstance(body, dict):
            api.bodies[url.path] = body
        failure = Failure(method, url.path, cut=True) if api.stopped else api.next_failure(method, url.path)
        if failure is None or failure.late:
            status, answer = self._answer(method, url, body)
        if failure is None and isinstance(answer, str):
            self._send(status, answer, "text/plain")
        elif failure is None:
            self._send(status, json.dumps(answer))
        elif failure.cut:
            self.close_connection = True
        else:
            self._send(failure.status, failure.body)

    def _redirect(self):
        api = self.server.api
        self.send_response(302)
        self.send_header("Location", api.redirect_to + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, method, url, body):
        api = self.server.api
        if api.token and self.headers.get("Authorization") != f"Bearer {api.token}":
            return 401, {"error": "Unauthorized", "code": 16, "message": "Unauthorized"}
        return api.answer(method, url.path.removeprefix("/pipeline"), dict(urllib.parse.parse_qsl(url.query)), body)

    def _body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content_type = self.headers.get("Content-Type") or ""
        if not content_type.startswith("multipart/"):
            return json.loads(data) if data else {}
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        message = email.message_from_bytes(head + data, policy=email.policy.HTTP)
        return next(message.iter_parts()).get_payload(decode=True)

    def _send(self, status, text, content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
