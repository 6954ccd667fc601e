"""The cluster's API as a client on the machine sees it: HTTPS, a token, JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

Object = dict[str, Any]
PODS = "/api/v1/namespaces/default/pods"


class Api:
    """A session with all rights."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    async def call(self, method: str, path: str, body: Object | None = None, **options: Any) -> Object:
        """One request; fails loudly."""
        async with self.session.request(method, self.base + path, json=body, **options) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
            found: Object = json.loads(content)
            return found

    async def until(
        self, path: str, wanted: Callable[[dict[str, Object]], bool], within_s: float = 120
    ) -> None:
        """Follow a list by a watch until it is as wanted."""
        listed = await self.call("GET", path)
        known = {one["metadata"]["name"]: one for one in listed["items"]}
        version = listed["metadata"]["resourceVersion"]
        async with asyncio.timeout(within_s):
            separator = "&" if "?" in path else "?"
            address = f"{self.base}{path}{separator}watch=true&resourceVersion={version}"
            async with self.session.get(address) as answer:
                while not wanted(known):
                    event = json.loads(await answer.content.readline())
                    name = event["object"]["metadata"].get("name", "")
                    if event["type"] == "DELETED":
                        known.pop(name, None)
                    elif event["type"] != "BOOKMARK":
                        known[name] = event["object"]


def is_ready(pod: Object) -> bool:
    """Whether the pod is Ready and not about to go."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def read_config(kubeconfig: Path) -> Object:
    """The cluster's kubeconfig, which is JSON."""
    config: Object = json.loads(kubeconfig.read_text())
    return config


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[Api]:
    """A client of the cluster."""
    config = read_config(kubeconfig)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # a benchmark on loopback of a cluster that it has just made
    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        headers=headers, connector=connector, timeout=timeout, read_bufsize=1 << 22
    ) as session:
        yield Api(session, config["clusters"][0]["cluster"]["server"])
