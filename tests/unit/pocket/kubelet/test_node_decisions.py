"""What the kubelet decides, without doing anything: status, restarts, probes, environment, names, sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from autostack.pocket.images.image import Image
from autostack.pocket.kubelet.ending import ended
from autostack.pocket.kubelet.environment import (
    PodFacts,
    Sources,
    environment_of,
    expand,
    resource_value,
    service_links,
)
from autostack.pocket.kubelet.errors import ConfigError
from autostack.pocket.kubelet.fields import shortfalls
from autostack.pocket.kubelet.hosts import service_lines
from autostack.pocket.kubelet.launch import command_of, identity
from autostack.pocket.kubelet.probing import (
    Verdict,
    before_first,
    early_waits_s,
    port_number,
    probe_of,
)
from autostack.pocket.kubelet.restarts import Backoff, restarts
from autostack.pocket.kubelet.sandbox import Mount, Sandbox, bwrap_arguments, mount_points
from autostack.pocket.kubelet.status import ContainerView, Ended, PodView, phase_of, pod_status, qos_class

FACTS = PodFacts("127.64.0.10", "127.64.0.1", 2, 8 << 30)
NOTHING = Sources(lambda _name: None, lambda _name: None)


def pod(policy: str = "Always", **container: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "default", "uid": "u", "labels": {"a": "b"}},
        "spec": {"restartPolicy": policy, "containers": [{"name": "main", "image": "x", **container}]},
    }


def over(code: int) -> ContainerView:
    return ContainerView("main", "x", waiting=None, ended=Ended(code, "Error", 1, 2))


def view(*containers: ContainerView, init: tuple[ContainerView, ...] = ()) -> PodView:
    return PodView(containers, init, "127.64.0.10", "127.64.0.1", 0, 100, sandbox_ready=True)


RUNS = ContainerView("main", "x", waiting=None, running_since=1, ready=True, started=True)
WAITS = ContainerView("main", "x")
CRASHED = ContainerView(
    "main", "x", waiting=("CrashLoopBackOff", ""), last=Ended(1, "Error", 1, 2), restarts=1
)


@pytest.mark.parametrize(
    ("policy", "containers", "phase"),
    [
        ("Always", (WAITS,), "Pending"),
        ("Always", (RUNS,), "Running"),
        ("Always", (RUNS, WAITS), "Pending"),
        ("Always", (CRASHED,), "Running"),
        ("Always", (over(0),), "Running"),
        ("Never", (over(0),), "Succeeded"),
        ("Never", (over(0), over(1)), "Failed"),
        ("Never", (over(1), RUNS), "Running"),
        ("OnFailure", (over(1),), "Running"),
        ("OnFailure", (over(0),), "Succeeded"),
    ],
)
def test_the_phase_follows_from_the_containers(
    policy: str, containers: tuple[ContainerView, ...], phase: str
) -> None:
    assert phase_of(pod(policy), view(*containers)) == phase


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    one = pod()
    one["status"] = pod_status(one, view(RUNS))
    later = PodView([RUNS], (), "127.64.0.10", "127.64.0.1", 0, 5000, sandbox_ready=True)
    assert pod_status(one, later) == one["status"]
    unready = PodView([CRASHED], (), "127.64.0.10", "127.64.0.1", 0, 5000, sandbox_ready=True)
    ready = next(c for c in pod_status(one, unready)["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
    assert ready["message"] == "containers with unready status: [main]"
    assert ready["lastTransitionTime"] == "1970-01-01T01:23:20Z"


def test_conditions_of_others_are_kept_and_gate_readiness() -> None:
    one = pod()
    one["spec"]["readinessGates"] = [{"conditionType": "example.com/ok"}]
    conditions = {c["type"]: c["status"] for c in pod_status(one, view(RUNS))["conditions"]}
    assert (conditions["Ready"], conditions["ContainersReady"]) == ("False", "True")
    one["status"] = {"conditions": [{"type": "example.com/ok", "status": "True"}]}
    conditions = {c["type"]: c["status"] for c in pod_status(one, view(RUNS))["conditions"]}
    assert (conditions["Ready"], conditions["example.com/ok"]) == ("True", "True")


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        (
            {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}},
            "Guaranteed",
        ),
    ],
)
def test_the_quality_of_service(resources: dict[str, Any], qos: str) -> None:
    assert qos_class(pod(resources=resources)) == qos


def test_restarts_back_off_from_nothing_to_five_minutes_and_are_forgiven() -> None:
    backoff, now, delays = Backoff(), 0.0, []
    for _ in range(8):
        delay, backoff = backoff.after_exit(now)
        delays.append(delay)
        now += delay
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.after_exit(now + 601)[0] == 0


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [("Always", 0, True), ("OnFailure", 0, False), ("OnFailure", 1, True), ("Never", 1, False)],
)
def test_the_restart_policy(policy: str, code: int, again: bool) -> None:
    assert restarts(policy, code) is again


def early(**probe: Any) -> list[float]:
    spec = probe_of(pod(readinessProbe=probe)["spec"]["containers"][0], "readiness")
    assert spec is not None
    return list(early_waits_s(spec))


def test_a_probe_that_has_not_passed_is_tried_beside_its_schedule_for_half_a_minute() -> None:
    waits_s = early(httpGet={"port": 80}, periodSeconds=10)
    assert waits_s[0] == 0
    assert max(waits_s) <= 0.5
    assert 29 < sum(waits_s) < 32


def test_entering_a_container_is_tried_less_often() -> None:
    assert len(early(exec={"command": ["x"]})) < len(early(httpGet={"port": 80}))


def test_nothing_is_tried_early_where_one_success_is_not_enough() -> None:
    assert early(httpGet={"port": 80}, successThreshold=2) == []


def test_a_probe_changes_its_verdict_at_its_thresholds_only() -> None:
    probe = {"exec": {"command": ["x"]}, "successThreshold": 2, "failureThreshold": 3}
    spec = probe_of(pod(readinessProbe=probe)["spec"]["containers"][0], "readiness")
    assert spec is not None
    verdict, seen = before_first("readiness"), []
    for passed in (True, True, False, False, True, False, False, False):
        verdict = verdict.after(passed, spec)
        seen.append(verdict.passing)
    assert seen == [False, True, True, True, True, True, True, False]
    assert Verdict(passing=True) == before_first("liveness")


def test_ports_are_found_by_number_or_name() -> None:
    container = {"ports": [{"name": "web", "containerPort": 8000}]}
    assert [port_number(container, port) for port in (80, "81", "web", "none")] == [80, 81, 8000, None]


def test_references_expand_and_unknown_ones_stay() -> None:
    assert expand("$(A)-$(B)-$$(A)-$A", {"A": "1"}) == "1-$(B)-$(A)-$A"


def test_the_environment_in_its_order() -> None:
    config = {"data": {"x": "from-map", "y": "2"}}
    sources = Sources(lambda name: config if name == "c" else None, lambda _name: None)
    container = {
        "envFrom": [
            {"configMapRef": {"name": "c"}, "prefix": "P_"},
            {"secretRef": {"name": "s", "optional": True}},
        ],
        "env": [
            {"name": "A", "value": "$(P_x)/$(LINK)"},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "no", "optional": True}}},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}},
        ],
    }
    found = environment_of(pod(), container, sources, FACTS, {"LINK": "l"})
    assert found == {"LINK": "l", "P_x": "from-map", "P_y": "2", "A": "from-map/l", "C": "b"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "c", "key": "k"}}, 'configmap "c" not found'),
        ({"secretKeyRef": {"name": "s", "key": "k"}}, 'secret "s" not found'),
        ({"fieldRef": {"fieldPath": "spec.nope"}}, "unsupported fieldPath"),
    ],
)
def test_what_the_environment_lacks_is_named(source: dict[str, Any], message: str) -> None:
    container = {"env": [{"name": "A", "valueFrom": source}]}
    with pytest.raises(ConfigError, match=message):
        environment_of(pod(), container, NOTHING, FACTS, {})


def test_resources_are_told_in_units_of_the_divisor() -> None:
    one = pod(resources={"limits": {"memory": "100Mi", "cpu": "250m"}})
    container = one["spec"]["containers"][0]
    ask = [("limits.memory", "1Mi"), ("limits.cpu", "1"), ("limits.cpu", "1m"), ("requests.cpu", "1m")]
    found = [resource_value(one, {"resource": r, "divisor": d}, FACTS, container) for r, d in ask]
    assert found == ["100", "1", "250", "0"]


def test_service_links_name_the_services_of_the_namespace() -> None:
    service = {
        "metadata": {"name": "my-db", "namespace": "default"},
        "spec": {"clusterIP": "127.65.0.9", "ports": [{"name": "sql", "port": 5432}]},
    }
    links = service_links([service], "default")
    assert links["MY_DB_SERVICE_HOST"] == "127.65.0.9"
    assert links["MY_DB_SERVICE_PORT_SQL"] == "5432"
    assert links["MY_DB_PORT_5432_TCP"] == "tcp://127.65.0.9:5432"
    assert service_links([service], "other") == {}


def test_names_of_services_as_a_pod_sees_them() -> None:
    services = [
        {"metadata": {"name": "web", "namespace": "a"}, "spec": {"clusterIP": "127.65.0.2"}},
        {"metadata": {"name": "db", "namespace": "b"}, "spec": {"clusterIP": "None"}},
        {"metadata": {"name": "out", "namespace": "a"}, "spec": {"type": "ExternalName"}},
    ]
    slices = [
        {
            "metadata": {"namespace": "b", "labels": {"kubernetes.io/service-name": "db"}},
            "endpoints": [
                {"addresses": ["127.64.0.5"], "hostname": "db-0", "conditions": {"ready": True}},
                {"addresses": ["127.64.0.6"], "hostname": "db-1", "conditions": {"ready": False}},
            ],
        }
    ]
    from_a, from_b = service_lines("a", services, slices), service_lines("b", services, slices)
    assert "127.65.0.2 web.a.svc.cluster.local web.a.svc web.a web\n" in from_a
    assert (
        "127.64.0.5 db-0.db.b.svc.cluster.local db-0.db.b.svc db-0.db.b "
        "db.b.svc.cluster.local db.b.svc db.b\n" in from_a
    )
    assert from_b.splitlines()[0].endswith(" db.b db")
    assert "127.64.0.6" not in from_a


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({}, ("entry", "default")),
        ({"args": ["$(X)"]}, ("entry", "1")),
        ({"command": ["own"]}, ("own",)),
        ({"command": ["own"], "args": ["a"]}, ("own", "a")),
    ],
)
def test_command_and_args_over_the_images(container: dict[str, Any], words: tuple[str, ...]) -> None:
    image = Image("x", "x", entrypoint=("entry",), command=("default",))
    assert command_of(container, image, {"X": "1"}) == words


def test_the_user_of_pod_container_and_image() -> None:
    passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:999:998::/x:/bin/sh\n"
    one = pod()
    container = one["spec"]["containers"][0]
    assert identity(one, container, Image("x", "x", user="postgres"), passwd) == (999, 998)
    one["spec"]["securityContext"] = {"runAsUser": 5, "runAsGroup": 6}
    assert identity(one, container, Image("x", "x", user="7:7"), passwd) == (5, 6)
    container["securityContext"] = {"runAsUser": 0, "runAsNonRoot": True}
    with pytest.raises(ConfigError, match="non-root"):
        identity(one, container, Image("x", "x"), passwd)


def test_no_environment_value_is_on_the_command_line_and_mounts_are_in_order() -> None:
    mounts = (Mount("/b", "/data/inner"), Mount("/a", "/data"), Mount("/c", "/data", read_only=True))
    sandbox = Sandbox(
        "/r", "h", 5, 6, "/w", ("run",), {"A": "1"}, read_only_root=True, mounts=mounts, hidden=("/data/no",)
    )
    arguments = bwrap_arguments(sandbox)
    text = " ".join(arguments)
    assert "--ro-bind /r / " in text
    assert text.index("--ro-bind /c /data") < text.index("--bind /b /data/inner")
    assert "--bind /a" not in text
    assert text.index("/data/inner") < text.index("--tmpfs /data/no --remount-ro /data/no")
    assert "run" not in arguments
    assert [mount.target for mount in mount_points(mounts)] == ["/data"]


@pytest.mark.parametrize(
    ("code", "last", "oom", "exit_code", "reason"),
    [
        (0, "", False, 0, "Completed"),
        (3, "", False, 3, "Error"),
        (137, "", True, 137, "OOMKilled"),
        (1, "", True, 1, "Error"),
        (None, "bwrap: execvp nope: No such file or directory", False, 128, "StartError"),
        (None, "bwrap: Can't chdir to /x: No such file", False, 128, "StartError"),
        (None, "anything", False, 137, "Error"),
    ],
)
def test_the_end_of_a_run(code: int | None, last: str, oom: bool, exit_code: int, reason: str) -> None:
    end = ended(
        code, started_at=1, finished_at=2, container_id="", last_line=last, oom_killed=oom, message=""
    )
    assert (end.exit_code, end.reason) == (exit_code, reason)


def test_what_the_node_can_not_do_is_refused_or_told() -> None:
    one = pod(
        securityContext={"privileged": True, "capabilities": {"add": ["NET_ADMIN"]}},
        livenessProbe={"grpc": {}},
    )
    one["spec"] |= {"hostPID": True, "volumes": [{"name": "n", "nfs": {}}]}
    found = {shortfall.path: shortfall.refused for shortfall in shortfalls(one)}
    assert found == {
        "spec.hostPID": True,
        "spec.containers[main].securityContext.privileged": True,
        "spec.containers[main].securityContext.capabilities.add": False,
        "spec.containers[main].livenessProbe.grpc": True,
        "spec.volumes[n].nfs": True,
    }
    assert shortfalls(pod()) == []
