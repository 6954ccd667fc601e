"""The registry finds what is declared and not exposed, and the other way round."""

import pytest
from service_kit import MetricRegistry, Service, ServiceSettings
from service_kit.errors import MetricError
from service_kit.http_metrics import HttpMetrics
from service_kit.metrics import Declared, differences


def test_a_new_service_exposes_exactly_what_it_declares() -> None:
    service = Service("example", ServiceSettings())
    service.http.observe("GET", "/x", 200, 0.003)
    exposition = service.metrics.exposition().decode()
    assert differences(service.metrics.declared.values(), exposition) == []
    assert 'build_info{revision="unknown",service="example",version="dev"} 1.0' in exposition


def test_differences_are_found_both_ways() -> None:
    registry = MetricRegistry()
    registry.counter("seen_total", "things seen", ("kind",)).labels("a").inc()
    declared = [*registry.declared.values(), Declared("missing", "gauge", "never exposed")]
    exposition = registry.exposition().decode()
    assert differences(declared, exposition) == ["missing is declared and not exposed"]
    without = [item for item in declared if item.name not in ("seen_total", "missing")]
    assert differences(without, exposition) == ["seen_total is exposed and not declared"]
    wrong = [Declared("seen_total", "gauge", "other", ("colour",)), *without]
    assert differences(wrong, exposition) == [
        "seen_total has the labels ['kind'], declared are ['colour']",
        "seen_total is declared a gauge and exposed as a counter",
    ]


def test_a_metric_is_declared_once_and_well() -> None:
    registry = MetricRegistry()
    registry.gauge("depth", "of the queue")
    with pytest.raises(MetricError, match="declared twice"):
        registry.gauge("depth", "again")
    with pytest.raises(MetricError, match="must end in _total"):
        registry.counter("seen", "things")
    with pytest.raises(MetricError, match="no description"):
        registry.gauge("width", "")


def test_requests_are_counted_in_bounded_labels_and_cumulative_buckets() -> None:
    registry = MetricRegistry()
    http = HttpMetrics()
    registry.collector(http, http.declared)
    for duration_s in (0.001, 0.0011, 30.0):
        http.observe("BREW", "/pot", 418, duration_s)
    text = registry.exposition().decode()
    assert 'http_requests_total{method="OTHER",route="/pot",status="418"} 3.0' in text
    assert 'http_request_duration_seconds_bucket{le="0.001",route="/pot"} 1.0' in text
    assert 'http_request_duration_seconds_bucket{le="0.002",route="/pot"} 2.0' in text
    assert 'http_request_duration_seconds_bucket{le="+Inf",route="/pot"} 3.0' in text
