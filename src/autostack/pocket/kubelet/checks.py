"""Performing one probe or hook: exec, httpGet, tcpSocket, sleep.

The HTTP client is a dozen lines on purpose: a probe wants the status line of one GET, hundreds of times
a minute, and must not share connections or limits with anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.kubelet.entering import Target, capture
from autostack.pocket.kubelet.errors import StartError
from autostack.pocket.kubelet.probing import http_target, port_number

_BODY_BYTES = 2048
_WORDS = 600


class CheckFailed(Exception):  # noqa: N818 - a result of the check, not an error of ours
    """The check's answer is no; the message is what an Event says."""


async def check(
    action: Mapping[str, Any], container: Object, *, pod_ip: str, target: Target | None, timeout_s: float
) -> None:
    """Do it; returns when it succeeds, raises CheckFailed with the reason when not."""
    try:
        async with asyncio.timeout(timeout_s):
            if "httpGet" in action:
                await _http(action["httpGet"], container, pod_ip)
            elif "tcpSocket" in action:
                await _tcp(action["tcpSocket"], container, pod_ip)
            elif "exec" in action:
                await _exec(action["exec"], target)
            elif "sleep" in action:
                await asyncio.sleep(action["sleep"]["seconds"])
            else:
                raise CheckFailed(f"{', '.join(action)} is not implemented")
    except TimeoutError:
        what = "command" if "exec" in action else "check"
        raise CheckFailed(f"{what} timed out after {timeout_s:g}s") from None
    except (OSError, ValueError, OverflowError) as error:  # e.g. a host that no name can be
        raise CheckFailed(str(error)) from error


async def _exec(action: Mapping[str, Any], target: Target | None) -> None:
    if target is None:
        raise CheckFailed("the container is not running")
    try:
        code, output = await capture(target, action.get("command") or [])
    except StartError as error:
        raise CheckFailed(str(error)) from error
    if code != 0:
        raise CheckFailed(output[:_WORDS] or f"command exited with {code}")


def _port(action: Mapping[str, Any], container: Object) -> int:
    port = port_number(container, action["port"])
    if port is None:
        raise CheckFailed(f"couldn't find port: {action['port']}")
    return port


async def _tcp(action: Mapping[str, Any], container: Object, pod_ip: str) -> None:
    host, port = action.get("host") or pod_ip, _port(action, container)
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise CheckFailed(f"dial tcp {host}:{port}: {error.strerror or error}") from error
    writer.close()


async def _http(action: Mapping[str, Any], container: Object, pod_ip: str) -> None:
    scheme, host, port, path, headers = http_target(action, pod_ip, _port(action, container))
    url = f"{scheme}://{host}:{port}{path}"
    lines = {
        "Host": f"{host}:{port}",
        "User-Agent": "kube-probe/1.37",
        "Accept": "*/*",
        "Connection": "close",
    } | headers
    request = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    try:
        reader, writer = await asyncio.open_connection(
            host, port, ssl=_unverified() if scheme == "https" else None
        )
    except OSError as error:
        raise CheckFailed(f'Get "{url}": {error.strerror or error}') from error
    try:
        writer.write(f"{request}\r\n".encode())
        status = (await reader.readline()).decode("latin-1").split(" ", 2)
        if len(status) < 2 or not status[1].isdigit():
            raise CheckFailed(f'Get "{url}": the answer is not HTTP')
        if not 200 <= int(status[1]) < 400:
            raise CheckFailed(f"HTTP probe failed with statuscode: {status[1]}")
        await reader.read(_BODY_BYTES)
    except ValueError as error:  # a line without end, or words that no request can have
        raise CheckFailed(f'Get "{url}": the answer is not HTTP') from error
    except OSError as error:
        raise CheckFailed(f'Get "{url}": {error.strerror or error}') from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _unverified() -> ssl.SSLContext:
    """Probes do not verify certificates, as a kubelet's do not."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
