"""YAML text to Kubernetes objects, each problem with its file and line.

Stricter than YAML: a key that stands twice is an error (the first would silently lose), a date stays text,
and aliases may not make a document of a few lines into one of billions of nodes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from autostack.gitops.errors import ManifestError
from autostack.gitops.objects import Object

SKIP_MARK = "+argocd:skip-file-rendering"
MAX_NODES = 200_000
"""In one document, its aliases written out; a manifest of a megabyte has about 50,000."""


class _Loader(yaml.CSafeLoader):
    """The safe loader, without dates and without duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key_node.tag != "tag:yaml.org,2002:merge" and key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def objects_in(text: str, file: str) -> list[Object]:
    """The objects of one file in order, Lists opened; ManifestError names file and line."""
    if SKIP_MARK in text.partition("\n")[0]:
        return []
    return [item for line, document in _documents(text, file) for item in _checked(document, file, line)]


def _documents(text: str, file: str) -> Iterator[tuple[int, Any]]:
    try:
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is not None:
                    _check_size(node)
                    yield node.start_mark.line + 1, loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"{error.context or ''} {error.problem or 'is not YAML'}".strip()
        raise ManifestError(file, mark.line + 1 if mark else None, problem) from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ManifestError(file, None, f"is not YAML: {error}") from error


def _check_size(document: yaml.Node) -> None:
    """Raise MarkedYAMLError for a document that aliases make too large, or that contains itself."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        known = sizes.get(id(node))
        if known is None:
            if id(node) in open_nodes:
                raise yaml.MarkedYAMLError(problem="an alias contains itself", problem_mark=node.start_mark)
            open_nodes.add(id(node))
            children = (
                [one for pair in node.value for one in pair]
                if isinstance(node, yaml.MappingNode)
                else node.value
            )
            known = sizes[id(node)] = 1 + sum(size(child) for child in children)
            open_nodes.discard(id(node))
        return known

    if (found := size(document)) > MAX_NODES:
        problem = f"aliases make this a document of {found} nodes; at most {MAX_NODES} are read"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=document.start_mark)


def _checked(document: Any, file: str, line: int) -> list[Object]:
    if document is None:
        return []
    if not isinstance(document, dict):
        raise ManifestError(file, line, f"a manifest must be a mapping, not {type(document).__name__}")
    for name in ("apiVersion", "kind"):
        if not isinstance(document.get(name), str) or not document[name]:
            raise ManifestError(file, line, f"{name} is missing: this is no Kubernetes object")
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        return [item for inner in document["items"] for item in _checked(inner, file, line)]
    meta = document.get("metadata")
    if not isinstance(meta, dict) or not (meta.get("name") or meta.get("generateName")):
        raise ManifestError(file, line, f"{document['kind']}: metadata.name is missing")
    for name in ("labels", "annotations"):
        for key, value in (meta.get(name) or {}).items():
            if not isinstance(value, str):
                raise ManifestError(
                    file,
                    line,
                    (
                        f"{document['kind']} {meta.get('name')}: metadata.{name}: {key} "
                        f"must be a string; quote it"
                    ),
                )
    return [document]
