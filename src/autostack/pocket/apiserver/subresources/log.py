"""pods/log: a container's output from the node, as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http.request import Request
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.errors import ApiError, bad_request
from autostack.pocket.node import LogOptions, NodeGateway

Object = dict[str, Any]


def node_of(core: Core) -> NodeGateway:
    """The node; raises 503 while none has joined."""
    if core.node is None:
        raise ApiError(
            503, "ServiceUnavailable", "no node has joined this cluster yet, so nothing runs in this pod"
        )
    return core.node


def container_of(pod: Object, wanted: str) -> str:
    """The container meant: the named one, the annotated default or the only one; raises 400."""
    spec = pod["spec"]
    names = [
        container["name"]
        for field in ("containers", "initContainers", "ephemeralContainers")
        for container in spec.get(field, [])
    ]
    pod_name = pod["metadata"]["name"]
    if wanted:
        if wanted not in names:
            raise bad_request(f"container {wanted} is not valid for pod {pod_name}")
        return wanted
    default = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    main = [container["name"] for container in spec.get("containers", [])]
    if default in main:
        return str(default)
    if len(main) != 1:
        raise bad_request(
            f"a container name must be specified for pod {pod_name}, choose one of: [{' '.join(main)}]"
        )
    return str(main[0])


def read(core: Core, call: Call, request: Request) -> AsyncIterator[bytes]:
    """The log's bytes; raises 400 for a container that is not there or has not started."""
    pod = get(core, call).object
    container = container_of(pod, request.query.get("container", ""))
    if not pod["spec"].get("nodeName"):
        raise bad_request(
            f'container "{container}" in pod "{call.name}" is waiting to start: the pod is not scheduled yet'
        )
    options = LogOptions(
        container,
        request.flag("follow"),
        request.flag("previous"),
        request.flag("timestamps"),
        request.number("sinceSeconds"),
        request.query.get("sinceTime") or None,
        request.number("tailLines"),
        request.number("limitBytes"),
    )
    return node_of(core).logs(pod, options)
