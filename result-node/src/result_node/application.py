"""Composition: one application from the reader, the pages and the API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from service_kit import Service, build_application
from starlette.routing import Route

from result_node.api.results import result_routes
from result_node.api.statistics import statistics_routes as statistics_api
from result_node.guard import Guard
from result_node.pages.assets import Assets
from result_node.pages.failures import handle_failures
from result_node.pages.live import live_routes
from result_node.pages.reference import reference_routes
from result_node.pages.rendering import Renderer
from result_node.pages.results import results_routes
from result_node.pages.statistics import statistics_routes
from result_node.pages.theme import theme_routes
from result_node.reader import Reader
from result_node.settings import ResultSettings

DESCRIPTION = "Stored results of Auto-Stack: search, statistics, export and a live stream. It only reads."


def build(service: Service[ResultSettings]) -> FastAPI:
    """The application of one service."""
    reader = Reader.of(service)

    @contextlib.asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        del application
        async with reader.open():
            yield

    application = build_application(service, title="result-node", description=DESCRIPTION, lifespan=lifespan)
    _without_foreign_docs(application)
    assets = Assets()
    renderer = Renderer(service, assets)
    application.include_router(result_routes(reader))
    application.include_router(statistics_api(reader))
    application.include_router(live_routes(reader, renderer))
    application.include_router(results_routes(reader, renderer))
    application.include_router(statistics_routes(reader, renderer))
    application.include_router(reference_routes(application, renderer))
    application.include_router(theme_routes())
    application.include_router(assets.routes())
    handle_failures(application, renderer)
    application.add_middleware(Guard)
    return application


def _without_foreign_docs(application: FastAPI) -> None:
    """FastAPI's /docs page loads scripts from elsewhere; ours is at /api."""
    application.router.routes[:] = [
        route
        for route in application.router.routes
        if not (isinstance(route, Route) and route.path.startswith("/docs"))
    ]
