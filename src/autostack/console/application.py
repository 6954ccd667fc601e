"""The console as a service: three pages, each whole without JavaScript, each renewed by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from service_kit import ProblemError, Service, StartError, build_application, problem_response

from autostack.console import views
from autostack.console.cluster import Cluster, connect
from autostack.console.dashboards import Dashboard
from autostack.console.errors import ClusterError
from autostack.console.panels import picture
from autostack.console.prometheus import Prometheus
from autostack.console.settings import ConsoleSettings
from autostack.pipeline.runs import Run, Runs

_HERE = Path(__file__).parent
_RUNS = 12
WINDOWS_S = {"5m": 300, "15m": 900, "1h": 3600, "6h": 21600}
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Console:
    """What the pages are made of."""

    def __init__(self, settings: ConsoleSettings, cluster: Cluster, prometheus: Prometheus) -> None:
        self._settings = settings
        self._cluster = cluster
        self._prometheus = prometheus
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )

    async def overview(self) -> str:
        """What runs, what Git says, what the pipeline did, what happened."""
        now = datetime.now(UTC)
        snapshot = await self._cluster.snapshot()
        return self._page(
            "overview.html",
            nodes=[node["metadata"]["name"] for node in snapshot.nodes],
            workloads=[views.workload_row(one) for one in snapshot.workloads],
            pods=[views.pod_row(one, now) for one in snapshot.pods],
            applications=[views.application_row(one) for one in snapshot.applications],
            events=[views.event_row(one, now) for one in snapshot.events],
            runs=await asyncio.to_thread(self._runs),
        )

    async def dashboards(self) -> str:
        """The list of dashboards."""
        found, complaints = await self._cluster.dashboards()
        return self._page("dashboards.html", dashboards=found, complaints=complaints)

    async def dashboard(self, uid: str, window: str) -> str:
        """One dashboard, drawn now."""
        found, _ = await self._cluster.dashboards()
        dashboard = next((one for one in found if one.uid == uid), None)
        if dashboard is None:
            raise ProblemError(404, "no-such-dashboard", f"no ConfigMap holds a dashboard {uid[:80]!r}")
        return self._page(
            "dashboard.html",
            dashboard=dashboard,
            pictures=await self._pictures(dashboard, WINDOWS_S[window]),
            window=window,
            windows=list(WINDOWS_S),
        )

    async def _pictures(self, dashboard: Dashboard, window_s: int) -> list[Any]:
        end_s = time.time()
        drawn = (
            picture(panel, self._prometheus, end_s=end_s, window_s=window_s) for panel in dashboard.panels
        )
        pictures = await asyncio.gather(*drawn)
        return sorted(pictures, key=lambda one: (one.panel.y, one.panel.x))

    def _runs(self) -> list[Run]:
        if not self._settings.runs_folder:
            return []
        return Runs(Path(self._settings.runs_folder)).all()[-_RUNS:][::-1]

    def _page(self, template: str, **values: object) -> str:
        return self._templates.get_template(template).render(
            **values, renew_s=self._settings.renew_s, version=self._settings.app_version
        )


def build(service: Service[ConsoleSettings]) -> FastAPI:
    """The application of one console."""
    try:
        cluster = Cluster(connect())
    except ClusterError as error:
        raise StartError(str(error)) from error
    prometheus = Prometheus(service.settings.prometheus_url)
    console = Console(service.settings, cluster, prometheus)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        del application
        async with prometheus:
            yield

    application = build_application(
        service, title="console", description="The pocket cluster's web page.", lifespan=lifespan
    )
    application.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    _add_pages(application, console)
    return application


def _add_pages(application: FastAPI, console: Console) -> None:
    @application.exception_handler(ClusterError)
    async def cluster_away(request: Request, error: ClusterError) -> Response:
        del request
        return problem_response(503, "cluster-away", str(error), headers={"Retry-After": "2"})

    @application.get("/", response_class=HTMLResponse)
    async def overview() -> HTMLResponse:
        return HTMLResponse(await console.overview(), headers=SECURITY)

    @application.get("/dashboards", response_class=HTMLResponse)
    async def dashboards() -> HTMLResponse:
        return HTMLResponse(await console.dashboards(), headers=SECURITY)

    @application.get("/dashboards/{uid}", response_class=HTMLResponse)
    async def dashboard(
        uid: str, window: Annotated[str, Query(pattern=f"^({'|'.join(WINDOWS_S)})$")] = "15m"
    ) -> HTMLResponse:
        return HTMLResponse(await console.dashboard(uid, window), headers=SECURITY)
