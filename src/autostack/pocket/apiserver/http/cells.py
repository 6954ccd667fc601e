"""Table cells that are more than a field: what `kubectl get` shows of a pod's, job's or node's state. Pure
but for the time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
# Below so many seconds: the unit, its size, and the smaller unit that is shown beside it, if any.
SPANS = (
    (120, 1, "s", 0, ""),
    (600, 60, "m", 1, "s"),
    (3 * 3600, 60, "m", 0, ""),
    (8 * 3600, 3600, "h", 60, "m"),
    (48 * 3600, 3600, "h", 0, ""),
    (8 * 86400, 86400, "d", 3600, "h"),
)


def parse_time(stamp: Any) -> datetime | None:
    """An RFC 3339 time, or None when it is none."""
    try:
        return datetime.fromisoformat(str(stamp)).astimezone(UTC)
    except ValueError:
        return None


def human_duration(seconds: int) -> str:
    """`45s`, `3m20s`, `5h`, `2d3h`: two units while the first is small, as kubectl has it."""
    if seconds >= 730 * 86400:
        return f"{seconds // (365 * 86400)}y"
    for limit, size, unit, smaller, small_unit in SPANS:
        if seconds < limit:
            rest = seconds % size // smaller if smaller else 0
            return f"{max(seconds, 0) // size}{unit}" + (f"{rest}{small_unit}" if rest else "")
    return f"{seconds // 86400}d"


def age(stamp: Any) -> str:
    """How long ago, `<unknown>` without a time."""
    moment = parse_time(stamp) if stamp else None
    return (
        "<unknown>" if moment is None else human_duration(int((datetime.now(UTC) - moment).total_seconds()))
    )


def labels(found: dict[str, Any] | None) -> str:
    """`a=b,c=d`, or `<none>`."""
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items())) or "<none>"


def _pod_spec(obj: Object) -> Object:
    spec = obj.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    found: Object = spec.get("template", {}).get("spec", {})
    return found


def container_names(obj: Object) -> str:
    """The template's container names."""
    return ",".join(container["name"] for container in _pod_spec(obj).get("containers", []))


def images(obj: Object) -> str:
    """The template's images."""
    return ",".join(container.get("image", "") for container in _pod_spec(obj).get("containers", []))


def selector(obj: Object) -> str:
    """The workload's selector."""
    return labels((obj.get("spec", {}).get("selector") or {}).get("matchLabels"))


def subjects(obj: Object, kind: str) -> str:
    """A binding's subjects of one kind."""
    found = [subject for subject in obj.get("subjects") or () if subject.get("kind") == kind]
    return ", ".join(f"{s['namespace']}/{s['name']}" if s.get("namespace") else s["name"] for s in found)


def controller(obj: Object) -> str:
    """The controlling owner."""
    owner = next((ref for ref in obj["metadata"].get("ownerReferences", ()) if ref.get("controller")), None)
    return (
        "<none>"
        if owner is None
        else f"{owner['kind'].lower()}.{owner['apiVersion'].split('/')[0]}/{owner['name']}"
    )


def pod_ready(pod: Object) -> str:
    """Ready containers of all, sidecars among both."""
    status, sidecars = pod.get("status", {}), _sidecars(pod)
    ready = [
        *(
            one.get("ready") and "running" in one.get("state", {})
            for one in status.get("containerStatuses", ())
        ),
        *(
            one.get("ready") and one.get("started")
            for one in status.get("initContainerStatuses", ())
            if one["name"] in sidecars
        ),
    ]
    return f"{sum(map(bool, ready))}/{len(pod.get('spec', {}).get('containers', [])) + len(sidecars)}"


def pod_restarts(pod: Object) -> str:
    """The count, and how long ago the last one was: of the init containers for as long as they go on."""
    initial = pod.get("status", {}).get("initContainerStatuses", [])
    if _init_status(pod) is None:
        sidecars = _sidecars(pod)
        statuses = [one for one in initial if one["name"] in sidecars]
        statuses += pod.get("status", {}).get("containerStatuses", [])
    else:
        statuses = initial
    count = sum(status.get("restartCount", 0) for status in statuses)
    ended = [
        parse_time(s["lastState"]["terminated"].get("finishedAt"))
        for s in statuses
        if s.get("lastState", {}).get("terminated")
    ]
    moments = [moment for moment in ended if moment]
    if not count or not moments:
        return str(count)
    return f"{count} ({human_duration(int((datetime.now(UTC) - max(moments)).total_seconds()))} ago)"


def _sidecars(pod: Object) -> set[str]:
    initial = pod.get("spec", {}).get("initContainers", [])
    return {one["name"] for one in initial if one.get("restartPolicy") == "Always"}


def _terminated_reason(state: Object) -> str:
    if state.get("reason"):
        return str(state["reason"])
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"


