"""Pods really run: start, end, restart, adoption, deletion."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from harness.pocket_node import PocketNode, is_ready, pod_object
from harness.waiting import eventually

SLEEPS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


def one_shot(name: str, *command: str, **container: Any) -> dict[str, Any]:
    pod = pod_object(name, *command, **container)
    pod["spec"]["restartPolicy"] = "Never"
    return pod


def main_status(pod: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod["status"]["containerStatuses"][0]
    return found


def program(node: PocketNode, name: str) -> int:
    """The PID of the pod's program, as the host sees it."""
    pod = next(pod for pod in node.kubelet._pods.values() if pod.key[1] == name)
    pid = pod.containers[0].child_pid
    assert pid is not None
    return pid


async def test_a_pod_that_ends_well_succeeds_and_keeps_its_output(node: PocketNode) -> None:
    assert await node.output(one_shot("hello", "echo hello; echo error >&2")) == "hello\nerror\n"
    pod = await node.pod("hello")
    assert pod["status"]["phase"] == "Succeeded"
    state = main_status(pod)["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (0, "Completed")


async def test_a_failing_pod_that_is_not_to_be_restarted_is_failed_with_its_exit_code(
    node: PocketNode,
) -> None:
    await node.create(one_shot("fails", "exit 7"))
    pod = await node.done("fails")
    assert pod["status"]["phase"] == "Failed"
    assert main_status(pod)["state"]["terminated"]["exitCode"] == 7
    assert main_status(pod)["state"]["terminated"]["reason"] == "Error"


async def test_a_started_pod_is_ready_and_tells_what_happened(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS))
    pod = await node.ready("web")
    assert pod["status"]["podIP"].startswith("127.")
    assert pod["status"]["phase"] == "Running"
    assert main_status(pod)["started"] is True
    for reason in ("Pulled", "Created", "Started"):
        assert await node.until_event("web", reason)


async def test_a_killed_program_is_restarted_at_once_and_the_count_tells(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS))
    await node.ready("web")
    os.kill(program(node, "web"), signal.SIGKILL)
    pod = await node.until("web", lambda s: s["containerStatuses"][0]["restartCount"] == 1 and is_ready(s))
    assert "BackOff" not in [reason for reason, _ in await node.events("web")]
    last = main_status(pod)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "Error")


async def test_a_crashing_pod_backs_off_and_its_previous_output_is_readable(node: PocketNode) -> None:
    await node.create(pod_object("crash", "echo run; exit 3"))
    pod = await node.until(
        "crash", lambda s: "CrashLoopBackOff" in str((s.get("containerStatuses") or [{}])[0].get("state"))
    )
    assert main_status(pod)["restartCount"] == 1
    assert main_status(pod)["lastState"]["terminated"]["exitCode"] == 3
    assert not is_ready(pod["status"])
    assert pod["status"]["phase"] == "Running"
    assert await node.logs("crash", previous=True) == "run\n"
    await node.until_event("crash", "BackOff")


