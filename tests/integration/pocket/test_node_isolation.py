"""A pod that tries: what it can see, write and become."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_node import PocketNode, pod_object
from harness.waiting import eventually

SLEEPS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


async def said(node: PocketNode, name: str, script: str, **security: Any) -> str:
    pod = pod_object(name, script)
    pod["spec"]["restartPolicy"] = "Never"
    pod["spec"]["containers"][0]["securityContext"] = security
    return await node.output(pod)


async def test_a_pod_does_not_see_the_home_nor_the_environment_of_who_started_it(
    node: PocketNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "visible")
    home = Path.home()
    output = await said(
        node, "peeker", f"ls -a {home} 2>&1; ls /home; env; cat /proc/*/environ | tr '\\0' '\\n'"
    )
    assert "A_SECRET_OF_THE_HOST" not in output
    present = {entry.name for entry in home.iterdir()} - {".pyenv", ".local"}
    assert not present & set(output.split())


async def test_a_pod_sees_only_its_own_processes(node: PocketNode) -> None:
    await node.create(pod_object("other", SLEEPS))
    await node.ready("other")
    output = await said(node, "looker", "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done")
    assert "while :" not in output
    assert f"/proc/{os.getpid()}" not in output


async def test_a_pod_does_not_see_the_files_of_another(node: PocketNode) -> None:
    await node.create(pod_object("other", f"echo private >/tmp/private; {SLEEPS}"))
    await node.ready("other")
    where = node.folder
    output = await said(
        node, "thief", f"cat /tmp/private; ls {where}; find / -name private -type f 2>/dev/null; echo end"
    )
    assert "private\n" not in output.replace("No such file or directory", "")
    assert output.endswith("end\n")


async def test_the_host_can_not_be_written(node: PocketNode) -> None:
    script = (
        "for d in /usr/bin /usr/lib /usr/share /etc/ssl/certs /etc/alternatives; do"
        " (echo x >$d/by-pod) 2>/dev/null && echo wrote $d; done;"
        "(echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null && echo wrote sysctl;"
        "mount -o remount,rw /usr 2>/dev/null && echo remounted; touch /usr/by-pod; echo done"
    )
    assert await said(node, "writer", script) == "done\n"
    assert not exists_on_host("/usr/by-pod")


async def test_the_devices_can_be_read_and_not_written(node: PocketNode) -> None:
    script = (
        "ls -d /sys/devices/system/cpu/cpu0 /sys/class/net /sys/block; (echo 1 >/sys/class/net/lo/mtu) 2>&1"
    )
    output = await said(node, "reader", f"{script}; ls /sys/fs /sys/firmware /sys/kernel 2>/dev/null")
    assert output.splitlines()[:3] == ["/sys/block", "/sys/class/net", "/sys/devices/system/cpu/cpu0"]
    assert "Read-only file system" in output.splitlines()[3]
    assert len(output.splitlines()) == 4


@pytest.mark.parametrize(("user", "sets"), [(0, "Inh|Eff|Prm|Amb|Bnd"), (1000, "Inh|Eff|Prm|Amb")])
async def test_an_exec_gains_no_rights_over_the_program(node: PocketNode, user: int, sets: str) -> None:
    """The bounding set matters to root alone: without new privileges nobody else can reach into it."""
    await node.create(pod_object("web", SLEEPS, securityContext={"runAsUser": user}))
    await node.ready("web")
    code, output = await node.exec(
        "web", "sh", "-c", f"grep -E '^Cap({sets})' /proc/self/status; grep NoNew /proc/self/status"
    )
    assert code == 0
    assert {line.split()[1] for line in output.splitlines()} == {"0000000000000000", "1"}
    code, output = await node.exec("web", "sh", "-c", "mount -o remount,rw /usr && touch /usr/by-pod")
    assert code != 0


async def test_a_nul_character_can_not_add_a_mount(node: PocketNode) -> None:
    pod = pod_object("smuggler", "ls /host")
    pod["spec"]["restartPolicy"] = "Never"
    pod["spec"]["containers"][0]["env"] = [{"name": "A", "value": "a\0--ro-bind\0/\0/host"}]
    await node.create(pod)
    state = (await node.done("smuggler"))["status"]["containerStatuses"][0]["state"]
    assert "NUL character" in state["terminated"]["message"]
    assert "--ro-bind" not in state["terminated"]["message"]


async def test_a_pod_s_variables_steer_nothing_on_the_host(node: PocketNode, tmp_path: Path) -> None:
    """Those who enter a pod run on the host; its PATH must not choose them."""
    for program in ("sh", "setpriv", "nsenter", "setsid", "perl"):
        (tmp_path / program).write_text(f"#!/bin/sh\ntouch {tmp_path}/caught\n")
        (tmp_path / program).chmod(0o755)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PERL5OPT": "-Mnothing", "my.name": "two\nlines"}
    pod = pod_object("steerer", SLEEPS)
    pod["spec"]["containers"][0]["env"] = [{"name": n, "value": v} for n, v in variables.items()]
    await node.create(pod)
    await node.ready("steerer")
    for tty in (False, True):
        code, output = await node.exec("steerer", "/usr/bin/env", tty=tty)
        told = output.replace("\r\n", "\n").splitlines()
        assert code == 0, output
        assert {f"PATH={tmp_path}:/usr/bin:/bin", "PERL5OPT=-Mnothing", "my.name=two", "lines"} <= set(told)
    assert not (tmp_path / "caught").exists()
    assert await node.exec("steerer", "missing") == (127, "missing: No such file or directory\n")


async def test_an_exec_does_not_follow_a_symlink_out_of_the_container(
    node: PocketNode, tmp_path: Path
) -> None:
    (tmp_path / "private").write_text("of the host")
    pod = pod_object("mover", f"cd /; rmdir /w; ln -s {tmp_path} /w; touch /tmp/moved; {SLEEPS}")
    pod["spec"]["containers"][0]["workingDir"] = "/w"
    await node.create(pod)
    await node.ready("mover")

    async def entered() -> tuple[int, str] | None:
        code, output = await node.exec("mover", "cat", "private")
        return None if output.endswith("private: No such file or directory\n") else (code, output)

    code, output = await eventually(entered, what="the symlink in the place of the folder")
    assert (code, output) == (126, "/w: No such file or directory\n")


async def test_the_root_is_writable_unless_it_is_read_only_and_is_not_shared(node: PocketNode) -> None:
    script = "touch /mine && echo root; touch /tmp/mine && echo tmp; ls /srv"
    assert (await said(node, "layer", f"{script}; touch /srv/left")).splitlines() == ["root", "tmp"]
    output = await said(node, "frozen", script, readOnlyRootFilesystem=True)
    assert "root" not in output.splitlines()
    assert "tmp" in output.splitlines()
    assert "left" not in output


async def test_the_program_runs_as_its_user(node: PocketNode) -> None:
    assert await said(
        node, "user", "id -u; id -g; whoami; touch /tmp/x && stat -c %u /tmp/x", runAsUser=1234, runAsGroup=5
    ) == ("1234\n5\nuser\n1234\n")


async def test_run_as_non_root_refuses_root(node: PocketNode) -> None:
    pod = pod_object("root", "true")
    pod["spec"]["containers"][0]["securityContext"] = {"runAsNonRoot": True}
    await node.create(pod)
    await node.until("root", lambda s: "runAsNonRoot" in str(s.get("containerStatuses")))
    waiting = (await node.pod("root"))["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"


async def test_a_privileged_pod_is_refused_and_says_why(node: PocketNode) -> None:
    pod = pod_object("boss", "true", securityContext={"privileged": True})
    await node.create(pod)
    assert "never get the host's rights" in await node.until_event("boss", "Refused")
    status = (await node.until("boss", lambda s: s.get("containerStatuses")))["status"]
    assert status["phase"] == "Pending"


async def test_no_secret_is_in_a_command_line(node: PocketNode) -> None:
    pod = pod_object("secret", SLEEPS, env=[{"name": "PASSWORD", "value": "hunter2hunter2"}])
    await node.create(pod)
    await node.ready("secret")
    assert not [line for line in command_lines() if b"hunter2hunter2" in line]


def command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found


def exists_on_host(path: str) -> bool:
    return Path(path).exists()
