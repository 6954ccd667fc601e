"""CustomResourceDefinitions: checked when written, then served at once, one kind per served version.

All versions of a definition share one storage and must have the same shape: conversion webhooks are
refused. CEL rules (x-kubernetes-validations) are refused too, rather than stored and not enforced, and so
is a schema too large to check cheaply.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.extensions import removal, schema_rules, structural
from autostack.pocket.apiserver.kinds import SCALE, STATUS_VERBS, Kind, Subresource
from autostack.pocket.apiserver.metadata import now
from autostack.pocket.errors import FieldError, invalid
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.errors import StaleError
from autostack.pocket.store.journal import Key

Object = dict[str, Any]
Schema = dict[str, Any]
SCHEMA_BYTES = 1024 * 1024
META_SCHEMA: Schema = {"$ref": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
MAX_ERRORS = 20


def check(core: Core, call: Call, definition: Object) -> None:
    """Raise 422 for a definition that cannot be served faithfully."""
    spec = definition.get("spec", {})
    names = spec.get("names", {})
    errors = []
    if call.name != f"{names.get('plural')}.{spec.get('group')}":
        errors.append(
            FieldError("metadata.name", 'must be spec.names.plural+"."+spec.group', value=call.name)
        )
    built_in = core.registry.find(str(spec.get("group")), "v1", str(names.get("plural")))
    if built_in is not None and not built_in.custom:
        errors.append(
            FieldError(
                "spec.group",
                "is a built-in group of this cluster with the same resource",
                value=spec.get("group"),
            )
        )
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        errors.append(
            FieldError(
                "spec.conversion.strategy", "a pocket cluster calls no conversion webhooks", value="Webhook"
            )
        )
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        errors.append(
            FieldError("spec.versions", "must have exactly one version marked as storage version", value="")
        )
    for index, version in enumerate(versions):
        errors.extend(_version_errors(version, f"spec.versions[{index}]"))
    if errors:
        raise invalid(call.target, errors)
    for index, version in enumerate(versions):
        at = f"spec.versions[{index}].schema.openAPIV3Schema"
        call.warnings.extend(schema_rules.warnings(version["schema"]["openAPIV3Schema"], at))


def _version_errors(version: Object, path: str) -> Iterator[FieldError]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    at = f"{path}.schema.openAPIV3Schema"
    if not schema:
        yield FieldError(at, "schemas are required", "Required value")
        return
    if len(msgspec.json.encode(schema)) > SCHEMA_BYTES:
        yield FieldError(at, f"may not be more than {SCHEMA_BYTES} bytes", "Too long")
        return
    found = list(schema_rules.errors(schema, at))
    yield from found[:MAX_ERRORS]
    if not found:
        yield from _pattern_errors(schema, at)


def _pattern_errors(schema: Schema, path: str) -> Iterator[FieldError]:
    try:
        structural.compiled(schema)
    except ValueError as error:
        yield FieldError(path, str(error).splitlines()[0][:300], value="schema")


async def serve(core: Core, entry: Entry) -> None:
    """Serve the definition's kinds (or stop, when it is gone or going) and say so in its conditions."""
    definition = entry.object
    present = core.store.get(entry.key)
    if present is None:
        core.registry.set_custom(entry.key.name, [])
        return
    core.registry.set_custom(entry.key.name, kinds_of(definition))
    if "deletionTimestamp" in definition["metadata"]:
        await removal.proceed(core, _kind(definition["spec"], definition["spec"]["versions"][0]))
    elif not _is_established(definition):
        await _establish(core, entry)


def _is_established(definition: Object) -> bool:
    status = definition.get("status") or {}
    established = any(
        c["type"] == "Established" and c["status"] == "True" for c in status.get("conditions", [])
    )
    return established and status.get("acceptedNames") == definition["spec"]["names"]


def _condition(kind: str, reason: str, message: str) -> Object:
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now()}


async def _establish(core: Core, entry: Entry) -> None:
    conditions = [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    spec = entry.object["spec"]
    stored = [version["name"] for version in spec["versions"] if version.get("storage")]
    status = {"acceptedNames": spec["names"], "conditions": conditions, "storedVersions": stored}
    established = {**entry.object, "metadata": dict(entry.object["metadata"]), "status": status}
    try:
        await core.store.put(Key(*entry.key), established, expected=entry.revision)
    except StaleError:
        return  # a newer write is being served by its own call


def kinds_of(definition: Object) -> list[Kind]:
    """One kind per served version. Pure."""
    spec = definition["spec"]
    return [_kind(spec, version) for version in spec["versions"] if version.get("served")]


def _kind(spec: Object, version: Object) -> Kind:
    names = spec["names"]
    declared = version.get("subresources") or {}
    schema = _schema(version["schema"]["openAPIV3Schema"])
    subresources = {}
    if "status" in declared:
        subresources["status"] = Subresource(names["kind"], STATUS_VERBS)
    if "scale" in declared:
        subresources["scale"] = SCALE
        schema["x-autostack-scale"] = declared["scale"]
    return Kind(
        spec["group"],
        version["name"],
        names["kind"],
        names["plural"],
        spec["scope"] == "Namespaced",
        names.get("singular") or names["kind"].lower(),
        tuple(names.get("shortNames") or ()),
        tuple(names.get("categories") or ()),
        generation=True,
        subresources=subresources,
        schema=schema,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        custom=True,
        storage=f"{names['plural']}.{spec['group']}",
        list_name=names.get("listKind") or "",
        selectable=tuple(one["jsonPath"].lstrip(".") for one in version.get("selectableFields") or ()),
        deprecation=_deprecation(spec, version),
    )


def _deprecation(spec: Object, version: Object) -> str:
    if not version.get("deprecated"):
        return ""
    default = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
    return str(version.get("deprecationWarning") or default)


def _schema(declared: Schema) -> Schema:
    """The declared schema with apiVersion, kind and metadata, and its compiled validator beside it."""
    schema = copy.deepcopy(declared)
    properties = schema.setdefault("properties", {})
    properties.update({"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": META_SCHEMA})
    schema["x-autostack-validator"] = structural.compiled(
        {
            **schema,
            "properties": {**properties, "metadata": declared.get("properties", {}).get("metadata", {})},
        }
    )
    return schema
