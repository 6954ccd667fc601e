"""One container's life: image, start, hooks, probes, end, and again as its restart policy says.

A container that a crash of ours left running is taken up where it is: its attempt's folder tells what it is,
its sandbox is found by the open status file, and only its end is still awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.kubelet import ending
from autostack.pocket.kubelet import process as sandboxes
from autostack.pocket.kubelet.attempts import Attempt, Started, attempts
from autostack.pocket.kubelet.checks import CheckFailed, check
from autostack.pocket.kubelet.entering import Target
from autostack.pocket.kubelet.errors import ConfigError, MountError, StartError
from autostack.pocket.kubelet.logs import end_of
from autostack.pocket.kubelet.probes import Probes
from autostack.pocket.kubelet.probing import ProbeSpec
from autostack.pocket.kubelet.pulling import pulled
from autostack.pocket.kubelet.restarts import Backoff, restarts
from autostack.pocket.kubelet.starting import PodSide, start_attempt
from autostack.pocket.kubelet.status import CREATING, ContainerView, Ended
from autostack.pocket.kubelet.supervision import kept_up

log = logging.getLogger(__name__)

HOOK_TIMEOUT_S = 3600.0


class Container:
    """One container of a pod. `view` is what the pod's status shows of it."""

    def __init__(self, pod: PodSide, spec: Object, *, policy: str, sidecar: bool = False) -> None:
        self.pod = pod
        self.spec = spec
        self.name: str = spec["name"]
        self.folder = pod.folder / "containers" / self.name
        self.view = ContainerView(self.name, spec["image"], sidecar=sidecar)
        self.up = asyncio.Event()
        self.attempt: Attempt | None = None
        self.oom_by_us = False
        self._policy = policy
        self._backoff = Backoff()
        self._process: sandboxes.Process | None = None
        self._killing: asyncio.Task[None] | None = None
        self._kill_by = 0.0
        self._patience: asyncio.Timeout | None = None
        self._stopping = False
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[Any] | None = None

    @property
    def group(self) -> str:
        """Its cgroup's name."""
        return f"{self.pod.object['metadata']['uid']}.{self.name}"

    @property
    def child_pid(self) -> int | None:
        """The program's PID while it runs."""
        return self._process.child_pid if self._process is not None else None

    @property
    def process(self) -> sandboxes.Process | None:
        """The sandbox while it runs."""
        return self._process

    def show(self, **changes: Any) -> None:
        """Change the view."""
        self.view = replace(self.view, **changes)
        self.pod.changed()

    def target(self) -> Target | None:
        """How to enter it; None while it does not run."""
        started = self.attempt.started() if self.attempt is not None else None
        if self._process is None or started is None:
            return None
        groups = self.pod.node.cgroups
        files = groups.files(self.group) if groups else []
        return Target(self._process.child_pid, started.environment, started.working_dir, files)

    def recall(self, running: dict[Path, int]) -> None:
        """Take up what runs or ran of this container without our watching it; call before `run`."""
        self._process = None
        if self._killing is not None:
            self._killing.cancel()
            self._killing = None
        known = attempts(self.folder)
        if not known:
            return
        self.attempt = known[-1]
        last = known[-2].ended() if len(known) > 1 else None
        started, status = self.attempt.started(), self.attempt.folder / "status"
        pid, child = running.get(self.attempt.folder), sandboxes.read_status(status).get("child-pid")
        image_id, container_id = (started.image_id, started.container_id) if started else ("", "")
        self.view = replace(
            self.view, restarts=self.attempt.number, last=last, image_id=image_id, container_id=container_id
        )
        ended = self.attempt.ended()
        if started is not None and pid is not None and child is not None and ended is None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                self._process = sandboxes.Process(pid, child, status)
                known_as = self._told_of(started.container_id)
                self.view = replace(
                    self.view, waiting=None, running_since=started.started_at,
                    ready=bool(known_as.get("ready")), started=bool(known_as.get("started")),
                )  # fmt: skip
                return
        if ended is None:
            sandboxes.kill_orphan(status)
            finished = status.stat().st_mtime if status.exists() else time.time()
            ended = self._end(sandboxes.exit_code(status), started, finished_at=finished)
        self.view = replace(self.view, waiting=None, ended=ended)

    def _told_of(self, container_id: str) -> dict[str, Any]:
        """What the pod's status last told of this run: it stays so until a probe says otherwise."""
        status = self.pod.object.get("status") or {}
        told = (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))
        return next((one for one in told if one.get("containerID") == container_id), {})

    async def run(self) -> Ended | None:
        """Run until the restart policy is satisfied; None when it was stopped before it ever ran."""
        self._task = asyncio.current_task()
        ended = self.view.ended
        try:
            while True:
                if ended is not None:
                    if self._stopping or not restarts(self._policy, ended.exit_code):
                        return ended
                    await self._wait_before_restart(ended)
                ended = await self._once()
                if ended is None:
                    return None
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            if self._task is not None:
                self._task.uncancel()
            return self.view.ended

    async def _wait_before_restart(self, ended: Ended) -> None:
        delay_s, self._backoff = self._backoff.after_exit(time.monotonic())
        if delay_s == 0:
            self.show(last=ended, ended=None, waiting=CREATING, ready=False, started=False)
            return
        about = self.pod.object["metadata"]
        what = f"restarting failed container {self.name} in pod {about['name']}_{about['namespace']}"
        message = f"back-off {delay_s:g}s {what}"
        self.show(last=ended, ended=None, waiting=("CrashLoopBackOff", message), ready=False, started=False)
        self.pod.event("Warning", "BackOff", f"Back-off {what}")
        await asyncio.sleep(delay_s)

    async def _once(self) -> Ended | None:
        """One run; None when it was stopped before the start."""
        if self._process is None:
            image = await pulled(
                self.pod, self.spec, lambda reason, message: self.show(waiting=(reason, message))
            )
            while True:
                async with self._starting:
                    if self._stopping:
                        return None
                    try:
                        self.attempt, started, self._process = await start_attempt(
                            self.pod, self.spec, image, folder=self.folder, group=self.group
                        )
                    except (ConfigError, MountError) as error:
                        self._show_misconfigured(str(error))
                    except StartError as error:
                        return self._failed_to_start(str(error))
                    else:
                        self._show_started(self.attempt, started)
                        break
                await self.pod.node.wait_for_change(self.pod.node.settings.retry_s)
        return await self._supervise(self._process)

    def _show_misconfigured(self, message: str) -> None:
        waiting = ("CreateContainerConfigError", message)
        if self.view.waiting != waiting:
            self.show(waiting=waiting)
            self.pod.event("Warning", "Failed", f"Error: {message}")

    def _failed_to_start(self, message: str) -> Ended:
        self.attempt = attempts(self.folder)[-1]
        now = time.time()
        ended = Ended(ending.START_ERROR, "StartError", now, now, message[: ending.MESSAGE_BYTES])
        self._record(self.attempt, ended)
        self.pod.event("Warning", "Failed", f"Error: {message}")
        self.show(waiting=None, running_since=None, ended=ended, restarts=self.attempt.number)
        return ended

    def _show_started(self, attempt: Attempt, started: Started) -> None:
        self.pod.event("Normal", "Created", f"Container created: {self.name}")
        self.pod.event("Normal", "Started", f"Container started: {self.name}")
        plain = not any(self.spec.get(f"{kind}Probe") for kind in ("startup", "readiness"))
        hook = (self.spec.get("lifecycle") or {}).get("postStart")
        self.show(
            waiting=None, ended=None, running_since=started.started_at, restarts=attempt.number,
            image_id=started.image_id, container_id=started.container_id,
            ready=plain and not hook, started=plain and not hook,
        )  # fmt: skip

    async def _supervise(self, process: sandboxes.Process) -> Ended:
        """From the start to the end of the program."""
        attending = kept_up(self.pod, f"probes of {self.name}", self._look_after)
        probing = asyncio.create_task(attending, name=f"probes-{self.name}")
        try:
            code = await asyncio.shield(process.ended)
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)
            if not process.ended.done():
                process.release()
        self._process = None
        if self._killing is not None:
            await asyncio.gather(self._killing, return_exceptions=True)
            self._killing = None
        started = self.attempt.started() if self.attempt is not None else None
        ended = self._end(code, started, finished_at=time.time())
        if ended.reason == "StartError":
            self.pod.event("Warning", "Failed", f"Error: {ended.message}")
        self.up.clear()
        self.show(running_since=None, waiting=None, ended=ended, ready=False, started=False)
        return ended

    def _end(self, code: int | None, started: Started | None, *, finished_at: float) -> Ended:
        """Work out and record how the attempt ended."""
        if self.attempt is None:
            raise RuntimeError(f"container {self.name} has no attempt that could have ended")
        message = end_of(self.attempt.folder / "termination", ending.MESSAGE_BYTES)
        if ending.falls_back_to_log(self.spec, code, message):
            lines = end_of(self.attempt.log, ending.FALLBACK_BYTES).splitlines(keepends=True)
            message = "".join(lines[-ending.FALLBACK_LINES :])
        groups = self.pod.node.cgroups
        ended = ending.ended(
            code,
            started_at=started.started_at if started else finished_at,
            finished_at=finished_at,
            container_id=started.container_id if started else "",
            last_line=sandboxes.last_line(self.attempt.log),
            oom_killed=self.oom_by_us or bool(groups and groups.oom_kills(self.group)),
            message=message,
        )
        self.oom_by_us = False
        if groups:
            groups.remove(self.group)
        self._record(self.attempt, ended)
        return ended

    def _record(self, attempt: Attempt, ended: Ended) -> None:
        try:
            attempt.write_ended(ended)
        except OSError as error:  # e.g. the disk is full: bwrap's status tells a later kubelet the exit code
            log.warning("end of a container not recorded", extra={"attempt": str(attempt.folder),
                                                                  "error": str(error)})  # fmt: skip

    async def _look_after(self) -> None:
        """The postStart hook, then the probes, for as long as the program runs."""
        hook = (self.spec.get("lifecycle") or {}).get("postStart")
        if (
            hook
            and self.view.restarts == (self.attempt.number if self.attempt else 0)
            and not self.view.ready
        ):
            try:
                await self._hook(hook, HOOK_TIMEOUT_S)
            except CheckFailed as failure:
                self.pod.event("Warning", "FailedPostStartHook", f"PostStartHook failed: {failure}")
                self._kill_soon(f"Container {self.name} failed postStart hook", self._grace_s())
                return
        await Probes(
            self.pod, self.spec, self.target, is_ending=lambda: self._stopping,
            on_started=self._on_started, on_ready=self._on_ready, on_unhealthy=self._on_unhealthy,
        ).run()  # fmt: skip

    async def _hook(self, action: Any, timeout_s: float) -> None:
        await check(action, self.spec, pod_ip=self.pod.pod_ip, target=self.target(), timeout_s=timeout_s)

    def _on_started(self) -> None:
        self.up.set()
        if not self.view.started:
            self.show(started=True)

    def _on_ready(self, ready: bool) -> None:
        if self.view.ready != ready:
            self.show(ready=ready)

    def _on_unhealthy(self, spec: ProbeSpec) -> None:
        grace_s = spec.grace_s if spec.grace_s is not None else self._grace_s()
        self._kill_soon(f"Container {self.name} failed {spec.kind} probe, will be restarted", grace_s)

    def _grace_s(self) -> float:
        return float(self.pod.object["spec"].get("terminationGracePeriodSeconds", 30))

    def _kill_soon(self, message: str, grace_s: float) -> None:
        self.pod.event("Normal", "Killing", message)
        if self._killing is None:
            self._killing = asyncio.create_task(self._kill(grace_s), name=f"kill-{self.name}")

    async def _kill(self, grace_s: float) -> None:
        """preStop and SIGTERM within the grace period, then SIGKILL."""
        process = self._process
        if process is None:
            return
        self._kill_by = asyncio.get_running_loop().time() + grace_s
        hook = (self.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace_s > 0:
            try:
                await self._in_time(self._hook(hook, grace_s))
            except (CheckFailed, TimeoutError) as failure:
                why = str(failure) or "the grace period is over"
                self.pod.event("Warning", "FailedPreStopHook", f"PreStopHook failed: {why}")
        process.signal(self._stop_signal())
        with contextlib.suppress(TimeoutError):
            await self._in_time(asyncio.shield(process.ended))
        if not process.ended.done():
            process.signal(signal.SIGKILL)
            await asyncio.shield(process.ended)

    async def _in_time(self, work: Awaitable[object]) -> None:
        """Wait for it until the program is to be killed, which `shorten` may bring forward."""
        try:
            async with asyncio.timeout_at(self._kill_by) as self._patience:
                await work
        finally:
            self._patience = None

    def shorten(self, grace_s: float) -> None:
        """Give a program that is being ended less time, if this is less than it has."""
        kill_by = asyncio.get_running_loop().time() + grace_s
        if kill_by < self._kill_by:
            self._kill_by = kill_by
            if self._patience is not None and not self._patience.expired():
                self._patience.reschedule(kill_by)

    def _stop_signal(self) -> int:
        wanted = (self.spec.get("lifecycle") or {}).get("stopSignal")
        started = self.attempt.started() if self.attempt is not None else None
        name = wanted or (started.stop_signal if started else "SIGTERM")
        return int(name) if name.isdigit() else int(getattr(signal, name, signal.SIGTERM))

    def kill_for_memory(self) -> None:
        """The kubelet's own watch over memory, where cgroups can't."""
        self.oom_by_us = True
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    def hurry(self) -> None:
        """No more grace: the program is killed now."""
        self.shorten(0)
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    async def stop(self, grace_s: float) -> None:
        """End it for good within the grace period; if it is being ended already, the shorter one holds."""
        self._stopping = True
        async with self._starting:
            if self._process is not None and self._process.is_unwatched:
                self.recall(sandboxes.running_sandboxes(self.pod.node.settings.pods))
            process = self._process
        if process is None:
            if self._task is not None and not self._task.done():
                self._task.cancel()
            return
        if self._killing is None:
            self.pod.event("Normal", "Killing", f"Stopping container {self.name}")
            self._killing = asyncio.create_task(self._kill(grace_s), name=f"kill-{self.name}")
        else:
            self.shorten(grace_s)
        await asyncio.wait([self._killing])
        if self._task is not None:
            await asyncio.wait([self._task])
