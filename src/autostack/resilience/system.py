"""The system as its users see it, through the ingress: the sender's ledger and metrics, the stored rows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from service_kit.problem_id import format_run

from autostack.errors import UnavailableError
from autostack.resilience.audit import Run, Stored
from autostack.resilience.samples import Traffic

_TIMEOUT_S = 5.0
_EXPORT_TIMEOUT_S = 60.0


class System:
    """One running system behind one ingress, such as `http://127.0.0.1:8080`. Use it as a context."""

    def __init__(self, ingress: str) -> None:
        self._ingress = ingress.rstrip("/")
        self._client = httpx2.AsyncClient(base_url=self._ingress, timeout=_TIMEOUT_S)

    async def __aenter__(self) -> System:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def traffic(self, at_s: float) -> Traffic:
        """The sender's counters now; raises UnavailableError."""
        return read_traffic((await self._get("sender", "/metrics")).text, at_s)

    async def run(self) -> Run:
        """The accounts of the sender's run."""
        ledger = (await self._get("sender", "/ledger")).json()
        return Run(
            tag=int(ledger["run"], 16),
            segments=tuple((part["start_ms"], part["first_sequence"]) for part in ledger["segments"]),
            issued=ledger["issued"],
            acknowledged=ledger["acknowledged"],
            rejected=ledger["rejected"],
            given_up=ledger["given_up"],
            in_flight=ledger["in_flight"],
        )

    async def acknowledged(self) -> bytes:
        """The sender's bitmap."""
        return (await self._get("sender", "/ledger/acknowledged")).content

    async def rows(self, run: Run) -> AsyncIterator[Stored]:
        """The stored rows of a run, ordered by id, as a stream."""
        query: dict[str, str | list[str]] = {
            "format": "ndjson",
            "run": format_run(run.tag),
            "segment": [str(start) for start, _ in run.segments],
        }
        async with self._stream("results", "/api/v1/results/export", query) as response:
            async for line in response.aiter_lines():
                if line:
                    row = json.loads(line)
                    yield Stored(UUID(row["id"]), row["expression"], row["status"], row["result"])

    async def _get(self, host: str, path: str) -> httpx2.Response:
        try:
            response = await self._client.get(path, headers={"Host": f"{host}.localhost"})
            response.raise_for_status()
        except httpx2.HTTPError as error:
            raise self._unavailable(host, path, error) from error
        return response

    @asynccontextmanager
    async def _stream(
        self, host: str, path: str, query: dict[str, str | list[str]]
    ) -> AsyncIterator[httpx2.Response]:
        headers = {"Host": f"{host}.localhost"}
        try:
            async with self._client.stream(
                "GET", path, params=query, headers=headers, timeout=_EXPORT_TIMEOUT_S
            ) as response:
                response.raise_for_status()
                yield response
        except httpx2.HTTPError as error:
            raise self._unavailable(host, path, error) from error

    def _unavailable(self, host: str, path: str, error: httpx2.HTTPError) -> UnavailableError:
        if isinstance(error, httpx2.HTTPStatusError):
            cause = f"status {error.response.status_code}"
        else:
            cause = f"{type(error).__name__} {str(error).partition(chr(10))[0][:120]}".strip()
        return UnavailableError(
            f"{host}.localhost{path} does not answer through {self._ingress} ({cause});"
            " `autostack status` tells whether the system is up"
        )


def read_traffic(exposition: str, at_s: float) -> Traffic:
    """A sample from the sender's `/metrics` text."""
    outcomes: dict[str, int] = {}
    asked = 0.0
    buckets: list[tuple[float, float]] = []
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            match sample.name:
                case "traffic_sender_problems_total":
                    outcomes[sample.labels["outcome"]] = int(sample.value)
                case "traffic_sender_asked_tps":
                    asked = sample.value
                case "traffic_sender_latency_seconds_bucket":
                    buckets.append((float(sample.labels["le"]), sample.value))
    return Traffic(
        at_s=at_s,
        acknowledged=outcomes.get("acknowledged", 0),
        rejected=outcomes.get("rejected", 0),
        given_up=outcomes.get("given_up", 0),
        asked_tps=asked,
        latency_buckets=tuple(buckets),
    )
