"""Holds pods to the Pod Security Standard that their namespace's labels name, and checks these labels.

`enforce` refuses pods (403); `warn` tells the author of a pod, or of a workload whose template violates the
standard. `audit` and the labels for versions are told to have no effect: there is no audit log, and the
newest version of the standards holds.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.pod_security import LEVELS, PREFIX, violations
from autostack.pocket.errors import FieldError, forbidden, invalid
from autostack.pocket.store.journal import Key

Object = dict[str, Any]
TEMPLATES = {
    "pods": (),
    "deployments.apps": ("template",),
    "replicasets.apps": ("template",),
    "statefulsets.apps": ("template",),
    "daemonsets.apps": ("template",),
    "jobs.batch": ("template",),
    "cronjobs.batch": ("jobTemplate", "spec", "template"),
}
"""Where a workload's template stands below its spec; a pod is its own."""


def check(core: Core, call: Call, new: Object, old: Object | None) -> None:
    """Raise 403 for a new pod that its namespace does not allow, 422 for labels that name no level."""
    if call.kind.storage == "namespaces":
        _check_labels(call, new, old)
        return
    path = TEMPLATES.get(call.kind.storage)
    if path is None or (old is not None and (not path or new.get("spec") == old.get("spec"))):
        return
    namespace = core.store.get(Key("namespaces", "", call.namespace))
    labels = (namespace.object["metadata"].get("labels") or {}) if namespace is not None else {}
    enforced, warned = (labels.get(f"{PREFIX}{mode}", "privileged") for mode in ("enforce", "warn"))
    if enforced == warned == "privileged":
        return
    spec = _pod_spec(new, path)
    found = violations(spec, enforced) if not path else []
    if found:
        raise forbidden(call.target, f'violates PodSecurity "{enforced}:latest": {", ".join(found)}')
    found = violations(spec, warned)
    if found:
        call.warnings.append(f'would violate PodSecurity "{warned}:latest": {", ".join(found)}')


def _pod_spec(obj: Object, path: tuple[str, ...]) -> Object:
    for part in ("spec", *path, "spec") if path else ("spec",):
        obj = obj.get(part) or {}
    return obj


def _check_labels(call: Call, new: Object, old: Object | None) -> None:
    labels = new["metadata"].get("labels") or {}
    before = ((old or {}).get("metadata") or {}).get("labels") or {}
    changed = {name: text for name, text in labels.items() if before.get(name) != text}
    for mode in ("enforce", "warn", "audit"):
        name = f"{PREFIX}{mode}"
        level = changed.get(name, LEVELS[0])
        if level not in LEVELS:
            why = f"must be one of {', '.join(LEVELS)}"
            raise invalid(call.target, [FieldError(f"metadata.labels[{name}]", why, value=level)])
        if mode == "audit" and name in changed:
            call.warnings.append(f"{name} has no effect in a pocket cluster: there is no audit log")
        if changed.get(f"{name}-version", "latest") != "latest":
            call.warnings.append(f"{name}-version has no effect in a pocket cluster: the newest one holds")
