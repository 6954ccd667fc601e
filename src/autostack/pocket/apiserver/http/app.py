"""The ASGI application: who asks, what for, and the answer; an error of ours becomes a Status, never a
traceback.

Without credentials only health and version are answered; everything else is 401.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections import Counter

from autostack.pocket.apiserver.call import ANONYMOUS, User
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http import connect, discovery_pages, response, status_pages
from autostack.pocket.apiserver.http.objects import respond
from autostack.pocket.apiserver.http.paths import Place, parse
from autostack.pocket.apiserver.http.request import Receive, Request, Scope, Send, read_body
from autostack.pocket.apiserver.http.response import Response
from autostack.pocket.apiserver.http.streaming import stream
from autostack.pocket.apiserver.http.websocket import WebSocket
from autostack.pocket.errors import ApiError, internal, no_such_path, unauthorized

PUBLIC = ("/healthz", "/livez", "/readyz", "/version")
BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io."
log = logging.getLogger(__name__)


class HttpApi:
    """Serves one cluster's API; create one per server."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._counts: Counter[tuple[str, str, str, int]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's worth: lifespan, a request or a WebSocket."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request.of(scope)
        place = parse(request.path)
        sender = _Started(send)
        code = 200
        try:
            request.user = self._impersonated(request, self._user(request, ()))
            answer = await self._answer(request, place, receive, sender)
            if answer is not None:
                code = answer.code
                await response.send(answer, sender, request.warnings)
        except ApiError as error:
            code = error.code
            await self._fail(error, sender, request)
        except Exception:
            code = 500
            log.exception("request failed", extra={"method": request.method, "path": request.path})
            await self._fail(internal("see the API server's log"), sender, request)
        finally:
            self._counts[
                request.method, place.group if place else "", place.plural if place else "", code
            ] += 1

    @staticmethod
    async def _fail(error: ApiError, sender: _Started, request: Request) -> None:
        if sender.started:
            await sender({"type": "http.response.body", "body": b""})
        else:
            await response.send(response.failure(error), sender, request.warnings)

    async def _answer(
        self, request: Request, place: Place | None, receive: Receive, send: Send
    ) -> Response | None:
        """The answer, or None when it was streamed."""
        core = self._core
        if place is None:
            return self._page(request)
        if request.method == "GET" and request.flag("watch"):
            await stream(core, request, place, receive, send)
            return None
        if place.subresource in connect.HTTP_STREAMS:
            await connect.http(core, request, place, receive, send)
            return None
        if request.method not in ("GET", "HEAD"):
            request.body = await read_body(receive, core.settings.body_limit_bytes)
        return await respond(core, request, place)

    def _page(self, request: Request) -> Response:
        path = request.path
        if not path.startswith(PUBLIC):
            self._core.access.authorize_path(request.user, request.method.lower(), path)
        found = status_pages.page(self._core, path, self._counts) or discovery_pages.page(
            self._core.registry, request
        )
        if found is None:
            raise no_such_path()
        return found

    def _user(self, request: Request, protocols: tuple[str, ...]) -> User:
        """Who asks; raises 401 for a bad token, and for none where one is needed."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if not token:
            token = _protocol_token(protocols).strip()
        elif scheme.lower() != "bearer":
            raise unauthorized()
        if token:
            return self._core.tokens.user_of(token)
        if request.path.startswith(PUBLIC):
            return ANONYMOUS
        raise unauthorized()

    def _impersonated(self, request: Request, user: User) -> User:
        """Whom the caller acts as, if he may; raises 403."""
        wanted = impersonated(request.headers)
        return user if wanted is None else self._core.access.impersonate(user, wanted)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request.of(scope)
        place = parse(request.path)
        await receive()  # websocket.connect
        try:
            user = self._user(request, tuple(scope.get("subprotocols", ())))
            request.user = self._impersonated(request, user)
            if place is None or place.subresource not in connect.WEBSOCKETS:
                raise no_such_path()
            protocols = tuple(scope.get("subprotocols", ()))
            await connect.websocket(self._core, request, place, protocols, WebSocket(receive, send))
        except ApiError as error:
            await _refuse_websocket(send, error)


def impersonated(headers: dict[str, str]) -> User | None:
    """The user that `Impersonate-*` headers name; raises 403 for forms of it that are not implemented."""
    name, group = headers.get("impersonate-user", ""), headers.get("impersonate-group", "")
    if not name:
        if any(header.startswith("impersonate-") for header in headers):
            raise ApiError(403, "Forbidden", "impersonation needs a user: Impersonate-User is missing")
        return None
    if any(header.startswith(("impersonate-extra-", "impersonate-uid")) for header in headers):
        raise ApiError(403, "Forbidden", "impersonation of extra fields and uids is not implemented")
    return User(name, tuple(filter(None, (*group.split("\n"), "system:authenticated"))))


def _protocol_token(protocols: tuple[str, ...]) -> str:
    for protocol in protocols:
        if protocol.startswith(BEARER_PROTOCOL):
            try:
                return base64.urlsafe_b64decode(protocol.removeprefix(BEARER_PROTOCOL) + "==").decode()
            except (binascii.Error, UnicodeDecodeError):
                raise unauthorized() from None
    return ""


async def _refuse_websocket(send: Send, error: ApiError) -> None:
    answer = response.failure(error)
    headers = [(b"content-type", b"application/json"), *answer.headers]
    await send({"type": "websocket.http.response.start", "status": error.code, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class _Started:
    """Remembers whether the answer has begun, because a second beginning is an error of ours."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: dict[str, object]) -> None:
        self.started = True
        await self._send(message)
