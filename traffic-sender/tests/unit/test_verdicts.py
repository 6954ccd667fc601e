"""What an answer means, how long to wait, and what the figures come to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_sender.errors import RequestError
from traffic_sender.latency import Durations, LastSecond
from traffic_sender.target import Target, parse_target
from traffic_sender.verdicts import Answer, Backoff, Verdict, judge, patience_s

ID = "0193f2a0-0000-8000-8000-000000000001"


def answer(status: int, body: bytes = b"{}", content_type: bytes = b"application/json") -> Answer:
    return Answer(status=status, content_type=content_type, retry_after=None, body=body)


@pytest.mark.parametrize("status", ["ok", "undefined"])
def test_an_answer_to_this_problem_acknowledges_it(status: str) -> None:
    body = json.dumps({"id": ID.upper(), "status": status, "result": "7"}).encode()
    assert judge(answer(200, body), ID) is Verdict.ACKNOWLEDGED


@given(st.binary())
def test_nothing_unreadable_acknowledges(body: bytes) -> None:
    assert judge(answer(200, body), ID) is Verdict.FAILED


@given(st.integers(100, 999), st.sampled_from([b"text/html", b"application/problem+json", b""]))
def test_only_a_200_acknowledges_and_only_a_problem_document_rejects(status: int, media: bytes) -> None:
    body = json.dumps({"id": ID, "status": "ok"}).encode()
    verdict = judge(answer(status, body, media), ID)
    assert (verdict is Verdict.ACKNOWLEDGED) == (status == 200)
    if verdict is Verdict.REJECTED:
        assert 400 <= status < 500
        assert media == b"application/problem+json"


@pytest.mark.parametrize(
    ("header", "expected_s"),
    [
        (None, 0), (b"3", 3), (b" 2 ", 2), (b"999999", 60), (b"-1", 0), (b"soon", 0), (b"", 0), (b"1.5", 0),
        (b"Thu, 01 Jan 1970 00:01:50 GMT", 10), (b"Thu, 01 Jan 1970 00:00:10 GMT", 0), (b"\xff\xb2", 0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_bounded(header: bytes | None, expected_s: float) -> None:
    assert patience_s(header, now_unix_s=100) == expected_s


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_backoff_is_bounded_and_spread(attempts: int, draw: float) -> None:
    backoff = Backoff(base_s=0.05, cap_s=2)
    full_s = min(0.05 * 2.0 ** min(attempts - 1, 60), 2)
    assert full_s / 2 <= backoff.delay_s(attempts, draw=draw) <= full_s


def test_a_target_is_read_with_its_port_and_path() -> None:
    assert parse_target("http://worker-node-headless:8000") == Target("worker-node-headless", 8000, "/solve")
    assert parse_target("http://[::1]/base/") == Target("::1", 80, "/base/solve")
    assert parse_target("http://[::1]:81").authority == "[::1]:81"


@pytest.mark.parametrize(
    "url",
    [
        "", "worker:8000", "https://w", "http://", "http://u:p@w", "http://w:99999", "http://w/?q",
        "http://w/a b", "http://w/\r\nX: 1",
    ],
)  # fmt: skip
def test_an_unreadable_target_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match="target"):
        parse_target(url)


@given(st.lists(st.floats(1e-5, 100), min_size=1, max_size=300), st.floats(0.01, 1))
def test_a_quantile_is_right_within_five_percent(durations: list[float], share: float) -> None:
    counted = Durations()
    for duration in durations:
        counted.add(duration)
    exact = sorted(durations)[max(-(-int(share * len(durations) * 1e9) // 10**9), 1) - 1]
    quantile = counted.quantile(share)
    assert quantile is not None
    assert exact * 0.999 <= quantile <= max(sorted(durations)) * 1.06
    assert sum(counted.coarse) == counted.count == len(durations)


@given(st.lists(st.floats(0, 30), max_size=200).map(sorted), st.floats(0, 5))
def test_the_last_second_forgets_what_is_older(moments: list[float], later: float) -> None:
    meter = LastSecond()
    for moment in moments:
        meter.add(moment)
    now_s = (moments[-1] if moments else 0) + later
    slot = int(now_s * 20)
    assert meter.per_second(now_s) == sum(slot - 20 <= int(moment * 20) < slot for moment in moments)
