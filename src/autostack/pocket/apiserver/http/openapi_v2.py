"""OpenAPI v2, as far as kubectl still asks for it: which kinds take `fieldValidation` and `dryRun`.

kubectl reads it, in protobuf only, before it sends a `List`; everything else it takes from v3. So the
document has the PATCH operation of every kind with its parameters, and no schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from autostack.pocket.apiserver.http.response import Response, of
from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.apiserver.openapi_paths import INFO, PARAMETERS, paths, root_of
from autostack.pocket.apiserver.registry import Registry

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
GVK = "x-kubernetes-group-version-kind"
PARAMETER_NAMES = tuple(str(parameter["name"]) for parameter in PARAMETERS)


def document(registry: Registry, accept: str) -> Response:
    """The document, in protobuf if the client takes that, else in JSON."""
    kinds = registry.all()
    if "protobuf" in accept:
        return Response(200, encoded(kinds), content_type=MEDIA_TYPE)
    parameters = [
        {"name": name, "in": "query", "type": "string", "uniqueItems": True} for name in PARAMETER_NAMES
    ]
    described = {
        path: {"patch": {"parameters": parameters, "responses": {"200": {"description": "OK"}}, GVK: gvk}}
        for path, gvk in _operations(kinds)
    }
    return of({"swagger": "2.0", "info": INFO, "paths": described})


def _operations(kinds: Iterable[Kind]) -> Iterator[tuple[str, dict[str, str]]]:
    """Path and kind of every PATCH."""
    for kind in kinds:
        for path, operations in paths(root_of(kind), kind, {}).items():
            if "patch" in operations:
                yield path, operations["patch"][GVK]


def encoded(kinds: Iterable[Kind]) -> bytes:
    """The document as gnostic's openapi.v2.Document; the numbers are its fields'."""
    parameters = b"".join(_parameter(name) for name in PARAMETER_NAMES)
    described = b"".join(_path(path, gvk, parameters) for path, gvk in _operations(kinds))
    info = _text(1, INFO["title"]) + _text(2, INFO["version"])
    return _text(1, "2.0") + _field(2, info) + _field(8, described)


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
