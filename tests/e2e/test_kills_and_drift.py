"""What people and accidents do behind Git: it is undone at once; data is lost only by who deletes it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.stack import Stack
from harness.waiting import eventually_sync

pytestmark = pytest.mark.timeout(1200)
NAMESPACE = "by-hand"
MANIFESTS = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: keeper}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: keeper}}
  template:
    metadata: {labels: {app: keeper}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: keeper
          image: busybox:1
          command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.2; done"]
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"""


@pytest.fixture(scope="module")
def kept(running: Stack) -> Iterator[Stack]:
    """A small Application of its own, from a branch of its own, with a pod that has a claim."""
    clone = running.clone(running.home / "by-hand")
    running.git(clone, "checkout", "-q", "--orphan", "by-hand")
    running.git(clone, "rm", "-rqf", ".")
    (clone / "manifests").mkdir()
    (clone / "manifests/keeper.yaml").write_text(MANIFESTS)
    running.git(clone, "add", "-A")
    running.git(clone, "commit", "-qm", "Keep something")
    running.git(clone, "push", "-q", "origin", "by-hand")
    app = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {
            "name": NAMESPACE, "namespace": "argocd",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "default",
            "source": {
                "repoURL": f"file://{running.folder}/origin.git", "path": "manifests",
                "targetRevision": "by-hand",
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"],
            },
        },
    }  # fmt: skip
    file = clone / "application.json"
    file.write_text(json.dumps(app))
    running.kubectl("apply", "-f", str(file))
    eventually_sync(
        lambda: _state(running) == ("Synced", "Healthy"), within_s=120, what="the small Application"
    )
    yield running
    running.kubectl("delete", "application", NAMESPACE, "-n", "argocd", "--wait=false")
    running.kubectl("delete", "namespace", NAMESPACE, "--wait=false", check=False)


def _state(stack: Stack) -> tuple[str, str]:
    status = stack.objects("application", NAMESPACE, "-n", "argocd").get("status") or {}
    return status.get("sync", {}).get("status", ""), status.get("health", {}).get("status", "")


def _deployment(stack: Stack) -> dict[str, Any]:
    found = json.loads(stack.kubectl("get", "deployment", "-n", NAMESPACE, "-o", "json"))["items"]
    return found[0] if found else {}


def _healed(stack: Stack, act: Callable[[], object], is_so: Callable[[dict[str, Any]], bool]) -> float:
    """How long after an act the Deployment is as Git says."""
    act()
    began = time.monotonic()
    eventually_sync(lambda: is_so(_deployment(stack)), within_s=240, what="the Deployment as in Git")
    return time.monotonic() - began


