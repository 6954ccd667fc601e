"""The console as a service: its pages, each whole without JavaScript, each renewed by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from service_kit import Service, StartError, build_application

from autostack.console.cluster import Cluster, connect
from autostack.console.errors import AbsentError, ClusterError
from autostack.console.pages import WINDOWS_S, Pages
from autostack.console.prometheus import Prometheus
from autostack.console.settings import ConsoleSettings

_HERE = Path(__file__).parent
_HOST = "console."
NEIGHBOURS = ("results", "prometheus")
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def build(service: Service[ConsoleSettings]) -> FastAPI:
    """The application of one console."""
    try:
        cluster = Cluster(connect())
    except ClusterError as error:
        raise StartError(str(error)) from error
    prometheus = Prometheus(service.settings.prometheus_url)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        del application
        async with prometheus:
            yield

    application = build_application(
        service, title="console", description="The pocket cluster's web page.", lifespan=lifespan
    )
    application.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    pages = Pages(service.settings, cluster, prometheus)
    _add_pages(application, pages)
    _add_complaints(application, pages)
    return application


def _add_pages(application: FastAPI, pages: Pages) -> None:
    @application.get("/", response_class=HTMLResponse)
    async def overview(
        request: Request, events: Annotated[str, Query(pattern="^(notable|all)$")] = "notable"
    ) -> HTMLResponse:
        return _html(await pages.overview(neighbours(request), routine=events == "all"))

    @application.get("/applications/{namespace}/{name}", response_class=HTMLResponse)
    async def one_application(namespace: str, name: str) -> HTMLResponse:
        return _html(await pages.application(namespace, name))

    @application.get("/runs/{number}", response_class=HTMLResponse)
    async def run(number: int) -> HTMLResponse:
        return _html(await pages.run(number))

    @application.get("/dashboards", response_class=HTMLResponse)
    async def dashboards() -> HTMLResponse:
        return _html(await pages.dashboards())

    @application.get("/dashboards/{uid}", response_class=HTMLResponse)
    async def dashboard(
        uid: str, window: Annotated[str, Query(pattern=f"^({'|'.join(WINDOWS_S)})$")] = "15m"
    ) -> HTMLResponse:
        return _html(await pages.dashboard(uid, window))


def _add_complaints(application: FastAPI, pages: Pages) -> None:
    @application.exception_handler(ClusterError)
    async def cluster_away(request: Request, error: ClusterError) -> HTMLResponse:
        del request
        return _html(pages.complaint("The cluster does not answer", str(error)), 503, {"Retry-After": "2"})

    @application.exception_handler(AbsentError)
    async def absent(request: Request, error: AbsentError) -> HTMLResponse:
        del request
        return _html(pages.complaint("Not here", str(error)), 404)


def _html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(text, status, headers=SECURITY | (headers or {}))


def neighbours(request: Request) -> dict[str, str]:
    """The addresses of the other pages behind the same ingress; none when we are not asked through it."""
    host = request.headers.get("host", "")
    if not host.startswith(_HOST):
        return {}
    domain = host.removeprefix(_HOST)
    return {name: f"{request.url.scheme}://{name}.{domain}/" for name in NEIGHBOURS}
