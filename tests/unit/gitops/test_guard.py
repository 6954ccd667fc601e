"""The guard's decisions: which commit is a bump, what breaks a release, what the reversal changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autostack.gitops.guard.bump import (
    LogEntry,
    Release,
    alone_until_s,
    latest_reverts,
    releases,
    restored,
    revert_message,
    reverted_commits,
    standing,
)
from autostack.gitops.guard.kept import KEPT, is_kept, with_kept
from autostack.gitops.guard.objective import UNMEASURED, Measured, Traffic, judge, read
from autostack.gitops.guard.prometheus import of_application, of_pods, queries

NEW, OLD, OTHER = "a" * 64, "b" * 64, "c" * 64
WORKER = Release("worker-node", "v0.5", f"sha256:{NEW}")
MESSAGE = (
    f"Ship worker-node v0.5\n\nAutostack-Bump: worker-node v0.5 sha256:{NEW}\n"
    f"Autostack-Bump: result-node v0.3 sha256:{OTHER}\n"
)


def test_a_bump_commit_is_known_by_its_trailers() -> None:
    assert releases(MESSAGE) == [WORKER, Release("result-node", "v0.3", f"sha256:{OTHER}")]
    assert releases("Autostack-Bump in prose is no trailer") == []


def test_only_the_broken_release_is_put_back() -> None:
    text = (
        f"image: ghcr.io/auto-stack/worker-node:v0.5@sha256:{NEW}  # edited by the pipeline\n"
        f"image: ghcr.io/auto-stack/result-node:v0.3@sha256:{OTHER}\nreplicas: 3\n"
    )
    previous = f"ghcr.io/auto-stack/worker-node:v0.4@sha256:{OLD}"
    after = restored(text, WORKER, previous)
    assert f"image: {previous}  # edited by the pipeline" in after
    assert f"result-node:v0.3@sha256:{OTHER}" in after


def test_a_reference_that_has_moved_on_is_left_alone() -> None:
    text = f"image: ghcr.io/auto-stack/worker-node:v0.6@sha256:{OTHER}\n"
    assert restored(text, WORKER, "x") == text


def test_the_revert_says_why_and_is_found_again() -> None:
    message = revert_message("d" * 40, {WORKER: "P95 900 ms\nis over 500 ms"})
    assert message.startswith("Revert worker-node v0.5\n")
    assert f"Autostack-Revert: {'d' * 40} worker-node v0.5 P95 900 ms is over 500 ms\n" in message
    assert reverted_commits([message]) == {"d" * 40}


GOAL, _ = read({})


def answered(requests: float, error_rate: float, p95_s: float, before: Traffic = UNMEASURED) -> Measured:
    return Measured(ready=True, traffic=Traffic(requests, error_rate, p95_s), before=before)


WELL = answered(1000, 0.0, 0.01)


@pytest.mark.parametrize(
    ("seen", "rollout_s", "ready_s", "broken", "over"),
    [
        (Measured(ready=False), 10, 0, "", False),
        (Measured(ready=False), 121, 0, "not ready within 120 s", True),
        (Measured(ready=False, failure="pod x keeps crashing"), 5, 0, "keeps crashing", True),
        (WELL, 20, 10, "", False),
        (WELL, 40, 30, "", True),
        (answered(3, 1.0, 9), 20, 5, "", False),
        (replace(WELL, ready=False), 90, 20, "", False),
    ],
)
def test_the_verdict_follows_the_objective(
    seen: Measured, rollout_s: float, ready_s: float, broken: str, over: bool
) -> None:
    verdict = judge(GOAL, seen, rollout_s=rollout_s, ready_for_s=ready_s)
    assert verdict.over is over
    assert (broken in verdict.broken) if broken else not verdict.broken


def test_without_prometheus_only_readiness_is_judged_and_that_is_said() -> None:
    verdict = judge(GOAL, Measured(ready=True), rollout_s=40, ready_for_s=30)
    assert verdict.over
    assert "only readiness" in verdict.note


SLOW = answered(1000, 0.0, 0.9)


@pytest.mark.parametrize(
    ("seen", "why"),
    [(SLOW, "P95 900 ms is over 500 ms"),
     (answered(1000, 0.2, 0.01), "error rate 20.0% is over 5.0%")],
)  # fmt: skip
def test_a_breach_breaks_a_release_once_it_has_lasted(seen: Measured, why: str) -> None:
    first = judge(GOAL, seen, rollout_s=20, ready_for_s=1)
    assert (first.broken, first.over, first.breach) == ("", False, why)
    # A moment of 4 s is seen for 14 s: the measurement looks back 10 s.
    assert judge(GOAL, seen, rollout_s=34, ready_for_s=15, breached_for_s=14).broken == ""
    assert judge(GOAL, seen, rollout_s=35, ready_for_s=16, breached_for_s=15).broken == why


@pytest.mark.parametrize(
    ("seen", "broken"),
    [
        (answered(1000, 0.0, 0.9, before=Traffic(1000, 0.0, 0.7)), ""),
        (answered(1000, 0.0, 2.9, before=Traffic(1000, 0.0, 0.7)), "P95 2900 ms is over 500 ms"),
        (answered(1000, 0.0, 0.9, before=Traffic(1000, 0.0, 0.4)), "P95 900 ms is over 500 ms"),
        (answered(1000, 0.0, 0.9, before=Traffic(3, 0.0, 0.7)), "P95 900 ms is over 500 ms"),
        (answered(1000, 0.4, 0.9, before=Traffic(1000, 0.3, 0.7)), ""),
        (answered(1000, 0.7, 0.9, before=Traffic(1000, 0.3, 0.7)), "error rate 70.0% is over 5.0%"),
        (answered(1000, 0.4, 0.9, before=Traffic(1000, 0.0, 0.7)), "error rate 40.0% is over 5.0%"),
    ],
)  # fmt: skip
def test_a_limit_that_the_version_before_did_not_hold_either_only_forbids_to_be_much_worse(
    seen: Measured, broken: str
) -> None:
    verdict = judge(GOAL, seen, rollout_s=60, ready_for_s=31, breached_for_s=16)
    assert verdict.over
    assert (broken in verdict.broken) if broken else not verdict.broken
    assert broken or "P95 900 ms is over 500 ms, and was 700 ms before it" in verdict.note


def test_a_window_does_not_end_in_the_middle_of_a_breach() -> None:
    assert not judge(GOAL, SLOW, rollout_s=60, ready_for_s=31, breached_for_s=2).over


def test_annotations_tune_the_objective() -> None:
    given = {"guard.autostack.dev/max-p95": "2s", "guard.autostack.dev/breach-for": "0s", "other": "x"}
    goal, problems = read(given)
    assert (goal.max_p95_s, goal.breach_for_s, problems) == (2, 0, [])
    assert not read({"guard.autostack.dev/enabled": "false"})[0].enabled


@pytest.mark.parametrize(
    ("name", "text"),
    [("max-p59", "2s"), ("enabled", "no"), ("window", "soon"), ("max-error-rate", "5%"),
     ("max-error-rate", "7"), ("max-error-rate", "nan"), ("min-requests", "-1"), ("max-p95", "")],
)  # fmt: skip
def test_a_bad_annotation_is_told_and_its_default_holds(name: str, text: str) -> None:
    goal, problems = read({f"guard.autostack.dev/{name}": text, "guard.autostack.dev/breach-for": "1s"})
    assert goal == replace(GOAL, breach_for_s=1)
    assert len(problems) == 1
    assert f"guard.autostack.dev/{name}" in problems[0]


def entry(number: int, message: str) -> LogEntry:
    return LogEntry(f"{number:040x}", message)


def named(release: Release) -> str:
    return f"ghcr.io/auto-stack/{release.app}:{release.version}@{release.digest}"


def test_the_release_that_the_manifests_name_is_found_below_later_commits() -> None:
    old = Release("worker-node", "v0.4", f"sha256:{OLD}")
    bump = f"Autostack-Bump: worker-node v0.4 sha256:{OLD}"
    log = [entry(3, MESSAGE), entry(2, bump), entry(1, bump)]
    assert standing(log, {"worker-node": named(WORKER)}) == {"worker-node": (log[0].commit, WORKER)}
    assert standing(log, {"worker-node": named(old)}) == {"worker-node": (log[1].commit, old)}
    assert standing(log, {"worker-node": "ghcr.io/auto-stack/worker-node:v9"}) == {}


def test_a_release_is_compared_with_the_last_that_was_kept_while_that_served_alone() -> None:
    def bump(number: int, app: str = "worker-node") -> LogEntry:
        message = f"Autostack-Bump: {app} v0.{number} sha256:{OLD}"
        return replace(entry(number, message), made_s=100.0 * number)

    log = [bump(5), bump(4), bump(3, "result-node"), entry(9, "other"), bump(2), bump(1)]

    def until(commit: LogEntry, *kept: LogEntry) -> float | None:
        names = {one.commit for one in kept}
        return alone_until_s(log, "worker-node", commit.commit, names.__contains__)

    assert until(log[0], log[1]) == 500
    assert until(log[0], log[4]) == 400  # the one in between was reverted, or passed over
    assert until(log[1], log[4], log[5]) == 400
    assert until(log[5]) == 100
    assert until(log[2]) is None


def test_a_revert_is_told_until_the_next_release_of_the_app() -> None:
    reverting = entry(2, revert_message("d" * 40, {WORKER: "P95 900 ms is over 500 ms"}))
    assert latest_reverts([reverting, entry(1, MESSAGE)]) == {
        "worker-node": f"worker-node v0.5 was reverted by {reverting.commit[:12]}: P95 900 ms is over 500 ms"
    }
    assert latest_reverts([entry(3, MESSAGE), reverting]) == {}


def test_what_was_kept_is_remembered_for_the_last_releases() -> None:
    annotations: dict[str, str] = {}
    for number in range(7):
        annotations[KEPT] = with_kept(annotations, "worker-node", f"c{number}")
    assert is_kept(annotations, "worker-node", "c6")
    assert not is_kept(annotations, "worker-node", "c0")
    assert not is_kept(annotations, "result-node", "c6")
    assert not is_kept({KEPT: "no json"}, "worker-node", "c6")


def test_the_queries_ask_about_the_releases_own_pods() -> None:
    pods = [("auto-stack", "worker-node-1-a"), ("auto-stack", "worker-node-1-b")]
    asked = queries("worker-node", of_pods(pods))
    assert 'pod=~"worker\\\\-node\\\\-1\\\\-a|worker\\\\-node\\\\-1\\\\-b"' in asked["p95_s"]
    assert "worker_calculation_duration_seconds_bucket" in asked["p95_s"]
    assert "http_request_duration_seconds_bucket" in queries("result-node", of_pods([("n", "p")]))["p95_s"]
    before = queries("worker-node", of_application("worker-node", "auto-stack"))
    assert 'job="worker-node",namespace="auto-stack"' in before["error_rate"]
