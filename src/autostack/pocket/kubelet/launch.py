"""What a container is started as: user, command, limits. Pure: a pod, a container and an image in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.images.image import Image
from autostack.pocket.kubelet.cgroups import Limits
from autostack.pocket.kubelet.environment import expand
from autostack.pocket.kubelet.errors import ConfigError
from autostack.pocket.kubelet.userland import user_ids
from autostack.pocket.quantities import quantity


def security_of(pod: Object, container: Object) -> dict[str, Any]:
    """The container's security context over the pod's."""
    return (pod["spec"].get("securityContext") or {}) | (container.get("securityContext") or {})


def identity(pod: Object, container: Object, image: Image, passwd: str) -> tuple[int, int]:
    """(uid, gid) of the program; raises ConfigError where runAsNonRoot forbids it."""
    security = security_of(pod, container)
    uid, gid = user_ids(passwd, image.user) if image.user else (0, 0)
    if security.get("runAsUser") is not None:
        uid = int(security["runAsUser"])
        if security.get("runAsGroup") is None and not image.user.startswith(f"{uid}:"):
            gid = user_ids(passwd, str(uid))[1]
    if security.get("runAsGroup") is not None:
        gid = int(security["runAsGroup"])
    if security.get("runAsNonRoot") and uid == 0:
        if security.get("runAsUser") == 0:
            raise ConfigError("container's runAsUser breaks non-root policy")
        raise ConfigError("container has runAsNonRoot and image will run as root")
    return uid, gid


def command_of(container: Object, image: Image, environment: Mapping[str, str]) -> tuple[str, ...]:
    """`command` replaces the image's entrypoint and its arguments; `args` only its arguments."""
    known = environment
    command = [expand(word, known) for word in container.get("command") or []]
    arguments = [expand(word, known) for word in container.get("args") or []]
    if not command:
        command = list(image.entrypoint)
        arguments = arguments or list(image.command)
    if not [*command, *arguments]:
        raise ConfigError("no command specified: neither the pod nor the image names a program")
    return (*command, *arguments)


def limits_of(container: Object) -> Limits:
    """The resource limits as numbers."""
    limits = (container.get("resources") or {}).get("limits") or {}
    return Limits(
        memory_bytes=int(quantity(limits["memory"])) if "memory" in limits else None,
        cpu_cores=quantity(limits["cpu"]) if "cpu" in limits else None,
    )
