"""What the end of a run means, in Kubernetes' words. Pure."""

from __future__ import annotations

import re
import signal

from autostack.pocket.client import Object
from autostack.pocket.kubelet.status import Ended

KILLED = 128 + signal.SIGKILL
START_ERROR = 128
MESSAGE_BYTES = 4096
FALLBACK_BYTES, FALLBACK_LINES = 2048, 80
_NOT_EXECUTED = re.compile(r"bwrap: execvp (.*): ([^:]*)$")


def ended(
    code: int | None,
    *,
    started_at: float,
    finished_at: float,
    container_id: str,
    last_line: str,
    oom_killed: bool,
    message: str,
) -> Ended:
    """The end as the status shows it; `code` None means that bwrap could not tell one."""
    if code is None:
        found = _NOT_EXECUTED.search(last_line)
        if found:
            return Ended(
                START_ERROR, "StartError", started_at, finished_at, start_error(*found.groups()), container_id
            )
        if last_line.startswith("bwrap: "):
            return Ended(START_ERROR, "StartError", started_at, finished_at, last_line, container_id)
        code = KILLED
    reason = "Completed" if code == 0 else "OOMKilled" if oom_killed and code == KILLED else "Error"
    return Ended(code, reason, started_at, finished_at, message, container_id)


def start_error(program: str, why: str) -> str:
    """The words for a command that can't be executed."""
    if why == "No such file or directory" and "/" not in program:
        return f'exec: "{program}": executable file not found in $PATH'
    return f'exec: "{program}": {why.lower()}'


def falls_back_to_log(container: Object, code: int | None, message: str) -> bool:
    """Whether the end of the output becomes the termination message."""
    wanted = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    return wanted and code != 0 and not message
