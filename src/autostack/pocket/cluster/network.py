"""A cluster's addresses: two neighbouring /16 of 127/8, one for pods and one for Services, chosen once.

The API server listens on the node's address, the first of the pod range, at one fixed port. Listening
there is the claim: two clusters on one machine, whoever runs them, can't have the same range, and no lock
file or port number is needed. Where the search begins follows from the cluster's path, so clusters rarely
meet.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from autostack.pocket.apiserver.certificates import write_private
from autostack.pocket.cluster.errors import ClusterError, InvalidStateError
from autostack.pocket.cluster.places import ClusterPlaces, known_clusters

log = logging.getLogger(__name__)

API_PORT = 6443
BACKLOG = 2_048
FIRST, PAIRS = 64, 32


@dataclass(frozen=True, slots=True)
class Network:
    """The ranges of one cluster; `number` is the second byte of the pod range."""

    number: int

    @property
    def pods(self) -> IPv4Network:
        """Pod addresses."""
        return IPv4Network(f"127.{self.number}.0.0/16")

    @property
    def services(self) -> IPv4Network:
        """Service addresses."""
        return IPv4Network(f"127.{self.number + 1}.0.0/16")

    @property
    def node_address(self) -> str:
        """The node's own address, where the API server listens."""
        return str(self.pods[1])


def read_network(file: Path) -> Network | None:
    """The chosen ranges; None before they are chosen; raises InvalidStateError when the file is damaged."""
    try:
        number = json.loads(file.read_text())["number"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidStateError(
            f"{file} can't be read ({error}); restore it, or delete the cluster"
        ) from error
    if number not in range(FIRST, FIRST + 2 * PAIRS, 2):
        raise InvalidStateError(f"{file}: {number!r} is not the number of an address range")
    return Network(number)


def claim(places: ClusterPlaces) -> tuple[Network, socket.socket]:
    """The cluster's ranges and the listening API socket; raises ClusterError when none can be had."""
    known = read_network(places.network)
    if known is not None:
        listener = _bound(known)
        if listener is None:
            raise ClusterError(
                f"{known.node_address}:{API_PORT} is in use (another user's cluster?); stop that program"
            )
        return known, listener
    taken = set(_taken_by_neighbours(places))
    for number in _candidates(places):
        listener = _bound(Network(number)) if number not in taken else None
        if listener is not None:
            write_private(places.network, json.dumps({"number": number}))
            return Network(number), listener
    raise ClusterError(f"all {PAIRS} address ranges are taken by other clusters; delete one")


def _candidates(places: ClusterPlaces) -> Iterator[int]:
    first = hashlib.sha256(str(places.folder).encode()).digest()[0]
    for step in range(PAIRS):
        yield FIRST + 2 * ((first + step) % PAIRS)


def _taken_by_neighbours(places: ClusterPlaces) -> Iterator[int]:
    for name in known_clusters(places.home):
        try:
            network = read_network(ClusterPlaces(places.home, name).network)
        except InvalidStateError as error:  # theirs to repair; if that cluster runs, its socket tells
            log.warning("addresses of another cluster unknown", extra={"cluster": name, "error": str(error)})
            continue
        if network is not None:
            yield network.number


def _bound(network: Network) -> socket.socket | None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((network.node_address, API_PORT))
        listener.listen(BACKLOG)  # two may be bound to one address, but only one listens
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise ClusterError(f"can't listen on {network.node_address}:{API_PORT}: {error.strerror}") from error
    return listener
