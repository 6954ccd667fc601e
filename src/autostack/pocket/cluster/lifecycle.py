"""Start, stop, look at and delete a cluster, from outside its process.

Whether the control plane lives is asked of the lock that it holds, never of a PID that may be another's.
Every step can be repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import signal
import ssl
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autostack.pocket import proxy
from autostack.pocket.cluster.errors import ClusterError, InvalidStateError, StartFailedError
from autostack.pocket.cluster.lock import PASSED_FD, holder, is_held, sign, take
from autostack.pocket.cluster.network import API_PORT, Network, read_network
from autostack.pocket.cluster.places import ClusterPlaces
from autostack.pocket.cluster.settings import ClusterSettings, read_settings, write_settings
from autostack.pocket.kubelet.node import shared_memory
from autostack.pocket.kubelet.process import kill_orphan, running_sandboxes

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 60.0
KILL_DEADLINE_S = 60.0
"""A killed process ends when its last write to the disk does, and a busy disk takes its time."""
REMOVE_DEADLINE_S = 5.0
_LOOK_S = 0.02
_LOG_BYTES = 10 << 20
_TOLD_BYTES = 1500


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """A cluster from outside; `state` is absent, stopped, starting or running."""

    name: str
    state: str
    pid: int | None
    server: str | None
    kubeconfig: str
    pod_range: str | None
    service_range: str | None
    sandboxes: int
    log: str


def _network_if_readable(places: ClusterPlaces) -> Network | None:
    """For looking and deleting, which a damaged file must not prevent; a start says what is wrong."""
    try:
        return read_network(places.network)
    except InvalidStateError:
        return None


def _told(places: ClusterPlaces) -> dict[str, object]:
    try:
        told = json.loads(places.state.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def status(places: ClusterPlaces) -> ClusterStatus:
    """What the cluster is now."""
    running = is_held(places)
    told = _told(places) if running else {}
    network = _network_if_readable(places)
    state = "absent" if not places.pocket.exists() else "stopped"
    if running:
        state = "running" if told.get("ready") else "starting"
    pid = told.get("pid")
    return ClusterStatus(
        name=places.name, state=state, pid=pid if isinstance(pid, int) else None,
        server=f"https://{network.node_address}:{API_PORT}" if network else None,
        kubeconfig=str(places.kubeconfig), log=str(places.log),
        pod_range=str(network.pods) if network else None,
        service_range=str(network.services) if network else None,
        sandboxes=len(running_sandboxes(places.node / "pods")) if places.node.exists() else 0,
    )  # fmt: skip


def start(
    places: ClusterPlaces, *, ingress_port: int | None = None, deadline_s: float = START_DEADLINE_S
) -> ClusterStatus:
    """Start the control plane and wait until it is ready; nothing happens when it is.

    `ingress_port` gives the cluster Traefik at that port of 127.0.0.1; it is kept for later starts. A
    running cluster is restarted for it, and its pods are not disturbed. Raises StartFailedError.
    """
    _check_programs()
    _make_folders(places)
    if ingress_port is not None and read_settings(places.settings).ingress_port != ingress_port:
        stop(places, keep_pods=True)
        write_settings(places.settings, ClusterSettings(ingress_port))
    child: int | None = None
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if child is None and (lock := take(places)) is not None:
            child = _spawn(places, lock)
        if child is not None and _has_ended(child):
            raise StartFailedError(f"the control plane of {places.name!r} ended: {_end_of_log(places)}")
        told = _told(places)
        if told.get("ready") and (_answers(places) if child is None else told.get("pid") == child):
            return status(places)
        time.sleep(_LOOK_S)
    raise StartFailedError(f"the control plane is not ready after {deadline_s:g} s; its log is {places.log}")


def _check_programs() -> None:
    needed = ("bwrap", "nsenter", "perl", "script", "setpriv")
    missing = [program for program in needed if shutil.which(program) is None]
    if missing:
        packages = "bsdutils bubblewrap perl-base util-linux"
        raise ClusterError(f"{', '.join(missing)} not found; on Debian: apt-get install {packages}")


def _spawn(places: ClusterPlaces, lock: int) -> int:
    """Start the control plane in a session of its own and hand it the lock; returns its PID."""
    cluster = [str(places.home), places.name, str(PASSED_FD)]
    command = [sys.executable, "-m", "autostack.pocket.cluster", *cluster]
    try:
        places.state.unlink(missing_ok=True)
        if places.log.exists() and places.log.stat().st_size > _LOG_BYTES:
            places.log.replace(places.log.with_suffix(".log.1"))
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", 'cd / && exec "$@"', "sh", *command],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(places.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, lock, PASSED_FD),
            ],
            setsid=True,
        )
        sign(lock, pid)
    except OSError as error:
        raise StartFailedError(f"the cluster's folder {places.folder} can't be used: {error}") from error
    finally:
        os.close(lock)
    return pid


def _answers(places: ClusterPlaces) -> bool:
    """Whether the API server answers a request.

    A killed process holds its lock and its listening socket for a moment longer, and the kernel goes on
    accepting connections for it; only a process that lives can shake hands and answer.
    """
    network = _network_if_readable(places)
    if network is None:
        return False
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # asks for a sign of life, and sends no secret
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(network.node_address, API_PORT, timeout=1, context=unverified)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _has_ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _make_folders(places: ClusterPlaces) -> None:
    try:
        places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.pocket.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartFailedError(f"the cluster's folder {places.folder} can't be made: {error}") from error


def _end_of_log(places: ClusterPlaces) -> str:
    try:
        return places.log.read_bytes()[-_TOLD_BYTES:].decode(errors="replace").strip().splitlines()[-1]
    except (OSError, IndexError):
        return f"nothing is in {places.log}"


def stop(places: ClusterPlaces, *, keep_pods: bool = False, deadline_s: float = STOP_DEADLINE_S) -> None:
    """End the control plane, and the pods with it unless they are to be kept; safe to repeat."""
    gently = signal.SIGHUP if keep_pods else signal.SIGTERM
    if not (_ended(places, gently, deadline_s) or _ended(places, signal.SIGKILL, KILL_DEADLINE_S)):
        raise ClusterError(f"the control plane of {places.name!r} does not end; its log is {places.log}")
    if not keep_pods:
        end_sandboxes(places)
        asyncio.run(proxy.stop(proxy.ProxySettings(places.proxy)))


def _ended(places: ClusterPlaces, number: signal.Signals, within_s: float) -> bool:
    """Signal whoever holds the lock, once he is known, and wait for the lock; whether it is free."""
    asked: int | None = None

    def is_over() -> bool:
        nonlocal asked
        pid = holder(places)
        if pid is not None and pid != asked:
            asked = pid
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, number)
        return not is_held(places)

    return _waited(is_over, within_s)


def end_sandboxes(places: ClusterPlaces) -> None:
    """Kill what still runs of the cluster's pods, e.g. after the control plane was killed."""
    pods = places.node / "pods"
    for pid in running_sandboxes(pods).values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for file in pods.glob("*/containers/*/*/status"):
        kill_orphan(file)


def _waited(done: Callable[[], bool], deadline_s: float) -> bool:
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(_LOOK_S)
    return False


def delete(places: ClusterPlaces) -> None:
    """Stop the cluster and remove everything of it, data included."""
    stop(places, deadline_s=10)
    if (network := _network_if_readable(places)) is not None:
        shutil.rmtree(shared_memory(network.pods), ignore_errors=True)
    if places.folder.exists():
        _remove(places.folder)


def _remove(folder: Path) -> None:
    """Remove a folder even if programs have left parts of it read-only, or a killed one still writes."""
    failed: OSError | None = None

    def is_gone() -> bool:
        nonlocal failed
        for path in (folder, *folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(path.stat().st_mode | stat.S_IRWXU)
        try:
            shutil.rmtree(folder)
        except OSError as error:
            failed = error
        return not folder.exists()

    if not _waited(is_gone, REMOVE_DEADLINE_S):
        raise ClusterError(f"{folder} can't be removed: {failed}") from failed
