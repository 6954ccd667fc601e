"""patch: compute the new object from the present one by the patch's type, then go the way of every update."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.patching import apply, json_patch, merge, strategic
from autostack.pocket.apiserver.registry import schema_of
from autostack.pocket.apiserver.schemas.conform import Problems, conform
from autostack.pocket.apiserver.writing import rewrite, store_new
from autostack.pocket.errors import (
    ApiError,
    FieldError,
    Target,
    UndecodableError,
    bad_request,
    invalid,
    unsupported_media_type,
)

Object = dict[str, Any]
MEDIA_TYPES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


async def patch(core: Core, call: Call, body: Any, patch_type: str) -> Object:
    """The object as stored; an apply creates it when it is missing."""
    if patch_type == "apply":
        return await _apply(core, call, body)
    if patch_type == "strategic" and call.kind.custom:
        raise unsupported_media_type("application/strategic-merge-patch+json", "application/json-patch+json,"
                                     "application/merge-patch+json,application/apply-patch+yaml")  # fmt: skip
    try:
        return await rewrite(core, call, lambda present: patched(call, present, body, patch_type))
    except UndecodableError as error:
        shown = body if call.kind.storage != "secrets" else "<redacted>"
        raise invalid(Target("", "", ""), [FieldError("patch", error.why, value=shown)]) from error


def patched(call: Call, present: Object, body: Any, patch_type: str) -> Object:
    """The present object with the patch applied; raises 400 or 422."""
    revision = present["metadata"].pop("resourceVersion")
    if patch_type == "json":
        if not isinstance(body, list):
            raise bad_request("a JSON patch must be a list of operations")
        document = {**present, "metadata": {**present["metadata"], "resourceVersion": revision}}
        result = json_patch.apply(document, body)
        if (
            isinstance(result, dict)
            and isinstance(result.get("metadata"), dict)
            and result["metadata"].get("resourceVersion") == revision
        ):
            del result["metadata"]["resourceVersion"]
    elif not isinstance(body, dict):
        raise bad_request(f"a {patch_type} patch must be an object")
    elif patch_type == "merge":
        result = merge.merge(present, body)
    else:
        result = strategic.apply(present, body, schema_of(call.kind))
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise bad_request("the patch leaves no object with metadata")
    return result


async def _apply(core: Core, call: Call, body: Any) -> Object:
    if not isinstance(body, dict):
        raise bad_request("an apply patch must be an object")
    for field in ("apiVersion", "kind"):
        if not body.get(field):
            raise bad_request(f"an apply patch must have {field}")
    call = replace(call, verb="apply")
    schema = schema_of(call.kind)
    stated = {**body, "metadata": {**(body.get("metadata") or {})}}
    stated["metadata"].setdefault("name", call.name)
    problems = Problems(keep_mistyped=True, drop_empty=not call.kind.custom)
    decoded = conform(stated, schema, problems)
    if problems.unknown:
        where = f"{call.namespace}/{call.name}; {call.kind.api_version}, Kind={call.kind.kind}"
        shown = "\n".join(f".{field}: field not declared in schema" for field in problems.unknown)
        raise ApiError(500, "", f"failed to create typed patch object ({where}): {shown}")
    if not call.kind.custom:  # as it would be stored, so that the same in other words is no conflict
        stated = decoded

    def change(present: Object) -> Object:
        named = stated["metadata"].get("resourceVersion")
        present["metadata"].pop("resourceVersion")
        result = apply.apply(present, stated, schema, call)
        if not named:
            result["metadata"].pop("resourceVersion", None)
        return result

    async def create() -> Object:
        return await store_new(core, call, apply.apply({}, stated, schema, call))

    return await rewrite(core, call, change, create_missing=create)
