"""What result-node is asked: every page and every call, with filters that match much, little, and nothing."""

# ruff: noqa: ARG005 - all questions have one signature, whether they need chance and what is known or not

from __future__ import annotations

import random
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.stored_rows import position_id

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

    def a_moment(self, chance: random.Random) -> datetime:
        """Some moment of the time that is filled."""
        return self.first + timedelta(hours=chance.random() * self.hours)


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
    "run": lambda chance, known: {"run": known.run},
    "run and undefined": lambda chance, known: {"run": known.run, "status": "undefined"},
}  # fmt: skip


def _api(question: str) -> Ask:
    return lambda chance, known: f"/api/v1/results?{_search(**QUESTIONS[question](chance, known))}"


def _page(question: str) -> Ask:
    return lambda chance, known: f"/results?{_search(**QUESTIONS[question](chance, known))}"


KINDS: dict[str, Ask] = {
    "page /": lambda chance, known: "/",
    "page /live/summary": lambda chance, known: "/live/summary",
    "page /results/{id}": lambda chance, known: f"/results/{known.an_id(chance)}",
    "page /statistics 1h": lambda chance, known: "/statistics?window=1h",
    "page /statistics 24h": lambda chance, known: "/statistics?window=24h",
    "page /api": lambda chance, known: "/api",
    "api /results/{id}": lambda chance, known: f"/api/v1/results/{known.an_id(chance)}",
    "api /statistics 24h": lambda chance, known: "/api/v1/statistics?window=24h",
    **{f"page search: {question}": _page(question) for question in QUESTIONS},
    **{f"api search: {question}": _api(question) for question in QUESTIONS},
}
