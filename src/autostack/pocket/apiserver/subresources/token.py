"""serviceaccounts/token: a fresh signed token, bound to a pod when the request says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from autostack.pocket.apiserver.access.tokens import ISSUER, Bound
from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.errors import FieldError, Target, conflict, invalid, not_found
from autostack.pocket.store.journal import Key

Object = dict[str, Any]
SHORTEST_S, LONGEST_S, USUAL_S = 600, 86_400, 3_600
BINDABLE = {"Pod": "pods", "Secret": "secrets"}


async def create(core: Core, call: Call, request: Object) -> Object:
    """The TokenRequest with its status; raises 404 or 409 when what it is bound to is not there or another
    one.
    """
    account = get(core, call).object
    spec = dict(request.get("spec") or {})
    lifetime = spec.get("expirationSeconds") or USUAL_S
    if lifetime < SHORTEST_S:
        raise invalid(
            call.target,
            [
                FieldError(
                    "spec.expirationSeconds",
                    "may not specify a duration less than 10 minutes",
                    value=lifetime,
                )
            ],
        )
    spec["expirationSeconds"] = min(int(lifetime), LONGEST_S)
    spec["audiences"] = list(spec.get("audiences") or [ISSUER])
    bound = _bound(core, call, spec.get("boundObjectRef"))
    token, expires = core.tokens.issue(account, spec["expirationSeconds"], spec["audiences"], bound)
    stamp = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": call.name, "namespace": call.namespace, "creationTimestamp": None},
        "spec": spec,
        "status": {"token": token, "expirationTimestamp": stamp},
    }


def _bound(core: Core, call: Call, reference: Object | None) -> Bound | None:
    if not reference:
        return None
    kind, name = str(reference.get("kind")), str(reference.get("name"))
    if kind not in BINDABLE:
        raise invalid(
            call.target,
            [
                FieldError(
                    "spec.boundObjectRef.kind", 'supported values: "Pod", "Secret"', "Unsupported value", kind
                )
            ],
        )
    entry = core.store.get(Key(BINDABLE[kind], call.namespace, name))
    if entry is None:
        raise not_found(Target(BINDABLE[kind], "", kind, name))
    found = entry.object
    if reference.get("uid") and reference["uid"] != found["metadata"]["uid"]:
        raise conflict(
            call.target,
            f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record",
        )
    if kind == "Pod" and found["spec"].get("serviceAccountName") != call.name:
        raise invalid(
            call.target,
            [
                FieldError(
                    "spec.boundObjectRef", f"pod {name} does not use service account {call.name}", value=name
                )
            ],
        )
    return Bound(kind, name, found["metadata"]["uid"])
