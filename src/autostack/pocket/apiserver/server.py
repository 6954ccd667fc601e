"""The API server of one cluster, composed: store, kinds, access; in-process clients now, HTTP by `app`.

For a test: `server = await ApiServer.open(MemoryJournal())`, then `client = server.client()`; `await
server.close()` at the end. The fixture `pocket_api` does that. The kubelet joins by
`server.attach_node(gateway)`.
"""

from __future__ import annotations

import asyncio
import secrets

from autostack.pocket.apiserver import expiry
from autostack.pocket.apiserver.access.access import Access
from autostack.pocket.apiserver.access.tokens import Tokens
from autostack.pocket.apiserver.bootstrap import bootstrap
from autostack.pocket.apiserver.call import User
from autostack.pocket.apiserver.client import InProcessClient
from autostack.pocket.apiserver.core import ApiSettings, Core
from autostack.pocket.apiserver.registry import Registry
from autostack.pocket.node import NodeGateway
from autostack.pocket.store.journal import Journal
from autostack.pocket.store.store import Store

CONTROLLERS = "system:kube-controller-manager"


class ApiServer:
    """One cluster's API."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._sweeping = asyncio.create_task(expiry.sweep_for_ever(core), name="event-expiry")

    @classmethod
    async def open(cls, journal: Journal, settings: ApiSettings | None = None) -> ApiServer:
        """Load the store and make sure that what every cluster has is there (namespaces, roles, the
        `kubernetes` Service).
        """
        store = await Store.open(journal)
        settings = settings or ApiSettings()
        tokens = Tokens(store, settings.signing_key.encode() or secrets.token_bytes(32), settings.tokens)
        core = Core(store, Registry(), Access(store), tokens, settings)
        server = cls(core)
        await bootstrap(core)
        return server

    def client(
        self,
        user: str = CONTROLLERS,
        *,
        groups: tuple[str, ...] = ("system:masters",),
        field_manager: str = "",
    ) -> InProcessClient:
        """An in-process client as `user`; by default with all rights, as the control plane's own parts have.

        `field_manager` is written into managedFields; it is the user's last part by default.
        """
        identity = User(user, (*groups, "system:authenticated"))
        return InProcessClient(self.core, identity, field_manager or user.rsplit(":", 1)[-1])

    def attach_node(self, node: NodeGateway) -> None:
        """From now on log, exec, attach, port-forward and metrics reach into this node."""
        self.core.node = node

    async def failed(self) -> None:
        """Wait until a part of the server ends by a fault, and raise it; cancel it in good times."""
        storing = asyncio.create_task(self.core.store.failed(), name="store-failed")
        try:
            await asyncio.wait((storing, self._sweeping), return_when=asyncio.FIRST_COMPLETED)
            for part in (storing, self._sweeping):
                if part.done():
                    part.result()
        finally:
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)

    async def close(self) -> None:
        """End watches, finish writes, release the store."""
        self._sweeping.cancel()
        await asyncio.gather(self._sweeping, return_exceptions=True)
        await self.core.store.close()
