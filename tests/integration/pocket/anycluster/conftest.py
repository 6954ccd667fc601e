"""The cluster to try: the one of $AUTOSTACK_TEST_KUBECONFIG, or a served API of the test's own."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.pocket_api import Result, https_cluster, kubectl_program

VARIABLE = "AUTOSTACK_TEST_KUBECONFIG"


@dataclass(frozen=True)
class AnyCluster:
    """kubectl against some cluster, in a namespace that is the test's own."""

    kubeconfig: Path
    namespace: str

    async def kubectl(self, *arguments: str, stdin: str = "") -> Result:
        """Run kubectl in the namespace."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            kubectl_program(),
            "-n",
            self.namespace,
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
        )
        async with asyncio.timeout(120):
            out, err = await process.communicate(stdin.encode())
        return Result(process.returncode or 0, out.decode(), err.decode())

    async def ok(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl; its failure is the test's."""
        result = await self.kubectl(*arguments, stdin=stdin)
        assert result.code == 0, f"kubectl {' '.join(arguments)}: {result.err}{result.out}"
        return result.out


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[AnyCluster]:
    """A fresh namespace of the cluster."""
    name = f"anycluster-{secrets.token_hex(4)}"
    given = os.environ.get(VARIABLE)
    if given:
        tried = AnyCluster(Path(given), name)
        await tried.ok("create", "namespace", name)
        yield tried
        await tried.ok("delete", "namespace", name, "--wait=false")
        return
    async with https_cluster(tmp_path) as served:
        tried = AnyCluster(served.kubeconfig, name)
        await tried.ok("create", "namespace", name)
        yield tried
