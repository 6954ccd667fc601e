"""From an arrival to its end in the ledger: choose a worker, send, judge, try again or finish.

It runs on callbacks, not on a task per problem, because at thousands a second the tasks would cost more than
the problems. A problem in flight is in exactly one of three places: with a worker, waiting for its next
attempt, or in the queue for a worker with room. In each it has one timer, and its deadline ends it anywhere.
Together they are bounded by `most_in_flight`; what comes beyond is given up at once and counted, so a slow
worker can neither slow down the arrivals nor fill the memory.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from traffic_sender.balancing import Address, Balancer, Endpoint
from traffic_sender.connection import Break, Connection
from traffic_sender.flight import Flight, Limits, RequestWriter
from traffic_sender.ledger import GaveUp, Ledger
from traffic_sender.pool import Pool
from traffic_sender.problems import Draw, Mix
from traffic_sender.records import Records
from traffic_sender.target import Target
from traffic_sender.verdicts import Answer, Backoff, Verdict, judge, patience_s


class Dispatch:
    """Sends problems to the workers of one target and writes their ends into the ledger."""

    def __init__(
        self,
        target: Target,
        *,
        ledger: Ledger,
        mix: Mix,
        draw: Draw,
        jitter: Callable[[], float],
        records: Records,
        limits: Limits,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = RequestWriter(target)
        self._ledger = ledger
        self._mix = mix
        self._draw = draw
        self._jitter = jitter
        self._records = records
        self._limits = limits
        self._backoff = Backoff()
        self.balancer = Balancer(most_outstanding=limits.most_per_worker)
        self._pool = Pool(self, connect_timeout_s=limits.connect_timeout_s)
        self._flights: dict[int, Flight] = {}
        self._queue: OrderedDict[int, Flight] = OrderedDict()
        self._on_connection: dict[Connection, Flight] = {}
        self._trial: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def set_addresses(self, addresses: list[Address]) -> None:
        """Balance over these from now on; what is under way to another one may finish."""
        for endpoint in self.balancer.set_addresses(addresses):
            self._pool.forget(endpoint)
        self._serve_queue()

    def issue(self, due_s: float) -> None:
        """One arrival, due at a moment of the loop's clock."""
        now_s = self._loop.time()
        sequence = self._ledger.issue(time.time_ns() // 1_000_000)
        if now_s - due_s >= self._limits.deadline_s:
            self._ledger.give_up(GaveUp.LATE)
        elif len(self._flights) >= self._limits.most_in_flight:
            self._ledger.give_up(GaveUp.OVERLOAD)
        else:
            self._records.send_delay.add(max(now_s - due_s, 0.0))
            flight = self._new_flight(sequence, due_s)
            self._flights[sequence] = flight
            self._empty.clear()
            self._attempt(flight)

    async def drained(self) -> None:
        """Return when nothing is in flight."""
        await self._empty.wait()

    async def close(self) -> None:
        """Give up what is in flight, and close all connections."""
        for flight in list(self._flights.values()):
            if flight.connection is not None:
                del self._on_connection[flight.connection]
                flight.connection.abort()
            self._give_up(flight, GaveUp.SHUTDOWN)
        if self._trial is not None:
            self._trial.cancel()
        await self._pool.close()

    def _new_flight(self, sequence: int, due_s: float) -> Flight:
        problem_id = str(self._ledger.problem_id(sequence))
        expression = self._mix.problem(sequence, self._draw).expression
        return Flight(
            sequence=sequence,
            due_s=due_s,
            deadline_s=due_s + self._limits.deadline_s,
            problem_id=problem_id,
            request=self._writer.write(problem_id, expression),
        )

    def _attempt(self, flight: Flight) -> None:
        flight.stop_timer()
        now_s = self._loop.time()
        if now_s >= flight.deadline_s:
            self._give_up(flight, GaveUp.DEADLINE)
            return
        endpoint = self.balancer.choose(now_s, refused=flight.refused)
        if endpoint is None:
            self._postpone(flight, now_s)
            return
        flight.attempts += 1
        flight.endpoint = endpoint
        timeout_s = min(now_s + self._limits.attempt_timeout_s, flight.deadline_s)
        flight.timer = self._loop.call_at(timeout_s, self._timed_out, flight)
        connection = self._pool.take(endpoint)
        if connection is not None:
            self._put_on(flight, connection)
        else:
            self._pool.open(endpoint, partial(self._connected, flight, endpoint, flight.attempts))

    def _connected(
        self, flight: Flight, endpoint: Endpoint, attempt: int, connection: Connection | None
    ) -> None:
        """A connection came, or not; the problem may have gone another way in the meantime."""
        wanted = flight.endpoint is endpoint and flight.attempts == attempt
        if connection is None or not connection.usable:
            if wanted:
                self._failed(flight, Break.UNREACHABLE)
        elif wanted:
            self._put_on(flight, connection)
        else:
            self._pool.keep(connection)

    def _put_on(self, flight: Flight, connection: Connection) -> None:
        flight.connection = connection
        self._on_connection[connection] = flight
        connection.send(flight.request)

    def _postpone(self, flight: Flight, now_s: float) -> None:
        """Nobody can be asked: wait for one that asked for patience, or for one with room."""
        if any(until_s > now_s for until_s in flight.refused.values()):
            backoff_s = self._backoff.delay_s(flight.attempts, draw=self._jitter())
            at_s = max(self.balancer.patience_ends_s(flight.refused), now_s) + backoff_s
            flight.timer = self._loop.call_at(min(at_s, flight.deadline_s), self._attempt, flight)
            return
        self._queue[flight.sequence] = flight
        flight.timer = self._loop.call_at(flight.deadline_s, self._give_up, flight, GaveUp.DEADLINE)
        self._arm_trial(now_s)

    def _serve_queue(self) -> None:
        while self._queue and self.balancer.has_room(self._loop.time()):
            _, flight = self._queue.popitem(last=False)
            self._attempt(flight)
        if self._queue:
            self._arm_trial(self._loop.time())

    def _arm_trial(self, now_s: float) -> None:
        """Serve the queue when the next ejection ends."""
        at_s = self.balancer.next_trial_s(now_s)
        if self._trial is not None:
            self._trial.cancel()
            self._trial = None
        if at_s < math.inf:
            self._trial = self._loop.call_at(at_s + 0.001, self._serve_queue)

    def answered(self, connection: Connection, answer: Answer) -> None:
        """From a connection: a whole response came."""
        flight = self._on_connection.pop(connection)
        self._pool.keep(connection)
        verdict = judge(answer, flight.problem_id)
        self._records.attempts[verdict.value] += 1
        endpoint = self._leave(flight)
        if verdict in {Verdict.ACKNOWLEDGED, Verdict.REJECTED}:
            self.balancer.succeeded(endpoint)
            self._accept(flight, verdict)
        elif verdict is Verdict.UNEXPECTED:
            self.balancer.released(endpoint)
            self._give_up(flight, GaveUp.UNEXPECTED)
        else:
            now_s = self._loop.time()
            patience = patience_s(answer.retry_after, now_unix_s=time.time())
            if patience > 0:
                flight.refused[endpoint.address] = now_s + patience
            if verdict is Verdict.BUSY:
                self.balancer.busy(endpoint, now_s)
            else:
                self._note_failure(endpoint, now_s, unreachable=False)
            self._retry(flight, now_s)
        self._serve_queue()

    def broke(self, connection: Connection, reason: Break) -> None:
        """From a connection: no response will come."""
        self._failed(self._on_connection.pop(connection), reason)

    def closed(self, connection: Connection) -> None:
        """From a connection: the server closed it while it was idle."""
        self._pool.discard(connection)

    def _timed_out(self, flight: Flight) -> None:
        if flight.connection is not None:
            del self._on_connection[flight.connection]
            flight.connection.abort()
        self._failed(flight, Break.TIMEOUT)

    def _failed(self, flight: Flight, reason: Break) -> None:
        self._records.attempts[reason.value] += 1
        endpoint = self._leave(flight)
        now_s = self._loop.time()
        if reason is Break.STALE:
            self.balancer.released(endpoint)
        else:
            self._note_failure(endpoint, now_s, unreachable=reason is Break.UNREACHABLE)
        if reason is Break.STALE and flight.attempts == 1:
            self._attempt(flight)
        else:
            self._retry(flight, now_s)
        self._serve_queue()

    def _leave(self, flight: Flight) -> Endpoint:
        """End the present attempt, whatever comes next."""
        endpoint = flight.endpoint
        if endpoint is None:
            raise RuntimeError(f"problem {flight.problem_id} ended an attempt that it did not make")
        flight.endpoint = flight.connection = None
        flight.stop_timer()
        return endpoint

    def _note_failure(self, endpoint: Endpoint, now_s: float, *, unreachable: bool) -> None:
        if self.balancer.failed(endpoint, now_s, unreachable=unreachable):
            self._records.ejections += 1

    def _retry(self, flight: Flight, now_s: float) -> None:
        at_s = now_s + self._backoff.delay_s(flight.attempts, draw=self._jitter())
        if at_s >= flight.deadline_s:
            self._give_up(flight, GaveUp.DEADLINE)
        else:
            flight.timer = self._loop.call_at(at_s, self._attempt, flight)

    def _accept(self, flight: Flight, verdict: Verdict) -> None:
        now_s = self._loop.time()
        self._records.latency.add(now_s - flight.due_s)
        if verdict is Verdict.ACKNOWLEDGED:
            self._records.last_second.add(now_s)
            self._ledger.acknowledge(flight.sequence)
        else:
            self._ledger.reject()
        self._forget(flight)

    def _give_up(self, flight: Flight, reason: GaveUp) -> None:
        self._ledger.give_up(reason)
        self._forget(flight)

    def _forget(self, flight: Flight) -> None:
        flight.stop_timer()
        del self._flights[flight.sequence]
        self._queue.pop(flight.sequence, None)
        if not self._flights:
            self._empty.set()
