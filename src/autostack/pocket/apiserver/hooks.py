"""What follows from writing a particular resource: escalation checks before it, served kinds and namespace
furniture after it.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.access import escalation, pod_standards
from autostack.pocket.apiserver.call import ADMIN, Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import DEFINITIONS
from autostack.pocket.apiserver.extensions import definitions, removal
from autostack.pocket.apiserver.metadata import begin
from autostack.pocket.errors import method_not_allowed
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.errors import StaleError
from autostack.pocket.store.journal import Key

Object = dict[str, Any]
ROOT_CA_NOTE = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
    "distributions of Kubernetes clusters."
)


def before_write(core: Core, call: Call, new: Object, old: Object | None) -> None:
    """Raise ApiError when the write would give the caller rights that it does not have, or ask for what is
    not implemented.
    """
    if old is None and call.kind.custom and removal.is_ending(core, call.kind):
        raise method_not_allowed("create")
    escalation.check(core, call, new, old)
    if not call.kind.custom and not call.subresource:
        pod_standards.check(core, call, new, old)
    if call.kind.storage == DEFINITIONS:
        definitions.check(core, call, new)


async def after_write(core: Core, call: Call, entry: Entry) -> None:
    """React to an acknowledged write."""
    if call.kind.storage == "namespaces" and not entry.object["metadata"].get("deletionTimestamp"):
        await furnish_namespace(core, entry.key.name)
    if call.kind.storage == DEFINITIONS:
        await definitions.serve(core, entry)
    if call.kind.custom and removal.is_ending(core, call.kind):
        await removal.proceed(core, call.kind)


async def furnish_namespace(core: Core, namespace: str) -> None:
    """The default service account and the ConfigMap with the cluster's certificate authority; existing ones
    are left alone.
    """
    ca = {"data": {"ca.crt": core.settings.ca_certificate}}
    for plural, name, extra in (("serviceaccounts", "default", {}), ("configmaps", "kube-root-ca.crt", ca)):
        kind = core.registry.find("", "v1", plural)
        key = Key(plural, namespace, name)
        if kind is None or core.store.get(key) is not None:
            continue
        obj: Object = {
            "apiVersion": "v1",
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": namespace},
            **extra,
        }
        if plural == "configmaps":
            obj["metadata"]["annotations"] = {"kubernetes.io/description": ROOT_CA_NOTE}
        begin(Call(ADMIN, "create", kind, namespace, name), obj)
        try:
            await core.store.put(key, obj, expected=0)
        except StaleError:
            continue
