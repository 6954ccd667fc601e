"""Objects as a meta.k8s.io/v1 Table, which is what `kubectl get` asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autostack.pocket.apiserver.extensions.columns import custom_columns
from autostack.pocket.apiserver.http.columns import Column, columns_of
from autostack.pocket.apiserver.kinds import Kind

Object = dict[str, Any]


def partial(obj: Object) -> Object:
    """Kind and metadata only."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def columns(kind: Kind) -> tuple[Column, ...]:
    """A kind's columns, its own or its definition's."""
    return custom_columns(kind.columns) if kind.custom else columns_of(kind.storage)


def table(kind: Kind, objects: Iterable[Object], metadata: Object, include: str = "Metadata") -> Object:
    """The table; `include` is how much of each object a row carries: Metadata, Object or None."""
    shown = columns(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {"name": c.name, "type": c.type, "format": c.format, "description": "", "priority": int(c.wide)}
            for c in shown
        ],
        "rows": [row(shown, obj, include) for obj in objects],
    }


def row(shown: tuple[Column, ...], obj: Object, include: str) -> Object:
    """One object's row."""
    found: Object = {"cells": [column.cell(obj) for column in shown]}
    if include == "Object":
        found["object"] = obj
    elif include != "None":
        found["object"] = partial(obj)
    return found
