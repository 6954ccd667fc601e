"""OpenAPI v3 of one group version: its schemas and the operations that kubectl looks for.

kubectl reads from it the merge keys of strategic patches, the prose of `explain`, and from each PATCH
operation's `fieldValidation` and `dryRun` parameters whether the server validates. Pure: kinds and schemas
in, document out.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.kinds import Kind

PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
] + [{"name": "force", "in": "query", "schema": {"type": "boolean", "uniqueItems": True}}]
OPERATIONS = {
    "create": ("post", "post"),
    "get": ("get", "get"),
    "list": ("get", "list"),
    "update": ("put", "put"),
    "patch": ("patch", "patch"),
    "delete": ("delete", "delete"),
    "deletecollection": ("delete", "deletecollection"),
}
INFO = {"title": "Kubernetes", "version": "v1.37.0"}
COLLECTION_VERBS = ("create", "list", "deletecollection")


def root_of(kind: Kind) -> str:
    """`apis/GROUP/VERSION` or `api/VERSION`."""
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def operation(kind: Kind, verb: str, schema: dict[str, Any]) -> dict[str, Any]:
    """One operation, with the extensions by which clients find a kind's path."""
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    described: dict[str, Any] = {
        "operationId": f"{verb}{kind.group.title().replace('.', '')}{kind.version.title()}{kind.kind}",
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
        "x-kubernetes-action": OPERATIONS[verb][1],
        "x-kubernetes-group-version-kind": gvk,
    }
    if verb in ("create", "update", "patch"):
        described["parameters"] = PARAMETERS
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return described


def paths(root: str, kind: Kind, schema: dict[str, Any]) -> dict[str, Any]:
    """The collection's and the object's path with their operations."""
    collection = (
        f"/{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"/{root}/{kind.plural}"
    )
    found: dict[str, Any] = {}
    for verb in kind.verbs:
        if verb in OPERATIONS:
            path = collection if verb in COLLECTION_VERBS else f"{collection}/{{name}}"
            found.setdefault(path, {})[OPERATIONS[verb][0]] = operation(kind, verb, schema)
    return found


def document(root: str, kinds: list[Kind], schemas: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The document; `names` maps `apiVersion/Kind` to a schema's name, and references are by that name."""
    found: dict[str, Any] = {}
    for kind in kinds:
        name = names.get(f"{kind.api_version}/{kind.kind}")
        found.update(
            paths(root, kind, {"$ref": f"#/components/schemas/{name}"} if name else {"type": "object"})
        )
    body = {
        "openapi": "3.0.0",
        "info": INFO,
        "paths": found,
        "components": {"schemas": schemas},
    }
    pointed: dict[str, Any] = _with_pointers(body)
    return pointed


def _with_pointers(node: Any) -> Any:
    """References by bare name become JSON pointers; ones with siblings go into allOf."""
    if isinstance(node, list):
        return [_with_pointers(item) for item in node]
    if not isinstance(node, dict):
        return node
    turned = {key: _with_pointers(value) for key, value in node.items()}
    reference = node.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        del turned["$ref"]
        pointer = {"$ref": f"#/components/schemas/{reference}"}
        return {**turned, "allOf": [pointer]} if turned else pointer
    return turned
