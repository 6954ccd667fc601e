"""From nothing to the first stored result with everything Ready, in an environment that is prepared.

Each run makes a new cluster with a new database and builds its images; what a first run caches for good (the
dependency layers and their trees, the native programs) is there already, as for everybody after their first
`up`. There is no reference to run beside it here: kind, k3d and minikube need a container engine, and take
about half a minute to an empty cluster by their own documentation. The CPU time of all processes is given
too: it says on a busy machine as well whether a start became cheaper.
"""

from __future__ import annotations

import argparse
import json
import resource
from dataclasses import dataclass
from statistics import median

from harness.stack import Stack
from processes import tree_cpu_s


@dataclass(frozen=True, slots=True)
class Start:
    """One `up`: its seconds, and the CPU seconds of the command and of the cluster with all its pods."""

    took_s: float
    cpu_s: float


def measure(runs: int) -> list[Start]:
    """`up` in each of so many new clusters."""
    stack = Stack.create()
    starts: list[Start] = []
    try:
        for run in range(runs + 1):
            before_s = _children_cpu_s()
            took_s = float(stack.up()["took_s"])
            cpu_s = _children_cpu_s() - before_s + tree_cpu_s(stack.control_plane())
            if run:  # the first prepares the caches
                starts.append(Start(took_s, cpu_s))
            stack.run("down", "--purge", "--yes")
    finally:
        stack.remove()
    return starts


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print the median."""
    parser = argparse.ArgumentParser(prog="autostack bench startup", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=3, help="new clusters to bring up, after one to warm up")
    arguments = parser.parse_args()
    starts = measure(arguments.runs)
    times = [one.took_s for one in starts]
    figures = {
        "first_result_s": round(median(times), 2),
        "cpu_s": round(median(one.cpu_s for one in starts), 2),
        "runs_s": times,
    }
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(
            f"first stored result, everything Ready: {figures['first_result_s']} s (of {times}),"
            f" {figures['cpu_s']} CPU seconds"
        )


main()
