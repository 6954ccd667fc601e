"""Questions about identity and rights: access reviews, rules review, self subject review, token review.

Nothing is stored; the answer is the object that was sent, with its status filled in.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.access.rbac import Attempt, Rule
from autostack.pocket.apiserver.call import Call, User
from autostack.pocket.apiserver.core import Core
from autostack.pocket.errors import ApiError, FieldError, bad_request, invalid

Object = dict[str, Any]


def answer(core: Core, call: Call, review: Object) -> Object:
    """The review with its status; raises 422 for a question that cannot be answered."""
    kinds = {
        "selfsubjectaccessreviews": _self_access,
        "subjectaccessreviews": _subject_access,
        "localsubjectaccessreviews": _subject_access,
        "selfsubjectrulesreviews": _rules,
        "selfsubjectreviews": _self_subject,
        "tokenreviews": _token,
    }
    status = kinds[call.kind.plural](core, call, review)
    metadata = {"creationTimestamp": None, **(review.get("metadata") or {})}
    return {
        "apiVersion": call.kind.api_version,
        "kind": call.kind.kind,
        "metadata": metadata,
        "spec": review.get("spec") or {},
        "status": status,
    }


def _attempt(call: Call, spec: Object) -> Attempt:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if bool(resource) == bool(path):
        raise invalid(
            call.target,
            [
                FieldError(
                    "spec.resourceAttributes",
                    "exactly one of nonResourceAttributes or resourceAttributes must be specified",
                    value="",
                )
            ],
        )
    if not isinstance(resource, dict):
        return Attempt(str((path or {}).get("verb", "")), path=str((path or {}).get("path", "")))
    found = {
        key: str(resource.get(key) or "")
        for key in ("verb", "group", "resource", "subresource", "name", "namespace")
    }
    return Attempt(**found)


def _decision(core: Core, user: User, attempt: Attempt) -> Object:
    reason = core.access.reason(user, attempt)
    return {"allowed": True, "reason": reason} if reason is not None else {"allowed": False}


def _self_access(core: Core, call: Call, review: Object) -> Object:
    return _decision(core, call.user, _attempt(call, review.get("spec") or {}))


def _subject_access(core: Core, call: Call, review: Object) -> Object:
    spec = review.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        raise invalid(
            call.target,
            [FieldError("spec.user", "at least one of user or group must be specified", value="")],
        )
    user = User(str(spec.get("user") or ""), tuple(spec.get("groups") or ()))
    return _decision(core, user, _attempt(call, spec))


def _rules(core: Core, call: Call, review: Object) -> Object:
    namespace = (review.get("spec") or {}).get("namespace")
    if not namespace:
        raise bad_request("no namespace on request")
    rules = core.access.rules(call.user, str(namespace))
    return {
        "resourceRules": [
            _kept(rule, "apiGroups", "resources", "resourceNames") for rule in rules if rule.get("resources")
        ],
        "nonResourceRules": [_kept(rule, "nonResourceURLs") for rule in rules if rule.get("nonResourceURLs")],
        "incomplete": False,
    }


def _kept(rule: Rule, *fields: str) -> Rule:
    return {field: rule[field] for field in ("verbs", *fields) if field in rule}


def user_info(user: User) -> Object:
    """A user as the authentication API writes one."""
    found = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": user.extra}
    return {key: value for key, value in found.items() if value}


def _self_subject(core: Core, call: Call, review: Object) -> Object:  # noqa: ARG001 - all reviews
    return {"userInfo": user_info(call.user)}


def _token(core: Core, call: Call, review: Object) -> Object:  # noqa: ARG001 - all reviews
    spec = review.get("spec") or {}
    audiences = list(spec.get("audiences") or ()) or None
    try:
        user = core.tokens.user_of(str(spec.get("token") or ""), audiences)
    except ApiError:
        return {"authenticated": False, "error": "invalid bearer token"}
    return {"authenticated": True, "user": user_info(user), **({"audiences": audiences} if audiences else {})}
