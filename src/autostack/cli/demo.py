"""`autostack demo`: the whole story, narrated. It types what a person could type, and shows what that prints.

It tells the story on a cluster of its own, named `demo`, in which it clones, changes and pushes: no file,
branch or remote of the checkout is touched, and no system that is already up. At the end it offers to remove
that cluster; nothing else remains but the report.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from autostack.cli.connection import cluster_folder, connect, ingress_url
from autostack.cli.grouping import group
from autostack.cli.ports import is_free
from autostack.cli.progress import Progress
from autostack.errors import AutostackError, UnavailableError, UsageError

app = group()

ROOT = Path(__file__).resolve().parents[3]
CLUSTER = "demo"
WORKER = "worker-node"
CHANGED = "worker-node/src/worker_node/__init__.py"
FIRST_PORT, PORTS = 8080, 20
ROLLED_OUT_WITHIN_S = 180.0


@app.command()
def demo(
    port: Annotated[
        int | None,
        typer.Option("--port", min=1024, max=65535, help="Where Traefik listens; by default the first free."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Where to write the proof's report.")] = Path(
        "proof.html"
    ),
    cluster: Annotated[str, typer.Option("--cluster", help="Which local cluster to tell it on.")] = CLUSTER,
    remove: Annotated[
        bool | None,
        typer.Option(
            "--remove/--keep", help="Remove the cluster at the end; by default a terminal is asked."
        ),
    ] = None,
) -> None:
    """Tell the whole story: up, push a change, rollout, chaos, proof. Takes about a minute.

    Exits as `prove` does: 0 when it is proved that the system healed and lost nothing, else 1.
    """
    if not out.resolve().parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.resolve().parent}")
    story = Story(cluster)
    try:
        code = _tell(story, port or story.known_port() or free_port(), out.resolve())
    except (AutostackError, KeyboardInterrupt):
        story.say(f"the cluster stays as it is; to remove it: {story.removal}")
        raise
    told = f"The report is {out}: open it in a browser." if story.wrote(out) else "The proof broke off."
    story.scene("The end", f"After {story.elapsed_s:.0f} s. {told}")
    if _wanted(remove):
        story.autostack("down", "--purge", "--yes")
    else:
        story.say(f"it still runs: {ingress_url(None, cluster).replace('127.0.0.1', 'console.localhost')}/")
        story.say(f"to remove it: {story.removal}")
    raise typer.Exit(code)


def _tell(story: Story, port: int, out: Path) -> int:
    story.scene("1. Up", "A cluster, a Git origin, images built from it, and everything synced from Git.")
    if changed := uncommitted(ROOT):
        story.say(f"{changed} uncommitted files of this checkout take no part: what counts is the commit")
    story.autostack("up", "--port", str(port), "--no-remote")
    story.scene("2. A push", "A developer changes the worker and pushes. Nobody touches anything after that.")
    before = asyncio.run(story.version())
    story.change_and_push()
    story.autostack("ci", "logs", "--follow")
    story.scene("3. The rollout", "The pipeline's commit moved Git; now the controller moves the cluster.")
    version = story.released()
    asyncio.run(story.rolled_out(version))
    story.say(f"the worker went from {before} to {version}, pod by pod, while traffic went on")
    story.scene("4. Chaos", "Pods are killed under load; then every acknowledged answer is audited.")
    url = f"http://127.0.0.1:{port}"
    return story.autostack(
        "prove", "--kills", "4", "--baseline", "5", "--recovery", "5", "--out", str(out), "--ingress", url,
        check=False,
    )  # fmt: skip


class Story:
    """The narrator: says what happens, types it, shows what it printed."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._began = time.monotonic()
        self._began_at = time.time()

    @property
    def elapsed_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    @property
    def removal(self) -> str:
        """The command that leaves nothing."""
        return f"./autostack down --purge --yes --cluster {self._cluster}"

    def known_port(self) -> int | None:
        """Where the story's cluster listens already, after an earlier demo."""
        if not (cluster_folder(self._cluster) / "ingress-url").exists():
            return None
        return int(ingress_url(None, self._cluster).rpartition(":")[2])

    def wrote(self, file: Path) -> bool:
        """Whether a file is of this story, and not of an earlier one."""
        return file.exists() and file.stat().st_mtime >= self._began_at

    def scene(self, title: str, words: str) -> None:
        """A heading and a sentence."""
        typer.echo("")
        typer.secho(title, bold=True)
        typer.echo(words)

    def say(self, text: str) -> None:
        """A line of the narrator's own."""
        typer.echo(typer.style(f"  [{self.elapsed_s:5.0f} s] ", dim=True) + text)

    def autostack(self, *arguments: str, check: bool = True) -> int:
        """Type a command and let its output be seen; a failure ends the story unless `check` is off."""
        self.say("$ ./autostack " + " ".join(arguments))
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-m", "autostack", *arguments], env=self.environment(), check=False
        )
        if check and done.returncode != 0:
            raise AutostackError(f"`autostack {arguments[0]}` exited {done.returncode}; here the story ends")
        return done.returncode

    def change_and_push(self) -> None:
        """Clone the origin, change the worker in the clone, push."""
        origin = cluster_folder(self._cluster) / "origin.git"
        with tempfile.TemporaryDirectory(prefix="autostack-demo-") as folder:
            clone = Path(folder) / "clone"
            _git(Path(folder), "clone", "--quiet", str(origin), str(clone))
            changed = clone / CHANGED
            changed.write_text(
                changed.read_text() + f"# Changed by the demo at {time.strftime('%H:%M:%S')}.\n"
            )
            self.say(f"$ git commit -am 'Change the worker' && git push   # {CHANGED}, in a clone")
            author = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
            _git(clone, *author, "commit", "-qam", "Change the worker")
            typer.echo(_git(clone, "push", "origin", "HEAD:main"), nl=False)

    def released(self) -> str:
        """The worker's version that the newest run released; raises when it released none."""
        done = subprocess.run(
            [sys.executable, "-m", "autostack", "ci", "runs", "--json"],
            env=self.environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        run = json.loads(done.stdout)[-1]
        version = (run["apps"].get(WORKER) or {}).get("version")
        if not version:
            raise AutostackError(f"run {run['number']} ended as {run['state']}: {run['message']}")
        return str(version)

    async def version(self) -> str:
        """The version of the worker that the cluster wants now."""
        from autostack.stack.rollout import get_rollout

        return (await get_rollout(connect(self._cluster), WORKER)).version

    async def rolled_out(self, version: str) -> None:
        """Wait, with the progress shown, until all of the worker's pods run a version."""
        from autostack.stack.rollout import rolled_out

        progress = Progress()
        with progress.step("rollout"):
            await rolled_out(
                connect(self._cluster), WORKER, version, progress.say, within_s=ROLLED_OUT_WITHIN_S
            )

    def environment(self) -> dict[str, str]:
        """Every command is for the one cluster, whatever the caller's kubeconfig."""
        kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        return {**kept, "AUTOSTACK_CLUSTER": self._cluster}


def uncommitted(checkout: Path) -> int:
    """How many files of a checkout differ from its commit."""
    return len(_git(checkout, "status", "--porcelain", stdout=True).splitlines())


def free_port() -> int:
    """The first port from 8080 on which nothing listens."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if is_free(port):
            return port
    raise UnavailableError(
        f"the ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are all taken; name a free one with --port"
    )


def _wanted(remove: bool | None) -> bool:
    """Whether to remove the cluster: as told, else as a person at the terminal says."""
    if remove is not None:
        return remove
    return sys.stdin.isatty() and typer.confirm("Remove the demo's cluster?", default=True)


def _git(folder: Path, *arguments: str, stdout: bool = False) -> str:
    """What git says on stderr, where a push tells its story, or on stdout."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AutostackError(f"git {arguments[0]} failed: {done.stderr.strip()[:300]}")
    return done.stdout if stdout else done.stderr
