"""The API's documentation as a page, drawn from its own OpenAPI document, so that it cannot be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from result_node.pages.rendering import Renderer


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in words."""

    name: str
    kind: str
    description: str
    required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation in words."""

    method: str
    path: str
    summary: str
    description: str
    group: str
    parameters: tuple[Parameter, ...]
    answers: tuple[str, ...]


def reference_routes(application: FastAPI, renderer: Renderer) -> APIRouter:
    """The page, bound to the application that it documents."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api")
    async def reference(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return renderer.page(
            request, "reference.html", {"operations": operations(application.openapi()), "base": base}
        )

    @router.get("/docs")
    async def docs() -> Response:
        return RedirectResponse("/api", status_code=308)

    return router


def operations(document: dict[str, Any]) -> list[Operation]:
    """The operations of an OpenAPI document, in its order."""
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answer = operation["responses"].get("200", {})
            found.append(
                Operation(
                    method=method.upper(),
                    path=path,
                    summary=operation.get("summary", ""),
                    description=operation.get("description", ""),
                    group=operation.get("tags", ["other"])[0],
                    parameters=tuple(_parameter(entry) for entry in operation.get("parameters", [])),
                    answers=tuple(answer.get("content", {})),
                )
            )
    return found


def _parameter(entry: dict[str, Any]) -> Parameter:
    schema = entry["schema"]
    description = entry.get("description") or schema.get("description") or ""
    return Parameter(entry["name"], _kind(schema), description, entry.get("required", False))


def _kind(schema: dict[str, Any]) -> str:
    choices = [_kind(choice) for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if choices:
        return " or ".join(choices)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])}, repeated"
    return str(schema.get("format") or schema.get("type") or "any")
