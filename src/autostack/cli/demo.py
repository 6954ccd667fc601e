"""`autostack demo`: the whole story, narrated. It types what a person could type, and shows it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from autostack.cli.connection import ClusterName, cluster_folder, cluster_name
from autostack.errors import AutostackError

app = typer.Typer()

CHANGED = "worker-node/src/worker_node/__init__.py"


@app.command()
def demo(
    port: Annotated[int, typer.Option("--port", min=1024, max=65535, help="Where Traefik listens.")] = 8080,
    out: Annotated[Path, typer.Option("--out", help="Where to write the proof's report.")] = Path(
        "proof.html"
    ),
    cluster: ClusterName = None,
) -> None:
    """Tell the whole story: up, push a change, rollout, chaos, proof. Takes two to three minutes."""
    began = time.monotonic()
    story = Story(cluster_name(cluster), began)
    story.scene("1. Up", "A cluster, a Git origin, images built from it, and everything synced from Git.")
    story.autostack("up", "--port", str(port))
    story.scene("2. A push", "A developer changes the worker and pushes. Nobody touches anything after that.")
    before = story.change_and_push()
    story.autostack("ci", "logs", "--follow")
    story.scene("3. The rollout", "The pipeline's commit moved Git; the controller moves the cluster.")
    story.autostack("app", "wait", "auto-stack")
    story.autostack("kubectl", "-n", "auto-stack", "rollout", "status", "deployment/worker-node")
    story.say(f"the worker went from {before} to {story.version()}")
    story.scene(
        "4. Chaos and proof", "Pods are killed under load; then every acknowledged answer is audited."
    )
    code = story.autostack(
        "prove", "--kills", "4", "--baseline", "5", "--recovery", "5", "--out", str(out),
        "--ingress", f"http://127.0.0.1:{port}", check=False,
    )  # fmt: skip
    took_s = time.monotonic() - began
    story.scene("The end", f"after {took_s:.0f} s. The report is {out}; `autostack down` stops it all.")
    raise typer.Exit(code)


class Story:
    """The narrator: says what happens, types it, shows what it printed."""

    def __init__(self, cluster: str, began: float) -> None:
        self._cluster = cluster
        self._began = began

    def _environment(self) -> dict[str, str]:
        """Every command is for the one cluster, whatever the caller's kubeconfig."""
        kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        return {**kept, "AUTOSTACK_CLUSTER": self._cluster}

    def scene(self, title: str, words: str) -> None:
        """A heading and a sentence."""
        typer.echo("")
        typer.secho(title, bold=True)
        typer.echo(words)

    def say(self, text: str) -> None:
        """A line of the narrator's own."""
        typer.echo(f"  [{time.monotonic() - self._began:5.0f} s] {text}")

    def autostack(self, *arguments: str, check: bool = True) -> int:
        """Type a command and let its output be seen; a failure ends the story unless `check` is off."""
        self.say("$ autostack " + " ".join(arguments))
        done = subprocess.run(
            [sys.executable, "-m", "autostack", *arguments], env=self._environment(), check=False
        )
        if check and done.returncode != 0:
            raise AutostackError(f"`autostack {' '.join(arguments)}` exited {done.returncode}; here it ends")
        return done.returncode

    def change_and_push(self) -> str:
        """Clone the origin, change the worker, push; returns the version before."""
        before = self.version()
        origin = cluster_folder(self._cluster) / "origin.git"
        with tempfile.TemporaryDirectory(prefix="autostack-demo-") as folder:
            clone = Path(folder) / "clone"
            _git(Path(folder), "clone", "--quiet", str(origin), str(clone))
            changed = clone / CHANGED
            changed.write_text(
                changed.read_text() + f"# Changed by the demo at {time.strftime('%H:%M:%S')}.\n"
            )
            self.say(f"$ git commit -am 'Change the worker' && git push   ({CHANGED})")
            author = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
            _git(clone, *author, "commit", "-qam", "Change the worker")
            typer.echo(_git(clone, "push", "origin", "HEAD:main"), nl=False)
        return before

    def version(self) -> str:
        """The version of the worker that the cluster wants now."""
        command = ["kubectl", "-n", "auto-stack", "get", "deployment/worker-node", "-o", "jsonpath={..image}"]
        done = subprocess.run(
            [sys.executable, "-m", "autostack", *command],
            env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout.partition("@")[0].rpartition(":")[2] or "unknown"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AutostackError(f"git {arguments[0]} failed: {done.stderr.strip()[:300]}")
    return done.stderr
