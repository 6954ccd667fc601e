"""The routing table and the choice of a pod."""

from __future__ import annotations

from typing import Any

from autostack.pocket.proxy.balancing import Balancer
from autostack.pocket.proxy.table import build


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": name}
    return {
        "metadata": metadata,
        "spec": {"clusterIP": "127.1.0.9", "ports": [{"name": "http", "port": 80}], **spec},
    }


def piece(*endpoints: tuple[str, bool], port: int = 8080, name: str = "http") -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "endpoints": [
            {"addresses": [address], "conditions": {"ready": ready}} for address, ready in endpoints
        ],
        "ports": [{"name": name, "port": port, "protocol": "TCP"}],
    }


def pod(name: str, phase: str = "Running", address: str = "127.2.0.7", **port: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name, "creationTimestamp": name},
        "spec": {
            "containers": [{"name": "main", "ports": [{"containerPort": 8000, "hostPort": 8080, **port}]}]
        },
        "status": {"phase": phase, "podIP": address},
    }


def test_only_ready_endpoints_of_the_named_port_are_behind_an_address() -> None:
    table = build(
        [service()],
        [piece(("127.2.0.1", True), ("127.2.0.2", False)), piece(("127.2.0.3", True), name="x")],
        [],
    )
    assert table.listeners["127.1.0.9:80"].backends == (("127.2.0.1", 8080),)
    assert table.remarks == []


def test_a_service_without_a_ready_endpoint_or_address_has_no_listener() -> None:
    assert build([service()], [piece(("127.2.0.1", False))], []).listeners == {}
    assert build([service(clusterIP="None")], [piece(("127.2.0.1", True))], []).listeners == {}


def test_terminating_endpoints_that_still_serve_are_the_last_resort() -> None:
    ending = {"ready": False, "serving": True, "terminating": True}
    both = piece(("127.2.0.1", True), ("127.2.0.2", False))
    both["endpoints"][1]["conditions"] = ending
    assert build([service()], [both], []).listeners["127.1.0.9:80"].backends == (("127.2.0.1", 8080),)
    both["endpoints"][0]["conditions"] = {"ready": False, "serving": False, "terminating": True}
    assert build([service()], [both], []).listeners["127.1.0.9:80"].backends == (("127.2.0.2", 8080),)


def test_what_is_not_implemented_is_remarked() -> None:
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}]
    found = build(
        [service(ports=ports, sessionAffinity="ClientIP"), service("x", type="ExternalName")], [], []
    )
    reasons = {one.reason for one in found.remarks}
    assert reasons == {"SessionAffinityNotSupported", "ProtocolNotSupported", "ExternalNameNotSupported"}


def test_a_host_port_leads_to_the_newest_running_pod() -> None:
    table = build([], [], [pod("1"), pod("2", address="127.2.0.8"), pod("3", "Pending")])
    assert table.listeners["127.0.0.1:8080"].backends == (("127.2.0.8", 8000),)
    assert [(one.about["metadata"]["name"], one.reason) for one in table.remarks] == [("1", "PortInUse")]


def test_a_host_port_on_an_outside_address_is_refused() -> None:
    table = build([], [], [pod("1", hostIP="192.0.2.1")])
    assert table.listeners == {}
    assert [one.reason for one in table.remarks] == ["HostPortRefused"]


A, B, C = ("127.2.0.1", 80), ("127.2.0.2", 80), ("127.2.0.3", 80)


def test_idle_pods_take_turns() -> None:
    balancer = Balancer([A, B, C])
    assert {balancer.order()[0] for _ in range(3)} == {A, B, C}


def test_the_pod_with_the_fewest_connections_is_first() -> None:
    balancer = Balancer([A, B])
    balancer.opened(A)
    assert {balancer.order()[0] for _ in range(4)} == {B}
    balancer.closed(A)
    assert {balancer.order()[0] for _ in range(4)} == {A, B}


def test_a_pod_that_left_is_not_chosen_while_its_connections_last() -> None:
    balancer = Balancer([A, B])
    balancer.opened(A)
    balancer.replace([B])
    assert balancer.order() == [B]
    assert balancer.connections == 1
