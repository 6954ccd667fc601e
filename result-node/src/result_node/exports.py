"""Rows as CSV and as NDJSON, a batch at a time.

NDJSON is exact. CSV is for spreadsheets, which run what looks like a formula: a cell that begins like
one, and is not a plain number, is preceded by an apostrophe. So CSV is safe to open and NDJSON is the one
to compute with.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

import msgspec

from result_node.stored import COLUMNS, StoredResult

EXPORTED = tuple(name for name in COLUMNS if name != "xact")

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_FORMULA_STARTS = ("=", "+", "-", "@", "|", "%")
_INVISIBLE = " \t\r\n"


def exported(row: StoredResult) -> dict[str, object]:
    """A row as it leaves us, the same in JSON, NDJSON and CSV; times are RFC 3339 in UTC."""
    values: dict[str, object] = {name: getattr(row, name) for name in EXPORTED}
    values["id"] = str(row.id)
    values["created_at"] = row.created_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return values


def csv_header() -> bytes:
    """The first line."""
    return _csv_lines([EXPORTED])


def csv_batch(rows: Iterable[StoredResult]) -> bytes:
    """RFC 4180 lines, guarded."""
    return _csv_lines([guarded(value) for value in exported(row).values()] for row in rows)


def ndjson_batch(rows: Iterable[StoredResult]) -> bytes:
    """One JSON object a line."""
    return b"".join(msgspec.json.encode(exported(row)) + b"\n" for row in rows)


def guarded(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    if text.lstrip(_INVISIBLE).startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def _csv_lines(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
