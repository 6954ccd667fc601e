"""A log line is one JSON object with a constant message and the caller's fields."""

import io
import json
import logging
import uuid
from collections.abc import Iterator

import pytest
from service_kit.logs import configure_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    sink = io.StringIO()
    configure_logs("info", {"service": "example"}, sink)
    yield sink
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_fields_are_kept_whatever_their_type(stream: io.StringIO) -> None:
    logging.getLogger("x").warning("row stored", extra={"id": uuid.UUID(int=7), "rows": 3})
    line = json.loads(stream.getvalue())
    assert line["message"] == "row stored"
    assert (line["level"], line["service"], line["rows"]) == ("warning", "example", 3)
    assert line["id"] == "00000000-0000-0000-0000-000000000007"


def test_an_exception_stays_on_one_line(stream: io.StringIO) -> None:
    try:
        int("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    assert stream.getvalue().count("\n") == 1
    assert "ValueError" in json.loads(stream.getvalue())["trace"]


@pytest.mark.parametrize("library", ["uvicorn", "httpx", "httpx2", "httpcore.connection"])
def test_a_library_that_tells_of_every_request_is_heard_from_warnings_on(
    stream: io.StringIO, library: str
) -> None:
    logging.getLogger(library).info("HTTP Request")
    logging.getLogger(library).warning("a connection was lost")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "a connection was lost"
    ]
