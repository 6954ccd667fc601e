"""An Application is read strictly: what is not done is refused by name."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from autostack.gitops.application import parse
from autostack.gitops.comparison import Desired
from autostack.gitops.errors import ManifestError, SpecError
from autostack.gitops.instructions import check
from autostack.gitops.manifests import objects_in
from autostack.gitops.objects import ObjectKey
from autostack.gitops.project import check_application, refused_objects
from autostack.gitops.pruning import refusal
from autostack.gitops.status import leaving_claims, repeated

ROOT = Path(__file__).resolve().parents[3]
GOOD: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "demo", "namespace": "argocd"},
    "spec": {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "demo"},
        "source": {"repoURL": "https://example.org/x.git", "path": "manifests"},
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    obj = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    at = obj["spec"]
    for name in parents:
        at = at.setdefault(name, {})
    at[last] = value
    return obj


def test_the_defaults_are_argocds() -> None:
    app = parse(GOOD)
    assert (app.source.target_revision, app.automated, app.retry.limit, app.history_limit) == (
        "HEAD",
        None,
        5,
        10,
    )


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("source.chart", "nginx", "Helm"),
        ("source.helm", {"values": "x"}, "Helm"),
        ("source.plugin", {"name": "x"}, "plugin"),
        ("sources", [{"repoURL": "x"}], "several sources"),
        ("source.path", "../x", "leaves the repository"),
        ("source.path", "", "path is missing"),
        ("source.repoURL", "", "repoURL is missing"),
        ("destination.server", "https://other:6443", "only this cluster"),
        ("syncPolicy.syncOptions", ["Magic=true"], "Magic"),
        ("syncPolicy.retry", {"limit": 1, "backoff": {"duration": "soon"}}, "duration"),
        ("ignoreDifferences", [{"kind": "X", "jqPathExpressions": ["..|length"]}], "jq"),
        ("ignoreDifferences", [{"kind": "X", "jsonPointers": ["spec"]}], "RFC 6901"),
        ("typo", 1, "spec.typo"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(path: str, value: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse(changed(path, value))


@pytest.mark.parametrize("name", ["application-crd.yaml", "appproject-crd.yaml"])
def test_our_manifests_are_valid_by_the_definitions(name: str) -> None:
    definition = yaml.safe_load((ROOT / "argocd/pocket" / name).read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    validator = jsonschema_rs.validator_for(_closed(schema))
    files = sorted((ROOT / "argocd").glob("*.yaml"))
    found = [
        document
        for file in files
        for document in yaml.safe_load_all(file.read_text())
        if document and document["kind"] == definition["spec"]["names"]["kind"]
    ]
    assert found
    for document in found:
        assert [str(error) for error in validator.iter_errors(document)] == []


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with unknown fields forbidden, so that a typing error is seen."""
    shown = dict(schema)
    if "properties" in shown:
        shown["properties"] = {name: _closed(inner) for name, inner in shown["properties"].items()}
        shown["additionalProperties"] = False
    if "items" in shown:
        shown["items"] = _closed(shown["items"])
    if shown.get("format") == "int64":
        del shown["format"]
    return shown


def test_the_stacks_application_is_one_that_we_accept() -> None:
    documents = list(yaml.safe_load_all((ROOT / "argocd/auto-stack.yaml").read_text()))
    project, app = documents[0], parse(documents[1])
    check_application(project, app)
    assert app.automated is not None
    assert app.automated.self_heal
    keys = [
        ObjectKey(
            one["apiVersion"].rpartition("/")[0],
            one["kind"],
            one["metadata"].get("namespace", ""),
            one["metadata"]["name"],
        )
        for file in sorted((ROOT / "k8s-manifests").glob("*.yaml"))
        for one in yaml.safe_load_all(file.read_text())
        if one
    ]
    assert refused_objects(project, keys) == []