def _init_status(pod: Object) -> str | None:
    statuses = pod.get("status", {}).get("initContainerStatuses", [])
    sidecars = _sidecars(pod)
    for index, status in enumerate(statuses):
        state = status.get("state", {})
        if state.get("terminated", {}).get("exitCode") == 0 or (
            status["name"] in sidecars and status.get("started")
        ):
            continue
        if "terminated" in state:
            return "Init:" + _terminated_reason(state["terminated"])
        waiting = state.get("waiting", {}).get("reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{index}/{len(pod['spec'].get('initContainers', []))}"
    return None


def pod_status(pod: Object) -> str:
    """What the pod is doing: the phase, unless a container has something more urgent to say."""
    status = pod.get("status", {})
    shown = str(status.get("reason") or status.get("phase") or "Unknown")
    if any(one.get("reason") == "SchedulingGated" for one in status.get("conditions") or ()):
        shown = "SchedulingGated"
    initialising = _init_status(pod)
    if initialising:
        shown = initialising
    else:
        running = False
        for container in reversed(status.get("containerStatuses", [])):
            state = container.get("state", {})
            if state.get("waiting", {}).get("reason"):
                shown = state["waiting"]["reason"]
            elif "terminated" in state:
                shown = _terminated_reason(state["terminated"])
            elif container.get("ready") and "running" in state:
                running = True
        if shown == "Completed" and running:
            shown = "Running" if _is_ready(status) else "NotReady"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else shown


def _is_ready(status: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))


def job_status(job: Object) -> str:
    """Complete, Failed, Suspended, Terminating or Running."""
    conditions = {c["type"] for c in job.get("status", {}).get("conditions", []) if c.get("status") == "True"}
    for kind, shown in (("Complete", "Complete"), ("Failed", "Failed")):
        if kind in conditions:
            return shown
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for kind, shown in (
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ):
        if kind in conditions:
            return shown
    return "Running"


def job_completions(job: Object) -> str:
    """Succeeded of wanted."""
    wanted = job.get("spec", {}).get("completions")
    done = job.get("status", {}).get("succeeded", 0)
    if wanted is not None:
        return f"{done}/{wanted}"
    parallelism = job.get("spec", {}).get("parallelism", 1)
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def job_duration(job: Object) -> str:
    """From start to completion or now."""
    status = job.get("status", {})
    start, end = parse_time(status.get("startTime")), parse_time(status.get("completionTime"))
    return human_duration(int(((end or datetime.now(UTC)) - start).total_seconds())) if start else ""


def service_ports(service: Object) -> str:
    """`80/TCP,443/TCP`."""
    return (
        ",".join(
            f"{port['port']}/{port.get('protocol', 'TCP')}"
            for port in service.get("spec", {}).get("ports", [])
        )
        or "<none>"
    )


def endpoints(obj: Object) -> str:
    """The first three addresses and how many more there are."""
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset.get("ports") or ()
    ]
    shown = ",".join(found[:3])
    return f"{shown} + {len(found) - 3} more..." if len(found) > 3 else shown or "<none>"


def node_status(node: Object) -> str:
    """Ready or not, and whether cordoned."""
    conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", [])}
    shown = {"True": "Ready", "False": "NotReady"}.get(
        conditions.get("Ready", ""), "NotReady" if conditions else "Unknown"
    )
    return f"{shown},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else shown


def node_roles(node: Object) -> str:
    """The roles among the node's labels."""
    prefix = "node-role.kubernetes.io/"
    return (
        ",".join(
            sorted(key[len(prefix) :] for key in node["metadata"].get("labels", {}) if key.startswith(prefix))
        )
        or "<none>"
    )


def node_address(node: Object, kind: str) -> str:
    """One of the node's addresses."""
    return next(
        (a["address"] for a in node.get("status", {}).get("addresses", []) if a["type"] == kind), "<none>"
    )


def access_modes(modes: list[str]) -> str:
    """RWO, ROX, RWX, RWOP."""
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    return ",".join(short.get(mode, mode) for mode in modes)


def hpa_targets(hpa: Object) -> str:
    """`cpu: 12%/80%` per metric."""
    current = {
        m.get("resource", {}).get("name"): m["resource"].get("current", {}).get("averageUtilization")
        for m in hpa.get("status", {}).get("currentMetrics") or ()
        if m.get("resource")
    }
    shown = []
    for metric in hpa.get("spec", {}).get("metrics", ()):
        resource = metric.get("resource", {})
        now = current.get(resource.get("name"))
        target = resource.get("target", {}).get("averageUtilization")
        shown.append(
            f"{resource.get('name', metric.get('type'))}: "
            f"{'<unknown>' if now is None else f'{now}%'}/{target}%"
        )
    return ", ".join(shown) or "<none>"
