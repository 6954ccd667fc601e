"""The service proxy with a real API server, real sockets and its own process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_api import pocket_api  # noqa: F401 - a fixture
from harness.postgres import free_address
from harness.waiting import eventually

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import ApiClient, Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import ENDPOINT_SLICE, EVENT, POD, SERVICE
from autostack.pocket.proxy import ProxySettings, run_on, stop


class Greeter:
    """A TCP server that sends its name and then echoes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.host, self.port = free_address()
        self.server: asyncio.Server | None = None

    async def start(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"{self.name}\n".encode())
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()

        self.server = await asyncio.start_server(serve, self.host, self.port)


@pytest.fixture
async def greeters() -> AsyncIterator[list[Greeter]]:
    started = [Greeter("one"), Greeter("two")]
    for one in started:
        await one.start()
    yield started
    for one in started:
        if one.server is not None:
            one.server.close()


async def steer(client: ApiClient, settings: ProxySettings) -> None:
    """The proxy with a view of the cluster of its own."""
    cluster = Cluster(client)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_on(cluster, settings))
        for kind in (SERVICE, ENDPOINT_SLICE, POD):
            cluster.informer(kind)
        cluster.start(tasks)


@pytest.fixture
async def steered(pocket_api: ApiServer, tmp_path: Path) -> AsyncIterator[ApiServer]:  # noqa: F811
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(steer(pocket_api.client(), ProxySettings(tmp_path / "proxy")))
        yield pocket_api
        running.cancel()
    await stop(ProxySettings(tmp_path / "proxy"))


async def publish(api: ApiServer, greeters: list[Greeter], ready: tuple[bool, ...] = (True, True)) -> Object:
    """A Service on an address of its own, and slices that lead to the greeters."""
    client = api.client()
    service = await client.create(
        SERVICE.resource,
        {"metadata": {"name": "echo"}, "spec": {"ports": [{"name": "tcp", "port": 8000}]}},
        "default",
    )
    for number, greeter in enumerate(greeters):
        await client.create(ENDPOINT_SLICE.resource, piece(number, greeter, ready=ready[number]), "default")
    return service


def piece(number: int, greeter: Greeter, *, ready: bool) -> Object:
    return {
        "metadata": {"name": f"echo-{number}", "labels": {"kubernetes.io/service-name": "echo"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [greeter.host], "conditions": {"ready": ready}}],
        "ports": [{"name": "tcp", "port": greeter.port, "protocol": "TCP"}],
    }


async def connected(host: str, port: int = 8000) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
    """The greeter's name and the open connection, once the address accepts one."""

    async def attempt() -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            return await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            return None

    streams = await eventually(attempt, what=f"{host}:{port} accepts")
    assert streams is not None
    return (await streams[0].readline()).decode().strip(), *streams


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def greeted(host: str, times: int = 4) -> set[str]:
    names = set()
    for _ in range(times):
        name, _, writer = await connected(host)
        names.add(name)
        await closed(writer)
    return names


async def test_connections_go_to_all_ready_pods_and_bytes_pass_both_ways(
    steered: ApiServer, greeters: list[Greeter]
) -> None:
    service = await publish(steered, greeters)
    host = service["spec"]["clusterIP"]
    await eventually(lambda: both(host), what="both pods answer")
    name, reader, writer = await connected(host)
    assert name in ("one", "two")
    sent = os.urandom(3_000_000)
    writer.write(sent)
    writer.write_eof()
    assert await reader.read() == sent
    await closed(writer)


async def both(host: str) -> bool:
    return await greeted(host) == {"one", "two"}


async def test_a_pod_that_turns_unready_gets_no_new_connection_and_keeps_its_open_ones(
    steered: ApiServer, greeters: list[Greeter]
) -> None:
    service = await publish(steered, greeters[:1])
    host = service["spec"]["clusterIP"]
    name, reader, writer = await connected(host)
    assert name == "one"
    client = steered.client()
    await client.create(ENDPOINT_SLICE.resource, piece(1, greeters[1], ready=True), "default")
    endpoints = [{"addresses": [greeters[0].host], "conditions": {"ready": False}}]
    await client.patch(ENDPOINT_SLICE.resource, "echo-0", {"endpoints": endpoints}, "default")

    async def only_two() -> bool:
        return await greeted(host, 2) == {"two"}

    await eventually(only_two, what="new connections go to the second pod")
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"
    await closed(writer)


async def test_a_service_without_a_ready_pod_refuses_connections(
    steered: ApiServer, greeters: list[Greeter]
) -> None:
    service = await publish(steered, greeters, (True, False))
    host = service["spec"]["clusterIP"]
    _, _, writer = await connected(host)
    await closed(writer)
    endpoints = [{"addresses": [greeters[0].host], "conditions": {"ready": False}}]
    await steered.client().patch(ENDPOINT_SLICE.resource, "echo-0", {"endpoints": endpoints}, "default")

    async def refused() -> bool:
        try:
            _, writer = await asyncio.open_connection(host, 8000)
        except ConnectionRefusedError:
            return True
        await closed(writer)
        return False

    await eventually(refused, what="refusal")


