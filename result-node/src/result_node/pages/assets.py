"""Stylesheet, scripts and icon, read once and served from memory, under an address that changes with
their content.
"""

from __future__ import annotations

import hashlib
import mimetypes
from importlib.resources import files

from fastapi import APIRouter
from service_kit import ProblemError
from starlette.responses import Response

_FOR_EVER = "public, max-age=31536000, immutable"


class Assets:
    """The files of the folder static/, by name."""

    def __init__(self) -> None:
        folder = files("result_node") / "static"
        self._content = {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file()}
        self._version = {
            name: hashlib.sha256(content).hexdigest()[:12] for name, content in self._content.items()
        }

    def address(self, name: str) -> str:
        """Where a page finds a file; KeyError for one that is not there."""
        return f"/static/{self._version[name]}/{name}"

    def routes(self) -> APIRouter:
        """The one route that serves them."""
        router = APIRouter(include_in_schema=False)

        @router.get("/static/{version}/{name}")
        async def asset(version: str, name: str) -> Response:
            if self._version.get(name) != version:
                raise ProblemError(404, "not-found", f"there is no asset {name[:100]!r} of this version")
            media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            return Response(self._content[name], media_type=media_type, headers={"Cache-Control": _FOR_EVER})

        return router
