"""Completion indexes of an Indexed Job, in the API's compressed form `0-2,5`. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def parse_indexes(text: str) -> set[int]:
    """`0-2,5` as {0, 1, 2, 5}."""
    return {index for run in parse_runs(text) for index in run}


def parse_runs(text: str) -> list[range]:
    """`0-2,5` as runs, which cost nothing however long they are."""
    parts = (part.partition("-") for part in text.split(",") if part)
    return [range(int(first), int(last or first) + 1) for first, _, last in parts]


def format_indexes(indexes: Iterable[int]) -> str:
    """{0, 1, 2, 5} as `0-2,5`; two neighbours are listed as `0,1`."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs]
    return ",".join(parts)
