"""The cluster to try: the one of $AUTOSTACK_TEST_KUBECONFIG, or a whole pocket cluster of the session's own.

Every test has a namespace to itself, so that one cluster serves them all, a real one too.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_api import Result, kubectl_program
from harness.waiting import eventually

from autostack.pocket.cluster import lifecycle
from autostack.pocket.cluster.places import ClusterPlaces

VARIABLE = "AUTOSTACK_TEST_KUBECONFIG"
WITHIN_S = 120.0
"""How long the slowest cluster may take for anything: a real one pulls the image first."""


@dataclass(frozen=True)
class AnyCluster:
    """kubectl against some cluster, in a namespace that is the test's own."""

    kubeconfig: Path
    namespace: str

    async def kubectl(self, *arguments: str, stdin: str = "", **environment: str) -> Result:
        """Run kubectl in the namespace."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            kubectl_program(),
            "-n",
            self.namespace,
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), **environment},
        )
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate(stdin.encode())
        return Result(process.returncode or 0, out.decode(), err.decode())

    async def ok(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """Run kubectl; its failure is the test's."""
        result = await self.kubectl(*arguments, stdin=stdin, **environment)
        assert result.code == 0, f"kubectl {' '.join(arguments)}: {result.err}{result.out}"
        return result.out

    async def terminal(self, *arguments: str, typed: str) -> str:
        """Run kubectl on a terminal of its own, type, and return what the terminal showed."""
        line = shlex.join([kubectl_program(), "-n", self.namespace, *arguments])
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "script", "--quiet", "--return", "--command", line, "/dev/null",
            stdin=pipe, stdout=pipe, env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(typed.encode())  # left open: a terminal's input does not end
        async with asyncio.timeout(WITHIN_S):
            assert process.stdout is not None
            shown = (await process.stdout.read()).decode()
            code = await process.wait()
        process.stdin.close()
        assert code == 0, f"{line}: {shown}"
        return shown

    async def apply(self, *objects: dict[str, Any]) -> None:
        """Apply the objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        await self.ok("apply", "-f", "-", stdin=json.dumps(listed))

    async def read(self, *what: str) -> Any:
        """An object, or the items of a list."""
        found = json.loads(await self.ok("get", *what, "-o", "json"))
        return found["items"] if found["kind"] == "List" else found

    async def until(self, *what: str, holds: Any) -> Any:
        """What `read` gives, once `holds` of it."""

        async def probe() -> tuple[Any] | None:
            found = await self.read(*what)
            return (found,) if holds(found) else None

        held = await eventually(probe, within_s=WITHIN_S, what=" ".join(what))
        assert held is not None
        return held[0]


@pytest.fixture(scope="session")
def any_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of the cluster to try."""
    given = os.environ.get(VARIABLE)
    if given:
        yield Path(given)
        return
    places = ClusterPlaces(tmp_path_factory.mktemp("anycluster"), "any")
    lifecycle.start(places)
    yield places.kubeconfig
    lifecycle.delete(places)


@pytest.fixture
async def cluster(any_kubeconfig: Path) -> AsyncIterator[AnyCluster]:
    """A fresh namespace of the cluster."""
    name = f"anycluster-{secrets.token_hex(4)}"
    tried = AnyCluster(any_kubeconfig, name)
    await tried.ok("create", "namespace", name)
    yield tried
    await tried.ok("delete", "namespace", name, "--wait=false")
