"""Logs: one JSON object a line on stderr, with a constant message and fields for the rest.

Constant messages make lines countable; `logger.info("row stored", extra={"id": …})` is all a caller writes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_TRACE_CAP = 4000
_CHATTY = ("uvicorn", "httpx", "httpx2", "httpcore")
"""Libraries that tell of every request or connection at `info`."""


class JsonFormatter(logging.Formatter):
    """A record as one JSON object; a field that JSON cannot hold is written as its text."""

    def __init__(self, constants: Mapping[str, str]) -> None:
        super().__init__()
        self._constants = dict(constants)

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its newline."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._constants,
        }
        line.update({key: value for key, value in vars(record).items() if key not in _OWN})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)[-_TRACE_CAP:]
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure_logs(level: str, constants: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Send every logger's records to one stream as JSON; of chatty libraries only warnings."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(constants))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library in _CHATTY:
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
