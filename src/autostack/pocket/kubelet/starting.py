"""Starting one attempt of a container: from the pod's wishes and an image to a running sandbox."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from autostack.pocket.client import Object
from autostack.pocket.controllers.events import EventType
from autostack.pocket.controllers.kinds import SERVICE
from autostack.pocket.images.image import Image
from autostack.pocket.kubelet.attempts import Attempt, Started, boot_id, next_attempt
from autostack.pocket.kubelet.environment import PodFacts, environment_of, service_links
from autostack.pocket.kubelet.errors import MountError, StartError
from autostack.pocket.kubelet.launch import command_of, identity, limits_of, security_of
from autostack.pocket.kubelet.node import Node
from autostack.pocket.kubelet.process import Process, start
from autostack.pocket.kubelet.sandbox import Mount, Sandbox, inside_container
from autostack.pocket.kubelet.standard_input import StandardInput
from autostack.pocket.kubelet.userland import (
    PATH,
    PYTHON,
    accounts,
    add_account,
    hidden_devices,
    home_of,
    make_root,
)


class PodSide(Protocol):
    """What a container needs of its pod."""

    node: Node
    object: Object
    folder: Path
    pod_ip: str
    hostname: str

    def changed(self) -> None:
        """The container's view has changed."""
        ...

    def event(self, type_: EventType, reason: str, message: str) -> None:
        """Tell a person."""
        ...

    def facts(self) -> PodFacts:
        """For the downward API."""
        ...

    def mounts(self, container: Object, environment: Mapping[str, str]) -> list[Mount]:
        """The container's mounts; raises MountError."""
        ...


def environment_for(pod: PodSide, container: Object, image: Image) -> dict[str, str]:
    """The program's whole environment but HOME; raises ConfigError."""
    namespace = pod.object["metadata"]["namespace"]
    settings = pod.node.settings
    links: dict[str, str] = {}
    if pod.object["spec"].get("enableServiceLinks", True):
        links = service_links(pod.node.cluster.cache(SERVICE).within(namespace), namespace)
    links |= {
        "KUBERNETES_SERVICE_HOST": settings.api_host,
        "KUBERNETES_SERVICE_PORT": str(settings.api_port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(settings.api_port),
    }
    base = {"PATH": PATH, "HOSTNAME": pod.hostname, **image.environment}
    if not image.brings_userland and PYTHON not in base["PATH"]:
        base["PATH"] += f":{PYTHON}/bin"
    return environment_of(pod.object, container, pod.node.sources(namespace), pod.facts(), base | links)


async def start_attempt(
    pod: PodSide, container: Object, image: Image, *, folder: Path, group: str
) -> tuple[Attempt, Started, Process]:
    """Start the next attempt; raises ConfigError or MountError before there is one, StartError after."""
    environment = environment_for(pod, container, image)
    passwd = accounts(image)
    uid, gid = identity(pod.object, container, image, passwd)
    environment.setdefault("HOME", home_of(passwd, uid) or "/")
    command = command_of(container, image, environment)
    mounts = pod.mounts(container, environment)
    read_only = bool(security_of(pod.object, container).get("readOnlyRootFilesystem"))
    working_dir = container.get("workingDir") or image.working_dir
    started = Started(
        container_id=f"bubblewrap://{secrets.token_hex(32)}", image=container["image"],
        image_id=image.image_id,
        started_at=time.time(), boot_id=boot_id(), stop_signal=image.stop_signal, working_dir=working_dir,
        environment=environment,
    )  # fmt: skip
    terminal = bool(container.get("tty"))
    attempt = _made(folder, started, has_input=bool(container.get("stdin")) or terminal)
    message_path = inside_container(container.get("terminationMessagePath") or "/dev/termination-log")
    mounts = [
        Mount(str(attempt.folder / "tmp"), "/tmp"),  # noqa: S108 - the container's own
        *mounts,
        Mount(str(attempt.folder / "termination"), message_path),
    ]
    try:
        async with pod.node.starting:
            root, own = await asyncio.to_thread(
                make_root,
                attempt.folder / "root",
                image,
                read_only=read_only,
                working_dir=working_dir,
                mounts=mounts,
            )
            if root.is_relative_to(attempt.folder):
                add_account(root, passwd, uid=uid, gid=gid)
            sandbox = Sandbox(
                root=str(root), hostname=pod.hostname, uid=uid, gid=gid, working_dir=working_dir,
                command=command, environment=environment, read_only_root=read_only,
                mounts=(*own, *mounts), hidden=hidden_devices(), terminal=terminal,
            )  # fmt: skip
            cgroups = pod.node.cgroups
            files = cgroups.create(group, limits_of(container)) if cgroups else []
            process = await start(sandbox, attempt.folder, log=attempt.log, cgroup_files=files)
    except OSError as error:  # e.g. the disk is full
        raise StartError(f"the container can't be started: {error}") from error
    return attempt, started, process


def _made(folder: Path, started: Started, *, has_input: bool) -> Attempt:
    """The next attempt's folder, or none: on a full disk there is no attempt that could have failed."""
    attempt: Attempt | None = None
    try:
        attempt = next_attempt(folder)
        attempt.write_started(started)
        if has_input:
            StandardInput.make(attempt.folder)
    except OSError as error:
        if attempt is not None:
            shutil.rmtree(attempt.folder, ignore_errors=True)
        raise MountError(f"the container's folder can't be made: {error}") from error
    return attempt