async def test_a_port_that_another_container_of_the_pod_has_is_a_crash_that_says_so(
    node: PocketNode,
) -> None:
    serve = (
        "import os, signal, socket\n_held = socket.create_server((os.environ['IP'], 8000))\nsignal.pause()"
    )
    env = [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    pod = pod_object("web", "python3", "-c", serve, env=env)
    pod["spec"]["containers"].append({**pod["spec"]["containers"][0], "name": "other"})
    await node.create(pod)
    crashed = await node.until("web", lambda s: "CrashLoopBackOff" in str(s.get("containerStatuses")))
    by_state = {next(iter(one["state"])): one["name"] for one in crashed["status"]["containerStatuses"]}
    assert set(by_state) == {"waiting", "running"}
    told = await node.logs("web", container=by_state["waiting"], previous=True)
    assert "Address already in use" in told


async def test_on_failure_restarts_until_success(node: PocketNode) -> None:
    pod = pod_object("twice", "if [ -e /data/seen ]; then exit 0; fi; touch /data/seen; exit 1")
    pod["spec"]["restartPolicy"] = "OnFailure"
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    pod["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    await node.create(pod)
    over = await node.done("twice")
    assert over["status"]["phase"] == "Succeeded"
    assert main_status(over)["restartCount"] == 1


async def test_a_command_that_does_not_exist_is_a_start_error(node: PocketNode) -> None:
    await node.create(one_shot("nothing", "no-such-program", "x"))
    pod = await node.done("nothing")
    state = main_status(pod)["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert 'exec: "no-such-program": executable file not found in $PATH' in state["message"]


async def test_deletion_sends_sigterm_and_waits_for_the_program(node: PocketNode) -> None:
    pod = pod_object("polite", "trap 'sleep 0.3; exit 0' TERM; echo set; while :; do sleep 0.05; done")
    pod["spec"]["terminationGracePeriodSeconds"] = 300
    await node.create(pod)
    await node.ready("polite")

    async def listens() -> bool:  # before its trap is set, the first process of a pod ignores SIGTERM
        return await node.logs("polite") == "set\n"

    await eventually(listens, what="the trap")
    await _delete(node, "polite")
    await node.gone("polite")

    async def clean() -> bool:
        return not list((node.folder / "node" / "pods").iterdir())

    await eventually(clean, what="removal of its folder")


async def test_a_program_that_ignores_sigterm_is_killed_after_its_grace_period(node: PocketNode) -> None:
    pod = pod_object("stubborn", "trap '' TERM; while :; do sleep 0.05; done")
    pod["spec"]["terminationGracePeriodSeconds"] = 1
    await node.create(pod)
    await node.ready("stubborn")
    pid = program(node, "stubborn")
    await _delete(node, "stubborn")
    await node.gone("stubborn")
    assert not _runs(pid)


async def test_a_forced_deletion_ends_the_program_too(node: PocketNode) -> None:
    await node.create(pod_object("forced", "trap '' TERM; while :; do sleep 0.05; done"))
    await node.ready("forced")
    pid = program(node, "forced")
    await _delete(node, "forced", grace_period_s=0)
    await node.gone("forced")

    async def ended() -> bool:
        return not _runs(pid)

    await eventually(ended, what="end of the program")


async def test_a_second_deletion_with_less_time_shortens_the_first_even_in_its_hook(node: PocketNode) -> None:
    pod = pod_object("stubborn", "trap '' TERM; while :; do sleep 0.05; done")
    pod["spec"]["terminationGracePeriodSeconds"] = 600
    pod["spec"]["containers"][0]["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "600"]}}}
    await node.create(pod)
    await node.ready("stubborn")
    await _delete(node, "stubborn")
    await node.until_event("stubborn", "Killing")
    await _delete(node, "stubborn", grace_period_s=1)
    await node.gone("stubborn")


async def test_a_pod_that_ends_while_nothing_can_be_written_goes_when_it_can(node: PocketNode) -> None:
    await node.end()
    node.retry_s = 0.1
    await node.begin()
    waits = "until [ -e /tmp/go ]; do sleep 0.02; done; exit 0"
    await node.create(pod_object("late", f"trap '{waits}' TERM; while :; do sleep 0.05; done"))
    await node.ready("late")
    await _delete(node, "late")
    await node.until_event("late", "Killing")
    node.journal.full = True
    pid = program(node, "late")
    next((node.folder / "node" / "pods").glob("*/containers/main/0/tmp")).joinpath("go").touch()

    async def ended_and_refused() -> bool:
        return not _runs(pid) and node.journal.refused > 2

    await eventually(ended_and_refused, what="goodbyes that were refused")
    node.journal.full = False
    await node.gone("late")


async def test_pre_stop_runs_before_sigterm_and_post_start_after_the_start(node: PocketNode) -> None:
    pod = pod_object("hooks", "trap 'echo term; sleep 0.1; exit 0' TERM; while :; do sleep 0.05; done")
    pod["spec"]["containers"][0]["lifecycle"] = {
        "postStart": {"exec": {"command": ["sh", "-c", "echo post >>/proc/1/fd/1"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo pre >>/proc/1/fd/1"]}},
    }
    await node.create(pod)
    stored = await node.ready("hooks")

    async def follow() -> str:
        from autostack.pocket.node import LogOptions

        pieces = node.kubelet.gateway.logs(stored, LogOptions("main", follow=True))
        return b"".join([piece async for piece in pieces]).decode()

    reading = asyncio.create_task(follow())
    await _delete(node, "hooks")
    await node.gone("hooks")
    assert await reading == "post\npre\nterm\n"


async def test_init_containers_run_one_after_the_other_before_the_rest(node: PocketNode) -> None:
    pod = one_shot("ordered", "cat /data/order")
    mounts = [{"name": "data", "mountPath": "/data"}]
    pod["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    pod["spec"]["containers"][0]["volumeMounts"] = mounts
    pod["spec"]["initContainers"] = [
        {
            "name": name,
            "image": "busybox",
            "command": ["sh", "-c", f"sleep 0.1; echo {name} >>/data/order"],
            "volumeMounts": mounts,
        }
        for name in ("first", "second")
    ]
    assert await node.output(pod) == "first\nsecond\n"
    status = (await node.pod("ordered"))["status"]
    assert [one["state"]["terminated"]["exitCode"] for one in status["initContainerStatuses"]] == [0, 0]


async def test_a_failed_init_container_fails_the_pod(node: PocketNode) -> None:
    pod = one_shot("stuck", "echo never")
    pod["spec"]["initContainers"] = [{"name": "init", "image": "busybox", "command": ["sh", "-c", "exit 4"]}]
    await node.create(pod)
    over = await node.done("stuck")
    assert over["status"]["phase"] == "Failed"
    assert "waiting" in main_status(over)["state"]


async def test_a_sidecar_runs_beside_and_ends_after_the_main_container(node: PocketNode) -> None:
    pod = one_shot("pair", "sleep 0.3")
    pod["spec"]["initContainers"] = [
        {"name": "side", "image": "busybox", "command": ["sh", "-c", SLEEPS], "restartPolicy": "Always"}
    ]
    await node.create(pod)
    over = await node.done("pair")
    assert over["status"]["phase"] == "Succeeded"


async def test_running_pods_are_adopted_after_a_crash_of_the_kubelet(node: PocketNode) -> None:
    await node.create(pod_object("web", f"echo begun; {SLEEPS}"))
    before = await node.ready("web")
    pid = program(node, "web")
    await node.end()
    await node.begin()

    async def adopted() -> bool:
        return any(pod.key[1] == "web" for pod in node.kubelet._pods.values())

    await eventually(adopted, what="adoption")
    assert program(node, "web") == pid
    after = await node.ready("web")
    assert main_status(after)["restartCount"] == 0
    assert main_status(after)["containerID"] == main_status(before)["containerID"]
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert await node.logs("web") == "begun\n"
    assert await node.exec("web", "echo", "in") == (0, "in\n")
    os.kill(pid, signal.SIGTERM)
    over = await node.until("web", lambda s: s["containerStatuses"][0]["restartCount"] == 1)
    assert main_status(over)["lastState"]["terminated"]["exitCode"] == 0


async def test_an_exit_while_the_kubelet_was_away_is_seen_with_its_code(node: PocketNode) -> None:
    await node.create(one_shot("away", "while [ ! -e /tmp/go ]; do sleep 0.02; done; exit 9"))
    await node.ready("away")
    pid = program(node, "away")
    await node.end()
    next((node.folder / "node" / "pods").glob("*/containers/main/0/tmp")).joinpath("go").touch()

    async def ended() -> bool:
        return not _runs(pid)

    await eventually(ended, what="end of the program")
    await node.begin()
    over = await node.done("away")
    assert main_status(over)["state"]["terminated"]["exitCode"] == 9


async def test_the_sandbox_of_a_pod_that_is_gone_is_ended_at_the_start(node: PocketNode) -> None:
    await node.create(pod_object("stray", SLEEPS))
    await node.ready("stray")
    pid = program(node, "stray")
    await node.end()
    await _delete(node, "stray", grace_period_s=0)
    await node.begin()

    async def ended() -> bool:
        return not _runs(pid)

    await eventually(ended, what="end of the stray")

    async def clean() -> bool:
        return list((node.folder / "node" / "pods").iterdir()) == []

    await eventually(clean, what="removal of its folder")


async def test_a_stored_pod_that_cannot_be_taken_on_keeps_its_program_and_is_tried_again(
    node: PocketNode,
) -> None:
    await node.create(pod_object("web", SLEEPS))
    address = (await node.ready("web"))["status"]["podIP"]
    pid = program(node, "web")
    await node.end()
    damaged = next((node.folder / "node" / "pods").glob("*/containers/main")) / "²"  # a digit, and no number
    damaged.mkdir()
    node.retry_s = 0.1
    await node.begin()
    await node.kubelet.ready.wait()
    assert node.kubelet._pods == {}
    assert _runs(pid)
    await node.create(pod_object("other", SLEEPS))
    assert (await node.ready("other"))["status"]["podIP"] != address
    damaged.rmdir()

    async def adopted() -> bool:
        return any(pod.key[1] == "web" for pod in node.kubelet._pods.values())

    await eventually(adopted, what="adoption")
    assert program(node, "web") == pid
    assert (await node.pod("web"))["status"]["podIP"] == address


async def test_a_pod_that_came_meanwhile_does_not_get_the_address_of_one_that_runs(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS))
    address = (await node.ready("web"))["status"]["podIP"]
    await node.end()
    await node.create(pod_object("early", SLEEPS))  # in the order of names it comes first
    await node.begin()
    assert (await node.ready("early"))["status"]["podIP"] != address
    assert [pod.pod_ip for pod in node.kubelet._pods.values() if pod.key[1] == "web"] == [address]


async def test_hosts_that_cannot_be_written_disturb_no_pod_and_are_written_later(node: PocketNode) -> None:
    await node.create(pod_object("web", SLEEPS))
    await node.ready("web")
    pid = program(node, "web")
    await node.end()
    net = next((node.folder / "node" / "pods").glob("*/net"))
    (net / "hosts").unlink()
    (net / ".hosts").mkdir()  # in the way of the new file
    node.retry_s = 0.1
    await node.begin()
    await node.kubelet.ready.wait()
    assert program(node, "web") == pid
    (net / ".hosts").rmdir()

    async def written() -> bool:
        return (net / "hosts").exists() and "web" in (net / "hosts").read_text()

    await eventually(written, what="the hosts of the pod")
    assert _runs(pid)


async def test_a_killed_bwrap_takes_its_program_with_it(node: PocketNode) -> None:
    await node.create(one_shot("orphan", SLEEPS))
    await node.ready("orphan")
    pod = next(iter(node.kubelet._pods.values()))
    process = pod.containers[0]._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    over = await node.done("orphan")
    assert main_status(over)["state"]["terminated"]["exitCode"] == 137
    assert not _runs(process.child_pid)


async def test_active_deadline_fails_the_pod(node: PocketNode) -> None:
    pod = one_shot("late", SLEEPS)
    pod["spec"]["activeDeadlineSeconds"] = 1
    await node.create(pod)
    over = await node.done("late")
    assert (over["status"]["phase"], over["status"]["reason"]) == ("Failed", "DeadlineExceeded")


async def test_the_termination_message_is_the_file_or_the_end_of_the_output(node: PocketNode) -> None:
    await node.create(one_shot("told", "echo because >/dev/termination-log; exit 1"))
    fallback = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    await node.create(one_shot("logged", "echo the end; exit 1", **fallback))
    assert main_status(await node.done("told"))["state"]["terminated"]["message"] == "because\n"
    assert main_status(await node.done("logged"))["state"]["terminated"]["message"] == "the end\n"


async def _delete(node: PocketNode, name: str, **options: Any) -> None:
    from autostack.pocket.controllers.kinds import POD

    await node.cluster.client.delete(POD.resource, name, "default", **options)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_start_leaves_every_descriptor_that_is_open_alone(node: PocketNode, tmp_path: Path) -> None:
    mark = tmp_path / "held"
    mark.touch()
    with contextlib.ExitStack() as stack:  # as many as a hundred pods need
        held = [stack.enter_context(mark.open()).fileno() for _ in range(300)]
        await node.create(pod_object("started", SLEEPS))
        await node.ready("started")
        inode = mark.stat().st_ino
        assert {os.fstat(fd).st_ino for fd in held} == {inode}
