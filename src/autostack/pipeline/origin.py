"""The local origin: a bare repository with a checkout's HEAD as main, whose pushes start the pipeline."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from autostack.pipeline.errors import PipelineError
from autostack.pipeline.git import Repository
from autostack.pipeline.places import BRANCH, Places

_UPLOAD = "--upload-pack=git -c pack.window=0 -c pack.compression=0 upload-pack"
"""Loose objects are taken as they are: on one machine no size is worth the time that packing well takes."""
_SETTINGS = {
    "receive.denyDeletes": "true",
    "gc.auto": "0",
    "core.fsync": "all",  # an acknowledged push outlives a power cut; by default its small objects may not
    "core.hooksPath": "hooks",  # a user's own core.hooksPath would silence the hook
}
_HOOK = """\
#!/bin/sh
# Written by `autostack up`: hands every push to the pipeline and to the GitOps controller.
python={python}
if [ ! -x "$python" ]; then
    echo "Auto-Stack: $python has gone, so this push starts nothing;" \\
        "run ./autostack up, then ./autostack ci run" >&2
    exit 0
fi
exec "$python" -m autostack.pipeline.hook {cluster}
"""


def create_origin(checkout: Path, places: Places) -> Repository:
    """The origin of a cluster, made from the checkout's HEAD unless it is there already; idempotent.

    It is complete or absent: it is put together aside and renamed. The hook is written anew each time, since
    the environment that it names may have moved. Raises PipelineError for a shallow clone.
    """
    if not places.origin.exists():
        fresh = places.origin.with_name("origin.git.new")
        shutil.rmtree(fresh, ignore_errors=True)
        places.cluster.mkdir(parents=True, exist_ok=True, mode=0o700)
        source = Repository(checkout)
        head = source.commit("HEAD")
        if source.text("rev-parse", "--is-shallow-repository") == "true":
            raise PipelineError(
                f"{checkout} is a shallow clone, and an origin needs its whole history;"
                " `git fetch --unshallow` completes it"
            )
        source.run("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(fresh))
        made = Repository(fresh)
        made.run(
            "fetch", "--quiet", "--no-tags", _UPLOAD, str(checkout.resolve()), f"HEAD:refs/heads/{BRANCH}"
        )
        made.commit(head)
        fresh.rename(places.origin)
    origin = Repository(places.origin)
    for name, value in _SETTINGS.items():
        origin.run("config", name, value)
    install_hook(places)
    return origin


def install_hook(places: Places) -> None:
    """Write the origin's post-receive hook."""
    hook = places.origin / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    fresh = hook.with_name("post-receive.new")
    cluster = shlex.quote(str(places.cluster.resolve()))
    fresh.write_text(_HOOK.format(python=shlex.quote(sys.executable), cluster=cluster))
    fresh.chmod(0o755)
    fresh.replace(hook)
