"""`autostack up`, `down` and `status`: the whole system on the pocket cluster.

This is one of the two places outside `pocket` that know that cluster: it starts it. All that follows goes
through the kubeconfig that it leaves.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autostack.cli.connection import (
    ClusterName,
    Ingress,
    cluster_folder,
    cluster_name,
    connect,
    ingress_url,
    local_cluster,
    server,
)
from autostack.cli.grouping import AsJson, group
from autostack.cli.ports import ingress_of, is_free
from autostack.cli.progress import Detail, Progress
from autostack.errors import AutostackError, UnavailableError, UsageError

if TYPE_CHECKING:
    from autostack.pipeline.runs import Run
    from autostack.stack.applications import ApplicationState
    from autostack.stack.status import Status

app = group()

ROOT = Path(__file__).resolve().parents[3]
REMOTE = "autostack"


@app.command()
def up(
    port: Annotated[
        int, typer.Option("--port", min=1024, max=65535, help="Where Traefik listens on 127.0.0.1.")
    ] = 8080,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds to wait at most, in total.")
    ] = 300,
    remote: Annotated[
        bool, typer.Option(help="Add the git remote `autostack` to this checkout, to push to.")
    ] = True,
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Start the cluster, build the first images, apply the Application, and wait until all of it works."""
    began = time.monotonic()
    name = cluster_name(cluster)
    _require_port(name, port)
    progress = Progress(quiet=as_json)
    first = asyncio.run(_bring_up(name, port, timeout, progress))
    took_s = time.monotonic() - began
    if remote:
        _add_remote(cluster_folder(name) / "origin.git")
    url = ingress_url(None, name)
    if as_json:
        typer.echo(
            json.dumps({"cluster": name, "ingress": url, "first_result": first, "took_s": round(took_s, 2)})
        )
        return
    typer.echo(_invitation(url, first, took_s))


def _require_port(name: str, port: int) -> None:
    """Refuse a port that another program has: what answers there would be taken for this cluster."""
    if is_free(port):
        return
    owner = ingress_of(port, cluster_folder(name).parent)
    if owner != name:
        whose = f" by cluster {owner!r}" if owner else ""
        raise UsageError(f"port {port} of 127.0.0.1 is taken{whose}; name a free one with --port")


async def _bring_up(name: str, port: int, timeout_s: float, progress: Progress) -> str:
    with ThreadPoolExecutor(thread_name_prefix="up") as pool:
        building = Detail()
        starting = pool.submit(_start_cluster, name, port)
        images = pool.submit(_first_images, name, building)
        with progress.step("cluster"):
            from autostack.stack import platform, waiting  # while the cluster starts: it takes as long
            from autostack.stack.ingress import Ingress as Door

            await asyncio.wrap_future(starting)
        client = connect(name)
        with progress.step("platform"):
            await platform.install(client, platform.Setting(ROOT, cluster_folder(name)))
        with progress.step("first images", detail=building):
            _finished(await asyncio.wrap_future(images))
    url = f"http://127.0.0.1:{port}"
    (cluster_folder(name) / "ingress-url").write_text(url + "\n")
    with progress.step("application"):
        await platform.apply_application(client, platform.Setting(ROOT, cluster_folder(name)))
    with progress.step("sync"):
        revision = await waiting.synced(client, progress.say, within_s=timeout_s)
        progress.say(f"the cluster is as Git says at {revision[:12]}")
    async with Door(url) as door:
        with progress.step("first result"):
            first = await waiting.first_result(client, door, within_s=timeout_s)
            progress.say(first[:60])
    return first


def _start_cluster(name: str, port: int) -> None:
    from autostack.pocket.cluster import lifecycle
    from autostack.pocket.cluster.places import places_of
    from autostack.pocket.errors import PocketError

    try:
        lifecycle.start(places_of(name), ingress_port=port)
    except PocketError as error:
        raise AutostackError(f"cluster: {error}") from error


def _first_images(name: str, detail: Detail) -> Run | None:
    """The origin, and the images that its manifests name and the registry lacks."""
    from autostack.pipeline.origin import create_origin
    from autostack.pipeline.places import places
    from autostack.pipeline.running import first_images

    found = places(cluster=name)
    create_origin(ROOT, found)
    return first_images(found, echo=detail.say)


def _finished(run: Run | None) -> None:
    if run is not None and run.state not in ("success", "coalesced"):
        raise AutostackError(
            f"first images: run {run.number} ended as {run.state}: {run.message};"
            f" `autostack ci logs {run.number}` shows its log"
        )


def _add_remote(origin: Path) -> None:
    """The remote `autostack` of this checkout, to push to; one that points elsewhere is left alone."""
    import subprocess

    git = ["git", "-C", str(ROOT), "remote"]
    known = subprocess.run([*git, "get-url", REMOTE], capture_output=True, text=True, check=False)
    if known.returncode != 0:
        subprocess.run([*git, "add", REMOTE, str(origin)], check=False)


def _remove_remote(origin: Path) -> None:
    import subprocess

    git = ["git", "-C", str(ROOT), "remote"]
    known = subprocess.run([*git, "get-url", REMOTE], capture_output=True, text=True, check=False)
    if known.stdout.strip() == str(origin):
        subprocess.run([*git, "remove", REMOTE], check=False)