async def test_a_dead_pod_costs_no_connection_while_another_is_alive(
    steered: ApiServer, greeters: list[Greeter]
) -> None:
    service = await publish(steered, greeters)
    assert greeters[0].server is not None
    greeters[0].server.close()
    await greeters[0].server.wait_closed()
    assert await greeted(service["spec"]["clusterIP"]) == {"two"}


async def test_a_taken_address_and_unsupported_fields_are_told_as_events(
    steered: ApiServer, greeters: list[Greeter]
) -> None:
    client = steered.client()
    address = str(IPv4Network(steered.core.settings.service_range)[7 * 256 + 7])
    with socket.create_server((address, 8000)):
        spec: dict[str, Any] = {
            "clusterIP": address,
            "sessionAffinity": "ClientIP",
            "ports": [{"name": "tcp", "port": 8000}],
        }
        await client.create(SERVICE.resource, {"metadata": {"name": "echo"}, "spec": spec}, "default")
        await client.create(ENDPOINT_SLICE.resource, piece(0, greeters[0], ready=True), "default")

        async def reasons() -> bool:
            events = (await client.list(EVENT.resource, "default")).items
            found = {one["reason"] for one in events if one["involvedObject"]["name"] == "echo"}
            return found == {"FailedToListen", "SessionAffinityNotSupported"}

        await eventually(reasons, what="both Events")


def forwarder_pids(state: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(state).encode() in line and b"proxy.forwarder" in line:
                found.append(int(entry.name))
    return found


async def test_a_killed_forwarder_is_started_again(
    steered: ApiServer, greeters: list[Greeter], tmp_path: Path
) -> None:
    service = await publish(steered, greeters)
    host = service["spec"]["clusterIP"]
    await greeted(host, 1)
    (pid,) = forwarder_pids(tmp_path)
    os.kill(pid, signal.SIGKILL)

    async def replaced() -> bool:
        return forwarder_pids(tmp_path) not in ([], [pid]) and await greeted(host, 2) <= {"one", "two"}

    await eventually(replaced, what="another forwarder answers")


async def test_traffic_outlives_the_control_plane_and_the_next_one_takes_it_over(
    pocket_api: ApiServer,  # noqa: F811
    greeters: list[Greeter],
    tmp_path: Path,
) -> None:
    settings = ProxySettings(tmp_path / "proxy")
    first = asyncio.create_task(steer(pocket_api.client(), settings))
    service = await publish(pocket_api, greeters)
    host = service["spec"]["clusterIP"]
    name, reader, writer = await connected(host)
    (pid,) = forwarder_pids(tmp_path)

    first.cancel()
    await asyncio.wait([first])
    writer.write(f"{name}?\n".encode())
    assert await reader.readline() == f"{name}?\n".encode()
    second = asyncio.create_task(steer(pocket_api.client(), settings))
    greeted_again, _, other = await connected(host)
    assert greeted_again in ("one", "two")
    assert forwarder_pids(tmp_path) == [pid]
    for one in (writer, other):
        await closed(one)
    second.cancel()
    await asyncio.wait([second])
    await stop(settings)

    async def ended() -> bool:
        return forwarder_pids(tmp_path) == []

    await eventually(ended, what="the forwarder has ended")


async def test_ended_connections_leave_nothing_behind(
    steered: ApiServer, greeters: list[Greeter], tmp_path: Path
) -> None:
    service = await publish(steered, greeters)
    host = service["spec"]["clusterIP"]
    await greeted(host, 1)
    (pid,) = forwarder_pids(tmp_path)

    def sockets() -> int:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))

    async def sockets_are(wanted: int) -> bool:
        return sockets() == wanted

    _, _, writer = await connected(host)
    open_now = sockets()
    await closed(writer)
    await greeted(host, 20)
    await eventually(lambda: sockets_are(open_now - 2), what="both sides of every connection closed")


async def test_what_a_client_sends_at_once_is_never_lost(steered: ApiServer, greeters: list[Greeter]) -> None:
    service = await publish(steered, greeters)
    host = service["spec"]["clusterIP"]
    await greeted(host, 1)

    def hasty(number: int) -> bytes:
        with socket.create_connection((host, 8000), timeout=5) as connection:
            connection.sendall(f"{number}\n".encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(4096), b""))

    for batch in range(20):
        numbers = range(batch * 20, batch * 20 + 20)
        answers = await asyncio.gather(*(asyncio.to_thread(hasty, number) for number in numbers))
        assert [answer.split(b"\n")[1] for answer in answers] == [str(number).encode() for number in numbers]
