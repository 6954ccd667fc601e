"""A pocket cluster's API server of a test's own: real storage, watches, validation and RBAC, with or
without HTTPS.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from autostack.pocket.apiserver import certificates, serving
from autostack.pocket.apiserver.core import ApiSettings
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.store.journal import Journal, MemoryJournal
from harness.process_node import ProcessNode


def kubectl_program() -> str:
    """The kubectl of this environment."""
    return str(Path(sys.executable).with_name("kubectl"))


def settings_of_a_test(**settings: Any) -> ApiSettings:
    """Settings whose Services have addresses that no real cluster, and hardly another test, has."""
    return ApiSettings(service_range=f"127.{128 + secrets.randbelow(40)}.0.0/16", **settings)


@dataclass(frozen=True)
class Result:
    """How a program ended."""

    code: int
    out: str
    err: str


@dataclass
class HttpsCluster:
    """A served API: its in-process server, its node, and where and how clients reach it."""

    server: ApiServer
    node: ProcessNode
    url: str
    token: str
    ca: str
    kubeconfig: Path

    async def kubectl(self, *arguments: str, stdin: str = "", within_s: float = 60) -> Result:
        """Run the real kubectl against the cluster."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.kubeconfig.parent),
            "KUBECONFIG": str(self.kubeconfig),
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            kubectl_program(), *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        try:
            async with asyncio.timeout(within_s):
                out, err = await process.communicate(stdin.encode())
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise AssertionError(f"kubectl {' '.join(arguments)} did not end within {within_s} s") from None
        return Result(process.returncode or 0, out.decode(), err.decode())

    async def ok(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl and return what it printed; its failure is the test's."""
        result = await self.kubectl(*arguments, stdin=stdin)
        assert result.code == 0, f"kubectl {' '.join(arguments)}: {result.err}{result.out}"
        return result.out


@asynccontextmanager
async def https_cluster(folder: Path, journal: Journal | None = None) -> AsyncIterator[HttpsCluster]:
    """Serve a cluster on a free port for the time of the block."""
    listener = serving.listening_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    plain = settings_of_a_test(advertise_port=port)
    first = str(IPv4Network(plain.service_range)[1])
    known = serving.credentials(folder / "keys", certificates.server_hosts(first))
    settings = serving.with_credentials(plain, known)
    server = await ApiServer.open(journal or MemoryJournal(), settings)
    node = ProcessNode()
    server.attach_node(node)
    url = f"https://127.0.0.1:{port}"
    kubeconfig = folder / "kubeconfig"
    content = certificates.kubeconfig(
        name="test", server_url=url, ca_certificate=known.ca.certificate, token=known.admin_token
    )
    certificates.write_private(kubeconfig, content)
    try:
        async with serving.serving(server, listener, known):
            yield HttpsCluster(server, node, url, known.admin_token, known.ca.certificate, kubeconfig)
    finally:
        await server.close()


@pytest.fixture
async def pocket_api() -> AsyncIterator[ApiServer]:
    """An open API server without HTTP; `pocket_api.client()` is an ApiClient with all rights."""
    server = await ApiServer.open(MemoryJournal(), settings_of_a_test())
    yield server
    await server.close()


@pytest.fixture
async def pocket_https(tmp_path: Path) -> AsyncIterator[HttpsCluster]:
    """A cluster that real clients reach over HTTPS."""
    async with https_cluster(tmp_path) as cluster:
        yield cluster
