"""When drift is healed: at once, unless something undoes each heal within moments."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from autostack.gitops.application import parse
from autostack.gitops.comparison import Comparison, Resource
from autostack.gitops.moments import rfc3339
from autostack.gitops.objects import ObjectKey
from autostack.gitops.operation import Begin, Hold, automatic

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
APP = parse(
    {
        "metadata": {"name": "demo", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "file:///origin.git", "path": "manifests", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "demo"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }
)


def drifted(*names: str) -> Comparison:
    return Comparison(
        tuple(
            Resource(
                ObjectKey("", "ConfigMap", "demo", name),
                "v1",
                {},
                None,
                (),
                0,
                hook=False,
                counts=True,
                health=None,
            )
            for name in names
        )
    )


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def succeeded(begun: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "operation": begun, "phase": "Succeeded", "finishedAt": rfc3339(at(seconds)),
        "syncResult": {"revision": "abc", "source": APP.source.raw},
    }  # fmt: skip


SYNCED = succeeded({"sync": {}}, 0)


def look(state: dict[str, Any], now_s: float, *names: str, since_s: float | None = None) -> Begin | Hold:
    since = at(now_s if since_s is None else since_s)
    return automatic(APP, drifted(*names), "abc", state, at(now_s), drifted_at=since)


def healed_names(verdict: Begin | Hold) -> list[str]:
    assert isinstance(verdict, Begin)
    return [one["name"] for one in verdict.operation["sync"]["resources"]]


def test_what_people_do_one_after_the_other_is_undone_at_once() -> None:
    state, now = SYNCED, 0.0
    for _ in range(20):
        now += 6
        verdict = look(state, now, "a")
        assert isinstance(verdict, Begin)
        state = succeeded(verdict.operation, now)


def test_what_undoes_every_heal_is_fought_ever_more_slowly() -> None:
    state, now, waits = SYNCED, 10.0, []
    for _ in range(11):
        seen, verdict = now, look(state, now, "a")
        if isinstance(verdict, Hold):
            assert verdict.again_in_s is not None
            now += verdict.again_in_s
            verdict = look(state, now, "a", since_s=seen)
        assert isinstance(verdict, Begin)
        waits.append(now - seen)
        state = succeeded(verdict.operation, now)
    assert waits == [0, 0, 1, 2, 5, 15, 30, 60, 180, 180, 180]


def test_others_do_not_wait_for_what_is_fought_over() -> None:
    state = SYNCED
    for _ in range(5):
        verdict = look(state, 10, "a")
        if isinstance(verdict, Hold):
            break
        state = succeeded(verdict.operation, 10)
    assert isinstance(look(state, 10, "a"), Hold)
    assert healed_names(look(state, 10, "a", "b")) == ["b"]
    assert healed_names(look(state, 20, "a", "b")) == ["a", "b"]


def test_without_self_heal_drift_stays() -> None:
    app = parse({**APP.raw, "spec": {**APP.raw["spec"], "syncPolicy": {"automated": {"prune": True}}}})
    assert automatic(app, drifted("a"), "abc", SYNCED, at(9), drifted_at=at(9)) == Hold()


def test_a_healed_application_is_left_alone() -> None:
    whole = Comparison(tuple(replace(one, desired={}, live={}) for one in drifted("a").resources))
    assert automatic(APP, whole, "abc", SYNCED, at(9), drifted_at=at(9)) == Hold()
