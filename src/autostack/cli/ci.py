"""`autostack ci`: the pipeline, each step alone or all together; GitHub Actions calls the same commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autostack.cli.connection import ClusterName
from autostack.cli.grouping import AsJson, group

if TYPE_CHECKING:
    from autostack.pipeline.git import Repository
    from autostack.pipeline.places import Places
    from autostack.pipeline.runs import Run

app = group("The pipeline: plan, test, build, push, bump, run, runs, logs.")

Checkout = Annotated[
    Path, typer.Option("--checkout", help="The repository to work in.", exists=True, file_okay=False)
]
Head = Annotated[str, typer.Option("--head", help="The commit to work for.")]
HERE = Path()


@app.command()
def plan(
    head: Head = "HEAD",
    base: Annotated[str | None, typer.Option("--base", help="The state before the change.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--app", help="Only this application, changed or not.")
    ] = None,
    checkout: Checkout = HERE,
    as_json: AsJson = False,
) -> None:
    """Show which applications a range of commits concerns, and why."""
    from autostack.pipeline.planning import plan_commit

    planned = plan_commit(_repository(checkout), head, base=base, only=only or ())
    if as_json:
        typer.echo(json.dumps(planned.document()))
        return
    for one in planned.apps:
        typer.echo(one.summary())
    if not planned.apps:
        typer.echo("nothing to build: no image's inputs have changed")


@app.command()
def test(
    name: Annotated[str, typer.Argument(metavar="APP")],
    head: Annotated[
        str | None, typer.Option("--head", help="Test this commit, not the working tree.")
    ] = None,
    checkout: Checkout = HERE,
) -> None:
    """Run the unit tests of an application and of the packages it shares."""
    from tempfile import TemporaryDirectory

    from autostack.pipeline.testing import run_tests

    repository = _repository(checkout)
    with TemporaryDirectory(prefix="autostack-test-") as scratch:
        folder = repository.path
        if head is not None:
            folder = Path(scratch) / "checkout"
            repository.checkout(repository.commit(head), folder)
        if not run_tests(folder, name, kept=Path(scratch) / "kept", log=sys.stdout.buffer):
            typer.echo(f"{name} has no unit tests")


@app.command()
def build(
    name: Annotated[str, typer.Argument(metavar="APP")],
    version: Annotated[str | None, typer.Option("--version", help="By default the next free one.")] = None,
    builder: Annotated[str, typer.Option("--builder", help="oci (no engine), docker or buildah.")] = "oci",
    head: Head = "HEAD",
    checkout: Checkout = HERE,
    cluster: ClusterName = None,
) -> None:
    """Build an application's image from a commit; prints what it made as JSON."""
    from autostack.pipeline.builders import build as build_with

    made = build_with(
        builder, _repository(checkout), head, app=name, version=version, places=_places(cluster)
    )
    typer.echo(json.dumps(made.document()))


@app.command()
def warm(head: Head = "HEAD", checkout: Checkout = HERE, cluster: ClusterName = None) -> None:
    """Install and compile the packages of all applications into the cache, so that first images are quick."""
    from autostack.pipeline.images.build import warm_packages

    apps = warm_packages(_repository(checkout), head, _places(cluster).cache)
    typer.echo(f"the packages of {', '.join(apps)} are in the cache")


@app.command()
def push(
    name: Annotated[str, typer.Argument(metavar="APP")],
    version: Annotated[str, typer.Option("--version", help="The version that was built.")],
    checkout: Checkout = HERE,
    head: Head = "HEAD",
    cluster: ClusterName = None,
) -> None:
    """Give a built image its tag in the local registry; a tag that exists is never moved."""
    from autostack.pipeline.builders import push_built

    pushed = push_built(_repository(checkout), head, name, version, _places(cluster))
    typer.echo(json.dumps(pushed.document()))


