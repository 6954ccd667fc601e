"""pods/eviction: a deletion that asks the disruption budgets first. A budget with nothing left answers 429.

The budget's status is what its controller keeps; the pod is written into `disruptedPods`, so that evictions
in quick succession cannot all spend the same allowance. A pod that is not ready spends nothing where the
budget's unhealthyPodEvictionPolicy lets it go; it is then deleted only as the very object that was judged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import DeleteOptions
from autostack.pocket.apiserver.metadata import now
from autostack.pocket.apiserver.selectors import from_label_selector
from autostack.pocket.apiserver.verbs.delete import delete
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.apiserver.writing import ATTEMPTS
from autostack.pocket.errors import ApiError, FieldError, bad_request, internal, invalid, too_many_requests
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.errors import StaleError, UnavailableError

Object = dict[str, Any]
BUDGETS = "poddisruptionbudgets.policy"


async def create(core: Core, call: Call, eviction: Object) -> Object:
    """Evict; answers a Status. Raises 429 when a budget does not allow it now."""
    if (eviction.get("metadata") or {}).get("name") != call.name:
        raise bad_request("name in URL does not match name in Eviction object")
    given = eviction.get("deleteOptions") or {}
    if given.get("dryRun"):
        if given["dryRun"] != ["All"]:
            raise invalid(
                call.target,
                [FieldError("dryRun", 'supported values: "All"', "Unsupported value", given["dryRun"])],
            )
        call.dry_run = True
    preconditions = given.get("preconditions") or {}
    options = DeleteOptions(
        str(given.get("propagationPolicy") or ""),
        given.get("gracePeriodSeconds"),
        str(preconditions.get("uid") or ""),
        str(preconditions.get("resourceVersion") or ""),
    )
    for _ in range(ATTEMPTS):
        pod = get(core, call).object
        as_judged = "" if not _counts(pod) else await _spend(core, call, pod)
        try:
            await delete(core, call, replace(options, resource_version=options.resource_version or as_judged))
        except ApiError:
            if as_judged and get(core, call).object["metadata"]["resourceVersion"] != as_judged:
                continue  # it changed, perhaps to ready: judge it again
            raise
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    raise too_many_requests("the pod is changing too fast; try again")


def _counts(pod: Object) -> bool:
    """Whether the pod's end is a disruption at all."""
    phase = pod.get("status", {}).get("phase")
    return phase not in ("Failed", "Pending", "Succeeded") and not pod["metadata"].get("deletionTimestamp")


def budgets_of(core: Core, pod: Object) -> list[Entry]:
    """The budgets whose selector chooses the pod."""
    labels = pod["metadata"].get("labels") or {}
    return [
        entry
        for entry in core.store.entries(BUDGETS, pod["metadata"]["namespace"])
        if (selector := entry.object.get("spec", {}).get("selector")) is not None
        and all(term.matches(labels) for term in from_label_selector(selector))
    ]


async def _spend(core: Core, call: Call, pod: Object) -> str:
    """Take one disruption; for a pod that may go without, the resourceVersion at which that holds."""
    for _ in range(ATTEMPTS):
        budgets = budgets_of(core, pod)
        if not budgets:
            return ""
        if len(budgets) > 1:
            raise internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does "
                "not support."
            )
        if not _is_ready(pod) and is_free(budgets[0].object):
            return str(pod["metadata"]["resourceVersion"])
        spent = _spent(budgets[0], pod)
        if call.dry_run:
            return ""
        try:
            await core.store.put(budgets[0].key, spent, expected=budgets[0].revision)
        except StaleError:
            continue
        except UnavailableError as error:
            raise internal(str(error)) from error
        return ""
    raise too_many_requests("the disruption budget is changing too fast; try again")


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def is_free(budget: Object) -> bool:
    """Whether pods that are not ready may go without spending: always under AlwaysAllow, else (the default,
    IfHealthyBudget) while enough others are healthy.
    """
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    return bool(0 < status.get("desiredHealthy", 0) <= status.get("currentHealthy", 0))


def _spent(entry: Entry, pod: Object) -> Object:
    """The budget with one disruption less; raises 429 when there is none left."""
    budget = entry.object
    status = budget.get("status") or {}
    observed = status.get("observedGeneration", 0) >= budget["metadata"].get("generation", 1)
    if not observed or status.get("disruptionsAllowed", 0) <= 0:
        raise _refused(entry.key.name, status, observed=observed)
    disrupted = {**(status.get("disruptedPods") or {}), pod["metadata"]["name"]: now()}
    new_status = {
        **status,
        "disruptionsAllowed": status["disruptionsAllowed"] - 1,
        "disruptedPods": disrupted,
    }
    return {**budget, "metadata": dict(budget["metadata"]), "status": new_status}


def _refused(name: str, status: Object, *, observed: bool) -> ApiError:
    why = (
        f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods and has "
        f"{status.get('currentHealthy', 0)} currently"
        if observed
        else f"The disruption budget {name} is still being processed by the server."
    )
    cause = {"reason": "DisruptionBudget", "message": why}
    return too_many_requests(
        "Cannot evict pod as it would violate the pod's disruption budget.", {"causes": [cause]}
    )
