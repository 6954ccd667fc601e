"""`autostack app …` as an argocd user expects it: what it prints, in which format, and how it exits."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import yaml
from harness.gitops_loop import CONFIG_MAPS, Loop, config_map
from typer.testing import CliRunner

from autostack.cli.main import root
from autostack.errors import AutostackError


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


async def app(loop: Loop, *arguments: str) -> Done:
    """`autostack app …`; in this process, because two dozen interpreters would be most of the test's time."""
    del loop  # it set KUBECONFIG
    found = await asyncio.to_thread(CliRunner().invoke, root, ["app", *arguments])
    if isinstance(found.exception, AutostackError):
        return Done(found.exception.exit_code, found.stdout, str(found.exception))
    return Done(found.exit_code, found.stdout, found.stderr)


def manual(loop: Loop) -> dict[str, object]:
    application = loop.application(syncPolicy={"syncOptions": ["CreateNamespace=true"]})
    application["metadata"]["labels"] = {"team": "a"}
    return application


async def test_an_application_is_synced_looked_at_and_rolled_back_by_hand(loop: Loop) -> None:
    first = loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(manual(loop))
    await loop.status("OutOfSync")
    assert (await app(loop, "diff", "demo")).code == 1
    assert (await app(loop, "wait", "demo", "--sync", "--timeout", "1")).code == 20
    dry = await app(loop, "sync", "demo", "--dry-run")
    assert (dry.code, "successfully synced (dry run)" in dry.out) == (0, True)
    assert await loop.config() is None
    synced = await app(loop, "sync", "demo", "-o", "json")
    assert (synced.code, json.loads(synced.out)["phase"]) == (0, "Succeeded")
    assert await loop.config() == {"value": "one"}
    assert (await app(loop, "diff", "demo")).out == ""
    second = loop.origin.push({"settings.yaml": config_map("two")})
    assert (await app(loop, "get", "demo", "--refresh")).code == 0
    changed = await app(loop, "diff", "demo")
    assert (changed.code, "-  value: one" in changed.out, "+  value: two" in changed.out) == (1, True, True)
    assert (await app(loop, "diff", "demo", "--no-exit-code")).code == 0
    assert (await app(loop, "sync", "demo")).code == 0
    history = yaml.safe_load((await app(loop, "history", "demo", "-o", "yaml")).out)
    assert [entry["revision"] for entry in history] == [first, second]
    assert (await app(loop, "history", "demo", "-o", "id")).out == "0\n1\n"
    assert (await app(loop, "rollback", "demo", "0")).code == 0
    assert await loop.config() == {"value": "one"}


async def test_applications_are_listed_and_shown_in_every_format(loop: Loop) -> None:
    loop.origin.push({"settings.yaml": config_map("one")})
    application = manual(loop)
    application["spec"]["syncPolicy"]["automated"] = {}  # type: ignore[index]
    await loop.apply(application)
    await loop.status("Synced")
    assert (await app(loop, "list", "-o", "name")).out == "argocd/demo\n"
    assert (await app(loop, "list", "-o", "name", "-l", "team=b")).out == ""
    assert (await app(loop, "list", "-o", "name", "-p", "other")).out == ""
    header, row = (await app(loop, "list")).out.splitlines()
    assert header.split()[:4] == ["NAME", "PROJECT", "STATUS", "HEALTH"]
    assert row.split()[:5] == ["demo", "default", "Synced", "Healthy", "Auto"]
    shown = yaml.safe_load((await app(loop, "get", "demo", "-o", "yaml")).out)
    assert shown["status"]["sync"]["status"] == "Synced"
    assert "ConfigMap/settings" in (await app(loop, "get", "demo", "-o", "tree")).out
    assert (await app(loop, "wait", "demo", "--timeout", "30")).code == 0
    refused = await app(loop, "rollback", "demo")
    assert (refused.code != 0, "auto-sync is enabled" in refused.err) == (True, True)
    wrong = await app(loop, "list", "-o", "xml")
    assert (wrong.code, "prints wide, json, yaml, name" in wrong.err) == (2, True)
    absent = await app(loop, "get", "nobody")
    assert (absent.code, "there is no Application 'nobody'" in absent.err) == (2, True)
    await loop.cluster.ok("delete", "application", "demo", "-n", "argocd", "--wait=false")
    assert (await app(loop, "wait", "demo", "--delete", "--timeout", "30")).code == 0
    assert (await loop.api.get(CONFIG_MAPS, "settings", "demo"))["data"] == {"value": "one"}
