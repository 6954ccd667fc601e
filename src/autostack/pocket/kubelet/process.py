"""One sandbox as a process: started, adopted, signalled, and awaited by its pidfd.

bwrap writes the program's PID and, when it ends, its exit code into the attempt's `status` file, which it
holds open as descriptor 9. That open file is its identity: after a crash of ours a running sandbox is found
by it, and no recorded number can be mistaken for a process that got it later. A sandbox whose exit code is
not in the file has not run its program, or was killed from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import select
import shlex
import signal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from autostack.pocket.kubelet.errors import StartError
from autostack.pocket.kubelet.sandbox import Sandbox, bwrap_arguments
from autostack.pocket.kubelet.standard_input import StandardInput

STATUS_FD, ARGUMENTS_FD, INFO_FD = 9, 8, 7
START_DEADLINE_S = 20.0
KILLED_WITHIN_S = 5.0
EXECUTED_LOOK_S = 0.002
_JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit 126; shift; done; shift; exec "$@"'


class Process:
    """A running sandbox. `ended` resolves with the exit code, or None when bwrap could not tell one."""

    def __init__(self, pid: int, child_pid: int, status: Path) -> None:
        self.pid = pid
        self.child_pid = child_pid
        self._status = status
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int | None] = self._loop.create_future()
        self._pidfd = os.pidfd_open(pid)
        try:
            self._child_pidfd: int | None = os.pidfd_open(child_pid)
        except ProcessLookupError:
            self._child_pidfd = None
        self._loop.add_reader(self._pidfd, self._on_exit)
        self.input = StandardInput.of(status.parent)

    def signal(self, number: int) -> None:
        """Signal the program; nothing happens if it has ended."""
        if self._child_pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._child_pidfd, number)

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        with contextlib.suppress(ChildProcessError):  # adopted: init is its parent
            os.waitpid(self.pid, os.WNOHANG)
        if exit_code(self._status) is None and self._child_pidfd is not None:
            # bwrap was killed, and the program may still hold its port: it has ended when its pidfd says so.
            self.signal(signal.SIGKILL)
            self._loop.add_reader(self._child_pidfd, self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        code = exit_code(self._status)
        self.release()
        if not self.ended.done():
            self.ended.set_result(code)

    @property
    def is_unwatched(self) -> bool:
        """Whether it was released while it ran, so that its end will not be seen here."""
        return self._pidfd < 0 and not self.ended.done()

    def release(self) -> None:
        """Stop watching, e.g. because the control plane goes and the pod stays."""
        for fd in (self._pidfd, self._child_pidfd):
            if fd is not None and fd >= 0:
                self._loop.remove_reader(fd)
                os.close(fd)
        self._pidfd, self._child_pidfd = -1, None
        if self.input is not None:
            self.input.close()


async def start(sandbox: Sandbox, attempt: Path, *, log: Path, cgroup_files: Sequence[str]) -> Process:
    """Start the sandbox; returns when its namespaces stand and the program is being executed.

    Raises StartError with bwrap's words when the sandbox itself can't be made.
    """
    kept = StandardInput.of(attempt)  # the program can't open its input while nobody holds the other end
    try:
        return await _start(sandbox, attempt, log=log, cgroup_files=cgroup_files)
    finally:
        if kept is not None:
            kept.close()


async def _start(sandbox: Sandbox, attempt: Path, *, log: Path, cgroup_files: Sequence[str]) -> Process:
    words = bwrap_arguments(sandbox)
    refuse_nul((*words, *sandbox.command))
    status = attempt / "status"
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    passed = [writing]
    try:
        passed.append(memory_file("\0".join(words).encode()))
        passed.append(os.open(status, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        passed.insert(0, os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        line = command_line(sandbox, cgroup_files)
        pid = _spawn(line, _input_of(attempt, sandbox), passed)
    except OSError as error:
        os.close(reading)
        raise StartError(f"bubblewrap can't be started: {error}") from error
    finally:
        for fd in passed:
            os.close(fd)
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            told = await _read_info(reading)
    except TimeoutError:
        told = b""
    finally:
        os.close(reading)
    child_pid = _child_of(told)
    if child_pid is None:
        _reap(pid)
        raise StartError(f"the sandbox can't be made: {last_line(log)}")
    process = Process(pid, child_pid, status)
    await _executed(process)
    return process


async def _executed(process: Process) -> None:
    """Wait until bwrap has made the mounts and become the program.

    Before, who enters its namespaces could still see the host's root. Nothing tells of that moment, so it is
    looked for.
    """
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            while not (process.ended.done() or executes_program(process.child_pid)):  # noqa: ASYNC110 - no event
                await asyncio.sleep(EXECUTED_LOOK_S)
    except TimeoutError:
        process.signal(signal.SIGKILL)
        raise StartError("the sandbox did not get to its program in time") from None


def executes_program(child_pid: int) -> bool:
    """Whether the sandbox's first process is the program by now, and no longer bwrap."""
    try:
        return Path(f"/proc/{child_pid}/comm").read_text().strip() != "bwrap"
    except OSError:
        return False


