"""The runner's process: started ahead of the work, and started again when it is killed.

A supervisor, which is small because it imports nothing, forks the runner and waits for it. A runner that ends
by itself has done all there was; one that was killed, or fell over, is forked again after a pause that grows,
and a few deaths in a row are the end (each is in `ci/runner.log`). So neither the next push nor a person is
needed to go on. When the supervisor is killed as well, as when the machine goes down, the next push, `up` or
`autostack ci run` goes on, since the queue is on disk.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autostack.pipeline.places import Places, places_of

_MODULE = "autostack.pipeline.supervision"
_RESTARTS = 6
_FIRST_PAUSE_S = 0.25


@contextmanager
def runner_ahead(places: Places) -> Iterator[None]:
    """A runner that outlives us and loads while the block runs; it looks at the queue when the block ends.

    However the block ends, also by our death, it looks. It leaves by itself when another runner is at work or
    nothing is queued.
    """
    places.ci.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    told, tell = os.pipe()
    with (places.ci / "runner.log").open("ab") as output, os.fdopen(told), os.fdopen(tell, "w"):
        launcher = subprocess.Popen(
            [sys.executable, "-m", _MODULE, str(places.cluster.resolve())],
            stdin=told,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=places.cluster,
        )
        try:
            yield
        finally:
            launcher.wait()


def supervise(places: Places) -> int:
    """Run the runner until it has done everything; returns the process's exit code."""
    death = 0
    while True:
        worker = os.fork()
        if worker == 0:
            _work(places)
        code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        if code == 0:
            return 0
        death += 1
        pause = pause_s(death)
        _say(f"the runner ended with {code}; that is death {death} in a row")
        if pause is None:
            _say("given up; `autostack ci run` goes on with the queue")
            return 1
        time.sleep(pause)


def pause_s(death: int) -> float | None:
    """Seconds until the runner is started again after so many deaths; None when it is not."""
    return _FIRST_PAUSE_S * 2 ** (death - 1) if death <= _RESTARTS else None


def _work(places: Places) -> None:
    """The forked runner; ends the process."""
    # The supervisor must stay small, so only the fork imports these.
    from autostack.errors import AutostackError  # noqa: PLC0415
    from autostack.pipeline.runner import Runner  # noqa: PLC0415

    runner = Runner(places)
    sys.stdin.buffer.read()  # until whoever started us has queued what there is, or has gone
    try:
        runner.find_unqueued()
    except AutostackError as error:
        _say(f"whether the branch is owed a run could not be found out: {error}")
    runner.drain()
    sys.exit(0)


def stop_runners(places: Places) -> None:
    """End the runners of a cluster with all that they started; the run in hand stays in the queue."""
    for pid in supervisors(places):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def supervisors(places: Places) -> list[int]:
    """The supervisors that are at work for a cluster."""
    words = [_MODULE.encode(), str(places.cluster.resolve()).encode()]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            pid = int(folder.name)
            if (folder / "cmdline").read_bytes().split(b"\0")[2:4] == words and os.getpgid(pid) == pid:
                found.append(pid)
    return found


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")


if __name__ == "__main__":
    if os.fork() == 0:  # so that it belongs to nobody, and whoever started it has nothing to wait for
        os.setsid()
        sys.exit(supervise(places_of(Path(sys.argv[1]))))
