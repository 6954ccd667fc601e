"""Every decision of a controller that is arithmetic: a file of cases by state, `given` and `expect`.

A bug report becomes one more entry. Sizes and ages are written short; `objects_from` makes them whole.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from autostack.pocket.controllers.autoscaling.behavior import Memory, limit, tolerance_of
from autostack.pocket.controllers.autoscaling.replicas import NoMetricsError, Target, wanted_replicas
from autostack.pocket.controllers.cronjob.schedule import BadScheduleError, due, is_too_late
from autostack.pocket.controllers.deployment import progress, rolling
from autostack.pocket.controllers.deployment.rollout import DESIRED_REPLICAS, MAX_REPLICAS, Rollout
from autostack.pocket.controllers.endpointslice.slices import desired_slices
from autostack.pocket.controllers.job.tally import Tally
from autostack.pocket.controllers.scheduler.placement import refusal
from autostack.pocket.controllers.statefulset.plan import Create, View, plan
from autostack.pocket.controllers.taints import leaves_in_s

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def cases(folder: str) -> list[Any]:
    files = sorted((CASES / folder).glob("*.yaml"))
    return [
        pytest.param(case, id=f"{file.stem}: {name}")
        for file in files
        for name, case in yaml.safe_load(file.read_text()).items()
    ]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def replica_set(name: str, text: str, template: str, age: int) -> dict[str, Any]:
    """`3/2 of 4 max 5`: wants 3, has 2 available, was sized for 4 of at most 5."""
    numbers = [int(word) for word in text.replace("/", " ").split() if word.isdigit()]
    wanted, available = numbers[:2]
    annotations = {}
    if len(numbers) == 4:
        annotations = {DESIRED_REPLICAS: str(numbers[2]), MAX_REPLICAS: str(numbers[3])}
    return {
        "metadata": {"name": name, "creationTimestamp": ago(age), "annotations": annotations, "uid": name},
        "spec": {"replicas": wanted, "template": {"metadata": {}, "spec": {"image": template}}},
        "status": {"replicas": wanted, "availableReplicas": available, "readyReplicas": available},
    }


def rollout_of(given: dict[str, Any]) -> Rollout:
    strategy = given.get("strategy", {"type": "RollingUpdate"})
    deployment = {
        "metadata": {"name": "web", "generation": 1, "uid": "web"},
        "spec": {
            "replicas": given["replicas"],
            "strategy": strategy,
            "template": {"metadata": {}, "spec": {"image": "new"}},
            **given.get("spec", {}),
        },
        "status": given.get("status", {}),
    }
    sets = [
        replica_set(name, text, "new" if name == "new" else name, age=1000 - position)
        for position, (name, text) in enumerate(given["sets"].items())
    ]
    return Rollout.of(deployment, sets)


@pytest.mark.parametrize("case", cases("rolling"))
def test_a_rollout_takes_the_step_of_the_reference_controller(case: dict[str, Any]) -> None:
    rollout = rollout_of(case["given"])
    decide = {"proportional": rolling.proportional, "step": rolling.next_step}[case.get("decide", "step")]
    sizes = {step.replica_set["metadata"]["name"]: step.replicas for step in decide(rollout)}
    assert sizes == case["expect"]


@pytest.mark.parametrize("case", cases("progress"))
def test_a_deployment_tells_its_progress(case: dict[str, Any]) -> None:
    given = case["given"]
    known = given.get("progressing")
    if known is not None:
        moment = ago(known.pop("age_s"))
        fresh = {
            "type": "Progressing",
            "status": "True",
            "lastUpdateTime": moment,
            "lastTransitionTime": moment,
        }
        given["status"] = {**given.get("status", {}), "conditions": [{**fresh, **known}]}
    status = progress.status_of(rollout_of(given), NOW)
    told = {one["type"]: f"{one['status']} {one['reason']}" for one in status["conditions"]}
    assert told == case["expect"]


def pod_of(name: str, text: str) -> dict[str, Any]:
    """`ready`, `unready`, `starting`, `failed`, `terminating`, each with an optional revision after it."""
    state, _, revision = text.partition(" ")
    phase = {"failed": "Failed", "succeeded": "Succeeded"}.get(state, "Running")
    ready = "True" if state in ("ready", "terminating") else "False"
    metadata: dict[str, Any] = {"name": name, "uid": name, "labels": {"controller-revision-hash": revision}}
    if state == "terminating":
        metadata["deletionTimestamp"] = ago(1)
    started_s, changed_s = (20, 20) if state == "starting" else (1200, 600)
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": ago(changed_s)}]
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "main"}]},
        "status": {"phase": phase, "conditions": conditions, "startTime": ago(started_s)},
    }


@pytest.mark.parametrize("case", cases("statefulset"))
def test_a_stateful_set_moves_in_order(case: dict[str, Any]) -> None:
    given = case["given"]
    stateful_set = {"metadata": {"name": "db", "uid": "db"}, "spec": given["spec"]}
    pods = [pod_of(f"db-{ordinal}", text) for ordinal, text in given["pods"].items()]
    steps = plan(View.of(stateful_set, pods, ("old", "new"), NOW))
    told = [
        f"create {one.ordinal} {one.revision}"
        if isinstance(one, Create)
        else f"delete {one.pod['metadata']['name'][3:]}"
        for one in steps
    ]
    assert told == case["expect"]


@pytest.mark.parametrize("case", cases("job"))
def test_a_job_knows_when_it_is_over_and_how_many_pods_it_needs(case: dict[str, Any]) -> None:
    given = case["given"]
    pods = []
    for number, text in enumerate(given.get("pods", [])):
        state, _, age = text.partition(" ")
        pod = pod_of(f"job-{number}", state)
        pod["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
        finished = {"terminated": {"finishedAt": ago(float(age or 0)), "exitCode": given.get("exit_code", 0)}}
        restarts = given.get("restarts", 0)
        pod["status"]["containerStatuses"] = [{"state": finished, "restartCount": restarts}]
        pods.append(pod)
    spec = {"template": {"spec": {"restartPolicy": given.get("restartPolicy", "Never")}}, **given["spec"]}
    status = dict(given.get("status", {}))
    if "started_s_ago" in given:
        status["startTime"] = ago(given["started_s_ago"])
    tally = Tally(
        {"metadata": {"name": "job", "uid": "job"}, "spec": spec, "status": status}, tuple(pods), NOW
    )
    verdict = tally.verdict()
    expect = case["expect"]
    assert (verdict.reason if verdict else None) == expect["verdict"]
    if "missing" in expect:
        assert tally.missing() == expect["missing"]
    if "failed" in expect:
        assert tally.failed == expect["failed"]
    if "backoff_s" in expect:
        assert tally.backoff_in_s() == pytest.approx(expect["backoff_s"])


@pytest.mark.parametrize("case", cases("schedule"))
def test_a_cron_job_is_due_when_its_schedule_says(case: dict[str, Any]) -> None:
    spec, now = case["given"]["spec"], case["given"]["now"]
    if "reason" in case["expect"]:
        with pytest.raises(BadScheduleError) as refused:
            due(spec, since=case["given"]["since"], now=now)
        assert refused.value.reason == case["expect"]["reason"]
        return
    found = due(spec, since=case["given"]["since"], now=now)
    expect = case["expect"]
    assert found.latest == expect["latest"]
    assert found.next == expect["next"]
    assert found.too_many_missed == expect.get("too_many_missed", False)
    if found.latest is not None:
        assert is_too_late(spec, found.latest, now) == expect.get("too_late", False)


@pytest.mark.parametrize("case", cases("placement"))
def test_a_node_takes_a_pod_or_says_why_not(case: dict[str, Any]) -> None:
    given = case["given"]
    container = {"name": "main", **given.get("container", {})}
    pod = {"metadata": {"name": "pod"}, "spec": {"containers": [container], **given.get("spec", {})}}
    node = {
        "metadata": {"name": "node", "labels": given.get("labels", {})},
        "spec": given.get("node", {}),
        "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "3"}},
    }
    other = {
        "metadata": {"name": "other"},
        "spec": {"containers": [{"name": "main", **given.get("other", {})}]},
    }
    others = [other] * given.get("others", 1 if "other" in given else 0)
    assert refusal(pod, node, others) == case["expect"]


@pytest.mark.parametrize("case", cases("replicas"))
def test_an_autoscaler_asks_for_the_replicas_of_the_reference_algorithm(case: dict[str, Any]) -> None:
    given = case["given"]
    pods = []
    for name, state in given["pods"].items():
        pod = pod_of(name, state)
        request = {} if given.get("request") is None else {"requests": {"cpu": given["request"]}}
        pod["spec"]["containers"] = [{"name": "main", "resources": request}]
        pods.append(pod)
    target = Target("cpu", utilization=given.get("utilization"), average_value=given.get("average"))
    current = given.get("current", len(pods))
    tolerance = tolerance_of(given)
    if "problem" in case:
        with pytest.raises(NoMetricsError, match=case["problem"]):
            wanted_replicas(target, current, pods, given["usage"], NOW, tolerance=tolerance)
        return
    answer = wanted_replicas(target, current, pods, given["usage"], NOW, tolerance=tolerance)
    assert answer.replicas == case["expect"]


@pytest.mark.parametrize("case", cases("behavior"))
def test_an_autoscaler_moves_no_faster_than_its_behaviour(case: dict[str, Any]) -> None:
    given = case["given"]

    def remembered(entries: list[list[int]]) -> list[tuple[datetime, int]]:
        return [(NOW - timedelta(seconds=age), value) for age, value in entries]

    memory = Memory(remembered(given.get("recommended", [])), remembered(given.get("changed", [])))
    found = limit(given["spec"], memory, given["current"], given["wanted"], NOW)
    assert {"replicas": found.replicas, "stabilized": found.stabilized, "limited": found.limited} == {
        "stabilized": "",
        "limited": "",
        **case["expect"],
    }


@pytest.mark.parametrize("case", cases("taints"))
def test_a_pod_leaves_a_tainted_node_when_its_tolerations_end(case: dict[str, Any]) -> None:
    given = case["given"]
    taints = []
    for taint in given.get("taints", []):
        added = {"timeAdded": ago(taint.pop("added_ago"))} if "added_ago" in taint else {}
        taints.append({**taint, **added})
    node = {"metadata": {"name": "node"}, "spec": {"taints": taints}}
    pod = {"spec": {"nodeName": "node", "tolerations": given.get("tolerations", [])}}
    moment = NOW - timedelta(seconds=given.get("seen_ago", 0))
    seen = {("node", one["key"], one.get("value") or ""): moment for one in taints}
    assert leaves_in_s(pod, node, seen, NOW) == case["expect"]


@pytest.mark.parametrize("case", cases("endpoints"))
def test_endpoints_tell_which_pods_may_be_used(case: dict[str, Any]) -> None:
    service = {"metadata": {"name": "web", "namespace": "n", "uid": "u"}, "spec": {"ports": [{"port": 80}]}}
    pods = []
    for name, state in case["given"].items():
        pod = pod_of(name, state)
        pod["status"]["podIP"] = name
        pods.append(pod)
    found = {
        endpoint["addresses"][0]: " ".join(key for key, value in endpoint["conditions"].items() if value)
        for piece in desired_slices(service, pods)
        for endpoint in piece["endpoints"]
    }
    assert found == case["expect"]
