"""The running system as its users reach it: by host name, through one ingress."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx2

HOSTS = ("results", "sender", "worker", "prometheus", "console")
_TIMEOUT_S = 3.0


class Ingress:
    """One ingress, such as `http://127.0.0.1:8080`. A service without an answer gives None, not an error."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx2.AsyncClient(base_url=self.url, timeout=_TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Ingress:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._client.aclose()

    def address(self, host: str) -> str:
        """Where a browser finds a service."""
        scheme, _, rest = self.url.partition("://")
        port = rest.partition(":")[2]
        return f"{scheme}://{host}.localhost" + (f":{port}" if port else "") + "/"

    async def json(self, host: str, path: str, **query: str) -> Any:
        """A JSON answer, or None when there is none."""
        response = await self._get(host, path, query)
        if response is None:
            return None
        try:
            return response.json()
        except ValueError:
            return None

    async def answers(self, host: str, path: str = "/") -> bool:
        """Whether a service answers with success."""
        return await self._get(host, path, {}) is not None

    async def query(self, promql: str) -> float | None:
        """The value of an instant query to Prometheus; None when it has none, or is not there."""
        found = await self.json("prometheus", "/api/v1/query", query=promql)
        result = ((found or {}).get("data") or {}).get("result") or []
        if not result:
            return None
        value = float(result[0]["value"][1])
        return value if value == value else None  # noqa: PLR0124 - NaN, the quantile of nothing, is unequal to itself

    async def _get(self, host: str, path: str, query: dict[str, str]) -> httpx2.Response | None:
        try:
            response = await self._client.get(path, params=query, headers={"Host": f"{host}.localhost"})
        except httpx2.HTTPError:
            return None
        return response if response.is_success else None
