"""The printer columns of a CustomResourceDefinition: its simple JSONPaths as table columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from autostack.pocket.apiserver.http.cells import age
from autostack.pocket.apiserver.http.columns import AGE, NAME, Column

_STEP = re.compile(
    r"\.(?P<field>[^.\[\]]+)|\[(?P<index>\d+)\]|\['(?P<quoted>[^']*)'\]|\[(?P<all>\*)\]"
    r"|\[\?\(@\.(?P<tested>[\w.]+)\s*==\s*['\"](?P<wanted>[^'\"]*)['\"]\)\]"
)


def json_path(path: str) -> Callable[[Any], Any] | None:
    """A reader for paths like `.spec.a['b.c'][0].d` and `.status.conditions[?(@.type=="Ready")].status`;
    None for others.
    """
    steps: list[Callable[[Any], Any]] = []
    position = 0
    path = path.replace("\\.", "\0")
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        steps.append(_step(match))
        position = match.end()

    def read(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return read


def _step(match: re.Match[str]) -> Callable[[Any], Any]:
    if match["all"]:
        return lambda value: value
    if match["tested"]:
        parts, wanted = match["tested"].split("."), match["wanted"]
        return lambda value: next((item for item in _items(value) if _dig(item, parts) == wanted), None)
    if match["index"]:
        index = int(match["index"])
        return lambda value: dict(enumerate(_items(value))).get(index)
    name = (match["field"] or match["quoted"]).replace("\0", ".")
    return lambda value: _dig(value, [name])


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dig(value: Any, parts: list[str]) -> Any:
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def custom_columns(declared: Sequence[dict[str, Any]]) -> tuple[Column, ...]:
    """The declared columns after the name; the age when none is declared."""
    if not declared:
        return (NAME, AGE)
    return (NAME, *(_column(column) for column in declared))


def _column(declared: dict[str, Any]) -> Column:
    read = json_path(declared["jsonPath"])
    is_date = declared.get("type") == "date"

    def cell(obj: Any) -> Any:
        value = read(obj) if read else None
        if value is None:
            return "" if not is_date else "<unknown>"
        return age(value) if is_date else value if isinstance(value, (str, int, float)) else str(value)

    kind = "string" if is_date else declared.get("type", "string")
    return Column(declared["name"], cell, declared.get("priority", 0) > 0, kind, declared.get("format", ""))
