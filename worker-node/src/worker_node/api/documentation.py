"""OpenAPI for /solve, which is not a FastAPI route: its operation is generated from the message types."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from service_kit.problems import problem_responses

from worker_node.api.messages import SolveRequest, SolveResponse

_REFUSALS = {
    400: "not JSON",
    409: "the id is stored with another expression",
    413: "the body is too large",
    415: "the body is not application/json",
    422: "not an expression, over a limit, or an id that cannot be stored; `position` counts from 1",
    503: "overloaded, draining or without database: try again after Retry-After, with the same id",
}


def document_solve(application: FastAPI) -> None:
    """Add the operation to the application's OpenAPI document."""
    generate = application.openapi

    def with_solve() -> dict[str, Any]:
        document = generate()
        if "/solve" not in document["paths"]:
            (request, response), schemas = msgspec.json.schema_components(
                (SolveRequest, SolveResponse), ref_template="#/components/schemas/{name}"
            )
            document["paths"]["/solve"] = {"post": _operation(request, response)}
            document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    application.openapi = with_solve  # type: ignore[method-assign] # FastAPI documents this as the way to extend it


def _operation(request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    refusals = {str(status): body for status, body in problem_responses(*_REFUSALS).items()}
    for status, description in _REFUSALS.items():
        refusals[str(status)] = {**refusals[str(status)], "description": description}
    return {
        "summary": "Solve a problem and store its answer",
        "description": "The answer is acknowledged only after its row is committed.",
        "operationId": "solve",
        "tags": ["problems"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "stored", "content": {"application/json": {"schema": response}}},
            **refusals,
        },
    }
