"""What people do behind Git's back to a Deployment, and how long until it is as in Git again.

The clock starts when kubectl returns. Healed is when the API shows what Git says; ready is when all pods of
that are available too, which is the kubelet's time and the service's own.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.stack import Stack
from lightkube import AsyncClient, KubeConfig
from lightkube.resources.apps_v1 import Deployment

from autostack.stack.rollout import read_rollout

NAMESPACE, APP = "auto-stack", "result-node"
WITHIN_S = 120.0
CALM_S = 6.0
"""Between two acts: what is undone within 5 s of its heal, again and again, is healed ever later."""
_GRACE = "terminationGracePeriodSeconds"
_EDITOR = f"#!/bin/sh\nsed -i 's/{_GRACE}: [0-9]*/{_GRACE}: 77/' \"$1\"\n"
Document = dict[str, Any]


@dataclass
class _Seen:
    """What the watch has shown, each with its Unix time; the first is the Deployment before anything."""

    documents: list[tuple[float, Document]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, client: AsyncClient) -> None:
        async for _, found in client.watch(Deployment, namespace=NAMESPACE, fields={"metadata.name": APP}):
            self.documents.append((time.time(), found.to_dict()))
            self.changed.set()

    async def first(self, accept: Callable[[Document], bool]) -> float:
        """When something acceptable was seen for the first time."""
        while True:
            self.changed.clear()
            for moment, document in self.documents:
                if accept(document):
                    return moment
            await self.changed.wait()


async def measure_healing(stack: Stack) -> dict[str, float]:
    """Seconds from kubectl's return to healed, and to ready, for a scale, an edit and a deletion."""
    target = f"deployment/{APP}"
    with tempfile.TemporaryDirectory() as folder:
        editor = Path(folder) / "editor"
        editor.write_text(_EDITOR)
        editor.chmod(0o755)
        os.environ["KUBE_EDITOR"] = str(editor)
        acts: dict[str, tuple[tuple[str, ...], Callable[[Document], Any]]] = {
            "scale": (("scale", target, "--replicas=1"), lambda found: found["spec"]["replicas"]),
            "edit": (("edit", target), lambda found: found["spec"]["template"]["spec"][_GRACE]),
            "delete": (("delete", target), lambda found: found["spec"]["replicas"]),
        }
        figures: dict[str, float] = {}
        for name, (arguments, shown) in acts.items():
            await asyncio.to_thread(stack.wait_until_good)
            await asyncio.sleep(CALM_S)
            figures |= await _measure(stack, name, arguments, shown)
    return figures


async def _measure(
    stack: Stack, name: str, arguments: tuple[str, ...], shown: Callable[[Document], Any]
) -> dict[str, float]:
    client = AsyncClient(config=KubeConfig.from_file(str(stack.folder / "kubeconfig")))
    seen = _Seen()
    watching = asyncio.create_task(seen.watch(client), name="watch the Deployment")
    try:
        async with asyncio.timeout(WITHIN_S):
            await seen.first(lambda _: True)
            before = seen.documents[0][1]
            await asyncio.to_thread(stack.kubectl, *arguments, "-n", NAMESPACE)
            returned_s = time.time()

            def is_healed(found: Document) -> bool:
                generation, uid = found["metadata"]["generation"], found["metadata"]["uid"]
                # Two changes of the specification, theirs and ours; or another object of the same name.
                is_later = generation >= before["metadata"]["generation"] + 2
                is_other = uid != before["metadata"]["uid"]
                return (is_later or is_other) and shown(found) == shown(before)

            healed_s = await seen.first(is_healed)
            ready_s = await seen.first(lambda found: is_healed(found) and read_rollout(found).complete)
    finally:
        watching.cancel()
    # The heal may be over before kubectl has returned.
    return {
        f"heal_{name}_s": round(max(0.0, healed_s - returned_s), 2),
        f"heal_{name}_ready_s": round(max(0.0, ready_s - returned_s), 2),
    }
