"""scale: the number of replicas of any workload, as one kind (autoscaling/v1 Scale)."""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.patching import merge
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.apiserver.writing import rewrite
from autostack.pocket.errors import FieldError, bad_request, invalid

Object = dict[str, Any]
DEFAULT_PATHS = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}


def _paths(call: Call) -> dict[str, str]:
    return {**DEFAULT_PATHS, **call.kind.schema.get("x-autostack-scale", {})}


def _at(obj: Any, path: str) -> Any:
    for part in path.strip(".").split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def view(call: Call, obj: Object) -> Object:
    """The Scale of an object."""
    meta = obj["metadata"]
    paths = _paths(call)
    selector: Any = (
        _at(obj, paths["labelSelectorPath"]) if "labelSelectorPath" in paths else _at(obj, "spec.selector")
    )
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: meta[field] for field in fields if field in meta},
        "spec": {"replicas": _at(obj, paths["specReplicasPath"]) or 0},
        "status": {
            "replicas": _at(obj, paths["statusReplicasPath"]) or 0,
            "selector": selector_text(selector),
        },
    }


def selector_text(selector: Any) -> str:
    """A LabelSelector as a query."""
    if not isinstance(selector, dict):
        return selector or ""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    forms = {"In": "{0} in ({1})", "NotIn": "{0} notin ({1})", "Exists": "{0}", "DoesNotExist": "!{0}"}
    for expression in selector.get("matchExpressions") or ():
        values = ",".join(sorted(expression.get("values") or ()))
        terms.append(forms[expression["operator"]].format(expression["key"], values))
    return ",".join(terms)


def read(core: Core, call: Call) -> Object:
    """get."""
    return view(call, get(core, call).object)


async def update(core: Core, call: Call, scale: Object) -> Object:
    """Set the replicas; a resourceVersion in the Scale makes it conditional."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("spec.replicas of a Scale must be a number")
    if replicas < 0:
        raise invalid(
            call.target, [FieldError("spec.replicas", "must be greater than or equal to 0", value=replicas)]
        )
    parts = _paths(call)["specReplicasPath"].strip(".").split(".")
    version = (scale.get("metadata") or {}).get("resourceVersion")

    def change(obj: Object) -> Object:
        at = obj
        for part in parts[:-1]:
            at = at.setdefault(part, {})
        at[parts[-1]] = replicas
        obj["metadata"]["resourceVersion"] = version
        return obj

    return view(call, await rewrite(core, call, change))


async def patch(core: Core, call: Call, body: Any, patch_type: str) -> Object:
    """Patch the Scale as a document of its own, then set the replicas."""
    present = read(core, call)
    if patch_type == "json":
        from autostack.pocket.apiserver.patching import json_patch  # noqa: PLC0415 - rare

        patched = json_patch.apply(present, body)
    elif isinstance(body, dict):
        patched = merge.merge(present, body)
    else:
        raise bad_request("a patch of a Scale must be an object")
    if not (isinstance(body, dict) and (body.get("metadata") or {}).get("resourceVersion")):
        patched["metadata"].pop("resourceVersion", None)
    return await update(core, call, patched)