@app.command()
def bump(
    images: Annotated[
        list[str], typer.Option("--image", metavar="APP=vX.Y@sha256:…", help="What to set; repeatable.")
    ],
    source: Annotated[str, typer.Option("--source", help="The commit that was built.")] = "HEAD",
    remote: Annotated[str, typer.Option("--remote", help="Where to push the commit.")] = "origin",
    branch: Annotated[str, typer.Option("--branch")] = "main",
    author: Annotated[str | None, typer.Option("--author", metavar="'NAME <MAIL>'")] = None,
    checkout: Checkout = HERE,
) -> None:
    """Set versions in the manifests by one commit on the remote's branch, and push it; retries lost races."""
    from autostack.pipeline.bumping import bump_images, parse_author

    commit = bump_images(
        _repository(checkout),
        images,
        source=source,
        remote=remote,
        branch=branch,
        author=parse_author(author),
    )
    typer.echo(commit or "nothing to set: newer versions are released already")


@app.command("next-version")
def next_version(
    name: Annotated[str, typer.Argument(metavar="APP")],
    tags: Annotated[list[str] | None, typer.Option("--taken", help="A tag that exists; repeatable.")] = None,
    head: Head = "HEAD",
    checkout: Checkout = HERE,
    as_json: AsJson = False,
) -> None:
    """Print the version that an application's next image gets, by the manifests and the tags there are."""
    from autostack.pipeline.manifest import find_pinned
    from autostack.pipeline.release import read_manifests
    from autostack.pipeline.versions import next_version as following

    repository = _repository(checkout)
    pinned = find_pinned(read_manifests(repository, repository.commit(head)), name)
    version = str(following(pinned.version, tags or ()))
    if as_json:
        typer.echo(json.dumps({"repository": pinned.repository, "version": version}))
    else:
        typer.echo(version)


@app.command()
def run(
    only: Annotated[
        list[str] | None, typer.Option("--app", help="Only this application, changed or not.")
    ] = None,
    initial: Annotated[
        bool, typer.Option("--initial", help="Build what the manifests name and the registry lacks.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Run even if this commit had its run.")] = False,
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline for the local origin's main, and for whatever is queued; ends when all is done."""
    from autostack.pipeline.running import run_now

    def echo(text: str) -> None:
        typer.echo(text, err=as_json)

    ended = run_now(_places(cluster), only=tuple(only or ()), initial=initial, again=again, echo=echo)
    if as_json:
        typer.echo(json.dumps(ended.document()))
    else:
        _print_run(ended)
    if ended.state != "success":
        sys.exit(1)


@app.command()
def runs(
    cluster: ClusterName = None,
    limit: Annotated[int, typer.Option("--limit", help="How many, the newest last.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs."""
    from autostack.pipeline.runs import Runs

    known = Runs(_places(cluster).ci).all()[-limit:]
    if as_json:
        typer.echo(json.dumps([one.document() for one in known], indent=1))
        return
    for one in known:
        _print_run(one)
    if not known:
        typer.echo("no runs yet; a push to the origin starts one")


@app.command()
def logs(
    number: Annotated[int | None, typer.Argument(metavar="RUN", help="By default the newest.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    cluster: ClusterName = None,
) -> None:
    """Print the log of a run."""
    from autostack.pipeline.running import read_log

    for chunk in read_log(_places(cluster), number, follow=follow):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _repository(checkout: Path) -> Repository:
    from autostack.pipeline.git import Repository

    return Repository(Path(Repository(checkout).text("rev-parse", "--show-toplevel")))


def _places(cluster: str | None) -> Places:
    from autostack.pipeline.places import places

    return places(cluster=cluster)


def _print_run(run: Run) -> None:
    import time

    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.queued_s))
    took = f"{run.finished_s - run.started_s:.1f} s" if run.finished_s and run.started_s else "-"
    typer.echo(f"{run.number:>4}  {run.state:<9}  {run.head[:12]}  {started}  {took:>7}  {run.message}")
