"""Error rate and P95 from Prometheus: of a release's own pods, by their names, so that the old version does
not blur it; and of the application as a whole, at a moment when one version served alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import httpx2

from autostack.gitops.errors import UnreachableError
from autostack.gitops.guard.objective import SPAN_S, Traffic

# The worker's own histogram runs from receipt to the acknowledged answer; every other service has the HTTP
# one.
LATENCY = {"worker-node": "worker_calculation_duration_seconds"}
_DEFAULT_LATENCY = "http_request_duration_seconds"
_PROBES = r'route!~"/(healthz|readyz|metrics|version)"'


def of_pods(pods: Iterable[tuple[str, str]]) -> str:
    """The selector of pods, given as (namespace, name), that are all in one namespace."""
    names = list(pods)
    pod = "|".join(sorted(re.escape(name) for _, name in names)).replace("\\", "\\\\")
    return f'pod=~"{pod}",namespace="{names[0][0] if names else ""}"'


def of_application(app: str, namespace: str) -> str:
    """The selector of whatever pods an application had."""
    return f'job="{app}",namespace="{namespace}"'


def queries(app: str, where: str) -> dict[str, str]:
    """PromQL for requests, the share of them that failed (5xx), and P95, by the fields of Traffic."""
    span = f"{SPAN_S:g}s"
    metric = LATENCY.get(app, _DEFAULT_LATENCY)
    inner = where if app in LATENCY else f"{where},{_PROBES}"
    requests = f"sum(increase(http_requests_total{{{where},{_PROBES}}}[{span}]))"
    failures = f'sum(increase(http_requests_total{{{where},{_PROBES},status=~"5.."}}[{span}]))'
    return {
        "requests": requests,
        "error_rate": f"({failures} or vector(0)) / {requests}",
        "p95_s": f"histogram_quantile(0.95, sum by (le) (rate({metric}_bucket{{{inner}}}[{span}])))",
    }


def at_best(asked: Mapping[str, str], within_s: float) -> dict[str, str]:
    """The least that the queries gave within a time: what is over a limit then was so throughout."""
    return {name: f"min_over_time(({query})[{within_s:g}s:5s])" for name, query in asked.items()}


async def traffic(
    http: httpx2.AsyncClient, url: str, asked: Mapping[str, str], *, at: float | None = None
) -> Traffic:
    """What the queries give, now or at a Unix time; UnreachableError when there is no answer."""
    values = {name: await _instant(http, url, query, at) for name, query in asked.items()}
    return Traffic(values["requests"] or 0.0, values["error_rate"], values["p95_s"])


async def _instant(http: httpx2.AsyncClient, url: str, query: str, at: float | None) -> float | None:
    """The value of an instant query, None when there is no sample."""
    moment = {} if at is None else {"time": f"{at:.3f}"}
    try:
        answer = await http.get(f"{url}/api/v1/query", params={"query": query, **moment})
        answer.raise_for_status()
        result = answer.json()["data"]["result"]
    except (httpx2.HTTPError, OSError, ValueError, KeyError) as error:
        raise UnreachableError(f"Prometheus at {url}: {type(error).__name__}") from error
    value = float(result[0]["value"][1]) if result else math.nan
    return None if math.isnan(value) else value
