"""Curves are what the counters say, window by window."""

from __future__ import annotations

import pytest

from autostack.resilience.chart import nice_ceiling
from autostack.resilience.curves import curve, quantile
from autostack.resilience.samples import Traffic

INF = float("inf")


def _sample(at_s: float, acknowledged: int, *counts: int) -> Traffic:
    bounds = (0.01, 0.1, INF)
    return Traffic(at_s, acknowledged, 0, 0, 50, tuple(zip(bounds, counts, strict=True)))


@pytest.mark.parametrize(
    ("share", "counts", "wanted"),
    [
        (0.5, (10, 10, 10), 0.005),
        (0.95, (0, 100, 100), 0.01 + 0.09 * 0.95),
        (0.95, (0, 0, 10), 0.1),
        (0.95, (0, 0, 0), None),
        (1.0, (5, 10, 10), 0.1),
    ],
)
def test_a_quantile_is_prometheus_quantile(
    share: float, counts: tuple[int, ...], wanted: float | None
) -> None:
    found = quantile(share, list(zip((0.01, 0.1, INF), counts, strict=True)))
    assert found == (None if wanted is None else pytest.approx(wanted))


def test_a_window_is_at_least_as_long_as_asked() -> None:
    samples = [_sample(at / 4, at * 10, at * 10, at * 10, at * 10) for at in range(9)]
    points = curve(samples, window_s=1)
    assert [point.at_s for point in points] == [1, 2]
    assert [point.tps for point in points] == [40, 40]


def test_a_restarted_sender_leaves_a_gap_and_no_negative_rate() -> None:
    points = curve([_sample(0, 100, 1, 1, 1), _sample(1, 5, 1, 1, 1), _sample(2, 15, 1, 1, 1)])
    assert [point.tps for point in points] == [10]


def test_silence_has_no_latency() -> None:
    (point,) = curve([_sample(0, 5, 1, 1, 1), _sample(1, 5, 1, 1, 1)])
    assert (point.tps, point.p95_s) == (0, None)


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, 1), (1, 1), (1.1, 2), (51, 100), (240, 250), (300, 400), (0.03, 0.04)]
)
def test_an_axis_ends_at_a_round_number(value: float, wanted: float) -> None:
    assert nice_ceiling(value) == pytest.approx(wanted)
