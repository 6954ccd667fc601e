"""The control plane: store, API server, controllers, kubelet and service proxy in one process.

This is the one place where they are put together. SIGTERM stops the pods, then the process; SIGHUP ends only
the process, and the pods run on until the next start adopts them, as they do when it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

from autostack.pocket import addons, proxy
from autostack.pocket.apiserver.certificates import kubeconfig, server_hosts, write_private
from autostack.pocket.apiserver.core import ApiSettings
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.apiserver.serving import credentials, serving, with_credentials
from autostack.pocket.cluster.errors import ClusterError
from autostack.pocket.cluster.lock import sign, take
from autostack.pocket.cluster.logs import log_to_stderr
from autostack.pocket.cluster.network import API_PORT, claim
from autostack.pocket.cluster.places import ClusterPlaces
from autostack.pocket.cluster.settings import read_settings
from autostack.pocket.controllers import ControllerSettings, run_on
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.errors import PocketError
from autostack.pocket.images.images import Images
from autostack.pocket.kubelet.heartbeat import default_node_name
from autostack.pocket.kubelet.kubelet import Kubelet
from autostack.pocket.kubelet.node import NodeSettings
from autostack.pocket.store.sqlite import SqliteJournal

log = logging.getLogger(__name__)

STOP_PODS_AT_MOST_S = 30.0
MOST_FILES = 65_536
# Objects are trees without cycles, so the collector finds little, and a full pass over a thousand decoded
# pods takes 20 ms.
COLLECT_AFTER = (20_000, 20, 50)


def hold_lock(places: ClusterPlaces, *, passed: int | None) -> None:
    """Be the one control plane of the cluster; the lock ends with the process. Raises ClusterError.

    `passed` is the descriptor of the lock, when who started us has taken it.
    """
    lock = take(places) if passed is None else passed
    if lock is None:
        raise ClusterError(f"the cluster {places.name!r} is running already")
    os.set_inheritable(lock, False)
    sign(lock, os.getpid())


def kept_node_name(places: ClusterPlaces) -> str:
    """The node's name, chosen at the first start: pods and volumes are bound to it, and a machine's name may
    change.
    """
    with contextlib.suppress(FileNotFoundError):
        if name := places.node_name.read_text().strip():
            return name
    name = default_node_name()
    write_private(places.node_name, f"{name}\n")
    return name


async def run(places: ClusterPlaces) -> None:
    """Be the cluster until SIGTERM or SIGHUP."""
    network, listener = claim(places)
    node_address = network.node_address
    known = credentials(places.pocket / "keys", server_hosts(str(network.services[1]), node_address))
    settings = ApiSettings(
        service_range=str(network.services), pod_range=str(network.pods),
        advertise_host=node_address, advertise_port=API_PORT,
    )  # fmt: skip
    server = await ApiServer.open(
        SqliteJournal(places.pocket / "store.db"), with_credentials(settings, known)
    )
    url = f"https://{node_address}:{API_PORT}"
    try:
        async with serving(server, listener, known) as web:
            config = kubeconfig(
                name=places.name, server_url=url, ca_certificate=known.ca.certificate, token=known.admin_token
            )
            write_private(places.kubeconfig, config)
            node = NodeSettings(kept_node_name(places), places.node, network.pods, node_address, API_PORT)
            await _run_parts(places, server, web, node)
    finally:
        await server.close()


async def _run_parts(
    places: ClusterPlaces, server: ApiServer, web: asyncio.Task[None], node: NodeSettings
) -> None:
    cluster = Cluster(server.client())
    kubelet_view = Cluster(server.client(f"system:node:{node.name}"), component="kubelet")
    kubelet = Kubelet.create(kubelet_view, node, Images(places.registry, places.images))
    server.attach_node(kubelet.gateway)
    ingress_port = read_settings(places.settings).ingress_port
    await addons.install(server.client("system:addons"), addons.AddonSettings(ingress_port))
    for folder in (places.volumes, places.proxy):
        folder.mkdir(mode=0o700, exist_ok=True)
    stopping: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, _resolve, stopping, number)
    together = _together(places, cluster, kubelet_view, kubelet, server=_served(server, web))
    parts = asyncio.create_task(together, name="parts")
    ready = asyncio.create_task(kubelet.ready.wait(), name="ready")
    await asyncio.wait((ready, parts, stopping), return_when=asyncio.FIRST_COMPLETED)
    if ready.done():
        write_state(places, ready=True)
        log.info("cluster ready", extra={"cluster": places.name, "node": node.name})
        gc.collect()
        gc.freeze()  # what start-up made stays: the collector need not walk it again
        gc.set_threshold(*COLLECT_AFTER)
        await asyncio.wait((parts, stopping), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if stopping.done() and stopping.result() != signal.SIGHUP:
        log.info("stopping pods")
        await kubelet.stop_pods(at_most_s=STOP_PODS_AT_MOST_S)
        await proxy.stop(proxy.ProxySettings(places.proxy))
    parts.cancel()
    try:
        await parts
    except asyncio.CancelledError:
        log.info("stopped")


def _resolve(stopping: asyncio.Future[signal.Signals], number: signal.Signals) -> None:
    if not stopping.done():
        stopping.set_result(number)


async def _served(server: ApiServer, web: asyncio.Task[None]) -> None:
    """Wait for what must not end while the cluster lives; raises its fault."""
    failing = asyncio.create_task(server.failed(), name="api-failed")
    try:
        await asyncio.wait((failing, web), return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
        raise ClusterError("the API server has stopped serving; the log says why")
    finally:
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)


async def _together(
    places: ClusterPlaces,
    cluster: Cluster,
    kubelet_view: Cluster,
    kubelet: Kubelet,
    *,
    server: Coroutine[None, None, None],
) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server, name="api-server")
        kubelet_view.start(tasks)
        tasks.create_task(kubelet.run(), name="kubelet")
        tasks.create_task(proxy.run_on(kubelet_view, proxy.ProxySettings(places.proxy)), name="service-proxy")
        tasks.create_task(run_on(cluster, ControllerSettings(places.volumes)), name="controllers")


def write_state(places: ClusterPlaces, *, ready: bool) -> None:
    """Tell the world who we are."""
    fresh = places.state.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "ready": ready}))
    fresh.replace(places.state)


def allow_many_files() -> None:
    """Open as many files as the machine lets us: each watcher is one and each container two, and the usual
    limit is 1,024. The service proxy and the pods inherit it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(arguments: list[str]) -> int:
    """`python -m autostack.pocket.cluster HOME NAME [LOCK]`, LOCK being a descriptor."""
    import uvloop  # noqa: PLC0415 - only this process needs it

    home, name, *lock = arguments
    places = ClusterPlaces(Path(home), name)
    log_to_stderr()
    allow_many_files()
    try:
        hold_lock(places, passed=int(lock[0]) if lock else None)
        write_state(places, ready=False)
        uvloop.run(run(places))
    except PocketError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        logging.shutdown()
    return 0
