"""What result-node is asked: every page and every call, with filters that match much, little, and nothing."""

# ruff: noqa: ARG005 - all questions have one signature, whether they need chance and what is known or not

from __future__ import annotations

import random
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.stored_rows import position_id
from result_node.positions import CommitPosition, TimePosition, encode_cursor
from result_node.question import Filters

Ask = Callable[[random.Random, "Known"], str]


@dataclass(frozen=True, slots=True)
class Known:
    """What is in the table, so that questions have answers."""

    first: datetime
    hours: int
    asked_rows: int
    rows: int
    run: str
    table_bytes: int
    index_bytes: int

    def an_id(self, chance: random.Random) -> str:
        """The id of a row that is there."""
        sequence = chance.randrange(self.rows)
        segment = self.first + timedelta(hours=sequence // (self.rows // self.hours))
        return str(position_id(sequence, segment=segment))

    def a_segment_ms(self, chance: random.Random) -> int:
        """The beginning of one of the run's segments."""
        return round((self.first + timedelta(hours=chance.randrange(self.hours))).timestamp() * 1000)

    def a_position(self, chance: random.Random) -> TimePosition:
        """Where a reader may stand who has turned many pages."""
        return TimePosition(self.a_moment(chance), uuid.UUID(int=chance.getrandbits(128)))

    def a_moment(self, chance: random.Random) -> datetime:
        """Some moment of the time that is filled."""
        return self.first + timedelta(hours=chance.random() * self.hours)


NO_FILTERS = Filters.model_validate({}).digest


def _search(**filters: str) -> str:
    return urllib.parse.urlencode({name: value for name, value in filters.items() if value})


def _range(chance: random.Random, known: Known) -> dict[str, str]:
    start = known.a_moment(chance)
    return {
        "from": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "to": (start + timedelta(minutes=chance.randrange(1, 90))).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _pod(chance: random.Random) -> str:
    return f"worker-node-{chance.randrange(1, 7)}-{chance.randrange(6)}-{chance.randrange(6)}"


QUESTIONS: dict[str, Callable[[random.Random, Known], dict[str, str]]] = {
    "newest": lambda chance, known: {},
    "time range": _range,
    "worker": lambda chance, known: {"worker": _pod(chance)},
    "version": lambda chance, known: {"version": f"v0.{chance.randrange(1, 7)}"},
    "undefined": lambda chance, known: {"status": "undefined"},
    "worker that never was": lambda chance, known: {"worker": f"w{chance.random()}"},
    "worker, version and status": lambda chance, known: {
        "worker": _pod(chance), "version": f"v0.{chance.randrange(1, 7)}", "status": "undefined",
    },
    "old version in a time range": lambda chance, known: {"version": "v0.1", **_range(chance, known)},
    "common expression": lambda chance, known: {"expression": f"factorial({chance.randrange(500)})"},
    "rare expression": lambda chance, known: {"expression": f"{chance.randrange(10**6)}*77+5"},
    "common expression, rare filters": lambda chance, known: {
        "expression": f"factorial({chance.randrange(500)})", "status": "undefined",
    },
    "common prefix": lambda chance, known: {"expression": "factorial(", "match": "prefix"},
    "one-character prefix": lambda chance, known: {
        "expression": str(chance.randrange(1, 9)), "match": "prefix",
    },
    "rare prefix": lambda chance, known: {
        "expression": f"{chance.randrange(10**5, 10**6)}*", "match": "prefix",
    },
    "prefix and worker": lambda chance, known: {
        "expression": f"{chance.randrange(10, 99)}", "match": "prefix", "worker": _pod(chance),
    },
    "expression that never was": lambda chance, known: {"expression": f"never({chance.random()}"},
    "prefix that never was": lambda chance, known: {"expression": "never(", "match": "prefix"},
    "run": lambda chance, known: {"run": known.run},
    "run that never was": lambda chance, known: {"run": f"{chance.randrange(1 << 34):09x}"},
    "run with its segment": lambda chance, known: {
        "run": known.run, "segment": str(known.a_segment_ms(chance)),
    },
    "a page far back": lambda chance, known: {"cursor": encode_cursor(known.a_position(chance), NO_FILTERS)},
    "run and undefined": lambda chance, known: {"run": known.run, "status": "undefined"},
}  # fmt: skip


def _api(question: str) -> Ask:
    return lambda chance, known: f"/api/v1/results?{_search(**QUESTIONS[question](chance, known))}"


def _page(question: str) -> Ask:
    return lambda chance, known: f"/results?{_search(**QUESTIONS[question](chance, known))}"


BEFORE_ALL = encode_cursor(CommitPosition(0, uuid.UUID(int=0)))
EXPORTED = (
    "newest", "worker", "worker that never was", "undefined", "common expression", "rare expression",
    "expression that never was", "rare prefix", "run with its segment",
)  # fmt: skip
"""Questions whose exports are asked for as well; what counts is the time to the first rows."""


def _export(question: str) -> Ask:
    return lambda chance, known: f"/api/v1/results/export?{_search(**QUESTIONS[question](chance, known))}"


KINDS: dict[str, Ask] = {
    "page /": lambda chance, known: "/",
    "page /live/summary": lambda chance, known: "/live/summary",
    "page /results/{id}": lambda chance, known: f"/results/{known.an_id(chance)}",
    "page /statistics 1h": lambda chance, known: "/statistics?window=1h",
    "page /statistics 24h": lambda chance, known: "/statistics?window=24h",
    "page /api": lambda chance, known: "/api",
    "page of no such result": lambda chance, known: f"/results/{uuid.UUID(int=chance.getrandbits(128))}",
    "api /results/{id}": lambda chance, known: f"/api/v1/results/{known.an_id(chance)}",
    "api stream: newest": lambda chance, known: "/api/v1/results/stream",
    "api stream: from the beginning": lambda chance, known: f"/api/v1/results/stream?after={BEFORE_ALL}",
    "page stream": lambda chance, known: "/live/events",
    "api /statistics 24h": lambda chance, known: "/api/v1/statistics?window=24h",
    **{f"page search: {question}": _page(question) for question in QUESTIONS},
    **{f"api search: {question}": _api(question) for question in QUESTIONS},
    **{f"api export: {question}": _export(question) for question in EXPORTED},
}
