"""What the routes share: the database, its live end and statistics, the counters, and the service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from service_kit import Service, background

from result_node.course import Course
from result_node.database import Database
from result_node.metrics import ResultMetrics
from result_node.search import Search
from result_node.settings import ResultSettings
from result_node.tail import Tail


@dataclass(frozen=True)
class Reader:
    """One per process, or one per test."""

    service: Service[ResultSettings]
    database: Database
    tail: Tail
    course: Course
    search: Search
    metrics: ResultMetrics

    @classmethod
    def of(cls, service: Service[ResultSettings]) -> Reader:
        """Build the parts; nothing is opened yet."""
        database = Database(service.settings)
        metrics = ResultMetrics(service.metrics)
        metrics.database_up.set_function(lambda: float(database.away is None))
        service.lifecycle.add_check("database", lambda: database.away)
        return cls(
            service=service,
            database=database,
            tail=Tail(database),
            course=Course(database),
            search=Search(database, budget_rows=service.settings.search_budget_rows),
            metrics=metrics,
        )

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Follow the database while the service lives; it serves (503) also without one."""
        life = self.service.lifecycle
        await self.database.open()
        try:
            async with (
                background(life, "database keeper", self.database.keep_looking()),
                background(life, "tail of results", self.tail.follow()),
            ):
                yield
        finally:
            await self.database.close()
