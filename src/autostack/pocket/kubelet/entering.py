"""Running another program in a container: exec, probes and hooks.

Two nsenter calls in a row, because a sandbox has an outer user namespace, which owns its mounts, and an inner
one, which maps the pod's user: the first enters what the outer owns, the second the mounts and the inner.
It works alike for root and for an ordinary user. Entering gives every capability. A pod's user that is not
root loses them by executing a program, as all is done without new privileges; from root setpriv takes them.

The programs that enter still run on the host, so nothing of the pod may steer them (a PATH, an LD_PRELOAD):
their environment is ours. The pod's own travels in a memory file, as no other user may read a Secret from a
process list, and is put in place by a few lines of Perl, the last step inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import termios
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from autostack.pocket.errors import ApiError
from autostack.pocket.kubelet.errors import StartError
from autostack.pocket.kubelet.process import executes_program, memory_file, refuse_nul

_NS_GET_USERNS = 0xB701
_CHUNK = 1 << 16
_JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift; exec "$@"'
_HOST_ENVIRONMENT = {"PATH": os.defpath}
# Arguments: the environment's descriptor, the user namespace's, the folder, the command. The folder is looked
# up inside, as nsenter's --wd would follow a symlink there on the host. sh is no choice: it drops variables
# whose names it could not use itself, such as my.name, and can't close a descriptor above 9.
_BECOME = """
use POSIX ();
my ($file, $namespace, $folder) = splice @ARGV, 0, 3;
open my $stream, "<&=", $file or die "environment: $!\\n";
local $/;
%ENV = map { split /=/, $_, 2 } split /\\0/, <$stream>;
close $stream;
POSIX::close($namespace);
chdir $folder or do { print STDERR "$folder: $!\\n"; POSIX::_exit(126) };
exec { $ARGV[0] } @ARGV;
my $code = $! == POSIX::ENOENT() ? 127 : 126;
print STDERR "$ARGV[0]: $!\\n";
POSIX::_exit($code);
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A running container, as far as entering it needs."""

    child_pid: int
    environment: Mapping[str, str]
    working_dir: str
    cgroup_files: Sequence[str]


def enter_command(
    pid: int,
    outer: int,
    command: Sequence[str],
    *,
    environment: int,
    two_user_namespaces: bool,
    as_root: bool,
    working_dir: str,
) -> list[str]:
    """The command line. Pure.

    `outer` is the descriptor of the user namespace that owns the mounts, `environment` that of a file with
    the program's variables, NAME=value, separated by NUL.
    """
    ns = f"/proc/{pid}/ns"
    inner = [f"--user={ns}/user", "--preserve-credentials"] if two_user_namespaces else []
    bereft = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if as_root else []
    return [
        "setpriv", "--no-new-privs",
        "nsenter", f"--user=/proc/self/fd/{outer}", f"--ipc={ns}/ipc", f"--uts={ns}/uts", f"--pid={ns}/pid",
        "--preserve-credentials", "--",
        "nsenter", f"--mount={ns}/mnt", *inner, "--", *bereft,
        "perl", "-e", _BECOME, str(environment), str(outer), working_dir, *command,
    ]  # fmt: skip


@contextmanager
def _entry(target: Target, command: Sequence[str]) -> Iterator[tuple[list[str], tuple[int, int]]]:
    """(command line, descriptors to pass on) for entering the container now."""
    variables = [f"{name}={value}" for name, value in target.environment.items()]
    refuse_nul((*variables, *command))
    if not executes_program(target.child_pid):
        raise StartError("the container is not running")
    try:
        mounts = os.open(f"/proc/{target.child_pid}/ns/mnt", os.O_RDONLY)
    except OSError as error:
        raise StartError("the container is not running") from error
    try:
        outer = fcntl.ioctl(mounts, _NS_GET_USERNS)
    finally:
        os.close(mounts)
    environment = memory_file("\0".join(variables).encode())
    try:
        inner = Path(f"/proc/{target.child_pid}/ns/user").readlink()
        line = enter_command(
            target.child_pid,
            outer,
            command,
            environment=environment,
            two_user_namespaces=Path(f"/proc/self/fd/{outer}").readlink() != inner,
            as_root=Path(f"/proc/{target.child_pid}/uid_map").read_text().split()[0] == "0",
            working_dir=target.working_dir,
        )
        yield ["sh", "-c", _JOIN, "sh", *target.cgroup_files, "--", *line], (outer, environment)
    except OSError as error:
        raise StartError("the container has just ended") from error
    finally:
        os.close(environment)
        os.close(outer)


class Session:
    """A program in a container; implements ExecSession. Reads pull, so a slow reader slows the program."""

    def __init__(
        self, process: asyncio.subprocess.Process, *, stdin: int | None, stdout: int, stderr: int | None
    ) -> None:
        self._process = process
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._is_terminal = stderr is None

    async def read_stdout(self) -> bytes:
        """The next output; b"" at its end."""
        return await _read(self._stdout)

    async def read_stderr(self) -> bytes:
        """The next error output; b"" at its end, and at once with a terminal, which has one stream."""
        return await _read(self._stderr) if self._stderr is not None else b""

    async def write_stdin(self, data: bytes) -> None:
        """Pass input on; input that nobody reads any more is dropped."""
        if self._stdin is None:
            return
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._stdin, rest) :]
            except BlockingIOError:
                await _ready(self._stdin, writing=True)
            except OSError:
                return

    async def close_stdin(self) -> None:
        """End the input; on a terminal by its end-of-file character."""
        if self._is_terminal:
            await self.write_stdin(b"\x04")
        elif self._stdin is not None:
            fd, self._stdin = self._stdin, None
            os.close(fd)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the terminal its size."""
        if self._is_terminal:
            termios.tcsetwinsize(self._stdout, (rows, columns))

    async def wait(self) -> int:
        """The exit code, 128 + n for a signal."""
        code = await self._process.wait()
        return 128 - code if code < 0 else code

    async def kill(self) -> None:
        """End the program and everything that belongs to the session."""
        if self._process.returncode is None:  # after its end the number may be another's
            for pid in _descendants(self._process.pid):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self.close()

    def close(self) -> None:
        """Let go of the streams."""
        fds = {self._stdin, self._stdout, self._stderr}
        self._stdin, self._stdout, self._stderr = None, -1, None
        for fd in fds:
            if fd is not None and fd >= 0:
                asyncio.get_running_loop().remove_reader(fd)
                os.close(fd)


