"""Events: what happened to an Application, told where `kubectl describe` and the console show it."""

from __future__ import annotations

import logging
import secrets
from datetime import UTC, datetime

from autostack.gitops.api import EVENTS, KubernetesApi
from autostack.gitops.errors import ApiError, UnreachableError, capped
from autostack.gitops.moments import rfc3339
from autostack.gitops.objects import Object, metadata

log = logging.getLogger(__name__)
COMPONENT = "autostack-gitops"


async def record(
    api: KubernetesApi, about: Object, reason: str, message: str, *, warning: bool = False
) -> None:
    """Write one Event. An Event that cannot be written is logged; it never stops what it tells of."""
    meta, now = metadata(about), rfc3339(datetime.now(UTC))
    namespace = meta.get("namespace") or "default"
    event: Object = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{secrets.token_hex(8)}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": about.get("apiVersion"),
            "kind": about.get("kind"),
            "name": meta["name"],
            "namespace": namespace,
            "uid": meta.get("uid"),
            "resourceVersion": meta.get("resourceVersion"),
        },
        "reason": reason,
        "message": capped(message, 1000),
        "type": "Warning" if warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        await api.create(EVENTS, event, namespace)
    except (ApiError, UnreachableError) as error:
        log.warning("event not written", extra={"fields": {"reason": reason, "error": str(error)}})
