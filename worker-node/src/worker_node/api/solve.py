"""`POST /solve`, as a hot endpoint: framework layers cost more than the arithmetic.

Order of events: decode, check the id's time, solve, queue, wait for the commit, answer. Whatever fails
before the queue stores nothing; what fails after it says 503 with the id, so that the client can ask again
without a second row.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from time import perf_counter

import msgspec
from service_kit import ProblemError
from service_kit.hot_path import Headers
from service_kit.problem_id import fresh_id, milliseconds_of

from worker_node.api.faults import Faults
from worker_node.api.messages import SolveRequest, SolveResponse
from worker_node.errors import ConflictError, OutOfRangeError, StoreAwayError, StoreUnavailableError
from worker_node.measures import WorkerMetrics
from worker_node.solver import ExpressionError, LimitError, solve
from worker_node.store.flush import Stamp
from worker_node.store.pending import PendingQueue, PendingRow, StoredRow
from worker_node.store.writer import Writer

_decode = msgspec.json.Decoder(SolveRequest).decode
_encode = msgspec.json.Encoder().encode
_RETRY = {"Retry-After": "1"}


@dataclass(frozen=True)
class SolveParts:
    """What the endpoint works with."""

    queue: PendingQueue
    writer: Writer
    stamp: Stamp
    metrics: WorkerMetrics
    faults: Faults
    store_deadline_s: float


class SolveEndpoint:
    """The hot endpoint."""

    def __init__(self, parts: SolveParts) -> None:
        self._parts = parts
        self._worker, self._version = parts.stamp.worker, parts.stamp.version

    async def __call__(self, headers: Headers, body: bytes) -> bytes:
        """Answer one problem."""
        received_s = perf_counter()
        parts = self._parts
        try:
            if parts.faults.active:
                await parts.faults.suffer()
            _check_type(headers)
            answer = await self._solve(body, received_s)
        except ProblemError as problem:
            parts.metrics.refused(problem.kind)
            raise
        parts.metrics.answered(perf_counter() - received_s)
        return answer

    async def _solve(self, body: bytes, received_s: float) -> bytes:
        request = _decoded(body)
        problem_id = request.id or fresh_id()
        self._check_id(problem_id)
        try:
            answer = solve(request.expression)
        except ExpressionError as error:
            raise _expression_problem(error) from None
        row = PendingRow(
            problem_id,
            request.expression,
            answer,
            received_s=received_s,
            deadline_s=received_s + self._parts.store_deadline_s,
            stored=asyncio.get_running_loop().create_future(),
        )
        there = await self._stored(row)
        if there is None:
            return _encode(
                SolveResponse(problem_id, request.expression, *answer, self._worker, self._version)
            )
        return _encode(SolveResponse(problem_id, *there))

    def _check_id(self, problem_id: uuid.UUID) -> None:
        if problem_id.version not in (7, 8):
            raise ProblemError(
                422, "bad-id", f"the id {problem_id} is not a UUID of version 7 or 8", field="id"
            )
        writer = self._parts.writer
        if writer.ranges and not writer.covers(milliseconds_of(problem_id)):
            raise _out_of_range(problem_id)

    async def _stored(self, row: PendingRow) -> StoredRow | None:
        """Queue the row and wait for its commit; the earlier row, if there was one."""
        try:
            if self._parts.writer.away is not None:
                raise StoreAwayError("the database cannot be reached at present; try again")
            self._parts.queue.offer(row)
            return await row.stored
        except StoreUnavailableError as error:
            raise ProblemError(503, error.kind, str(error), headers=_RETRY, id=row.id) from None
        except ConflictError as error:
            raise ProblemError(409, "id-conflict", str(error), id=row.id) from None
        except OutOfRangeError:
            raise _out_of_range(row.id) from None


def _check_type(headers: Headers) -> None:
    for name, value in headers:
        if name == b"content-type" and not value.lower().startswith(b"application/json"):
            raise ProblemError(415, "not-json", "the body must be application/json")


def _decoded(body: bytes) -> SolveRequest:
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        raise ProblemError(422, "invalid-request", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, "bad-json", f"the body is not JSON: {error}") from None
    except RecursionError:
        raise ProblemError(400, "bad-json", "the body is not JSON that nests reasonably") from None


def _expression_problem(error: ExpressionError) -> ProblemError:
    if isinstance(error, LimitError):
        return ProblemError(
            422, error.kind, error.detail, position=error.position, limit=error.limit, allowed=error.allowed
        )
    return ProblemError(422, error.kind, error.detail, position=error.position)


def _out_of_range(problem_id: uuid.UUID) -> ProblemError:
    detail = (
        f"the time in the id {problem_id} is outside the partitions that exist; take an id of the present"
    )
    return ProblemError(422, "id-out-of-range", detail, field="id")
