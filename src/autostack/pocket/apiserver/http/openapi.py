"""OpenAPI v3: an index by group version, and one document each; those of built-in kinds are ready-made
files.
"""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import msgspec

from autostack.pocket.apiserver import openapi_paths
from autostack.pocket.apiserver.http.response import Response, of
from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.apiserver.registry import Registry
from autostack.pocket.apiserver.schemas import openapi_document

Object = dict[str, Any]
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def index(registry: Registry) -> Response:
    """The documents there are, each with a hash of its content."""
    paths = {}
    for root in dict.fromkeys(openapi_paths.root_of(kind) for kind in registry.all()):
        content = _document(registry, root)
        if content is not None:
            digest = hashlib.sha256(content).hexdigest().upper()[:64]
            paths[root] = {"serverRelativeURL": f"/openapi/v3/{root}?hash={digest}"}
    return of({"paths": paths})


def document(registry: Registry, root: str, accept_encoding: str) -> Response | None:
    """One document, gzipped if the client takes that; None when there is none."""
    content = _document(registry, root)
    if content is None:
        return None
    if "gzip" in accept_encoding:
        return Response(200, content, headers=((b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")))
    return Response(200, gzip.decompress(content))


def _document(registry: Registry, root: str) -> bytes | None:
    ready = openapi_document(root)
    return ready if ready is not None else _custom_document(registry, root)


def _custom_document(registry: Registry, root: str) -> bytes | None:
    kinds = [kind for kind in registry.all() if kind.custom and openapi_paths.root_of(kind) == root]
    if not kinds:
        return None
    names = {f"{kind.api_version}/{kind.kind}": _name(kind) for kind in kinds}
    schemas = {_name(kind): published(kind) for kind in kinds}
    content = openapi_paths.document(root, kinds, schemas, names)
    return gzip.compress(msgspec.json.encode(content), mtime=0)


def _name(kind: Kind) -> str:
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def published(kind: Kind) -> Object:
    """A custom kind's schema as declared, with its group version kind."""
    schema = {key: value for key, value in kind.schema.items() if not key.startswith("x-autostack-")}
    properties = {
        **schema.get("properties", {}),
        "metadata": {"type": "object", "description": "Standard object's metadata."},
    }
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [gvk]}
