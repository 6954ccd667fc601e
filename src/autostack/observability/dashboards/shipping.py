"""Dashboards as ConfigMaps with the label by which Grafana's sidecar finds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from autostack.observability.errors import ObservabilityError

FILE = Path("argocd/monitoring/dashboards.yaml")
_HEAD = """\
# Written by `autostack dashboards` from src/autostack/observability/dashboards; do not edit.
apiVersion: v1
kind: ConfigMap
metadata:
  name: auto-stack-dashboards
  namespace: monitoring
  labels:
    app.kubernetes.io/name: auto-stack
    app.kubernetes.io/part-of: auto-stack
    grafana_dashboard: "1"
data:
"""


def dashboards() -> dict[str, str]:
    """JSON by file name; raises ObservabilityError where the development packages are missing."""
    try:
        from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415 - a development package
    except ImportError as error:
        raise ObservabilityError("grafana-foundation-sdk is not installed; run `uv sync`") from error
    from autostack.observability.dashboards.overview import overview  # noqa: PLC0415 - needs the same package

    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {"auto-stack.json": encoder.encode(overview().build())}


def config_map(files: Mapping[str, str]) -> str:
    """The manifest, one block of JSON per dashboard. Pure."""
    blocks = []
    for name, content in sorted(files.items()):
        body = "".join(f"    {line}\n" for line in content.splitlines())
        blocks.append(f"  {name}: |\n{body}")
    return _HEAD + "".join(blocks)
