"""What the API server asks of the node: the subresources that reach into a running pod.

The kubelet implements it; the API server holds it for the pod subresources log, exec, attach and portforward,
and for metrics.k8s.io.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The query of pods/log, with Kubernetes' names; times in seconds, `since_time` in RFC 3339."""

    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since_seconds: int | None = None
    since_time: str | None = None
    tail_lines: int | None = None
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """One container's use at this moment: CPU in nanocores (over the last window), memory in bytes."""

    cpu_nanocores: int
    memory_bytes: int


class ExecSession(Protocol):
    """One running command in a container. Its streams carry raw bytes and end with b""."""

    async def read_stdout(self) -> bytes: ...
    async def read_stderr(self) -> bytes: ...
    async def write_stdin(self, data: bytes) -> None: ...
    async def close_stdin(self) -> None: ...
    def resize(self, columns: int, rows: int) -> None: ...
    async def wait(self) -> int:
        """The exit code, 128 + n for a signal."""
        ...

    async def kill(self) -> None: ...


class NodeGateway(Protocol):
    """The node's side of the pod subresources. Pods are given as stored objects; failures are ApiError."""

    def logs(self, pod: dict[str, Any], options: LogOptions) -> AsyncIterator[bytes]: ...

    async def exec(
        self, pod: dict[str, Any], container: str, command: list[str], *, tty: bool, stdin: bool
    ) -> ExecSession: ...

    async def attach(self, pod: dict[str, Any], container: str, *, stdin: bool) -> ExecSession:
        """The container's own program; ending the session leaves it running."""
        ...

    async def dial(self, pod: dict[str, Any], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection to a port of the pod."""
        ...

    def pod_usage(self, namespace: str, name: str) -> dict[str, Usage]:
        """By container name; empty when the pod is not running or nothing is measured yet."""
        ...

    def node_usage(self) -> Usage: ...
