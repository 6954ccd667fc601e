"""Light, dark, or as the system has it: a choice kept in a cookie, so that the first paint is right."""

from __future__ import annotations

import urllib.parse

from fastapi import APIRouter
from service_kit import ProblemError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from result_node.pages.rendering import THEMES

_YEAR_S = 365 * 24 * 3600


def theme_routes() -> APIRouter:
    """The form's target."""
    router = APIRouter(include_in_schema=False)

    @router.post("/theme")
    async def choose(request: Request) -> Response:
        fields = urllib.parse.parse_qs((await request.body()).decode("latin-1"))
        theme = fields.get("theme", [""])[0]
        if theme not in THEMES:
            raise ProblemError(422, "no-such-theme", f"theme must be one of {', '.join(THEMES)}")
        response = RedirectResponse(own_path(fields.get("back", ["/"])[0]), status_code=303)
        response.set_cookie("theme", theme, max_age=_YEAR_S, samesite="lax")
        return response

    return router


def own_path(text: str) -> str:
    """A path on this site, whatever was sent: never the address of another."""
    parts = urllib.parse.urlsplit(text if text.startswith("/") else "/")
    if parts.scheme or parts.netloc or "\\" in text or text.startswith("//"):
        return "/"
    return urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
