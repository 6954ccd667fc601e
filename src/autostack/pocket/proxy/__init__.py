"""The service proxy: what listens on ClusterIPs and host ports, and passes each connection to a ready pod.

Connections are carried by a process of its own, so that traffic and the control plane never wait for each
other, and so that traffic goes on while the control plane is restarted (or killed): the next one
finds the running forwarder by its socket and takes it over. The price is one more small process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autostack.pocket.controllers.cluster import Cluster


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What the proxy needs to know of the machine."""

    state: Path
    """The folder for the forwarder's socket and log; the owner's alone (mode 0700), for who can reach the
    socket decides where connections go."""


async def run_on(cluster: Cluster, settings: ProxySettings) -> None:
    """Keep the forwarder equal to the cluster until cancelled; it goes on without us until `stop`. The view
    of the cluster is started elsewhere.
    """
    # the forwarder's process imports this package and needs none of the controllers
    from autostack.pocket.proxy.steering import run_on as steer  # noqa: PLC0415

    await steer(cluster, settings)


async def stop(settings: ProxySettings) -> None:
    """End the forwarder, if one runs, after a little time for open connections."""
    from autostack.pocket.proxy.steering import stop as end  # noqa: PLC0415 - as above

    await end(settings)
