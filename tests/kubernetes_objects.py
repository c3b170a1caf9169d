"""Server-side apply of a Kubernetes API server, for tests: objects, who owns their fields, and a controller."""

import copy
import json


class Objects:
    """Objects that are applied, by (plural, name).

    Attributes:
        unknown: plurals that the cluster does not know.
        conflicts: plurals of which somebody else owns a field that is applied.
        webhook: what an admission webhook says to every object, or None.
        status_of: returns an object's status, of (plural, object), each time that it is read.
        managers: who applied what last.
    """

    PLURALS = ("inferenceservices", "deployments", "services")

    def __init__(self):
        self.unknown, self.conflicts, self.webhook = set(), set(), None
        self.status_of = lambda plural, found: {}
        self.managers = {}
        self._theirs, self._ours = {}, {}
        self._generations = {}

    def put(self, plural, value):
        """Have an object, or its further fields, from somebody else."""
        self._theirs[plural, value["metadata"]["name"]] = value

    def object(self, plural, name):
        """Return an object as it is, or None."""
        key = (plural, name)
        if key not in self._theirs and key not in self._ours:
            return None
        merged = _merged(copy.deepcopy(self._theirs.get(key, {})), copy.deepcopy(self._ours.get(key, {})))
        merged["metadata"]["generation"] = self._generations.get(key, 1)
        return merged

    def answer(self, method, plural, name, request):
        """Return status and body of a request."""
        if plural in self.unknown:
            return 404, None
        found = self.object(plural, name)
        if method == "GET":
            return (
                (200, {**found, "status": self.status_of(plural, found)}) if found else self._not_found(plural, name)
            )
        if method == "DELETE":
            self._ours.pop((plural, name), None)
            self._theirs.pop((plural, name), None)
            return (200, {}) if found else self._not_found(plural, name)
        assert method == "PATCH" and request.content_type == "application/apply-patch+yaml"
        return self._apply(plural, name, request)

    def _apply(self, plural, name, request):
        if self.webhook:
            return 400, {"message": f'admission webhook "validator.kserve" denied the request: {self.webhook}'}
        if plural in self.conflicts and request.args.get("force") != "true":
            field = '.spec.predictor.containers[name="kserve-container"].image'
            return 409, {"message": f'Apply failed with 1 conflict: conflict with "kubectl-edit": {field}'}
        before = self.object(plural, name)
        self._ours[plural, name] = json.loads(request.data)
        self.managers[plural, name] = request.args["fieldManager"]
        if before is None or before["spec"] != self.object(plural, name)["spec"]:
            self._generations[plural, name] = self._generations.get((plural, name), 0) + 1
        return 200, self.object(plural, name)

    def _not_found(self, plural, name):
        group = {"inferenceservices": ".serving.kserve.io", "deployments": ".apps", "services": ""}[plural]
        return 404, {"message": f'{plural}{group} "{name}" not found'}


def _merged(theirs, ours):
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        return ours
    both = {name: _merged(theirs[name], ours[name]) for name in theirs.keys() & ours.keys()}
    return {**theirs, **ours, **both}