def test_a_scale_an_edit_and_a_deletion_by_hand_are_undone(
    kept: Stack, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    target = ("-n", NAMESPACE, "deployment/keeper")
    before = _deployment(kept)
    uid = before["metadata"]["uid"]
    editor = tmp_path / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/image: busybox:1/image: busybox:edited/' \"$1\"\n")
    editor.chmod(0o755)

    def edit() -> None:
        os.environ["KUBE_EDITOR"] = str(editor)
        try:
            assert "edited" in kept.kubectl("edit", *target)
        finally:
            del os.environ["KUBE_EDITOR"]

    took = {
        "scale": _healed(
            kept,
            lambda: kept.kubectl("scale", *target, "--replicas=3"),
            lambda found: found["spec"]["replicas"] == 1,
        ),
        "edit": _healed(kept, edit, lambda found: found["spec"]["template"] == before["spec"]["template"]),
        "delete": _healed(
            kept,
            lambda: kept.kubectl("delete", *target, "--wait=false"),
            lambda found: bool(found) and found["metadata"]["uid"] != uid,
        ),
    }
    for name, seconds in took.items():
        record_property(f"healed_{name}_s", round(seconds, 2))
    print("healed in", {name: f"{seconds:.2f} s" for name, seconds in took.items()})
    eventually_sync(lambda: _state(kept) == ("Synced", "Healthy"), within_s=120, what="all well again")


def test_a_killed_controller_comes_back_and_heals_what_was_done_meanwhile(kept: Stack) -> None:
    os.kill(_controller(kept), signal.SIGKILL)
    seconds = _healed(
        kept,
        lambda: kept.kubectl("scale", "-n", NAMESPACE, "deployment/keeper", "--replicas=2"),
        lambda found: found["spec"]["replicas"] == 1,
    )
    print(f"healed {seconds:.2f} s after the kill")
    eventually_sync(lambda: _state(kept) == ("Synced", "Healthy"), within_s=120, what="all well again")


def test_a_claim_that_is_deleted_by_hand_keeps_its_data_as_long_as_its_pod_runs(kept: Stack) -> None:
    def claim() -> dict[str, Any]:
        found = kept.objects("pvc", "-n", NAMESPACE)["items"]
        return found[0]["metadata"] if found else {}

    def conditions() -> str:
        status = kept.objects("application", NAMESPACE, "-n", "argocd")["status"]
        return " ".join(one["type"] for one in status.get("conditions") or [])

    inside = ("exec", "-n", NAMESPACE, "deployment/keeper", "--")
    kept.kubectl(*inside, "sh", "-c", "echo precious > /data/file")
    uid = claim()["uid"]
    kept.kubectl("delete", "pvc", "data", "-n", NAMESPACE, "--wait=false")
    eventually_sync(lambda: "DataDeletionWarning" in conditions(), within_s=120, what="the warning")
    assert claim()["uid"] == uid
    assert kept.kubectl(*inside, "cat", "/data/file") == "precious\n"
    # When its last user goes the claim is gone, with what that person deleted; Git's takes its place.
    _push(kept, "replicas: 0")
    eventually_sync(lambda: claim().get("uid", uid) != uid, within_s=120, what="a claim as Git has it")
    _push(kept, "replicas: 1")
    eventually_sync(lambda: kept.kubectl(*inside, "ls", "/data", check=False) == "", what="an empty volume")
    eventually_sync(lambda: _state(kept) == ("Synced", "Healthy"), within_s=120, what="all well again")
    eventually_sync(lambda: "DataDeletionWarning" not in conditions(), what="the warning gone")


def test_what_git_cannot_give_is_told_while_the_last_good_state_stays_and_passes_by_itself(
    kept: Stack,
) -> None:
    file = kept.home / "by-hand/manifests/keeper.yaml"
    application = ("application", NAMESPACE, "-n", "argocd")

    def told(words: str) -> bool:
        conditions = kept.objects(*application)["status"].get("conditions") or []
        return any(one["type"] == "ComparisonError" and words in one["message"] for one in conditions)

    def stays_as_it_was() -> None:
        assert _state(kept)[0] == "Unknown"
        kept.kubectl("scale", "-n", NAMESPACE, "deployment/keeper", "--replicas=2")
        eventually_sync(lambda: _deployment(kept)["spec"]["replicas"] == 1, within_s=120, what="the heal")

    _commit(kept, MANIFESTS + "---\nkind: [\n")
    eventually_sync(lambda: told("manifests/keeper.yaml:"), within_s=60, what="the broken file told")
    stays_as_it_was()
    file.parent.rename(file.parents[1] / "elsewhere")
    kept.git(file.parents[1], "add", "-A")
    kept.git(file.parents[1], "commit", "-qm", "Move all of it")
    kept.git(file.parents[1], "push", "-q", "origin", "by-hand")
    eventually_sync(lambda: told("app path does not exist"), within_s=60, what="the missing path told")
    stays_as_it_was()
    (file.parents[1] / "elsewhere").rename(file.parent)
    _commit(kept, MANIFESTS)
    eventually_sync(lambda: _state(kept) == ("Synced", "Healthy"), within_s=120, what="all well again")
    # Without its HEAD git takes a folder for no repository at all: as if it were gone.
    head = kept.folder / "origin.git" / "HEAD"
    away = head.with_name("HEAD.away")
    head.rename(away)
    try:
        kept.run("app", "get", NAMESPACE, "--refresh")
        assert told("cannot be fetched")
        stays_as_it_was()
    finally:
        away.rename(head)
    eventually_sync(lambda: _state(kept) == ("Synced", "Healthy"), within_s=120, what="it has come back")
    assert not kept.objects(*application)["status"].get("conditions")


def _push(stack: Stack, replicas: str) -> None:
    _commit(stack, MANIFESTS.replace("replicas: 1", replicas))


def _commit(stack: Stack, manifests: str) -> None:
    """Push these manifests; the push itself has the controller look."""
    clone = stack.home / "by-hand"
    (clone / "manifests/keeper.yaml").write_text(manifests)
    stack.git(clone, "add", "-A")
    stack.git(clone, "commit", "-qm", "Have it otherwise")
    stack.git(clone, "push", "-q", "origin", "by-hand")


def _controller(stack: Stack) -> int:
    """The PID of this system's controller, as the host sees it."""
    pods = stack.objects("pods", "-n", "argocd", "-l", "app.kubernetes.io/name=autostack-gitops")["items"]
    names = {pod["metadata"]["name"] for pod in pods}
    address = {pod["status"].get("podIP", "-") for pod in pods}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if b"autostack.gitops" in words and words[0].endswith(b"python"):
            ours = {f"POD_NAME={name}" for name in names} & set(environment)
            here = {f"POD_IP={one}" for one in address} & set(environment)
            if ours and here:
                return int(folder.name)
    raise AssertionError(f"no process of {names}")
