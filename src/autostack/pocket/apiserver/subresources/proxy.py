"""pods/proxy and services/proxy: one HTTP request forwarded to a pod, whole, without streaming.

The name may be `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`; only http is forwarded. A Service is reached
through the first ready pod of its EndpointSlices.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http.request import Request
from autostack.pocket.apiserver.http.response import Response
from autostack.pocket.apiserver.subresources.log import node_of
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.errors import ApiError, bad_request, internal
from autostack.pocket.store.journal import Key

Object = dict[str, Any]
TIMEOUT_S = 30.0
ANSWER_BYTES = 16 * 1024 * 1024
DROPPED = ("authorization", "connection", "host", "content-length", "transfer-encoding", "accept-encoding")


async def forward(core: Core, call: Call, request: Request, rest: str) -> Response:
    """The pod's answer; raises 503 when nobody answers."""
    name, port = _split(call.name)
    pod, number = _target(core, replace(call, name=name), port)
    query = urlencode([(key, value) for key, values in request.multi.items() for value in values])
    target = f"/{rest}?{query}" if query else f"/{rest}"
    head = f"{request.method} {target} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n"
    head += f"content-length: {len(request.body)}\r\n"
    head += "".join(f"{key}: {value}\r\n" for key, value in request.headers.items() if key not in DROPPED)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await node_of(core).dial(pod, number)
            try:
                writer.write(head.encode("latin-1") + b"\r\n" + request.body)
                await writer.drain()
                return await _read(reader)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ApiError(503, "ServiceUnavailable", f"error trying to reach service: {error!r}") from error


def _split(name: str) -> tuple[str, str]:
    parts = name.split(":")
    if len(parts) == 3:
        if parts[0] not in ("", "http"):
            raise bad_request(f"only http is proxied, not {parts[0]!r}")
        return parts[1], parts[2]
    return parts[0], parts[1] if len(parts) == 2 else ""


def _target(core: Core, call: Call, port: str) -> tuple[Object, int]:
    if call.kind.storage == "pods":
        pod = get(core, call).object
        ports = [p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports", [])]
        if port and not port.isdigit():
            raise bad_request(f"the port of a proxied pod must be a number, not {port!r}")
        return pod, int(port) if port else (ports[0] if ports else 80)
    service = get(core, call).object
    wanted = next(
        (p for p in service["spec"].get("ports", []) if port in ("", str(p["port"]), p.get("name"))), None
    )
    if wanted is None:
        raise bad_request(f"service {call.name!r} has no port {port!r}")
    for entry in core.store.entries("endpointslices.discovery.k8s.io", call.namespace):
        if entry.object["metadata"].get("labels", {}).get("kubernetes.io/service-name") != call.name:
            continue
        numbers = [
            p["port"]
            for p in entry.object.get("ports") or ()
            if (p.get("name") or "") == (wanted.get("name") or "")
        ]
        for endpoint in entry.object.get("endpoints") or ():
            pod_entry = core.store.get(
                Key("pods", call.namespace, (endpoint.get("targetRef") or {}).get("name", ""))
            )
            if numbers and pod_entry and (endpoint.get("conditions") or {}).get("ready", True):
                return pod_entry.object, int(numbers[0])
    raise ApiError(503, "ServiceUnavailable", f'no endpoints available for service "{call.name}"')


async def _read(reader: asyncio.StreamReader) -> Response:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    code = int(head[0].split(" ")[1])
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    if headers.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(min(int(headers["content-length"]), ANSWER_BYTES))
    else:
        body = await reader.read(ANSWER_BYTES)
    return Response(code, body, headers.get("content-type", "application/octet-stream"))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    size = 0
    while count := int((await reader.readline()).split(b";")[0], 16):
        size += count
        if size > ANSWER_BYTES:
            raise internal("the proxied answer is too large")
        parts.append(await reader.readexactly(count))
        await reader.readline()
    return b"".join(parts)
