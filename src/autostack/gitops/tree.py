"""An application as a tree: its resources, and below each what controllers made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from autostack.gitops import health
from autostack.gitops.api import KubernetesApi
from autostack.gitops.discovery import discover
from autostack.gitops.errors import NotFoundError
from autostack.gitops.inspection import descendants
from autostack.gitops.objects import Object, metadata


async def branches(
    api: KubernetesApi, name: str, get: Callable[[KubernetesApi, str], Awaitable[Object]]
) -> list[Object]:
    """The resources of an Application, each {kind, name, status, health, children}."""
    app, kinds = await get(api, name), await discover(api)
    entries = (app.get("status") or {}).get("resources") or []
    below = await descendants(api, {entry["namespace"] for entry in entries if entry.get("namespace")})
    found = []
    for entry in entries:
        kind = kinds.preferred(entry.get("group", ""), entry["kind"])
        uid = ""
        if kind is not None:
            try:
                live = await api.get(kind, entry["name"], entry.get("namespace", ""))
                uid = metadata(live).get("uid", "")
            except NotFoundError:
                uid = ""
        found.append(
            {
                "kind": entry["kind"],
                "name": entry["name"],
                "status": entry.get("status", ""),
                "health": (entry.get("health") or {}).get("status", ""),
                "children": _below(uid, below),
            }
        )
    return found


def _below(uid: str, below: dict[str, list[Object]]) -> list[Object]:
    found = []
    for child in below.get(uid, []):
        verdict = health.assess(child)
        found.append(
            {
                "kind": child["kind"],
                "name": metadata(child)["name"],
                "status": "",
                "health": verdict.status if verdict else "",
                "children": _below(metadata(child)["uid"], below),
            }
        )
    return found


def lines(found: list[Object], indent: str = "") -> Iterator[str]:
    """The tree as text."""
    for number, node in enumerate(found):
        is_last = number == len(found) - 1
        facts = " ".join(text for text in (node["status"], node["health"]) if text)
        yield f"{indent}{'└─' if is_last else '├─'}{node['kind']}/{node['name']}  {facts}".rstrip()
        yield from lines(node["children"], indent + ("  " if is_last else "│ "))
