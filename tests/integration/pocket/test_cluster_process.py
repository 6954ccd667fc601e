"""A cluster as a person has it: started, killed, started again, side by side, deleted."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from harness.waiting import eventually_sync

from autostack.pocket.cluster import lifecycle
from autostack.pocket.cluster.errors import StartFailedError
from autostack.pocket.cluster.lock import is_held
from autostack.pocket.cluster.places import ClusterPlaces

KUBECTL = Path(sysconfig.get_path("scripts")) / "kubectl"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: busybox, command: [sleep, "100000"]}]
"""


SERVED = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 8000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: ghcr.io/auto-stack/autostack
        command: [python, -m, http.server, --bind, $(POD_IP), "8000"]
        env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        readinessProbe: {tcpSocket: {port: 8000}}
"""


class Traffic:
    """One request after another, each on a connection of its own, until the block ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send, name="traffic")
        self.answered = 0
        self.failures: list[str] = []

    def _send(self) -> None:
        while not self._over.is_set():
            try:
                with urllib.request.urlopen(self._url, timeout=20) as answer:  # noqa: S310 - our own Service
                    answer.read()
            except OSError as error:
                self.failures.append(str(error))
            else:
                self.answered += 1

    def goes_on(self) -> None:
        """Wait until ten more requests were answered."""
        enough = self.answered + 10
        eventually_sync(lambda: self.answered >= enough or self.failures, what="more answers")

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def places(tmp_path: Path) -> Iterator[ClusterPlaces]:
    """A cluster that does not exist yet; ended and removed afterwards."""
    found = ClusterPlaces(tmp_path, "one")
    yield found
    lifecycle.delete(found)


def kubectl(places: ClusterPlaces, *words: str, given: str = "") -> str:
    done = subprocess.run(
        [KUBECTL, *words],
        env={**os.environ, "KUBECONFIG": str(places.kubeconfig)},
        input=given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def pods(places: ClusterPlaces) -> dict[str, dict[str, Any]]:
    """Ready pods by name."""
    found = json.loads(kubectl(places, "get", "pods", "-o", "json"))["items"]
    return {
        one["metadata"]["name"]: one
        for one in found
        if any(c["type"] == "Ready" and c["status"] == "True" for c in one["status"].get("conditions", []))
    }


def two(places: ClusterPlaces) -> dict[str, dict[str, Any]]:
    def probe() -> dict[str, dict[str, Any]] | None:
        found = pods(places)
        return found if len(found) == 2 else None

    found = eventually_sync(probe, what="two Ready pods")
    assert found is not None
    return found


def container_ids(found: dict[str, dict[str, Any]]) -> set[str]:
    return {one["status"]["containerStatuses"][0]["containerID"] for one in found.values()}


def test_pods_and_their_traffic_outlive_a_killed_control_plane_and_a_deleted_cluster_leaves_nothing(
    places: ClusterPlaces,
) -> None:
    started = lifecycle.start(places)
    assert started.state == "running"
    assert lifecycle.start(places).pid == started.pid
    kubectl(places, "apply", "-f", "-", given=SERVED)
    before = container_ids(two(places))
    address = kubectl(places, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    eventually_sync(lambda: urllib.request.urlopen(f"http://{address}:8000/").close() or True, what="the way")
    assert started.pid is not None
    with Traffic(f"http://{address}:8000/") as traffic:
        traffic.goes_on()
        os.kill(started.pid, signal.SIGKILL)
        eventually_sync(lambda: not is_held(places), what="end of the control plane")
        traffic.goes_on()
        assert lifecycle.status(places).sandboxes == 2
        lifecycle.start(places)
        traffic.goes_on()
        assert container_ids(two(places)) == before
        traffic.goes_on()
    assert traffic.failures == []
    lifecycle.delete(places)
    assert not places.folder.exists()
    assert lifecycle.status(places).state == "absent"


def test_a_stopped_cluster_comes_back_with_its_objects(places: ClusterPlaces) -> None:
    lifecycle.start(places)
    kubectl(places, "apply", "-f", "-", given=DEPLOYMENT)
    before = set(two(places))
    lifecycle.stop(places)
    stopped = lifecycle.status(places)
    assert (stopped.state, stopped.sandboxes) == ("stopped", 0)
    lifecycle.start(places)
    again = two(places)
    assert set(again) == before
    assert all(one["status"]["containerStatuses"][0]["restartCount"] == 1 for one in again.values())


def test_everything_killed_as_by_a_power_cut_comes_back(places: ClusterPlaces) -> None:
    started = lifecycle.start(places)
    kubectl(places, "apply", "-f", "-", given=DEPLOYMENT)
    before = two(places)
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)
    lifecycle.end_sandboxes(places)
    lifecycle.start(places)

    def restarted() -> bool:
        now = pods(places)
        return set(now) == set(before) and not container_ids(now) & container_ids(before)

    eventually_sync(restarted, what="the same pods with new containers")


def test_two_starts_at_once_are_one_cluster(places: ClusterPlaces) -> None:
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda _: lifecycle.start(places), range(3)))
    assert len({one.pid for one in found}) == 1


