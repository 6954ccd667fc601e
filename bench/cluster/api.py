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
MAPS = "/api/v1/namespaces/default/configmaps"
SERVICES = "/api/v1/namespaces/default/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE = {"Content-Type": "application/merge-patch+json"}
WITHIN_S = 60.0


class BenchError(Exception):
    """A figure could not be taken."""


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
                raise BenchError(f"{method} {path}: {answer.status} {content[:300]!r}")
            found: Object = json.loads(content)
            return found

    async def until(self, path: str, wanted: Callable[[dict[str, Object]], bool], *, what: str) -> None:
        """Follow a list by a watch until it is as wanted; says what it waited for when it never is."""
        known: dict[str, Object] = {}
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._follow(path, known, wanted)
        except TimeoutError:
            unready = [name for name, one in known.items() if not is_ready(one)]
            raise BenchError(
                f"no {what} within {WITHIN_S:.0f} s: {len(known)} are there, not ready: {unready[:5]}"
            ) from None

    async def _follow(
        self, path: str, known: dict[str, Object], wanted: Callable[[dict[str, Object]], bool]
    ) -> None:
        listed = await self.call("GET", path)
        known.update((one["metadata"]["name"], one) for one in listed["items"])
        version = listed["metadata"]["resourceVersion"]
        separator = "&" if "?" in path else "?"
        address = f"{self.base}{path}{separator}watch=true&resourceVersion={version}"
        async with self.session.get(address) as answer:
            while not wanted(known):
                line = await answer.content.readline()
                if not line:
                    raise BenchError(f"the watch of {path} ended")
                event = json.loads(line)
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
