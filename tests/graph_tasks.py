"""The tasks of a compiled pipeline, those under a condition as if they stood beside it."""


def tasks_of(spec):
    """Return the tasks by name, with inputs that are pipeline parameters, constants or outputs of other tasks.

    Args:
        spec: a compiled pipeline as a dictionary.
    """
    return _of(spec, spec["root"]["dag"]["tasks"])


def _of(spec, tasks):
    found = {}
    for name, task in tasks.items():
        inside = spec["components"][task["componentRef"]["name"]].get("dag")
        if inside is None:
            found[name] = task
        else:
            found |= _of(spec, {key: _beside(each, task) for key, each in inside["tasks"].items()})
    return found


def _beside(task, group):
    """Return a task of a group with what the group is handed in the place of what the group hands on."""
    kinds = {"parameters": "componentInputParameter", "artifacts": "componentInputArtifact"}
    inputs = {
        kind: {
            name: group["inputs"][kind][source[handed]] if handed in source else source
            for name, source in task.get("inputs", {}).get(kind, {}).items()
        }
        for kind, handed in kinds.items()
    }
    dependent = [*group.get("dependentTasks", []), *task.get("dependentTasks", [])]
    return {**task, "inputs": inputs, "dependentTasks": sorted(set(dependent))}
