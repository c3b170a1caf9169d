"""A part of a Kubernetes API server, for tests: one namespace's pods, jobs, secrets and rights.

It refuses what the real one refuses (a right that the account lacks, a quota, a name that isn't there), and runs a
job's pods as processes of this machine, each with the environment that its container has.
"""

import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.kubernetes_objects import Objects

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "team-a"

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "run-7-tune-1",
        "uid": "0f1e",
        "namespace": NAMESPACE,
        "labels": {"pipeline/runid": "run-7"},
    },
    "spec": {
        "activeDeadlineSeconds": 86400,
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"pool": "cpu"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccountName": "pipeline-runner",
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "state", "persistentVolumeClaim": {"claimName": "state"}},
        ],
        "containers": [
            {"name": "wait", "image": "argoexec:1"},
            {
                "name": "main",
                "image": "registry.example.org/tune:1",
                "securityContext": {"runAsUser": 10001, "runAsNonRoot": True},
                "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "8", "memory": "16Gi"}},
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "state", "mountPath": "/state"}],
            },
        ],
    },
    "status": {"phase": "Running", "podIP": "127.0.0.1"},
}


class KubernetesServer:
    """The server, and what it was asked to make.

    Attributes:
        denied: (verb, resource) that the account may not.
        refusal: what the server says to a new job, or None.
        jobs, secrets: what there is, by name.
        objects: what is applied.
        deleted: names of the jobs that were deleted.
    """

    def __init__(self):
        self.denied = set()
        self.refusal = None
        self.jobs, self.secrets, self.deleted = {}, {}, []
        self.objects = Objects()
        self._processes = {}
        self._numbers = itertools.count(1)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        for name in list(self.jobs):
            self._delete_job(name)
        self._server.shutdown()

    def _answer(self, environment, start_response):
        request = Request(environment)
        status, body = self._route(request.method, request.path.strip("/").split("/"), request)
        if body is None:  # as where the server knows no such address
            return Response("404 page not found\n", status, content_type="text/plain")(environment, start_response)
        return Response(json.dumps(body), status, content_type="application/json")(environment, start_response)

    def _route(self, method, path, request):
        if path[-1] == "selfsubjectaccessreviews":
            asked = request.get_json()["spec"]["resourceAttributes"]
            allowed = (asked["verb"], asked["resource"]) not in self.denied
            return 201, {"spec": {"resourceAttributes": asked}, "status": {"allowed": allowed}}
        kind = path[path.index(NAMESPACE) + 1]
        name = path[-1] if path[-1] != kind else None
        verb = {"GET": "get" if name else "list", "POST": "create", "DELETE": "delete", "PATCH": "patch"}[method]
        if (verb, kind) in self.denied:
            return 403, {"kind": "Status", "message": f"{kind} is forbidden: cannot {verb} resource"}
        if kind in self.objects.PLURALS:
            return self.objects.answer(method, kind, name, request)
        return getattr(self, f"_{verb}_{kind}")(name, request)

    def _get_pods(self, name, request):
        return (200, POD) if name == POD["metadata"]["name"] else (404, {"message": f'pods "{name}" not found'})

    def _list_pods(self, name, request):
        job = request.args["labelSelector"].partition("=")[2]
        phases = ["Running" if each.poll() is None else "Failed" for each in self._processes.get(job, [])]
        items = [{"metadata": {"name": f"{job}-{n}"}, "status": {"phase": phase}} for n, phase in enumerate(phases)]
        return 200, {"items": items}

    def _list_jobs(self, name, request):
        label, _, value = request.args["labelSelector"].partition("=")
        return 200, {"items": [job for job in self.jobs.values() if job["metadata"]["labels"].get(label) == value]}

    def _get_jobs(self, name, request):
        return (200, {**self.jobs[name], "status": {}}) if name in self.jobs else (404, {"message": "not found"})

    def _create_secrets(self, _, request):
        return 201, self._named(request.get_json(), self.secrets)

    def _delete_secrets(self, name, request):
        return (200, {}) if self.secrets.pop(name, None) else (404, {"message": "not found"})

    def _create_jobs(self, _, request):
        if self.refusal:
            return 403, {"kind": "Status", "message": self.refusal}
        job = self._named(request.get_json(), self.jobs)
        (container,) = job["spec"]["template"]["spec"]["containers"]
        given = {each["name"]: self._value(each) for each in container["env"]}
        environment = {**os.environ, **given, "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-P", *container["command"][1:]]
        started = [subprocess.Popen(words, env=environment) for _ in range(job["spec"]["parallelism"])]
        self._processes[job["metadata"]["name"]] = started
        return 201, job

    def _value(self, variable):
        if "value" in variable:
            return variable["value"]
        reference = variable["valueFrom"]["secretKeyRef"]
        return self.secrets[reference["name"]]["stringData"][reference["key"]]

    def _delete_jobs(self, name, request):
        return (200, self._delete_job(name)) if name in self.jobs else (404, {"message": "not found"})

    def _delete_job(self, name):
        self.deleted.append(name)
        del self.jobs[name]
        for process in self._processes.pop(name, []):
            process.kill()
            process.wait()
        return {}

    def _named(self, made, kept):
        made["metadata"]["name"] = f"{made['metadata']['generateName']}{next(self._numbers)}"
        kept[made["metadata"]["name"]] = made
        return made
