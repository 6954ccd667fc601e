"""From a push to the new version live on all replicas: test, build, push, bump, sync, rollout.

The clock starts before `git push` and stops when the Deployment's rollout is complete: every replica runs the
new version and is available, and of the old ones none is left but those that drain. All replicas stay ready
throughout. Each push also gets a timeline, in seconds since it began. In the end a Deployment is scaled,
edited and deleted by hand, and the time is taken until it is as in Git again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median

from harness.stack import Stack
from healing import measure_healing
from rollout import watched

APP = "worker-node"
TRIES = 3
CHANGED = "worker-node/src/worker_node/__init__.py"


def measure(pushes: int, heals: int) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """The timeline of each push (one more goes ahead to fill caches that every later push has), and the
    figures of each round of heals.
    """
    stack = Stack.create()
    timelines: list[dict[str, float]] = []
    rounds: list[dict[str, float]] = []
    try:
        stack.up()
        with tempfile.TemporaryDirectory() as folder:
            clone = stack.clone(Path(folder) / "clone")
            for number in range(pushes + 1):
                stack.wait_until_good()
                timeline = asyncio.run(_push(stack, clone, number))
                if number:
                    timelines.append(timeline)
        rounds += [asyncio.run(measure_healing(stack)) for _ in range(heals)]
    finally:
        stack.remove()
    return timelines, rounds


async def _push(stack: Stack, clone: Path, number: int) -> dict[str, float]:
    stack.git(clone, "pull", "-q", "--rebase", "origin", "main")
    changed = clone / CHANGED
    changed.write_text(changed.read_text() + f"# push {number}\n")
    stack.git(clone, "commit", "-qam", f"Push {number}")
    async with watched(stack.folder / "kubeconfig", APP) as rollout:
        began_s = await asyncio.to_thread(_deliver, stack, clone)
        rollout.moments["push returns"] = time.time()
    run = stack.run_of(stack.git(clone, "rev-parse", "HEAD"))
    moments = rollout.moments | {"queued": run["queued_s"], "run starts": run["started_s"], **run["steps"]}
    order = sorted(moments.items(), key=lambda one: one[1])
    return {name: round(moment - began_s, 2) for name, moment in order}


def _deliver(stack: Stack, clone: Path) -> float:
    """Push, again after a rebase when the loop's own commit came in between; when the push that got through
    began.
    """
    failed = 0
    while True:
        began_s = time.time()
        try:
            stack.git(clone, "push", "-q", "origin", "HEAD:main")
        except AssertionError:
            failed += 1
            if failed == TRIES:
                raise
            stack.git(clone, "pull", "-q", "--rebase", "origin", "main")
        else:
            return began_s


def main() -> None:
    """Print the median."""
    parser = argparse.ArgumentParser(prog="autostack bench loop", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--pushes", type=int, default=5, help="pushes to time, one after the other")
    parser.add_argument("--heals", type=int, default=3, help="rounds of changes by hand to time")
    arguments = parser.parse_args()
    timelines, rounds = measure(arguments.pushes, arguments.heals)
    live = [timeline["live"] for timeline in timelines]
    healed = {name: median(one[name] for one in rounds) for name in (rounds[0] if rounds else ())}
    if arguments.json:
        found = {"push_to_live_s": median(live), "pushes_s": live, **healed}
        print(json.dumps({**found, "timelines": timelines, "heals": rounds}))
        return
    for name in timelines[0]:
        moments = [timeline[name] for timeline in timelines if name in timeline]
        print(f"{median(moments):7.2f} s  {name}")
    print(f"push to live on all replicas: {median(live)} s (of {live})")
    for name, seconds in healed.items():
        print(f"{seconds:7.2f} s  {name} (of {[one[name] for one in rounds]})")


main()
