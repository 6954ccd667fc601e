"""OpenAPI v2, as far as kubectl still asks for it: which kinds take `fieldValidation` and `dryRun`.

kubectl reads it, in protobuf only, before it sends a `List`; everything else it takes from v3. So the
document has the PATCH operation of every kind with its parameters, and no schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from autostack.pocket.apiserver.http.response import Response, of
from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.apiserver.openapi_paths import PARAMETERS
from autostack.pocket.apiserver.registry import Registry

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
TITLE, VERSION = "Kubernetes", "v1.37.0"
GVK = "x-kubernetes-group-version-kind"
PARAMETER_NAMES = tuple(str(parameter["name"]) for parameter in PARAMETERS)


def document(registry: Registry, accept: str) -> Response:
    """The document, in protobuf if the client takes that, else in JSON."""
    kinds = [kind for kind in registry.all() if "patch" in kind.verbs]
    if "protobuf" in accept:
        return Response(200, encoded(kinds), content_type=MEDIA_TYPE)
    parameters = [
        {"name": name, "in": "query", "type": "string", "uniqueItems": True} for name in PARAMETER_NAMES
    ]
    paths = {
        path: {"patch": {"parameters": parameters, "responses": {"200": {"description": "OK"}}, GVK: gvk}}
        for path, gvk in _operations(kinds)
    }
    return of({"swagger": "2.0", "info": {"title": TITLE, "version": VERSION}, "paths": paths})


def _operations(kinds: Iterable[Kind]) -> Iterator[tuple[str, dict[str, str]]]:
    for kind in kinds:
        root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        yield f"{root}{scope}/{kind.plural}/{{name}}", gvk


def encoded(kinds: Iterable[Kind]) -> bytes:
    """The document as gnostic's openapi.v2.Document; the numbers are its fields'."""
    parameters = b"".join(_parameter(name) for name in PARAMETER_NAMES)
    paths = b"".join(_path(path, gvk, parameters) for path, gvk in _operations(kinds))
    info = _text(1, TITLE) + _text(2, VERSION)
    return _text(1, "2.0") + _field(2, info) + _field(8, paths)


def _path(path: str, gvk: dict[str, str], parameters: bytes) -> bytes:
    extension = _text(1, GVK) + _field(2, _text(2, json.dumps(gvk)))  # any YAML will do, so JSON does
    patch = parameters + _field(13, extension)
    return _field(2, _text(1, path) + _field(2, _field(8, patch)))


def _parameter(name: str) -> bytes:
    query = _text(2, "query") + _text(4, name) + _text(6, "string")
    return _field(8, _field(1, _field(2, _field(3, query))))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