def test_a_stop_ends_a_cluster_that_is_only_starting(places: ClusterPlaces) -> None:
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(lifecycle.start, places)
        eventually_sync(lambda: is_held(places) or starting.done(), what="the beginning of a start")
        lifecycle.stop(places)
        with pytest.raises(StartFailedError):
            starting.result(60)
    assert lifecycle.status(places).state == "stopped"


def test_clusters_side_by_side_do_not_meet(places: ClusterPlaces) -> None:
    other = ClusterPlaces(places.home, "two")
    try:
        first, second = lifecycle.start(places), lifecycle.start(other)
        assert first.pod_range != second.pod_range
        kubectl(places, "create", "namespace", "mine")
        assert "mine" not in kubectl(other, "get", "namespaces")
    finally:
        lifecycle.delete(other)


def test_a_cluster_is_removed_although_a_killed_program_still_writes_into_its_folder(
    places: ClusterPlaces,
) -> None:
    places.pocket.mkdir(parents=True)
    ends_at = time.monotonic() + 0.3

    def write() -> None:
        while time.monotonic() < ends_at and places.folder.exists():
            with contextlib.suppress(OSError):
                (places.folder / "ci").mkdir(exist_ok=True)
                (places.folder / "ci" / "runner.log").touch()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        lifecycle.delete(places)
        writing.result()
    assert not places.folder.exists()


def test_damaged_state_is_a_clear_error(places: ClusterPlaces) -> None:
    places.pocket.mkdir(parents=True)
    places.network.write_text("{")
    with pytest.raises(StartFailedError, match=r"network\.json can't be read"):
        lifecycle.start(places)
    places.network.unlink()
    (places.pocket / "store.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StartFailedError, match=r"store\.db"):
        lifecycle.start(places)


def test_kills_at_random_moments_leave_neither_strays_nor_gaps(places: ClusterPlaces) -> None:
    choice = random.Random()
    pid = lifecycle.start(places).pid
    kubectl(places, "apply", "-f", "-", given=DEPLOYMENT)
    for _ in range(4):
        replicas = choice.randint(1, 6)
        kubectl(places, "scale", "deployment/web", f"--replicas={replicas}")
        moment = time.monotonic() + choice.uniform(0, 0.5)
        eventually_sync(lambda moment=moment: time.monotonic() >= moment, what="the moment to kill")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually_sync(lambda: not is_held(places), what="end of the control plane")
        pid = lifecycle.start(places).pid

        def settled(replicas: int = replicas) -> bool:
            listed = json.loads(kubectl(places, "get", "pods", "-o", "json"))["items"]
            return len(listed) == len(pods(places)) == lifecycle.status(places).sandboxes == replicas

        eventually_sync(settled, within_s=60, what=f"{replicas} pods, each with one sandbox")


def test_a_control_plane_opens_as_many_files_as_the_machine_lets_it() -> None:
    program = (
        "import resource; from autostack.pocket.cluster.control_plane import allow_many_files;"
        "allow_many_files(); print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    limited = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", sys.executable, "-c", program]
    soft, hard = map(int, subprocess.run(limited, capture_output=True, text=True, check=True).stdout.split())
    assert soft == min(hard, 65_536)
