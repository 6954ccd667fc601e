"""ServiceMonitor and PodMonitor to Prometheus scrape configurations, by the Prometheus operator's rules.
Pure.

The labels that a series gets (job, namespace, service, pod, container, endpoint, instance) are those that
kube-prometheus-stack gives it, so dashboards and alerts can't tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from autostack.observability.errors import UnsupportedError
from autostack.observability.selectors import Relabelling, meta_name, selector_relabellings

Object = Mapping[str, Any]
ScrapeConfig = dict[str, Any]

_SHARED = {"selector", "namespaceSelector", "jobLabel", "podTargetLabels", "sampleLimit"}
_SPEC = {
    "ServiceMonitor": _SHARED | {"endpoints", "targetLabels"},
    "PodMonitor": _SHARED | {"podMetricsEndpoints"},
}
_OPTIONS = {
    "honorLabels": "honor_labels",
    "honorTimestamps": "honor_timestamps",
    "interval": "scrape_interval",
    "scrapeTimeout": "scrape_timeout",
    "path": "metrics_path",
    "scheme": "scheme",
    "params": "params",
    "followRedirects": "follow_redirects",
}
_ENDPOINT = set(_OPTIONS) | {
    "port",
    "targetPort",
    "portNumber",
    "relabelings",
    "metricRelabelings",
    "filterRunning",
}
_RELABELLING = {
    "sourceLabels": "source_labels",
    "separator": "separator",
    "targetLabel": "target_label",
    "regex": "regex",
    "modulus": "modulus",
    "replacement": "replacement",
    "action": "action",
}


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where Prometheus asks for targets: an HTTP service discovery at `base`, or the Kubernetes API itself
    when None.
    """

    base: str | None = None
    refresh_interval: str = "5s"

    def section(self, role: str, namespaces: tuple[str, ...]) -> ScrapeConfig:
        """The discovery part of a scrape configuration; no namespaces means all."""
        if self.base is None:
            found: dict[str, Any] = {"role": role}
            if namespaces:
                found["namespaces"] = {"names": list(namespaces)}
            return {"kubernetes_sd_configs": [found]}
        query = urlencode([("namespace", name) for name in namespaces])
        url = f"{self.base}/{role}" + (f"?{query}" if query else "")
        return {"http_sd_configs": [{"url": url, "refresh_interval": self.refresh_interval}]}


def scrape_configs(monitor: Object, discovery: Discovery) -> list[ScrapeConfig]:
    """One configuration per endpoint of the monitor; raises UnsupportedError with the field that has no
    counterpart.
    """
    kind, spec = str(monitor["kind"]), monitor["spec"]
    _refuse_unknown(spec, _SPEC[kind], "spec")
    field = "endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints"
    return [_endpoint(monitor, index, one, discovery) for index, one in enumerate(spec.get(field) or ())]


def _endpoint(monitor: Object, index: int, endpoint: Object, discovery: Discovery) -> ScrapeConfig:
    kind, spec, metadata = str(monitor["kind"]), monitor["spec"], monitor["metadata"]
    _refuse_unknown(endpoint, _ENDPOINT, f"endpoint {index}")
    of_services = kind == "ServiceMonitor"
    name = f"{kind[0].lower()}{kind[1:]}/{metadata['namespace']}/{metadata['name']}/{index}"
    config: ScrapeConfig = {"job_name": name}
    config |= discovery.section("endpointslice" if of_services else "pod", _namespaces(monitor))
    for field, option in _OPTIONS.items():
        if field in endpoint:
            config[option] = endpoint[field]
    if "sampleLimit" in spec:
        config["sample_limit"] = spec["sampleLimit"]
    rules = [{"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"}]
    prefix = "__meta_kubernetes_service" if of_services else "__meta_kubernetes_pod"
    rules += selector_relabellings(spec.get("selector") or {}, prefix)
    rules += _port(endpoint, of_services=of_services)
    if endpoint.get("filterRunning", True):
        rules.append(
            {
                "action": "drop",
                "source_labels": ["__meta_kubernetes_pod_phase"],
                "regex": "(Failed|Succeeded)",
            }
        )
    rules += _identity(spec, endpoint, metadata, of_services=of_services)
    rules += [_relabelling(one) for one in endpoint.get("relabelings") or ()]
    config["relabel_configs"] = rules
    if endpoint.get("metricRelabelings"):
        config["metric_relabel_configs"] = [_relabelling(one) for one in endpoint["metricRelabelings"]]
    return config


def _namespaces(monitor: Object) -> tuple[str, ...]:
    selector = monitor["spec"].get("namespaceSelector") or {}
    if selector.get("any"):
        return ()
    return tuple(selector.get("matchNames") or (monitor["metadata"]["namespace"],))


def _port(endpoint: Object, *, of_services: bool) -> list[Relabelling]:
    port, target = endpoint.get("port"), endpoint.get("targetPort", endpoint.get("portNumber"))
    if port is not None:
        label = "endpointslice_port_name" if of_services else "pod_container_port_name"
    elif target is not None:
        port, label = target, f"pod_container_port_{'number' if isinstance(target, int) else 'name'}"
    else:
        raise UnsupportedError("an endpoint names neither port nor targetPort; name the port to scrape")
    return [
        {"action": "keep", "source_labels": [f"__meta_kubernetes_{label}"], "regex": re.escape(str(port))}
    ]


def _identity(spec: Object, endpoint: Object, metadata: Object, *, of_services: bool) -> list[Relabelling]:
    """The labels by which people recognise a series."""
    rules = [
        _copy("namespace", "namespace"),
        _copy("pod_container_name", "container"),
        _copy("pod_name", "pod"),
    ]
    if of_services:
        target = ["endpointslice_address_target_kind", "endpointslice_address_target_name"]
        rules += [_copy(target, "node", regex="Node;(.*)"), _copy("service_name", "service")]
        rules += _kept_labels("service", spec.get("targetLabels"))
        rules.append(_copy("service_name", "job"))
    else:
        rules.append({"target_label": "job", "replacement": f"{metadata['namespace']}/{metadata['name']}"})
    rules += _kept_labels("pod", spec.get("podTargetLabels"))
    if spec.get("jobLabel"):
        kind = "service" if of_services else "pod"
        rules.append(_copy(f"{kind}_label_{meta_name(spec['jobLabel'])}", "job", regex="(.+)"))
    named = endpoint.get("port", endpoint.get("targetPort", endpoint.get("portNumber")))
    rules.append({"target_label": "endpoint", "replacement": str(named)})
    return rules


def _kept_labels(kind: str, labels: Sequence[str] | None) -> list[Relabelling]:
    return [_copy(f"{kind}_label_{meta_name(one)}", meta_name(one), regex="(.+)") for one in labels or ()]


def _copy(source: str | list[str], target: str, regex: str | None = None) -> Relabelling:
    sources = [source] if isinstance(source, str) else source
    rule: Relabelling = {
        "source_labels": [f"__meta_kubernetes_{one}" for one in sources],
        "target_label": target,
    }
    return rule | ({"regex": regex, "replacement": "${1}"} if regex else {})


def _relabelling(rule: Object) -> Relabelling:
    _refuse_unknown(rule, set(_RELABELLING), "relabeling")
    changed = {_RELABELLING[field]: value for field, value in rule.items()}
    if "action" in changed:
        changed["action"] = str(changed["action"]).lower()
    return changed


def _refuse_unknown(found: Object, known: set[str], where: str) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise UnsupportedError(f"{where}: {', '.join(unknown)} is not translated here; remove it, or use K3s")
