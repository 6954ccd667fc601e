"""Queries to Prometheus: one range or one instant, as series."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx2

from autostack.console.dashboards import legend_of
from autostack.console.drawing import Series
from autostack.console.errors import PrometheusError

_TIMEOUT_S = 5.0
_TOLD_CHARACTERS = 200


class Prometheus:
    """One server. Use it as a context."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.AsyncClient(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Prometheus:
        """Nothing is opened before the first query."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def over(
        self, expression: str, *, start_s: float, end_s: float, step_s: int, legend: str
    ) -> list[Series]:
        """A range query; raises PrometheusError."""
        result = await self._query(
            "/api/v1/query_range", query=expression, start=start_s, end=end_s, step=step_s
        )
        return [
            Series(
                legend_of(legend, one["metric"]), [(float(at), float(value)) for at, value in one["values"]]
            )
            for one in result
        ]

    async def now(self, expression: str, *, legend: str) -> list[Series]:
        """An instant query."""
        result = await self._query("/api/v1/query", query=expression)
        return [
            Series(legend_of(legend, one["metric"]), [(float(one["value"][0]), float(one["value"][1]))])
            for one in result
        ]

    async def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or fire."""
        found: list[dict[str, Any]] = (await self._data("/api/v1/alerts"))["alerts"]
        return found

    async def _query(self, path: str, **parameters: str | float) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = (await self._data(path, **parameters))["result"]
        return result

    async def _data(self, path: str, **parameters: str | float) -> dict[str, Any]:
        try:
            answer = (await self._client.get(path, params=parameters)).json()
        except (httpx2.HTTPError, ValueError) as error:
            raise PrometheusError(f"Prometheus does not answer ({type(error).__name__})") from error
        if answer.get("status") != "success":
            raise PrometheusError(str(answer.get("error", "the query failed"))[:_TOLD_CHARACTERS])
        data: dict[str, Any] = answer["data"]
        return data
