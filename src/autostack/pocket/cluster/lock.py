"""The lock that makes one control plane of a cluster, and tells which process that is.

Who starts a cluster takes the lock and hands it to the process that he starts, so a stop finds somebody to
end from the first moment on. It ends with its holder, however that ends. The file's text is the holder's PID,
and means something only while the lock is held.
"""

from __future__ import annotations

import fcntl
import os

from autostack.pocket.cluster.errors import ClusterError
from autostack.pocket.cluster.places import ClusterPlaces

PASSED_FD = 3
"""Where a started control plane finds the lock that it is handed."""
_ABOVE = 10


def take(places: ClusterPlaces) -> int | None:
    """The lock's descriptor, or None when somebody has it. Closing the descriptor gives it back.

    Raises ClusterError when the file can't be used.
    """
    try:
        opened = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ClusterError(f"{places.lock} can't be opened: {error.strerror}") from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _ABOVE)  # never PASSED_FD itself
    except BlockingIOError:
        return None
    finally:
        os.close(opened)
    os.ftruncate(lock, 0)
    return lock


def sign(lock: int, pid: int) -> None:
    """Write down who holds it."""
    os.pwrite(lock, f"{pid}\n".encode(), 0)


def is_held(places: ClusterPlaces) -> bool:
    """Whether a control plane lives, or is about to."""
    try:
        lock = os.open(places.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def holder(places: ClusterPlaces) -> int | None:
    """The PID of the control plane; None when there is none, or it has not been written down yet."""
    if not is_held(places):
        return None
    try:
        return int(places.lock.read_text())
    except (OSError, ValueError):
        return None
