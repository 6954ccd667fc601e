"""Condense the JSON schemas of kubernetes-validate into this folder's data: `python -m
autostack.pocket.apiserver.schemas.regenerate`.

Run it after a change of the kinds table or of the Kubernetes version; a test fails when the files are not
what it would write. Output is reproducible: sorted keys, no time stamp in the gzip header.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from autostack.pocket.apiserver.kinds import Kind, built_in
from autostack.pocket.apiserver.openapi_paths import document

VERSION = "v1.37.0-local"
HERE = Path(__file__).parent
KEPT = (
    "additionalProperties", "default", "enum", "format", "items", "oneOf", "properties", "required", "type",
    "x-kubernetes-group-version-kind", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy",
)  # fmt: skip
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
EXTRA_ROOTS = (
    META + "DeleteOptions", META + "Status", META + "WatchEvent", META + "APIResourceList",
    "io.k8s.api.autoscaling.v1.Scale", "io.k8s.api.policy.v1.Eviction",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.core.v1.Binding",
)  # fmt: skip
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
Definitions = dict[str, dict[str, Any]]


def source() -> Definitions:
    """The published definitions."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise SystemExit("kubernetes-validate is not installed; it is in the dev dependency group")
    file = Path(spec.origin).parent / "kubernetes-json-schema" / VERSION / "_definitions.json"
    loaded: Definitions = json.loads(file.read_text())["$defs"]
    return loaded


def normalise(node: dict[str, Any], *, prose: bool) -> dict[str, Any]:
    """One schema: nullable types made plain, references by name, prose and noise dropped."""
    kept: dict[str, Any] = {
        key: node[key] for key in (*KEPT, *(("description",) if prose else ())) if key in node
    }
    if isinstance(kept.get("type"), list):
        kept["type"] = kept["type"][0]
    if "$ref" in node:
        kept["$ref"] = node["$ref"].rsplit("/", 1)[1]
    if "items" in kept:
        kept["items"] = normalise(kept["items"], prose=prose)
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = normalise(kept["additionalProperties"], prose=prose)
    if "properties" in kept:
        kept["properties"] = {name: normalise(sub, prose=prose) for name, sub in kept["properties"].items()}
        if "kind" in kept["properties"] and "apiVersion" in kept["properties"]:
            for name in ("kind", "apiVersion"):
                kept["properties"][name].pop("enum", None)
    return kept


def definition(name: str, node: dict[str, Any], *, prose: bool) -> dict[str, Any]:
    """A named schema; the two scalar unions become what our walker and OpenAPI both understand."""
    kept = normalise(node, prose=prose)
    if name in (INT_OR_STRING, QUANTITY):
        kept = {"x-kubernetes-int-or-string": True, "oneOf": [{"type": "string"}, {"type": "number"}]}
    return kept


def reachable(roots: list[str], definitions: Definitions) -> list[str]:
    """The names that the roots refer to, themselves included."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(_references(definitions[name]))
    return sorted(seen)


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"].rsplit("/", 1)[-1]] if isinstance(node.get("$ref"), str) else []
        return own + [name for value in node.values() for name in _references(value)]
    if isinstance(node, list):
        return [name for value in node for name in _references(value)]
    return []


def root_names(kinds: list[Kind], definitions: Definitions) -> dict[str, str]:
    """The definition of each kind, by `apiVersion/Kind`; kinds without one (metrics) are left out."""
    by_gvk = {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, node in definitions.items()
        for gvk in node.get("x-kubernetes-group-version-kind", ())
        if name.endswith(f".{gvk['kind']}")
    }
    found = {}
    for kind in kinds:
        for suffix in ("", "List"):
            name = by_gvk.get((kind.group, kind.version, kind.kind + suffix))
            if name:
                found[f"{kind.api_version}/{kind.kind}{suffix}"] = name
    return found


def pack(content: Any) -> bytes:
    """Reproducible gzipped JSON."""
    return gzip.compress(json.dumps(content, sort_keys=True, separators=(",", ":")).encode(), 9, mtime=0)


def build() -> dict[str, bytes]:
    """Every data file by its name in this folder."""
    definitions = source()
    kinds = built_in()
    roots = root_names(kinds, definitions)
    names = reachable([*roots.values(), *EXTRA_ROOTS], definitions)
    files = {
        "schemas.json.gz": pack({name: definition(name, definitions[name], prose=False) for name in names})
    }
    for group_version in sorted({(kind.group, kind.version) for kind in kinds}):
        members = [kind for kind in kinds if (kind.group, kind.version) == group_version]
        own = [roots[key] for kind in members for key in (f"{kind.api_version}/{kind.kind}",) if key in roots]
        schemas = {
            name: definition(name, definitions[name], prose=True)
            for name in reachable([*own, META + "DeleteOptions"], definitions)
        }
        path = "/".join(("apis", *group_version)) if group_version[0] else f"api/{group_version[1]}"
        files[f"openapi/{path.replace('/', '_')}.json.gz"] = pack(document(path, members, schemas, roots))
    return files


def main() -> None:
    """Write the files."""
    for name, content in build().items():
        file = HERE / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        sys.stdout.write(f"{len(content):>8} {name}\n")


if __name__ == "__main__":
    main()
