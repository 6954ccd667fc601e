"""Workloads that must behave alike on any Kubernetes: rollouts, endpoints, jobs, cascades, evictions.

On a real cluster: AUTOSTACK_TEST_KUBECONFIG=~/.kube/config pytest tests/integration/pocket/anycluster
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from harness.waiting import eventually

from .conftest import WITHIN_S, AnyCluster
from .manifests import IMAGE, RUNS, condition, main_state, pod, pod_spec, workload


def is_ready(found: dict[str, Any]) -> bool:
    return condition(found, "Ready").get("status") == "True"


def all_ready(count: int) -> Any:
    def holds(pods: list[dict[str, Any]]) -> bool:
        alive = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
        return len(alive) == len(pods) == count and all(map(is_ready, alive))

    return holds


def colour(value: str) -> list[dict[str, str]]:
    return [{"name": "COLOUR", "value": value}]


async def rolled_out(cluster: AnyCluster) -> None:
    assert "successfully rolled out" in await cluster.ok("rollout", "status", "deploy/web", "--timeout=110s")


async def test_a_deployment_rolls_forward_and_back_and_stops_at_what_can_not_start(
    cluster: AnyCluster,
) -> None:
    careful = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = {"strategy": careful, "progressDeadlineSeconds": 6, "revisionHistoryLimit": 5}
    await cluster.apply(workload("Deployment", "web", 2, pod=pod_spec(env=colour("red")), **spec))
    await rolled_out(cluster)
    (first,) = await cluster.read("rs")
    template_hash = first["metadata"]["labels"]["pod-template-hash"]
    assert first["metadata"]["name"] == f"web-{template_hash}"
    assert first["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": template_hash}

    await cluster.ok("set", "env", "deploy/web", "COLOUR=green")
    await rolled_out(cluster)
    replicas = {one["metadata"]["name"]: one["spec"]["replicas"] for one in await cluster.read("rs")}
    assert sorted(replicas.values()) == [0, 2]
    assert replicas[first["metadata"]["name"]] == 0
    history = await cluster.ok("rollout", "history", "deploy/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]

    await cluster.ok("set", "image", "deploy/web", "main=example.invalid/nothing:1")
    stopped = await cluster.kubectl("rollout", "status", "deploy/web", "--timeout=110s")
    assert "exceeded its progress deadline" in stopped.err
    web = await cluster.read("deploy", "web")
    assert condition(web, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert web["status"]["availableReplicas"] == 2

    await cluster.ok("rollout", "undo", "deploy/web", "--to-revision=1")
    await rolled_out(cluster)
    web = await cluster.read("deploy", "web")
    assert web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "4"
    assert web["spec"]["template"]["spec"]["containers"][0]["env"] == colour("red")


async def test_a_service_has_the_pods_that_are_ready(cluster: AnyCluster) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    ports = [{"name": "http", "containerPort": 8080}]
    web = workload("Deployment", "web", 2, pod=pod_spec(readinessProbe=probe, ports=ports))
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    await cluster.apply(web, service)
    pods = await cluster.until(
        "pods",
        holds=lambda found: len(found) == 2 and all("startedAt" in str(main_state(one)) for one in found),
    )
    chosen = ("endpointslices", "-l", "kubernetes.io/service-name=web")

    def ready_addresses(slices: list[dict[str, Any]]) -> set[str]:
        return {
            address
            for one in slices
            for endpoint in one.get("endpoints") or []
            if endpoint["conditions"].get("ready")
            for address in endpoint["addresses"]
        }

    slices = await cluster.until(
        *chosen, holds=lambda found: found and len(found[0].get("endpoints") or []) == 2
    )
    assert ready_addresses(slices) == set()
    name, address = pods[0]["metadata"]["name"], pods[0]["status"]["podIP"]
    await cluster.ok("exec", name, "--", "touch", "/tmp/ready")
    slices = await cluster.until(*chosen, holds=lambda found: ready_addresses(found) == {address})
    assert [(port["name"], port["port"]) for port in slices[0]["ports"]] == [("", 8080)]
    await cluster.ok("exec", name, "--", "rm", "/tmp/ready")
    await cluster.until(*chosen, holds=lambda found: ready_addresses(found) == set())
    await cluster.ok("delete", "deploy", "web", "--cascade=foreground", "--timeout=110s")
    await cluster.until(*chosen, holds=lambda found: not any(one.get("endpoints") for one in found))


async def test_jobs_complete_fail_and_index_their_pods(cluster: AnyCluster) -> None:
    def job(name: str, script: str, **spec: Any) -> dict[str, Any]:
        template = {"spec": pod_spec(script, spec={"restartPolicy": "Never"})}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": template, **spec},
        }

    await cluster.apply(
        job("good", "echo done", completions=2, parallelism=2),
        job("bad", "echo broken; exit 3"),
        job("many", "echo $JOB_COMPLETION_INDEX", completions=3, parallelism=3, completionMode="Indexed"),
    )
    await asyncio.gather(
        cluster.ok("wait", "--for=condition=complete", "job/good", "job/many", "--timeout=110s"),
        cluster.ok("wait", "--for=condition=failed", "job/bad", "--timeout=110s"),
    )
    jobs = {one["metadata"]["name"]: one for one in await cluster.read("jobs")}
    assert jobs["good"]["status"]["succeeded"] == 2
    assert condition(jobs["bad"], "Failed")["reason"] == "BackoffLimitExceeded"
    assert (jobs["bad"]["status"]["failed"], "succeeded" in jobs["bad"]["status"]) == (1, False)
    assert jobs["many"]["status"]["completedIndexes"] == "0-2"
    lines = await cluster.ok("logs", "-l", "job-name=many", "--tail=5")
    assert sorted(lines.split()) == ["0", "1", "2"]
    assert await cluster.ok("logs", "job/bad") == "broken\n"
    await cluster.ok("delete", "job", "good", "bad", "many")
    await cluster.until("pods", holds=lambda found: not found)


async def test_cascades_leave_or_take_what_an_owner_has(cluster: AnyCluster) -> None:
    await cluster.apply(*(workload("ReplicaSet", name) for name in ("orphaned", "behind", "before")))
    await cluster.until("pods", holds=all_ready(3))
    await asyncio.gather(
        cluster.ok("delete", "rs", "orphaned", "--cascade=orphan"),
        cluster.ok("delete", "rs", "behind", "--cascade=background"),
        cluster.ok("delete", "rs", "before", "--cascade=foreground", "--timeout=110s"),
    )
    (left,) = await cluster.until("pods", holds=lambda found: len(found) == 1)
    assert left["metadata"]["labels"]["app"] == "orphaned"
    assert "ownerReferences" not in left["metadata"]
    await cluster.apply(workload("ReplicaSet", "orphaned"))

    def adopted(pods: list[dict[str, Any]]) -> bool:
        return len(pods) == 1 and "ownerReferences" in pods[0]["metadata"]

    (again,) = await cluster.until("pods", holds=adopted)
    assert again["metadata"]["uid"] == left["metadata"]["uid"]


async def test_a_circle_of_owners_and_finalizers_end_as_they_should(cluster: AnyCluster) -> None:
    uids = {}
    for name in ("a", "b"):
        await cluster.ok("create", "configmap", name)
        await cluster.ok("label", "configmap", name, "circle=yes")
        uids[name] = (await cluster.read("configmap", name))["metadata"]["uid"]
    for name, owner in (("a", "b"), ("b", "a")):
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uids[owner]}
        patch = {"metadata": {"ownerReferences": [reference], "finalizers": [f"example.com/{name}"]}}
        await cluster.ok("patch", "configmap", name, "--type=merge", "-p", json.dumps(patch))
    await cluster.ok("delete", "configmap", "a", "--wait=false")
    held = await cluster.read("configmap", "a")
    assert "deletionTimestamp" in held["metadata"]
    refused = await cluster.kubectl(
        "patch", "configmap", "a", "--type=json", "-p",
        '[{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/late"}]',
    )  # fmt: skip
    assert refused.code != 0
    for name in ("a", "b"):
        await cluster.ok("patch", "configmap", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    await cluster.until("configmaps", "-l", "circle=yes", holds=lambda found: not found)


async def test_an_eviction_asks_the_budget(cluster: AnyCluster) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    }
    await cluster.apply(workload("Deployment", "web", 2), budget)
    pods = await cluster.until("pods", holds=all_ready(2))
    await cluster.until("pdb", "web", holds=lambda found: found["status"].get("currentHealthy") == 2)
    name = pods[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{name}/eviction"
    body = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}})
    refused = await cluster.kubectl("create", "--raw", path, "-f", "-", stdin=body)
    assert "Cannot evict pod as it would violate the pod's disruption budget" in refused.err + refused.out
    await cluster.ok("patch", "pdb", "web", "--type=merge", "-p", '{"spec":{"minAvailable":1}}')
    await cluster.until("pdb", "web", holds=lambda found: found["status"].get("disruptionsAllowed") == 1)
    await cluster.ok("create", "--raw", path, "-f", "-", stdin=body)
    await cluster.until("pods", holds=lambda found: name not in [one["metadata"]["name"] for one in found])


async def test_a_stateful_set_has_ordered_pods_with_lasting_names(cluster: AnyCluster) -> None:
    await cluster.apply(workload("StatefulSet", "db", 2, serviceName="db"))
    pods = await cluster.until("pods", "--sort-by=.metadata.creationTimestamp", holds=all_ready(2))
    assert [one["metadata"]["name"] for one in pods] == ["db-0", "db-1"]
    assert [one["spec"]["hostname"] for one in pods] == ["db-0", "db-1"]
    revision = (await cluster.read("sts", "db"))["status"]["updateRevision"]
    assert {one["metadata"]["labels"]["controller-revision-hash"] for one in pods} == {revision}
    await cluster.ok("delete", "pod", "db-0", "--wait=false")
    old = pods[0]["metadata"]["uid"]

    def replaced(found: list[dict[str, Any]]) -> bool:
        names = {one["metadata"]["name"]: one["metadata"]["uid"] for one in found}
        return all_ready(2)(found) and names.get("db-0") not in (None, old)

    await cluster.until("pods", holds=replaced)
    await cluster.ok("scale", "sts", "db", "--replicas=1")
    (left,) = await cluster.until("pods", holds=all_ready(1))
    assert left["metadata"]["name"] == "db-0"


async def test_a_watch_tells_every_change_in_order_from_a_version_on(cluster: AnyCluster) -> None:
    await cluster.ok("create", "configmap", "before")
    version = json.loads(await cluster.ok("get", "--raw", f"{maps(cluster)}?limit=1"))["metadata"][
        "resourceVersion"
    ]
    await cluster.ok("create", "configmap", "one")
    await cluster.ok("label", "configmap", "one", "x=y")
    await cluster.ok("delete", "configmap", "one")
    chosen = f"watch=1&resourceVersion={version}&timeoutSeconds=1&fieldSelector=metadata.name%3Done"
    told = await cluster.ok("get", "--raw", f"{maps(cluster)}?{chosen}")
    events = [json.loads(line) for line in told.splitlines()]
    assert [one["type"] for one in events] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(one["object"]["metadata"]["resourceVersion"]) for one in events]
    assert versions == sorted(set(versions))


def maps(cluster: AnyCluster) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}/configmaps"


async def test_a_pod_restarts_with_its_logs_codes_and_messages(cluster: AnyCluster) -> None:
    script = "echo run; echo why >/dev/termination-log; exit 4"
    mounted = {"env": [{"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}
    await cluster.apply(
        pod("crash", script),
        pod("once", "echo $ME; exit 0", spec={"restartPolicy": "OnFailure"}, **mounted),
        pod("deaf", "trap '' TERM; while :; do sleep 0.1; done"),
    )
    crash = await cluster.until(
        "pod", "crash", holds=lambda found: main_state(found).get("restartCount", 0) >= 1
    )
    last = await cluster.until(
        "pod", "crash", holds=lambda found: "terminated" in main_state(found).get("lastState", {})
    )
    ended = main_state(last)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (4, "Error", "why\n")

    async def told_before() -> bool:  # a kubelet removes the run before the last while it begins a new one
        return (await cluster.kubectl("logs", "crash", "--previous")).out == "run\n"

    await eventually(told_before, within_s=WITHIN_S, what="the output of the run before")
    assert crash["status"]["phase"] == "Running"
    await cluster.until("pod", "once", holds=lambda found: found["status"]["phase"] == "Succeeded")
    assert await cluster.ok("logs", "once", "--since=1h", "--timestamps=false") == "once\n"
    await cluster.ok("wait", "--for=condition=Ready", "pod/deaf", "--timeout=110s")
    await cluster.ok("delete", "pod", "deaf", "--timeout=60s")  # SIGKILL after its two seconds


async def test_what_is_wrong_with_a_pod_is_told_and_heals(cluster: AnyCluster) -> None:
    reads = {"envFrom": [{"configMapRef": {"name": "later"}}]}
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    await cluster.apply(
        pod("waits", **reads),
        pod("nothing", image="example.invalid/nothing:1"),
        pod("missing", command=["/no/such/program"]),
        pod("never", readinessProbe=probe),
    )

    def waiting(*reasons: str) -> Any:
        return lambda found: main_state(found).get("state", {}).get("waiting", {}).get("reason") in reasons

    await cluster.until("pod", "waits", holds=waiting("CreateContainerConfigError"))
    assert 'configmap "later" not found' in await cluster.ok("describe", "pod", "waits")
    await cluster.ok("create", "configmap", "later", "--from-literal=A=b")
    await cluster.until("pod", "waits", holds=is_ready)
    await cluster.until("pod", "nothing", holds=waiting("ErrImagePull", "ImagePullBackOff"))
    await cluster.until(
        "pod", "missing", holds=lambda found: "/no/such/program" in json.dumps(found["status"])
    )
    await cluster.until("pod", "never", holds=lambda found: "running" in main_state(found).get("state", {}))

    def unhealthy(events: list[dict[str, Any]]) -> bool:
        return any(one["reason"] == "Unhealthy" for one in events)

    await cluster.until("events", "--field-selector=involvedObject.name=never", holds=unhealthy)
    assert not is_ready(await cluster.read("pod", "never"))


async def test_files_commands_and_input_reach_a_pod(cluster: AnyCluster, tmp_path: Any) -> None:
    once = {"stdin": True, "stdinOnce": True, "spec": {"restartPolicy": "Never"}}
    await cluster.apply(pod("web"), pod("listens", "cat; echo over", **once))
    await cluster.ok("wait", "--for=condition=Ready", "pod/web", "pod/listens", "--timeout=110s")
    (tmp_path / "in").write_text("content\n")
    await cluster.ok("cp", str(tmp_path / "in"), "web:/tmp/file")
    assert await cluster.ok("exec", "web", "--", "cat", "/tmp/file") == "content\n"
    assert await cluster.ok("exec", "-i", "web", "--", "tr", "a-z", "A-Z", stdin="loud\n") == "LOUD\n"
    failed = await cluster.kubectl("exec", "web", "--", "sh", "-c", "echo bad >&2; exit 5")
    assert (failed.code, "bad" in failed.err) == (5, True)
    attached = await cluster.ok("attach", "-i", "listens", stdin="heard\n")
    assert attached.endswith("heard\nover\n")
    assert await cluster.ok("logs", "-f", "listens") == "heard\nover\n"


async def test_a_terminal_reaches_a_pod(cluster: AnyCluster) -> None:
    asks = "test -t 0 && echo terminal; read word; echo got $word"
    ran = await cluster.terminal(
        "run", "shell", "-it", "--rm", "--quiet", "--restart=Never", "--image=busybox:1.36", "--",
        "sh", "-c", asks, typed="one\n",
    )  # fmt: skip
    assert "terminal" in ran
    assert "got one" in ran
    await cluster.until("pods", holds=lambda found: not found)
    await cluster.apply(pod("web"))
    await cluster.ok("wait", "--for=condition=Ready", "pod/web", "--timeout=110s")
    assert "got two" in await cluster.terminal("exec", "-it", "web", "--", "sh", "-c", asks, typed="two\n")


async def test_statuses_of_pods_that_prepare_end_and_are_attended(cluster: AnyCluster) -> None:
    def beside(name: str, script: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "image": IMAGE, "command": ["sh", "-c", script], **more}

    never = {"restartPolicy": "Never"}
    logs = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    await cluster.apply(
        pod("prepared", spec={"initContainers": [beside("first", "true")]}),
        pod("hindered", spec={**never, "initContainers": [beside("first", "exit 2")]}),
        pod(
            "attended",
            "true",
            spec={**never, "initContainers": [beside("first", RUNS, restartPolicy="Always")]},
        ),
        pod("told", "echo one; echo two; exit 1", spec=never, **logs),
    )
    prepared = await cluster.until("pod", "prepared", holds=is_ready)
    (first,) = prepared["status"]["initContainerStatuses"]
    assert (first["ready"], first["started"], first["state"]["terminated"]["reason"]) == (
        True,
        False,
        "Completed",
    )

    def over(phase: str) -> Any:
        return lambda found: found["status"].get("phase") == phase

    hindered = await cluster.until("pod", "hindered", holds=over("Failed"))
    assert main_state(hindered)["state"]["waiting"]["reason"] == "PodInitializing"
    assert "Init:Error" in await cluster.ok("get", "pod", "hindered")
    attended = await cluster.until("pod", "attended", holds=over("Succeeded"))
    assert "terminated" in attended["status"]["initContainerStatuses"][0]["state"]
    assert "0/2     Completed" in await cluster.ok("get", "pod", "attended")
    told = await cluster.until("pod", "told", holds=over("Failed"))
    assert main_state(told)["state"]["terminated"]["message"] == "one\ntwo\n"


async def test_a_volume_must_be_there_when_somebody_mounts_it(cluster: AnyCluster) -> None:
    missing = {"volumes": [{"name": "v", "configMap": {"name": "nosuch"}}]}
    mounts = [{"name": "v", "mountPath": "/v"}]
    await cluster.apply(pod("spare", spec=missing), pod("needs", spec=missing, volumeMounts=mounts))
    await cluster.until("pod", "spare", holds=is_ready)

    def told(events: list[dict[str, Any]]) -> bool:
        said = 'MountVolume.SetUp failed for volume "v" : configmap "nosuch" not found'
        return any(one["reason"] == "FailedMount" and said in one["message"] for one in events)

    await cluster.until("events", "--field-selector=involvedObject.name=needs", holds=told)
    await cluster.ok("create", "configmap", "nosuch", "--from-literal=a=b")
    await cluster.until("pod", "needs", holds=is_ready)
    assert await cluster.ok("exec", "needs", "--", "cat", "/v/a") == "b"
