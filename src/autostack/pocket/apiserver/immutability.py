"""What may not change after creation, as data by resource. Pure: two states in, field errors out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autostack.pocket.errors import FieldError

Object = dict[str, Any]
FIXED: dict[str, tuple[str, ...]] = {
    "deployments.apps": ("spec.selector",),
    "replicasets.apps": ("spec.selector",),
    "daemonsets.apps": ("spec.selector",),
    "jobs.batch": ("spec.selector", "spec.completionMode"),
    "secrets": ("type",),
    "ingressclasses.networking.k8s.io": ("spec.controller",),
    "rolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "clusterrolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "storageclasses.storage.k8s.io": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "priorityclasses.scheduling.k8s.io": ("value", "preemptionPolicy"),
    "endpointslices.discovery.k8s.io": ("addressType",),
    "customresourcedefinitions.apiextensions.k8s.io": (
        "spec.group",
        "spec.names.plural",
        "spec.scope",
        "spec.names.kind",
    ),
}
# Of these, only the named fields of the spec may change; `*` stands for each item of a list.
MUTABLE: dict[str, tuple[tuple[str, ...], str]] = {
    "pods": (
        ("containers.*.image", "initContainers.*.image", "activeDeadlineSeconds", "tolerations",
         "terminationGracePeriodSeconds", "schedulingGates"),
        ("pod updates may not change fields other than "
        "`spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"),
    ),
    "statefulsets.apps": (
        ("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
         "persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
        ("updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
        "'updateStrategy', "
        "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"),
    ),
    "persistentvolumeclaims": (
        ("resources", "volumeName", "volumeAttributesClassName"),
        ("spec is immutable after creation except resources.requests and volumeAttributesClassName "
        "for bound claims"),
    ),
}  # fmt: skip


def errors(storage: str, new: Object, old: Object) -> Iterator[FieldError]:
    """What the change from `old` to `new` may not do."""
    for path in FIXED.get(storage, ()):
        value = _at(new, path)
        if value != _at(old, path):
            said = "cannot change roleRef" if path == "roleRef" else "field is immutable"
            yield FieldError(path, said, value=value)
    if storage in MUTABLE:
        allowed, message = MUTABLE[storage]
        if _without(new.get("spec"), allowed) != _without(old.get("spec"), allowed):
            yield FieldError("spec", message, "Forbidden")
    if old.get("immutable") is True and storage in ("configmaps", "secrets"):
        for field in ("data", "binaryData", "immutable"):
            if new.get(field) != old.get(field):
                yield FieldError(field, "field is immutable when `immutable` is set", "Forbidden")
    if storage == "jobs.batch":
        yield from _job_errors(new.get("spec", {}), old.get("spec", {}))
    if storage == "pods":
        yield from _deadline_errors(new.get("spec", {}), old.get("spec", {}))
    if storage == "services":
        yield from _service_errors(new.get("spec", {}), old.get("spec", {}))


def finalizer_errors(new: Object, old: Object) -> Iterator[FieldError]:
    """What is being deleted gets no new finalizer, of whatever kind it is."""
    metadata = old["metadata"]
    fresh = set(new["metadata"].get("finalizers") or ()) - set(metadata.get("finalizers") or ())
    if metadata.get("deletionTimestamp") and fresh:
        listed = ", ".join(f'"{name}"' for name in sorted(fresh))
        yield FieldError(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}",
            "Forbidden",
        )


def _job_errors(new: Object, old: Object) -> Iterator[FieldError]:
    """An indexed Job may be made wider or narrower as a whole, and nothing else may change."""
    is_elastic = new.get("completionMode") == "Indexed" and new.get("completions") == new.get("parallelism")
    if new.get("completions") != old.get("completions") and not is_elastic:
        yield FieldError("spec.completions", "field is immutable", value=new.get("completions"))
    if new.get("template") != old.get("template"):
        yield FieldError("spec.template", "field is immutable", value=new.get("template"))


def _deadline_errors(new: Object, old: Object) -> Iterator[FieldError]:
    before, after = old.get("activeDeadlineSeconds"), new.get("activeDeadlineSeconds")
    if before is not None and (after is None or after > before):
        said = (
            "must be less than or equal to previous value"
            if after
            else "must not update from a positive integer to nil value"
        )
        yield FieldError("spec.activeDeadlineSeconds", said, value=after)


def _service_errors(new: Object, old: Object) -> Iterator[FieldError]:
    before = old.get("clusterIP")
    if before and new.get("clusterIP") != before and "ExternalName" not in (new.get("type"), old.get("type")):
        yield FieldError("spec.clusterIP", "field is immutable", value=new.get("clusterIP"))


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _without(spec: Any, paths: tuple[str, ...]) -> Any:
    for path in paths:
        spec = _drop(spec, path.split("."))
    return spec


def _drop(value: Any, path: list[str]) -> Any:
    head, *rest = path
    if head == "*" and isinstance(value, list):
        return [_drop(item, rest) for item in value]
    if not isinstance(value, dict) or head not in value:
        return value
    if rest:
        return {**value, head: _drop(value[head], rest)}
    return {key: item for key, item in value.items() if key != head}
