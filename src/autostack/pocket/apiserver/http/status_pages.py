"""What is no resource: health, version, metrics."""

from __future__ import annotations

from collections import Counter

from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http.response import Response, of

HEALTH = ("/healthz", "/livez", "/readyz")
VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0+pocket",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


def page(core: Core, path: str, counts: Counter[tuple[str, str, str, int]]) -> Response | None:
    """The page, or None when there is none at this path."""
    if path in HEALTH or path.startswith(tuple(f"{base}/" for base in HEALTH)):
        return Response(200, b"ok", "text/plain; charset=utf-8")
    if path in ("/version", "/version/"):
        return of(VERSION)
    if path == "/metrics":
        return Response(200, metrics(core, counts).encode(), "text/plain; version=0.0.4; charset=utf-8")
    return None


def metrics(core: Core, counts: Counter[tuple[str, str, str, int]]) -> str:
    """Requests, objects and watches, with Kubernetes' own metric names."""
    lines = ["# TYPE apiserver_request_total counter"]
    for (verb, group, resource, code), count in sorted(counts.items()):
        labels = f'verb="{verb}",group="{group}",resource="{resource}",code="{code}"'
        lines.append(f"apiserver_request_total{{{labels}}} {count}")
    storages = sorted(core.store.resources())
    lines.append("# TYPE apiserver_storage_objects gauge")
    lines.extend(
        f'apiserver_storage_objects{{resource="{name}"}} {core.store.count(name)}' for name in storages
    )
    lines.append("# TYPE apiserver_registered_watchers gauge")
    watchers = core.store.watchers
    lines.extend(
        f'apiserver_registered_watchers{{resource="{name}"}} {watchers.count(name)}' for name in storages
    )
    return "\n".join(lines) + "\n"
