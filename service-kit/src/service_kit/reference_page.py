"""`/docs`: the OpenAPI document as one page a person can read, without scripts and without anything from
elsewhere.

FastAPI's own page loads its code from a content network, which a cluster without Internet has not, and a
strict content policy forbids. This one shows; for trying out, each operation has its curl line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #8888; padding: .5rem 0 1rem; }
h2 { font-size: 1.1rem; } code, pre { font-family: ui-monospace, monospace; font-size: .9rem; }
pre { overflow-x: auto; background: #8882; padding: .6rem; border-radius: .3rem; }
dt { font-weight: 600; } dd { margin: 0 0 .4rem 1.5rem; }
"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>
<body><main><h1>{title} {version}</h1><p>{description}</p>
<p>The same for programs: <a href="openapi.json">openapi.json</a></p>{operations}</main></body></html>
"""


def reference_page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    return PAGE.format(
        style=STYLE,
        title=escape(info["title"]),
        version=escape(info["version"]),
        description=escape(info.get("description", "")),
        operations="".join(_operations(document)),
    )


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            yield f"<section><h2><code>{escape(name)}</code></h2>"
            yield f"<p>{escape(operation.get('summary', ''))}. {escape(operation.get('description', ''))}</p>"
            yield from _parameters(operation)
            yield from _body(document, method, path, operation)
            yield "<dl>"
            for status, response in operation.get("responses", {}).items():
                yield f"<dt>{escape(status)}</dt><dd>{escape(response.get('description', ''))}</dd>"
            yield "</dl></section>"


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        required = "required" if parameter.get("required") else "optional"
        label = f"{parameter['name']} ({parameter['in']}, {required})"
        yield f"<p><code>{escape(label)}</code> {escape(parameter.get('description', ''))}</p>"


def _body(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = resolve(document, content.get("schema", {}))
        line = f"curl -X {method.upper()} -H 'content-type: {media_type}' -d '…' http://…{path}"
        shown = json.dumps(schema, indent=2, ensure_ascii=False)
        yield f"<pre>{escape(line)}</pre><pre>{escape(shown)}</pre>"


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its own reference followed, one step; deeper ones stay references."""
    reference = schema.get("$ref", "")
    if not reference.startswith("#/components/schemas/"):
        return schema
    found: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found
