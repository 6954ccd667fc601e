"""From a push to the new version live on all replicas: test, build, push, bump, sync, rollout.

The clock starts before `git push` and stops when every worker pod that stays is Ready with the new version
and none of the old remains but those that drain. The rollout keeps all replicas ready throughout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from harness.stack import Stack
from lightkube import AsyncClient, KubeConfig
from lightkube.resources.core_v1 import Pod

CHANGED = "worker-node/src/worker_node/__init__.py"
WITHIN_S = 120.0


def _image(pod: dict[str, Any]) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def _ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def until_live(stack: Stack, old: set[str], replicas: int) -> float:
    """The moment at which all replicas run another image than the old ones and are ready."""
    client = AsyncClient(config=KubeConfig.from_file(str(stack.folder / "kubeconfig")))
    pods: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(WITHIN_S):
        watch = client.watch(Pod, namespace="auto-stack", labels={"app.kubernetes.io/name": "worker-node"})
        async for event, pod in watch:
            document = pod.to_dict()
            pods[document["metadata"]["name"]] = document
            if event == "DELETED" or document["metadata"].get("deletionTimestamp"):
                del pods[document["metadata"]["name"]]
            new = [one for one in pods.values() if _image(one) not in old]
            if len(new) == len(pods) == replicas and all(map(_ready, new)):
                return time.monotonic()
    raise TimeoutError


def measure(pushes: int) -> list[float]:
    """Seconds of each push."""
    stack = Stack.create()
    times: list[float] = []
    try:
        stack.up()
        with tempfile.TemporaryDirectory() as folder:
            clone = stack.clone(Path(folder) / "clone")
            for number in range(pushes):
                stack.wait_until_good()
                times.append(_push_once(stack, clone, number))
    finally:
        stack.remove()
    return times


def _push_once(stack: Stack, clone: Path, number: int) -> float:
    pods = stack.objects("pods", "-n", "auto-stack", "-l", "app.kubernetes.io/name=worker-node")["items"]
    stack.git(clone, "pull", "-q", "--rebase", "origin", "main")
    changed = clone / CHANGED
    changed.write_text(changed.read_text() + f"# push {number}\n")
    stack.git(clone, "commit", "-qam", f"Push {number}")

    async def race() -> float:
        watching = asyncio.create_task(until_live(stack, set(map(_image, pods)), len(pods)))
        began = time.monotonic()
        await asyncio.to_thread(stack.git, clone, "push", "-q", "origin", "HEAD:main")
        return await watching - began

    return round(asyncio.run(race()), 2)


def main() -> None:
    """Print the median."""
    parser = argparse.ArgumentParser(prog="autostack bench loop", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--pushes", type=int, default=3, help="pushes to time, one after the other")
    arguments = parser.parse_args()
    times = measure(arguments.pushes)
    figures = {"push_to_live_s": median(times), "pushes_s": times}
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(f"push to live on all replicas: {figures['push_to_live_s']} s (of {times})")


main()
