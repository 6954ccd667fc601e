"""The FastAPI application that every service starts from: probes, problem documents, bounded bodies, counted
requests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from service_kit.edge import Edge
from service_kit.hot_path import HotEndpoint, HotPath
from service_kit.http_metrics import HttpMetrics
from service_kit.probes import probe_routes
from service_kit.problems import handle_problems, problem_responses
from service_kit.reference_page import reference_page
from service_kit.service import Service
from service_kit.settings import ServiceSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class ServiceApplication(FastAPI):
    """FastAPI with a bypass: a hot path goes straight to its endpoint, by one dictionary."""

    def bound(self, *, metrics: HttpMetrics, body_limit_bytes: int) -> None:
        """Bound and count every request, whichever way it takes."""
        self._hot: dict[tuple[str, str], HotPath] = {}
        self._http, self._body_limit_bytes = metrics, body_limit_bytes
        self.add_middleware(
            Edge, metrics=metrics, route_of=_RouteNames(self), body_limit_bytes=body_limit_bytes
        )

    def add_hot_path(self, method: str, path: str, endpoint: HotEndpoint) -> None:
        """Serve an exact path by a bare endpoint, and answer its other methods as any route does."""
        hot = HotPath(endpoint, path=path, metrics=self._http, body_limit_bytes=self._body_limit_bytes)
        self.router.routes.append(Route(path, hot, methods=[method]))
        self._hot[method, path] = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the bypass, or the framework's way."""
        hot = self._hot.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if hot is None:
            await super().__call__(scope, receive, send)
        else:
            await hot(scope, receive, send)


def build_application(
    service: Service[ServiceSettings],
    *,
    title: str,
    description: str,
    lifespan: Lifespan,
    body_limit_bytes: int = 64 * 1024,
) -> ServiceApplication:
    """An application with what all services share; add routes to it.

    `lifespan` opens what the service needs before it accepts and, when everything accepted has been answered,
    flushes and closes it. It gets 413, 404, 405, 422 and 500 as problem documents without doing anything.
    """
    application = ServiceApplication(
        title=title,
        description=description,
        version=service.settings.app_version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=problem_responses("4XX", "5XX"),
    )
    handle_problems(application)

    @application.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(application.openapi()))

    application.include_router(probe_routes(service))
    application.bound(metrics=service.http, body_limit_bytes=body_limit_bytes)
    return application


class _RouteNames:
    """A request's route template, from a bounded set; what matched nothing is `unmatched`."""

    def __init__(self, application: FastAPI) -> None:
        self._application = application
        self._known = 0
        self._exact: frozenset[str] = frozenset()
        self._mounts: tuple[str, ...] = ()

    def __call__(self, scope: Scope) -> str:
        route = scope.get("route")
        if route is not None:
            return str(route.path)
        routes = self._application.routes
        if len(routes) != self._known:
            self._known = len(routes)
            self._exact = frozenset(r.path for r in routes if isinstance(r, Route) and "{" not in r.path)
            self._mounts = tuple(r.path for r in routes if isinstance(r, Mount) and r.path)
        path: str = scope["path"]
        if path in self._exact:
            return path
        return next((mount for mount in self._mounts if path.startswith(mount + "/")), "unmatched")
