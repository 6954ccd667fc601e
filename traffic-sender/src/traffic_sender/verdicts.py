"""What an answer, or its absence, means for a problem: acknowledged, rejected, retry, or unexpected.

Every problem carries its own id, so sending it again is harmless and everything that is not a final word is
retried. A 4xx counts as the worker's word only if it is a problem document: a proxy without a backend
answers 404 too, and says nothing of the problem.

Pure: the draw of the jitter comes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Literal

import msgspec

PROBLEM_MEDIA_TYPE = b"application/problem+json"
RETRY_AFTER_LIMIT_S = 60.0
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class Verdict(StrEnum):
    """What follows from one attempt."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    BUSY = "busy"  # the worker asks for patience: 429, 503
    FAILED = "failed"  # another server error, or an unreadable answer
    UNEXPECTED = "unexpected"  # no retry would better it


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response, as far as it is looked at."""

    status: int
    content_type: bytes
    retry_after: bytes | None
    body: bytes


class _Acknowledgement(msgspec.Struct):
    id: str
    status: Literal["ok", "undefined"]


_DECODER = msgspec.json.Decoder(_Acknowledgement)


def judge(answer: Answer, problem_id: str) -> Verdict:
    """What an answer means; an acknowledgement must name the problem that was sent."""
    status = answer.status
    if status == HTTPStatus.OK:
        try:
            named = _DECODER.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Verdict.FAILED
        return Verdict.ACKNOWLEDGED if named.id.lower() == problem_id else Verdict.FAILED
    if status == HTTPStatus.SERVICE_UNAVAILABLE or status in _LATER:
        return Verdict.BUSY
    if status >= 500:
        return Verdict.FAILED
    if status >= 400:
        is_problem = answer.content_type.split(b";")[0].strip().lower() == PROBLEM_MEDIA_TYPE
        return Verdict.REJECTED if is_problem else Verdict.FAILED
    return Verdict.UNEXPECTED


def patience_s(retry_after: bytes | None, *, now_unix_s: float) -> float:
    """How long Retry-After asks to wait (RFC 9110, 10.2.3: seconds or a date), bounded; unreadable is 0."""
    if retry_after is None:
        return 0.0
    text = retry_after.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), RETRY_AFTER_LIMIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment.timestamp() - now_unix_s, 0.0), RETRY_AFTER_LIMIT_S)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, between `base_s` and `cap_s`; each delay is spread over its upper half."""

    base_s: float = 0.05
    cap_s: float = 2.0

    def delay_s(self, attempts: int, *, draw: float) -> float:
        """The delay after so many attempts (1 or more); `draw` is from 0 to 1."""
        full_s = min(self.cap_s, self.base_s * 2.0 ** min(attempts - 1, 30))
        return full_s * (0.5 + draw / 2)