def command_line(sandbox: Sandbox, cgroup_files: Sequence[str]) -> list[str]:
    """What is started: bwrap, in its cgroups and, where the pod wants one, on a terminal. Pure."""
    bwrap = [
        "bwrap", "--args", str(ARGUMENTS_FD), "--json-status-fd", str(STATUS_FD),
        "--info-fd", str(INFO_FD), "--", *sandbox.command,
    ]  # fmt: skip
    argv = ["sh", "-c", _JOIN, "sh", *cgroup_files, "--", *bwrap] if cgroup_files else bwrap
    if not sandbox.terminal:
        return argv
    # script makes a terminal and copies between it and its own input and output; it outlives us.
    return ["script", "--quiet", "--flush", "--echo", "always", "--command", shlex.join(argv), "/dev/null"]


def _input_of(attempt: Path, sandbox: Sandbox) -> tuple[str, int]:
    path = StandardInput.path_in(attempt)
    if not path.exists():
        return os.devnull, os.O_RDONLY
    return str(path), os.O_RDWR if sandbox.terminal else os.O_RDONLY


def _spawn(argv: list[str], stdin: tuple[str, int], fds: Sequence[int]) -> int:
    """Start it; `fds` are those of its output, of --info-fd, of --args and of --json-status-fd."""
    # Through free numbers above all targets first, so that no source is overwritten by an earlier target.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, STATUS_FD + 1) for fd in fds]
    try:
        return os.posix_spawnp(
            argv[0],
            argv,
            {"PATH": os.environ.get("PATH", os.defpath)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, *stdin, 0),
                (os.POSIX_SPAWN_DUP2, high[0], 1),
                (os.POSIX_SPAWN_DUP2, high[0], 2),
                (os.POSIX_SPAWN_DUP2, high[1], INFO_FD),
                (os.POSIX_SPAWN_DUP2, high[2], ARGUMENTS_FD),
                (os.POSIX_SPAWN_DUP2, high[3], STATUS_FD),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXFSZ],
        )
    finally:
        for fd in high:
            os.close(fd)


def refuse_nul(words: Iterable[str]) -> None:
    """Raise StartError if a word has a NUL character in it, which would make two words of it.

    The message does not repeat the word, as it may be a Secret's.
    """
    if any("\0" in word for word in words):
        raise StartError("the command, a path or a variable has a NUL character: no program takes that")


def memory_file(content: bytes) -> int:
    """A descriptor of a file in memory that stands at its beginning."""
    fd = os.memfd_create("pod")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


async def _read_info(fd: int) -> bytes:
    """The JSON object that bwrap writes when the namespaces stand; empty when it ended before."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    told = bytearray()

    def readable() -> None:
        try:
            piece = os.read(fd, 4096)
        except BlockingIOError:
            return
        told.extend(piece)
        if (not piece or told.rstrip().endswith(b"}")) and not done.done():
            done.set_result(bytes(told))

    loop.add_reader(fd, readable)
    try:
        return await done
    finally:
        loop.remove_reader(fd)


def _child_of(told: bytes) -> int | None:
    try:
        return int(json.loads(told)["child-pid"])
    except (ValueError, KeyError):
        return None


def _reap(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def read_status(status: Path) -> dict[str, int]:
    """What bwrap has written: child-pid, namespaces, and exit-code at the end."""
    told: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in status.read_text().splitlines():
            told |= json.loads(line)
    return told


def exit_code(status: Path) -> int | None:
    """The program's exit code, once bwrap has written it."""
    return read_status(status).get("exit-code")


def last_line(log: Path) -> str:
    """The end of the output, for an error message."""
    try:
        lines = log.read_bytes()[-2000:].decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][:500] if lines else "bubblewrap said nothing"


def running_sandboxes(pods: Path) -> dict[Path, int]:
    """Every bwrap of this cluster that runs, by the folder of its attempt."""
    owners: dict[int, Path] = {}
    for pid in _bwraps():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/fd/{STATUS_FD}").readlink()
            if status.name == "status" and status.is_relative_to(pods):
                owners[pid] = status.parent
    # Between fork and exec, bwrap's child is called bwrap too.
    return {attempt: pid for pid, attempt in owners.items() if _parent_of(pid) not in owners}


def _bwraps() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() == "bwrap":
                    yield int(entry.name)


def _parent_of(pid: int) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def kill_orphan(status: Path) -> bool:
    """Kill the program of an attempt whose bwrap is gone; its PID namespace proves that it is the same.

    Returns when it has ended, so that its port is free.
    """
    told = read_status(status)
    pid, namespace = told.get("child-pid"), told.get("pid-namespace")
    if pid is None or namespace is None:
        return False
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if str(Path(f"/proc/{pid}/ns/pid").readlink()) != f"pid:[{namespace}]":
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        end = select.poll()
        end.register(pidfd, select.POLLIN)
        return bool(end.poll(KILLED_WITHIN_S * 1000))
    except OSError:
        return False
    finally:
        os.close(pidfd)
