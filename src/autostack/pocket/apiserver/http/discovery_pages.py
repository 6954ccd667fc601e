"""The paths of discovery and OpenAPI: from a request to the document that it names."""

from __future__ import annotations

from autostack.pocket.apiserver.http import discovery, openapi, openapi_v2, response
from autostack.pocket.apiserver.http.negotiation import accepted
from autostack.pocket.apiserver.http.request import Request
from autostack.pocket.apiserver.http.response import Response
from autostack.pocket.apiserver.registry import Registry

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
ROOT_PATHS = (
    "/api",
    "/api/v1",
    "/apis",
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
)


def page(registry: Registry, request: Request) -> Response | None:
    """The document, or None when the path names none."""
    path = request.path.strip("/")
    if not path:
        return response.of({"paths": list(ROOT_PATHS)})
    if path in ("api", "apis"):
        return _root(registry, request, path)
    if path == "openapi/v2":
        return openapi_v2.document(registry, request.headers.get("accept", ""))
    if path == "openapi/v3":
        return openapi.index(registry)
    if path.startswith("openapi/v3/"):
        encoding = request.headers.get("accept-encoding", "")
        return openapi.document(registry, path.removeprefix("openapi/v3/"), encoding)
    return _group(registry, path.split("/"))


def _root(registry: Registry, request: Request, path: str) -> Response:
    first = accepted(request.headers.get("accept", ""))[0]
    if first.as_kind == "APIGroupDiscoveryList" and first.version == "v2":
        answer = response.of(discovery.aggregated(registry, legacy=path == "api"))
        answer.content_type = AGGREGATED
        return answer
    host = request.headers.get("host", "")
    return response.of(discovery.core_versions(host) if path == "api" else discovery.group_list(registry))


def _group(registry: Registry, parts: list[str]) -> Response | None:
    root, *names = parts
    if root == "apis" and len(names) == 1 and names[0] in registry.groups():
        return response.of(discovery.group_object(registry, names[0]))
    if (root == "api" and len(names) == 1) or (root == "apis" and len(names) == 2):
        group, version = ("", *names)[-2:]
        listed = discovery.resource_list(registry, group, version)
        return None if listed is None else response.of(listed)
    return None
