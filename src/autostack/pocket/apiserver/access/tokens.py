"""Bearer tokens: fixed ones for people, signed and expiring ones for service accounts.

A service account's token is a JWT (RFC 7519, HS256: only this server signs and checks) bound to the
account's uid and, when it was asked for, to a pod's. It ends with its time, with the account or with the
pod, whichever comes first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autostack.pocket.apiserver.access.rbac import SERVICE_ACCOUNT_PREFIX
from autostack.pocket.apiserver.call import User
from autostack.pocket.errors import unauthorized
from autostack.pocket.store.journal import Key
from autostack.pocket.store.store import Store

ISSUER = "https://kubernetes.default.svc.cluster.local"
CLOCK_SKEW_S = 10
CLAIM = "kubernetes.io"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a token is bound to besides its account."""

    kind: str
    name: str
    uid: str


class Tokens:
    """Issues and checks tokens. `fixed` maps whole tokens to users."""

    def __init__(
        self,
        store: Store,
        key: bytes,
        fixed: Mapping[str, User] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._key = key
        self._fixed = {hashlib.sha256(token.encode()).digest(): user for token, user in (fixed or {}).items()}
        self._clock = clock

    def issue(
        self, account: dict[str, Any], lifetime_s: int, audiences: list[str], bound: Bound | None
    ) -> tuple[str, int]:
        """A token of the account, and when it expires (Unix seconds)."""
        meta = account["metadata"]
        now = int(self._clock())
        claim: dict[str, Any] = {
            "namespace": meta["namespace"],
            "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
        }
        if bound is not None:
            claim[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
        body = {
            "aud": audiences or [ISSUER],
            "exp": now + lifetime_s,
            "iat": now,
            "iss": ISSUER,
            "nbf": now,
            "sub": f"{SERVICE_ACCOUNT_PREFIX}{meta['namespace']}:{meta['name']}",
            CLAIM: claim,
        }
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(body)}"
        return f"{signed}.{_text(self._signature(signed))}", now + lifetime_s

    def user_of(self, token: str, audiences: list[str] | None = None) -> User:
        """Whose token this is; raises 401 for one that is unknown, forged, expired or bound to something
        gone.
        """
        fixed = self._fixed.get(hashlib.sha256(token.encode()).digest())
        if fixed is not None:
            return fixed
        body = self._verified(token)
        if not set(body.get("aud", ())) & set(audiences or [ISSUER]):
            raise unauthorized()
        now = self._clock()
        if body.get("iss") != ISSUER or now > body.get("exp", 0) or now + CLOCK_SKEW_S < body.get("nbf", 0):
            raise unauthorized()
        return self._account(body.get(CLAIM) or {})

    def _signature(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), "sha256")

    def _verified(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        try:
            given = base64.urlsafe_b64decode(signature + "==")
            if not hmac.compare_digest(given, self._signature(signed)):
                raise unauthorized()
            payload = signed.split(".")[1]
            body: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
        except (ValueError, IndexError, binascii.Error, UnicodeError):
            raise unauthorized() from None
        return body

    def _account(self, claim: dict[str, Any]) -> User:
        namespace = str(claim.get("namespace"))
        account = claim.get("serviceaccount") or {}
        self._check_alive("serviceaccounts", namespace, account)
        extra: dict[str, list[str]] = {}
        for kind, plural in (("pod", "pods"), ("secret", "secrets"), ("node", "nodes")):
            if kind in claim:
                self._check_alive(plural, "" if kind == "node" else namespace, claim[kind])
                extra[f"authentication.kubernetes.io/{kind}-name"] = [claim[kind]["name"]]
                extra[f"authentication.kubernetes.io/{kind}-uid"] = [claim[kind]["uid"]]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return User(f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{account['name']}", groups, account["uid"], extra)

    def _check_alive(self, plural: str, namespace: str, reference: dict[str, Any]) -> None:
        entry = self._store.get(Key(plural, namespace, str(reference.get("name"))))
        if entry is None or entry.object["metadata"]["uid"] != reference.get("uid"):
            raise unauthorized()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode(content: dict[str, Any]) -> str:
    return _text(json.dumps(content, separators=(",", ":")).encode())
