"""The volumes of one pod: provided before its containers start, and kept current while they run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.kinds import CLAIM, VOLUME
from autostack.pocket.errors import ApiError
from autostack.pocket.kubelet.environment import PodFacts, expand
from autostack.pocket.kubelet.errors import ConfigError, MountError
from autostack.pocket.kubelet.node import Node
from autostack.pocket.kubelet.projection import Files, volume_files, wished_tokens
from autostack.pocket.kubelet.sandbox import Mount
from autostack.pocket.kubelet.volumes import claim_path, empty_folder, host_path, mount_of, write_files


def _mounted(spec: Mapping[str, Any]) -> set[str]:
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    return {mount["name"] for one in containers for mount in one.get("volumeMounts") or ()}


class PodVolumes:
    """Where each volume of the pod is on this machine."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node = node
        self._folder = folder
        self._paths: dict[str, tuple[Path, bool]] = {}
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}
        self._shown: dict[str, Files] = {}
        """What the volumes are known to show: any ConfigMap's change asks all pods, and the disk is slow."""

    async def provide(self, pod: Object, facts: PodFacts) -> None:
        """Make or update every volume that a container mounts, and renew the tokens that are due.

        Raises MountError. What nobody mounts need not be there, as for every kubelet.
        """
        mounted = _mounted(pod["spec"])
        for volume in pod["spec"].get("volumes") or []:
            if volume["name"] not in mounted:
                continue
            try:
                await self._provide(pod, volume, facts)
            except (ConfigError, MountError, OSError) as error:  # OSError: e.g. the disk is full
                raise MountError(f'for volume "{volume["name"]}" : {error}') from error

    async def _provide(self, pod: Object, volume: Mapping[str, Any], facts: PodFacts) -> None:
        tokens = await self._current_tokens(pod, volume)
        sources = self._node.sources(pod["metadata"]["namespace"])
        files = volume_files(pod, volume, sources, facts, tokens)
        if files is not None:
            path = self._folder / "volumes" / volume["name"]
            if self._shown.get(volume["name"]) != files:
                write_files(path, files)
                self._shown[volume["name"]] = files
            self._paths[volume["name"]] = path, True
        elif volume["name"] not in self._paths:
            self._paths[volume["name"]] = self._find(pod, volume)

    def due_in_s(self) -> float | None:
        """Seconds until a token must be renewed."""
        due = min((renew for _, renew in self._tokens.values()), default=None)
        return None if due is None else max(due - time.time(), 1.0)

    def _find(self, pod: Object, volume: Mapping[str, Any]) -> tuple[Path, bool]:
        if "hostPath" in volume:
            return host_path(volume["hostPath"]), False
        if "persistentVolumeClaim" in volume:
            source = volume["persistentVolumeClaim"]
            claims, volumes = self._node.cluster.cache(CLAIM), self._node.cluster.cache(VOLUME)
            claim = claims.get((pod["metadata"]["namespace"], source["claimName"]))
            path = claim_path(claim, source["claimName"], lambda name: volumes.get(("", name)))
            return path, bool(source.get("readOnly"))
        memory = self._node.settings.memory
        return empty_folder(self._folder, volume["name"], volume.get("emptyDir") or {}, memory=memory), False

    async def _current_tokens(self, pod: Object, volume: Mapping[str, Any]) -> dict[str, str]:
        tokens = {}
        for wish in wished_tokens(volume):
            key = (volume["name"], wish.path)
            token, renew_at = self._tokens.get(key, ("", 0.0))
            if time.time() >= renew_at:
                try:
                    token = await self._node.make_token(pod, wish.audience, wish.lifetime_s)
                except ApiError as error:
                    raise MountError(f"failed to fetch token: {error.message}") from error
                self._tokens[key] = token, time.time() + self._node.settings.renew_tokens_at * wish.lifetime_s
            tokens[wish.path] = token
        return tokens

    def mounts(self, container: Object, environment: Mapping[str, str]) -> list[Mount]:
        """The container's volumeMounts; raises MountError."""
        found = []
        for entry in container.get("volumeMounts") or []:
            if entry["name"] not in self._paths:
                raise MountError(f"volume {entry['name']!r} of the volumeMount is not in the pod")
            path, read_only = self._paths[entry["name"]]
            sub_path = entry.get("subPath") or expand(entry.get("subPathExpr") or "", environment)
            found.append(mount_of(entry, path, read_only=read_only, sub_path=sub_path))
        return found