def test_every_application_of_our_own_is_accepted_or_refused_for_its_charts() -> None:
    found = {
        document["metadata"]["name"]: document
        for file in sorted((ROOT / "argocd").glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
        if document and document["kind"] == "Application"
    }
    assert parse(found["monitoring"]).options.skip_dry_run_on_missing_resource
    assert parse(found["auto-stack"]).options.prune_last
    with pytest.raises(SpecError, match="several sources are not supported"):
        parse(found["kube-prometheus-stack"])


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("sync-options", "Magic=true"),
        ("sync-options", "Prune=maybe"),
        ("sync-options", "Validate=false"),
        ("sync-options", "Delete=confirm"),
        ("compare-options", "IncludeMutationWebhook=true"),
        ("sync-wave", "soon"),
        ("hook", "PostDelete"),
    ],
)
def test_an_instruction_that_would_be_ignored_is_refused(annotation: str, text: str) -> None:
    meta = {"name": "x", "annotations": {f"argocd.argoproj.io/{annotation}": text}}
    with pytest.raises(SpecError, match=r"ConfigMap x: annotation argocd\.argoproj\.io/"):
        check({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})


def test_the_stacks_manifests_instruct_us_in_what_we_follow() -> None:
    for folder in ("k8s-manifests", "argocd/monitoring"):
        for file in sorted((ROOT / folder).glob("*.yaml")):
            for document in yaml.safe_load_all(file.read_text()):
                check(document)


def test_a_project_limits_repositories_namespaces_and_kinds() -> None:
    app = parse(GOOD)
    project = {
        "metadata": {"name": "p"},
        "spec": {
            "sourceRepos": ["https://example.org/*"],
            "destinations": [{"server": "*", "namespace": "demo"}],
        },
    }
    check_application(project, app)
    with pytest.raises(SpecError, match="not permitted"):
        check_application({**project, "spec": {**project["spec"], "sourceRepos": ["https://other/*"]}}, app)  # type: ignore[dict-item]
    refused = refused_objects(
        project,
        [
            ObjectKey("", "Namespace", "", "x"),
            ObjectKey("", "Pod", "kube-system", "x"),
            ObjectKey("", "Pod", "demo", "x"),
        ],
    )
    assert len(refused) == 2


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("apiVersion: v1\nkind: [\n", "a.yaml:3"),
        ("a: 1\n", "a.yaml:1"),
        ("- x\n", "a.yaml:1"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\n",
            "a.yaml:5",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: '1'\n  x: '2'\n", "a.yaml:6"),
        ("apiVersion: v1\nkind: X\nmetadata: {name: a, labels: {v: 1}}\n", "a.yaml:1"),
    ],
)
def test_a_broken_manifest_is_named_by_file_and_line(text: str, where: str) -> None:
    with pytest.raises(ManifestError, match="^" + where.replace(".", r"\.")):
        objects_in(text, "a.yaml")


def test_lists_are_opened_and_dates_stay_text() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- "
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {day: 2026-01-01}}\n"
    )
    assert objects_in(text, "a.yaml")[0]["data"]["day"] == "2026-01-01"


@pytest.mark.parametrize(
    ("kind", "options", "asked", "goes"),
    [
        ("ConfigMap", "", True, True),
        ("ConfigMap", "", False, False),
        ("ConfigMap", "Prune=false", True, False),
        ("PersistentVolumeClaim", "", True, False),
        ("PersistentVolumeClaim", "Prune=true", True, True),
        ("Namespace", "", True, False),
    ],
)
def test_what_holds_data_is_not_pruned_unless_it_says_so(
    kind: str, options: str, asked: bool, goes: bool
) -> None:
    live = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "x", "annotations": {"argocd.argoproj.io/sync-options": options}},
    }
    assert (refusal(live, asked=asked) == "") is goes


def test_what_stands_twice_in_git_is_told() -> None:
    one = Desired(ObjectKey("", "ConfigMap", "demo", "x"), {}, 0)
    other = Desired(ObjectKey("", "ConfigMap", "demo", "y"), {}, 0)
    assert repeated([one, other]) == []
    (told,) = repeated([one, other, one])
    assert "/ConfigMap/x appears more than once" in told


@pytest.mark.parametrize(
    ("meta", "is_told"),
    [
        ({}, False),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, True),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z", "annotations": {
            "argocd.argoproj.io/sync-options": "Prune=true"}}, False),
    ],
)  # fmt: skip
def test_a_claim_that_somebody_deleted_is_told_while_it_is_held(meta: dict[str, Any], is_told: bool) -> None:
    key = ObjectKey("", "PersistentVolumeClaim", "demo", "data")
    live = {key: {"metadata": {"name": "data", **meta}}}
    assert bool(leaving_claims(parse(GOOD), live)) is is_told
    elsewhere = {key._replace(namespace="other"): live[key]}
    assert leaving_claims(parse(GOOD), elsewhere) == ""