async def enter(target: Target, command: Sequence[str], *, tty: bool, stdin: bool) -> Session:
    """Start `command` in the container; raises StartError when the container is not running."""
    if tty:
        target = replace(target, environment={"TERM": "xterm", **target.environment})
    with _entry(target, command) as (line, passed):
        if tty:
            return await _enter_terminal(line, passed)
        return await _enter_pipes(line, passed, stdin=stdin)


async def _enter_pipes(line: Sequence[str], passed: tuple[int, int], *, stdin: bool) -> Session:
    write_in: int | None = None
    if stdin:
        read_in, write_in = os.pipe()
    else:
        read_in = os.open(os.devnull, os.O_RDONLY)
    read_out, write_out = os.pipe()
    read_err, write_err = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *line, stdin=read_in, stdout=write_out, stderr=write_err, pass_fds=passed,
            env=_HOST_ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
    finally:
        for fd in (read_in, write_out, write_err):
            os.close(fd)
    for ours in (write_in, read_out, read_err):
        if ours is not None:
            os.set_blocking(ours, False)
    return Session(process, stdin=write_in, stdout=read_out, stderr=read_err)


async def _enter_terminal(line: Sequence[str], passed: tuple[int, int]) -> Session:
    master, slave = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            "setsid", "--ctty", "--wait", *line, stdin=slave, stdout=slave, stderr=slave, pass_fds=passed,
            env=_HOST_ENVIRONMENT,
        )  # fmt: skip
    finally:
        os.close(slave)
    os.set_blocking(master, False)
    return Session(process, stdin=master, stdout=master, stderr=None)


async def capture(target: Target, command: Sequence[str], *, limit_bytes: int = 4096) -> tuple[int, str]:
    """(exit code, the beginning of its output) of a probe or hook; cancelling ends the program."""
    session = await enter(target, command, tty=False, stdin=False)
    try:
        async with asyncio.TaskGroup() as group:
            out = group.create_task(_collect(session.read_stdout, limit_bytes))
            err = group.create_task(_collect(session.read_stderr, limit_bytes))
            code = await session.wait()
    except BaseException:
        await session.kill()
        raise
    session.close()
    return code, (out.result() + err.result()).decode(errors="replace").strip()


async def _collect(read: Callable[[], Awaitable[bytes]], limit_bytes: int) -> bytes:
    collected = b""
    while piece := await read():
        collected += piece[: limit_bytes - len(collected)]
    return collected


async def _ready(fd: int, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(fd, wake)
    try:
        await ready
    finally:
        remove(fd)


async def _read(fd: int) -> bytes:
    while fd >= 0:
        try:
            return os.read(fd, _CHUNK)
        except BlockingIOError:
            await _ready(fd, writing=False)
        except OSError:  # EIO: the terminal's other side is closed
            return b""
    return b""


def _descendants(pid: int) -> list[int]:
    found, pending = [], [pid]
    while pending:
        one = pending.pop()
        with contextlib.suppress(OSError, ValueError):
            children = [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
            found += children
            pending += children
    return found


def not_running(pod: str, container: str) -> ApiError:
    """What the API answers when a container can't be entered."""
    return ApiError(400, "BadRequest", f"container {container} of pod {pod} is not running")
