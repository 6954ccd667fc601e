"""What the pages are made of: each method asks its sources at once and fills one template.

A source that does not answer costs its own part of the page, with a line that says so; only without the
Kubernetes API there is no page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autostack.console import applications, attention, occurrences
from autostack.console.attention import Matter
from autostack.console.cluster import Cluster
from autostack.console.commits import Origin
from autostack.console.dashboards import Dashboard
from autostack.console.errors import AbsentError, PrometheusError, RecordsError
from autostack.console.panels import Picture, picture
from autostack.console.prometheus import Prometheus
from autostack.console.records import Records, run_row
from autostack.console.settings import ConsoleSettings
from autostack.console.tones import BAD, WARN
from autostack.console.workloads import pod_row, workload_row

WINDOWS_S = {"5m": 300, "15m": 900, "1h": 3600, "6h": 21600}
_RUNS, _COMMITS, _EVENTS, _ALL_EVENTS = 6, 10, 25, 500
_HIDDEN = frozenset({"Namespace"})
_Found = TypeVar("_Found")


class Pages:
    """One console's pages; each method is one of them, as HTML."""

    def __init__(self, settings: ConsoleSettings, cluster: Cluster, prometheus: Prometheus) -> None:
        self._settings = settings
        self._cluster = cluster
        self._prometheus = prometheus
        self._origin = Origin(settings.origin_folder)
        self._records = Records(settings.runs_folder)
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )

    async def overview(self, neighbours: dict[str, str], *, routine: bool) -> str:
        """What needs a person, how it runs, what Git says, what the pipeline did, what happened."""
        now = datetime.now(UTC)
        snapshot, figures, alerts, (commits, lost), (runs, gone) = await asyncio.gather(
            self._cluster.snapshot(),
            self._figures(),
            self._alerts(),
            self._told(self._origin.newest, _COMMITS),
            self._told(self._records.newest, _RUNS),
        )
        rows = [applications.application_row(one) for one in snapshot.applications]
        workloads = [workload_row(one) for one in snapshot.workloads]
        pods = [pod_row(one, now) for one in snapshot.pods]
        matters = attention.ordered([
            *attention.of_applications(rows), *attention.of_workloads(workloads, pods),
            *attention.of_runs(runs), *alerts, *lost, *gone,
        ])  # fmt: skip
        return self._page(
            "overview.html",
            headline=attention.headline(matters),
            tone=attention.tone(matters),
            matters=matters,
            nodes=[node["metadata"]["name"] for node in snapshot.nodes],
            workloads=workloads,
            pods=pods,
            applications=rows,
            events=occurrences.summary(
                snapshot.events, now, limit=_ALL_EVENTS if routine else _EVENTS, routine=routine
            ),
            routine=routine,
            runs=[run_row(run, now) for run in runs],
            commits=[(one, one.age(now)) for one in commits],
            figures=figures,
            neighbours=neighbours,
        )

    async def application(self, namespace: str, name: str) -> str:
        """One Application as a tree, with its conditions and history."""
        now = datetime.now(UTC)
        found, made = await self._cluster.application(namespace, name)
        source = (found.get("spec") or {}).get("source") or {}
        return self._page(
            "application.html",
            row=applications.application_row(found),
            conditions=applications.conditions(found),
            nodes=applications.tree(found, made, now, hidden=_HIDDEN),
            history=applications.history(found, now),
            source=source,
        )

    async def run(self, number: int) -> str:
        """One run of the pipeline, with the end of its log."""
        run = await asyncio.to_thread(self._records.get, number)
        if run is None:
            raise AbsentError(f"there is no pipeline run {number}")
        log, cut = await asyncio.to_thread(self._records.log, number)
        return self._page("run.html", run=run, row=run_row(run, datetime.now(UTC)), log=log, cut=cut)

    async def dashboards(self) -> str:
        """The list of dashboards."""
        found, complaints = await self._cluster.dashboards()
        return self._page("dashboards.html", dashboards=found, complaints=complaints)

    async def dashboard(self, uid: str, window: str) -> str:
        """One dashboard, drawn now."""
        found, _ = await self._cluster.dashboards()
        dashboard = next((one for one in found if one.uid == uid), None)
        if dashboard is None:
            raise AbsentError(f"no ConfigMap holds a dashboard {uid[:80]!r}")
        return self._page(
            "dashboard.html",
            dashboard=dashboard,
            pictures=await self._pictures(dashboard, WINDOWS_S[window]),
            window=window,
            windows=list(WINDOWS_S),
        )

    def complaint(self, title: str, text: str) -> str:
        """The page in the place of one that cannot be had."""
        return self._page("complaint.html", title=title, text=text)

    async def _pictures(self, dashboard: Dashboard, window_s: int) -> list[Picture]:
        end_s = time.time()
        drawn = (picture(one, self._prometheus, end_s=end_s, window_s=window_s) for one in dashboard.panels)
        pictures = await asyncio.gather(*drawn)
        return sorted(pictures, key=lambda one: (one.panel.y, one.panel.x))

    async def _figures(self) -> list[tuple[Dashboard, Picture]]:
        """The single figures of all dashboards: the vital signs."""
        found, _ = await self._cluster.dashboards()
        wanted = [(board, panel) for board in found for panel in board.panels if panel.type == "stat"]
        end_s = time.time()
        drawn = (picture(panel, self._prometheus, end_s=end_s, window_s=60) for _, panel in wanted)
        return [(board, one) for (board, _), one in zip(wanted, await asyncio.gather(*drawn), strict=True)]

    async def _alerts(self) -> list[Matter]:
        try:
            return attention.of_alerts(await self._prometheus.alerts())
        except PrometheusError as error:
            return [Matter(WARN, f"{error}: no alert and no figure is known")]

    @staticmethod
    async def _told(read: Callable[[int], list[_Found]], count: int) -> tuple[list[_Found], list[Matter]]:
        """What was read, or the matter that it could not be."""
        try:
            return await asyncio.to_thread(read, count), []
        except RecordsError as error:
            return [], [Matter(BAD, str(error))]

    def _page(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(**values, renew_s=self._settings.renew_s)
