"""Templates to responses: one environment, strict about names, escaping everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jinja2
from markupsafe import Markup, escape
from service_kit import Service
from starlette.requests import Request
from starlette.responses import HTMLResponse

from result_node.charts import short_number, short_seconds
from result_node.pages.assets import Assets
from result_node.settings import ResultSettings

THEMES = ("auto", "light", "dark")

_SHOWN_CAP = 160
_NAME_CAP = 17


class Renderer:
    """Renders a template within a page's frame."""

    def __init__(self, service: Service[ResultSettings], assets: Assets) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("result_node"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(asset=assets.address, identity=service.identity)
        self._environment.filters.update(
            short_number=short_number,
            short_seconds=short_seconds,
            marked=marked,
            shown=shown,
            ending=ending,
            grouped=grouped,
            instant=instant,
            clock=clock,
        )

    def page(
        self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """A whole page."""
        theme = request.cookies.get("theme", "auto")
        theme = theme if theme in THEMES else "auto"
        frame = {
            "theme": theme,
            "next_theme": THEMES[(THEMES.index(theme) + 1) % len(THEMES)],
            "path": request.url.path,
            "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        }
        text = self._environment.get_template(template).render({**frame, **context})
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})

    def fragment(self, template: str, context: Mapping[str, Any]) -> str:
        """A piece of a page."""
        return self._environment.get_template(template).render(context)


def marked(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def shown(text: str) -> str:
    """Long text as a table shows it: its beginning and how long it is."""
    if len(text) <= _SHOWN_CAP:
        return text
    return f"{text[:_SHOWN_CAP]}… ({len(text):,} characters)"


def ending(name: str) -> str:
    """A pod's name in a table: its end, because that is where pods of one Deployment differ."""
    return name if len(name) <= _NAME_CAP else f"…{name[-_NAME_CAP + 1 :]}"


def grouped(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def instant(moment: datetime) -> str:
    """2026-01-31 12:00:00, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def clock(moment: datetime) -> str:
    """12:00:00, in UTC."""
    return f"{moment:%H:%M:%S}"
