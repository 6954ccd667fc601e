"""What needs a person now, most urgent first: the overview's first answer. Pure.

Each line says what, where and where to look on; nothing here means that everything is as it should be, as
far as it could be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autostack.console.applications import ApplicationRow
from autostack.console.tones import BAD, BUSY, GOOD, QUIET, WARN, urgency
from autostack.console.workloads import PodRow, WorkloadRow
from autostack.pipeline.runs import ERROR, FAILURE, RUNNING, SUCCESS, Run

CHAOS_AGENT = "chaos-agent"


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing to look at; `href` leads to it."""

    tone: str
    text: str
    href: str = ""


def of_applications(rows: Iterable[ApplicationRow]) -> list[Matter]:
    """Those that are not as Git says, or not well."""
    return [
        Matter(
            one.tone,
            f"{one.name} is {one.sync}, {one.health}" + (f": {one.message}" if one.message else ""),
            f"/applications/{one.namespace}/{one.name}",
        )
        for one in rows
        if one.tone != GOOD
    ]


def of_workloads(workloads: Iterable[WorkloadRow], pods: Iterable[PodRow]) -> list[Matter]:
    """Incomplete ones, pods that fail, and chaos that is on purpose."""
    found = [
        Matter(one.tone, f"{one.name} has {one.ready} of {one.desired} pods ready", "#workloads")
        for one in workloads
        if one.ready < one.desired
    ]
    found += [
        Matter(BAD, f"{one.name}: {one.status}" + (f" ({one.why})" if one.why else ""), "#pods")
        for one in pods
        if one.tone == BAD
    ]
    if any(one.name == CHAOS_AGENT and one.desired for one in workloads):
        found.append(Matter(WARN, "chaos is on: pods are killed on purpose; `autostack chaos stop` ends it"))
    return found


def of_runs(runs: Sequence[Run]) -> list[Matter]:
    """A red newest run, and what is under way; newest first. A revert is said by its Application."""
    found = []
    newest = next((run for run in runs if run.state in (SUCCESS, FAILURE, ERROR)), None)
    if newest is not None and newest.state != SUCCESS:
        found.append(
            Matter(
                BAD,
                f"run {newest.number} ended as {newest.state}: {newest.message}",
                f"/runs/{newest.number}",
            )
        )
    found += [
        Matter(BUSY, f"run {run.number} is under way", f"/runs/{run.number}")
        for run in runs
        if run.state == RUNNING
    ]
    return found


def of_alerts(alerts: Iterable[Mapping[str, Any]]) -> list[Matter]:
    """What fires, by severity; what is pending is not told yet."""
    return [
        Matter(
            BAD if labels.get("severity") == "critical" else WARN,
            f"{labels.get('alertname', 'an alert')}: {annotations.get('summary', 'firing')}",
            str(annotations.get("runbook_url", "")),
        )
        for one in alerts
        if one.get("state") == "firing"
        for labels, annotations in [(one.get("labels") or {}, one.get("annotations") or {})]
    ]


def ordered(matters: Iterable[Matter]) -> list[Matter]:
    """The most urgent first; equals stay in their order."""
    return sorted(matters, key=lambda one: urgency(one.tone))


def tone(matters: Sequence[Matter]) -> str:
    """Of the whole."""
    return matters[0].tone if matters else GOOD


def headline(matters: Sequence[Matter]) -> str:
    """The whole in a few words."""
    grave = sum(one.tone in (BAD, WARN) for one in matters)
    if grave:
        return "One thing needs attention" if grave == 1 else f"{grave} things need attention"
    return "Something is under way" if any(one.tone != QUIET for one in matters) else "All is well"
