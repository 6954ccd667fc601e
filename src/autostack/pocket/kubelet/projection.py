"""The files of ConfigMap, Secret, downwardAPI and projected volumes. Pure: sources in, files out.

A file is its path below the volume, its content and its mode. Service-account tokens come from outside,
as they must be asked for and renewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.kubelet.environment import (
    PodFacts,
    Sources,
    config_map_values,
    field_value,
    resource_value,
    secret_values,
)
from autostack.pocket.kubelet.errors import MountError

DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    content: bytes
    mode: int


Files = dict[str, File]


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A service-account token that a volume asks for."""

    path: str
    audience: str | None
    lifetime_s: int


def volume_files(
    pod: Object, volume: Mapping[str, Any], sources: Sources, facts: PodFacts, tokens: Mapping[str, str]
) -> Files | None:
    """The files of a volume, or None when its type is not one of files; `tokens` by their path.

    Raises MountError with what is missing.
    """
    for kind in ("configMap", "secret", "downwardAPI"):
        if kind in volume:
            source = volume[kind] or {}
            return _source_files(
                pod, kind, source, sources=sources, facts=facts, mode=_mode(source.get("defaultMode"))
            )
    if "projected" not in volume:
        return None
    mode = _mode(volume["projected"].get("defaultMode"))
    files: Files = {}
    for source in volume["projected"].get("sources") or []:
        for kind, detail in source.items():
            if kind == "serviceAccountToken":
                files[detail["path"]] = File(tokens[detail["path"]].encode(), mode)
            else:
                files |= _source_files(pod, kind, detail or {}, sources=sources, facts=facts, mode=mode)
    return files


def wished_tokens(volume: Mapping[str, Any]) -> list[TokenWish]:
    """The service-account tokens that the volume needs."""
    sources = (volume.get("projected") or {}).get("sources") or []
    return [
        TokenWish(one["path"], one.get("audience"), int(one.get("expirationSeconds") or 3600))
        for one in (source.get("serviceAccountToken") for source in sources)
        if one
    ]


def _mode(mode: int | None) -> int:
    return DEFAULT_MODE if mode is None else mode


def _source_files(
    pod: Object, kind: str, source: Mapping[str, Any], *, sources: Sources, facts: PodFacts, mode: int
) -> Files:
    if kind == "downwardAPI":
        return {
            _checked(item["path"]): File(_downward(pod, item, facts).encode(), item.get("mode", mode))
            for item in source.get("items") or []
        }
    if kind == "secret":
        name = source.get("secretName") or source.get("name") or ""
        found, values = sources.secret(name), secret_values
    else:
        name = source.get("name") or ""
        found, values = sources.config_map(name), config_map_values
    if found is None:
        if source.get("optional"):
            return {}
        raise MountError(f'{kind.lower()} "{name}" not found')
    data = values(found)
    if not source.get("items"):
        return {key: File(content, mode) for key, content in data.items()}
    files: Files = {}
    for item in source["items"]:
        if item["key"] in data:
            files[_checked(item["path"])] = File(data[item["key"]], item.get("mode", mode))
        elif not source.get("optional"):
            raise MountError(f"{kind.lower()} {name!r} references non-existent key: {item['key']}")
    return files


def _downward(pod: Object, item: Mapping[str, Any], facts: PodFacts) -> str:
    if "fieldRef" in item:
        return field_value(pod, item["fieldRef"]["fieldPath"], facts)
    return resource_value(pod, item["resourceFieldRef"], facts)


def _checked(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise MountError(f"the path {path!r} leaves the volume")
    return path
