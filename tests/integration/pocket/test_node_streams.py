"""Logs, exec, probes and usage, as the API server asks for them."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_node import PocketNode, is_ready, pod_object
from harness.waiting import eventually

from autostack.pocket.controllers.kinds import POD
from autostack.pocket.errors import ApiError
from autostack.pocket.node import LogOptions

SLEEPS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


async def test_tail_limit_and_timestamps_select_lines(node: PocketNode) -> None:
    pod = pod_object("lines", "seq 1 100000")
    pod["spec"]["restartPolicy"] = "Never"
    assert (await node.output(pod)).splitlines()[-1] == "100000"
    assert await node.logs("lines", tail_lines=2) == "99999\n100000\n"
    assert await node.logs("lines", tail_lines=0) == ""
    assert await node.logs("lines", limit_bytes=3) == "1\n2"
    stamped = (await node.logs("lines", tail_lines=1, timestamps=True)).strip()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z 100000", stamped)


async def test_since_leaves_out_what_is_older(node: PocketNode) -> None:
    await node.create(
        pod_object("since", f"echo old; until [ -e /tmp/go ]; do sleep 0.02; done; echo new; {SLEEPS}")
    )
    await node.ready("since")

    async def marked() -> bool:
        return any((node.folder / "node/pods").glob("*/containers/main/0/log.times"))

    await eventually(marked, what="the time of the first line")
    moment = time.time() + 0.05

    async def later() -> bool:
        return time.time() > moment

    await eventually(later, what="a later moment")
    await node.exec("since", "touch", "/tmp/go")

    async def new_only() -> bool:
        from datetime import UTC, datetime

        since = datetime.fromtimestamp(moment, UTC).isoformat()
        return await node.logs("since", since_time=since) == "new\n"

    await eventually(new_only, what="the new line alone")


async def test_follow_ends_with_the_container(node: PocketNode) -> None:
    pod = pod_object("talk", "echo 1; until [ -e /tmp/go ]; do sleep 0.02; done; echo 2; echo 3")
    pod["spec"]["restartPolicy"] = "Never"
    await node.create(pod)
    stored = await node.ready("talk")
    pieces = node.kubelet.gateway.logs(stored, LogOptions("main", follow=True))
    assert await anext(pieces) == b"1\n"
    await node.exec("talk", "touch", "/tmp/go")
    assert b"".join([piece async for piece in pieces]) == b"2\n3\n"


async def test_exec_passes_input_output_and_the_exit_code(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS, env=[{"name": "COLOUR", "value": "red"}], workingDir="/srv"))
    stored = await node.ready("web")
    session = await node.kubelet.gateway.exec(
        stored,
        "main",
        ["sh", "-c", "read x; echo $COLOUR $x $PWD; echo bad >&2; exit 5"],
        tty=False,
        stdin=True,
    )
    await session.write_stdin(b"green\n")
    await session.close_stdin()
    assert await session.read_stdout() == b"red green /srv\n"
    assert await session.read_stderr() == b"bad\n"
    assert await session.wait() == 5
    session.close()


async def test_exec_with_a_terminal_is_one(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS))
    stored = await node.ready("web")
    session = await node.kubelet.gateway.exec(
        stored,
        "main",
        ["sh", "-c", "test -t 0 && test -t 1 && read x && stty size && echo $x"],
        tty=True,
        stdin=True,
    )
    session.resize(132, 43)
    await session.write_stdin(b"typed\n")
    output = b""
    while piece := await session.read_stdout():
        output += piece
    assert await session.wait() == 0
    session.close()
    assert b"43 132" in output
    assert output.rstrip().endswith(b"typed")


async def test_a_killed_exec_leaves_nothing_behind(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS))
    stored = await node.ready("web")
    session = await node.kubelet.gateway.exec(stored, "main", ["sleep", "12345"], tty=False, stdin=False)

    async def listed() -> bool:
        return "12345" in (await node.exec("web", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))[
            1
        ].replace("cat", "")

    await eventually(listed, what="the running command")
    await session.kill()

    async def gone() -> bool:
        return not await listed()

    await eventually(gone, what="the end of the command")


async def test_exec_of_a_missing_command_is_127(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS))
    await node.ready("web")
    assert (await node.exec("web", "no-such-program"))[0] == 127


async def test_exec_into_a_container_that_does_not_run_is_refused(node: PocketNode) -> None:
    pod = pod_object("over", "true")
    pod["spec"]["restartPolicy"] = "Never"
    await node.create(pod)
    await node.done("over")
    with pytest.raises(ApiError, match="is not running"):
        await node.exec("over", "true")


def probed(name: str, kind: str, script: str, **probe: Any) -> dict[str, Any]:
    return pod_object(name, script, **{f"{kind}Probe": probe})


async def test_readiness_follows_the_probe(node: PocketNode) -> None:
    check = {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    await node.create(probed("gate", "readiness", SLEEPS, **check))
    await node.until("gate", lambda s: s.get("phase") == "Running")
    assert "Readiness probe failed" in await node.until_event("gate", "Unhealthy")
    assert not is_ready((await node.pod("gate"))["status"])
    await node.exec("gate", "touch", "/tmp/ok")
    await node.ready("gate")
    await node.exec("gate", "rm", "/tmp/ok")
    await node.until("gate", lambda s: not is_ready(s))


async def test_a_failing_liveness_probe_restarts_the_container(node: PocketNode) -> None:
    check = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    await node.create(probed("sick", "liveness", SLEEPS, **check))
    await node.until("sick", lambda s: (s.get("containerStatuses") or [{}])[0].get("restartCount", 0) >= 1)
    assert "will be restarted" in await node.until_event("sick", "Killing")
    assert await node.until_event("sick", "Unhealthy", "Liveness probe failed")


async def test_a_container_that_ends_is_no_longer_asked_whether_it_lives(
    node: PocketNode, tmp_path: Path
) -> None:
    """One question may be under way when the end begins."""
    asks = {"exec": {"command": ["sh", "-c", "[ ! -e /tmp/ends ] || echo >>/data/asked"]}, "periodSeconds": 1}
    ends = "trap 'touch /tmp/ends; sleep 3; exit 0' TERM; while :; do sleep 0.05; done"
    pod = probed("slow", "liveness", ends, **asks)
    pod["spec"]["volumes"] = [{"name": "data", "hostPath": {"path": str(tmp_path)}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    await node.create(pod)
    await node.ready("slow")
    await node.cluster.client.delete(POD.resource, "slow", "default")
    await node.gone("slow")
    asked = tmp_path / "asked"
    assert (asked.read_text().count("\n") if asked.exists() else 0) <= 1


async def test_a_startup_probe_holds_the_others_back(node: PocketNode) -> None:
    pod = probed(
        "slow",
        "startup",
        SLEEPS,
        exec={"command": ["test", "-e", "/tmp/up"]},
        periodSeconds=1,
        failureThreshold=60,
    )
    pod["spec"]["containers"][0]["livenessProbe"] = {
        "exec": {"command": ["test", "-e", "/tmp/up"]},
        "failureThreshold": 1,
    }
    await node.create(pod)
    status = (await node.until("slow", lambda s: s.get("phase") == "Running"))["status"]["containerStatuses"][
        0
    ]
    assert (status["started"], status["ready"], status["restartCount"]) == (False, False, 0)
    assert await node.exec("slow", "touch", "/tmp/up") == (0, "")
    await node.ready("slow")


async def test_http_and_tcp_probes_reach_the_pods_own_address(node: PocketNode) -> None:
    server = "python3 -m http.server 8000 --bind $POD_IP"
    env = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    for name, probe in (
        ("http", {"httpGet": {"port": "web", "path": "/"}}),
        ("tcp", {"tcpSocket": {"port": 8000}}),
    ):
        ports = [{"name": "web", "containerPort": 8000}]
        await node.create(
            pod_object(
                name, f"exec {server}", env=env, ports=ports, readinessProbe={**probe, "periodSeconds": 1}
            )
        )
        await node.ready(name)
    reader, writer = await node.kubelet.gateway.dial(await node.pod("http"), 8000)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.0 200")
    writer.close()


async def test_usage_is_measured(node: PocketNode) -> None:
    await node.create(pod_object("busy", "while :; do :; done", resources={"limits": {"memory": "64Mi"}}))
    await node.ready("busy")

    async def measured() -> bool:
        node.kubelet._meter.sample()
        await asyncio.sleep(0)
        usage = node.kubelet.gateway.pod_usage("default", "busy").get("main")
        return usage is not None and usage.cpu_nanocores > 50_000_000 and usage.memory_bytes > 100_000

    await eventually(measured, what="CPU of a busy loop")


async def test_a_program_over_its_memory_limit_is_oom_killed(node: PocketNode) -> None:
    hog = "import time\nblock = bytearray(300 << 20)\nwhile True: time.sleep(0.1)"
    pod = pod_object("hog", "python3", "-c", hog, resources={"limits": {"memory": "64Mi"}})
    pod["spec"]["restartPolicy"] = "Never"
    await node.create(pod)
    over = await node.done("hog")
    state = over["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")


def interactive(name: str, script: str, **container: Any) -> dict[str, Any]:
    pod = pod_object(name, script, stdin=True, **container)
    pod["spec"]["restartPolicy"] = "Never"
    return pod


async def read_until(session: Any, wanted: bytes) -> bytes:
    seen = b""
    async with asyncio.timeout(30):
        while wanted not in seen:
            piece = await session.read_stdout()
            assert piece, f"the output ended after {seen!r}"
            seen += piece
    return seen


async def test_attach_carries_input_until_its_end(node: PocketNode) -> None:
    await node.create(interactive("reader", "echo ready; cat; echo over", stdinOnce=True))
    stored = await node.until("reader", lambda s: s.get("phase") == "Running")
    session = await node.kubelet.gateway.attach(stored, "main", stdin=True)
    await read_until(session, b"ready\n")
    await session.write_stdin(b"one\ntwo\n")
    await session.close_stdin()
    assert (await read_until(session, b"over\n")).startswith(b"one\ntwo\n")
    assert await session.wait() == 0
    assert await session.read_stdout() == b""
    await node.until("reader", lambda s: s.get("phase") == "Succeeded")
    assert await node.logs("reader") == "ready\none\ntwo\nover\n"


async def test_input_stays_open_for_the_next_client_without_stdin_once(node: PocketNode) -> None:
    await node.create(interactive("kept", "while read line; do echo got $line; done; echo over"))
    stored = await node.until("kept", lambda s: s.get("phase") == "Running")
    for word in (b"one", b"two"):
        session = await node.kubelet.gateway.attach(stored, "main", stdin=True)
        await session.write_stdin(word + b"\n")
        await read_until(session, b"got " + word)
        await session.close_stdin()
        await session.kill()
    assert "over" not in await node.logs("kept")


async def test_a_terminal_has_a_size_job_control_and_an_exit_code(node: PocketNode) -> None:
    pod = interactive("shell", "stty size; read x; stty size; test -t 0 && exit 7", tty=True, stdinOnce=True)
    await node.create(pod)
    stored = await node.until("shell", lambda s: s.get("phase") == "Running")
    session = await node.kubelet.gateway.attach(stored, "main", stdin=True)
    await read_until(session, b"0 0")
    session.resize(100, 40)
    await session.write_stdin(b"go\n")
    await read_until(session, b"40 100")
    status = await node.until("shell", lambda s: s.get("phase") == "Failed")
    ended = status["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 7


async def test_attach_says_why_it_can_not(node: PocketNode) -> None:
    await node.create(pod_object("closed", SLEEPS))
    stored = await node.ready("closed")
    with pytest.raises(ApiError, match="takes no input: it needs `stdin: true`"):
        await node.kubelet.gateway.attach(stored, "main", stdin=True)
    session = await node.kubelet.gateway.attach(stored, "main", stdin=False)
    await session.kill()
    assert (await node.exec("closed", "echo", "lives"))[1] == "lives\n"
