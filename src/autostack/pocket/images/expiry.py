"""Trees that no pod has used for a week go, so that a version a day does not fill the disk.

A tree's modification time says when it was last used: the kubelet of each cluster marks those of its pods
every hour, which is how clusters that share a cache know of each other. A tree goes by a rename first, so
that nobody begins to use half of one. A layer may go before the images that were made of it: they have links
to its files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

KEPT_S = 7 * 86_400.0
MARK_EVERY_S = 3_600.0


def mark_used(tree: Path) -> bool:
    """Note that a tree is in use; whether there is one."""
    try:
        os.utime(tree)
    except FileNotFoundError:
        return False
    return True


def remove_unused(cache: Path, *, now_s: float) -> None:
    """Remove what was not marked for long; also what a crash left half made."""
    for tree in (*cache.glob("images/*"), *cache.glob("layers/*")):
        with contextlib.suppress(OSError):  # another cluster was faster
            if not _is_unused(tree, now_s):
                continue
            going = tree.with_name(f".going-{tree.name}")
            tree.rename(going)
            if _is_unused(going, now_s):
                shutil.rmtree(going)
            else:  # it came into use at the last moment
                going.rename(tree)


def _is_unused(tree: Path, now_s: float) -> bool:
    return tree.stat().st_mtime < now_s - KEPT_S
