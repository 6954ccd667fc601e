"""Error rate and P95 of a release's own pods, from Prometheus; pods by name, so the old version does not
blur it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import httpx2

from autostack.gitops.errors import UnreachableError

# The worker's own histogram runs from receipt to the acknowledged answer; every other service has the HTTP
# one.
LATENCY = {"worker-node": "worker_calculation_duration_seconds"}
_DEFAULT_LATENCY = "http_request_duration_seconds"
_PROBES = r'route!~"/(healthz|readyz|metrics|version)"'


def queries(app: str, pods: Iterable[tuple[str, str]], window_s: float) -> dict[str, str]:
    """PromQL for requests, failures (5xx) and P95 over the window."""
    names = list(pods)
    pod = "|".join(sorted(re.escape(name) for _, name in names)).replace("\\", "\\\\")
    where = f'pod=~"{pod}",namespace="{names[0][0] if names else ""}"'
    span = f"{max(15, math.ceil(window_s))}s"
    metric = LATENCY.get(app, _DEFAULT_LATENCY)
    inner = where if app in LATENCY else f"{where},{_PROBES}"
    return {
        "requests": f"sum(increase(http_requests_total{{{where},{_PROBES}}}[{span}]))",
        "failures": f'sum(increase(http_requests_total{{{where},{_PROBES},status=~"5.."}}[{span}]))',
        "p95": f"histogram_quantile(0.95, sum by (le) (rate({metric}_bucket{{{inner}}}[{span}])))",
    }


async def instant(http: httpx2.AsyncClient, url: str, query: str) -> float | None:
    """The value of an instant query, None when there is no sample; UnreachableError when there is no
    answer.
    """
    try:
        answer = await http.get(f"{url}/api/v1/query", params={"query": query})
        answer.raise_for_status()
        result = answer.json()["data"]["result"]
    except (httpx2.HTTPError, OSError, ValueError, KeyError) as error:
        raise UnreachableError(f"Prometheus at {url}: {type(error).__name__}") from error
    value = float(result[0]["value"][1]) if result else math.nan
    return None if math.isnan(value) else value
