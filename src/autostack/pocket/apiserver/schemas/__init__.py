"""The schemas of the built-in kinds, condensed at build time, loaded when first needed.

`schemas.json.gz` has what validation, defaulting and patching need; the OpenAPI documents with their prose
are ready-made files that are sent as they are, so they cost no memory.
"""

from __future__ import annotations

import functools
import gzip
from importlib import resources
from typing import Any

import msgspec

Schema = dict[str, Any]


@functools.cache
def definitions() -> dict[str, Schema]:
    """All definitions by name, without prose. A reference is `{"$ref": name}`."""
    packed = resources.files(__package__).joinpath("schemas.json.gz").read_bytes()
    loaded: dict[str, Schema] = msgspec.json.decode(gzip.decompress(packed))
    return loaded


@functools.cache
def definition_of(api_version: str, kind: str) -> Schema:
    """A reference to the schema of a built-in kind, `{}` (anything goes) when it has none."""
    group, _, version = api_version.rpartition("/")
    for name, schema in definitions().items():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            if (gvk["group"], gvk["version"], gvk["kind"]) == (group, version, kind) and name.endswith(
                f".{kind}"
            ):
                return {"$ref": name}
    return {}


def resolve(schema: Schema) -> Schema:
    """The schema itself, or the definition that it refers to."""
    reference = schema.get("$ref")
    return schema if reference is None else definitions()[reference]


def openapi_document(path: str) -> bytes | None:
    """The gzipped OpenAPI v3 document of `api/v1`, `apis/apps/v1`, …; None when there is none."""
    file = resources.files(__package__).joinpath("openapi", path.replace("/", "_") + ".json.gz")
    return file.read_bytes() if file.is_file() else None
