"""From nothing to the first stored result with everything Ready, in an environment that is prepared.

Each run makes a new cluster with a new database and builds its images; what a first run caches for good (the
dependency layers, the native programs) is there already, as for everybody after their first `up`. There is
no reference to run beside it here: kind, k3d and minikube need a container engine, and take about half a
minute to an empty cluster by their own documentation.
"""

from __future__ import annotations

import argparse
import json
from statistics import median

from harness.stack import Stack


def measure(runs: int) -> list[float]:
    """Seconds of `up` in each of so many new clusters."""
    stack = Stack.create()
    times: list[float] = []
    try:
        for run in range(runs + 1):
            took_s = float(stack.up()["took_s"])
            if run:  # the first prepares the caches
                times.append(took_s)
            stack.run("down", "--purge", "--yes")
    finally:
        stack.remove()
    return times


def main() -> None:
    """Print the median."""
    parser = argparse.ArgumentParser(prog="autostack bench startup", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=3, help="new clusters to bring up, after one to warm up")
    arguments = parser.parse_args()
    times = measure(arguments.runs)
    figures = {"first_result_s": round(median(times), 2), "runs_s": times}
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(f"first stored result, everything Ready: {figures['first_result_s']} s (of {times})")


main()