def _invitation(url: str, first: str, took_s: float) -> str:
    from autostack.stack.ingress import Ingress as Door

    door = Door(url)
    lines = [
        f"Auto-Stack is up after {took_s:.1f} s; the first result is {first[:60]}",
        "",
        *(f"  {name:<11}{door.address(name)}" for name in ("results", "console", "prometheus")),
        "",
        "Try next:",
        "  git push autostack HEAD:main   a change of worker-node/ goes live by itself",
        "  ./autostack status             how it is",
        "  ./autostack prove              kill pods under load and audit every answer",
        "  ./autostack down               stop it; its data stays",
    ]
    return "\n".join(lines)


@app.command()
def down(
    purge: Annotated[
        bool, typer.Option("--purge", help="Also remove all data, images and the origin.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before removing.")] = False,
    cluster: ClusterName = None,
) -> None:
    """Stop the system. Its data stays, and `up` goes on with it, unless --purge removes everything."""
    from autostack.pipeline.places import places
    from autostack.pipeline.supervision import stop_runners
    from autostack.pocket.cluster import lifecycle
    from autostack.pocket.cluster.places import places_of
    from autostack.pocket.errors import PocketError

    name = cluster_name(cluster)
    if purge and not yes and not _confirmed(f"Remove cluster {name!r} with its database and its origin?"):
        raise UsageError("nothing was removed")
    progress = Progress()
    try:
        with progress.step("remove" if purge else "stop"):
            stop_runners(places(cluster=name))
            if purge:
                lifecycle.delete(places_of(name))
                _remove_remote(cluster_folder(name) / "origin.git")
            else:
                lifecycle.stop(places_of(name), keep_pods=False)
    except PocketError as error:
        raise AutostackError(str(error)) from error


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask on; say --yes")
    return typer.confirm(question)


@app.command()
def status(cluster: ClusterName = None, ingress: Ingress = None, as_json: AsJson = False) -> None:
    """Show application, workloads, versions, traffic and the last run; exit 1 when something is not well."""
    found = asyncio.run(_gather(cluster, ingress_url(ingress, cluster)))
    name = local_cluster(cluster)
    where = {"name": name, "server": server(cluster)}
    run, commit = (_last_run(name), _last_commit(name)) if name else (None, None)
    if as_json:
        more = {"cluster": where, "last_commit": commit, "last_run": run}
        typer.echo(json.dumps({**found.as_dict(), **more}))
    else:
        typer.echo(f"cluster      {name or 'by KUBECONFIG'} at {where['server']}")
        typer.echo(_describe(found, commit, run))
    sys.exit(0 if found.good else 1)


async def _gather(cluster: str | None, url: str) -> Status:
    import httpx2
    from lightkube.core.exceptions import ApiError

    from autostack.stack.ingress import Ingress as Door
    from autostack.stack.status import gather_status

    try:
        async with Door(url) as door:
            return await gather_status(connect(cluster), door)
    except (ApiError, httpx2.HTTPError) as error:
        raise UnavailableError(
            f"the Kubernetes API does not answer ({str(error)[:120]});"
            " `autostack cluster status` tells more, `autostack up` starts it"
        ) from error


def _last_commit(name: str) -> dict[str, str] | None:
    """The newest commit of the origin's main."""
    from autostack.pipeline.git import Repository
    from autostack.pipeline.places import BRANCH, places

    origin = places(cluster=name).origin
    if not origin.exists():
        return None
    commit, _, subject = Repository(origin).text("log", "-1", "--format=%H %s", BRANCH).partition(" ")
    return {"commit": commit, "subject": subject}


def _last_run(name: str) -> dict[str, object] | None:
    from autostack.pipeline.places import places
    from autostack.pipeline.runs import Runs

    known = Runs(places(cluster=name).ci).all()
    return known[-1].document() if known else None


def _describe(found: Status, commit: dict[str, str] | None, run: dict[str, object] | None) -> str:
    def figure(value: float | None, form: str) -> str:
        return "–" if value is None else form.format(value)

    p95_ms = None if found.p95_s is None else found.p95_s * 1000
    lines = [
        f"application  {_application_words(found.application)}",
        *(f"{one.name:<17}{one.ready}/{one.desired} ready  {one.version}" for one in found.workloads),
        f"traffic      {figure(found.tps, '{:.0f} TPS')}, P95 {figure(p95_ms, '{:.1f} ms')}",
        f"stored       {figure(found.stored_24h, '{:.0f} in the last 24 h')}",
    ]
    if commit:
        lines.append(f"last commit  {commit['commit'][:12]} {commit['subject'][:80]}")
    if run:
        lines.append(f"last run     {run['number']}: {run['state']} {run['message']}")
    lines += [f"{name:<13}{url}" for name, url in found.urls.items()]
    return "\n".join(lines)


def _application_words(state: ApplicationState | None) -> str:
    if state is None:
        return "absent; `autostack up` applies it"
    words = f"{state.sync or 'Unknown'}, {state.health or 'Unknown'} at {state.revision[:12]}"
    return f"{words}: {state.message[:120]}" if state.message else words
