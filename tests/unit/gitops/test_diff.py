"""The three-way difference: each case is a file with Git's manifest, the live object and the paths that
differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from autostack.gitops.application import IgnoreRule
from autostack.gitops.diff import compare, normalized, predicted
from autostack.gitops.ignore import remaining, rules_for, with_live_values
from autostack.gitops.jqpath import JqPath
from autostack.gitops.objects import key_of

CASES = sorted((Path(__file__).parent / "cases/diff").glob("*.yaml"))


def documents(case: Path) -> tuple[Any, Any]:
    desired, live = yaml.safe_load_all(case.read_text())
    return normalized(desired), live


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_case_differs_where_it_should(case: Path) -> None:
    expected = json.loads(case.read_text().split("# expect: ")[1].partition("\n")[0])
    desired, live = documents(case)
    assert [str(found) for found in compare(desired, live)] == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_predicted_object_differs_no_more_in_what_git_states(case: Path) -> None:
    desired, live = documents(case)
    after = predicted(live, compare(desired, live))
    assert [found for found in compare(desired, after) if found.desired is not None] == []


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "demo"},
    "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}},
}
SCALED: dict[str, Any] = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replicas": 7}}


@pytest.mark.parametrize(
    "rule",
    [
        IgnoreRule("apps", "Deployment", json_pointers=("/spec/replicas",)),
        IgnoreRule("*", "*", jq_paths=(JqPath.parse(".spec.replicas"),)),
        IgnoreRule("apps", "Deployment", name="web", namespace="demo", json_pointers=("/spec",)),
    ],
)
def test_an_ignored_field_is_no_difference(rule: IgnoreRule) -> None:
    rules = rules_for(key_of(SCALED), [rule])
    assert remaining(compare(DEPLOYMENT, SCALED), rules, SCALED) == []


def test_a_rule_for_another_object_changes_nothing() -> None:
    rule = IgnoreRule("apps", "Deployment", name="other", json_pointers=("/spec/replicas",))
    rules = rules_for(key_of(SCALED), [rule])
    assert [str(found) for found in remaining(compare(DEPLOYMENT, SCALED), rules, SCALED)] == [
        ".spec.replicas"
    ]


def test_fields_of_an_ignored_manager_are_no_difference() -> None:
    fields = {"f:spec": {"f:replicas": {}}}
    live = {
        **SCALED,
        "metadata": {**SCALED["metadata"], "managedFields": [{"manager": "hpa", "fieldsV1": fields}]},
    }
    rules = [IgnoreRule("apps", "Deployment", managers=("hpa",))]
    assert remaining(compare(DEPLOYMENT, live), rules, live) == []


def test_respecting_an_ignored_field_applies_the_live_value() -> None:
    rules = [IgnoreRule("apps", "Deployment", json_pointers=("/spec/replicas",))]
    assert with_live_values(DEPLOYMENT, rules, SCALED)["spec"]["replicas"] == 7
    assert DEPLOYMENT["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (".spec.replicas", [("spec", "replicas")]),
        (".metadata.name", [("metadata", "name")]),
        (".spec.template.spec.containers[].image", [("spec", "template", "spec", "containers", 0, "image")]),
        (
            '.spec.template.spec.containers[] | select(.name == "a") | .image',
            [("spec", "template", "spec", "containers", 0, "image")],
        ),
        ('.spec.template.spec.containers[] | select(.name == "b") | .image', []),
        ('.spec["template"].spec.containers[0]', [("spec", "template", "spec", "containers", 0)]),
        (".status.missing", []),
    ],
)
def test_jq_paths_reach_what_they_name(text: str, paths: list[Any]) -> None:
    assert JqPath.parse(text).paths(DEPLOYMENT) == paths


@pytest.mark.parametrize("text", [".", ".a | length", "..", ".a, .b", "walk(.)", ".a[1:2]", ""])
def test_other_jq_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"jq|whole object"):
        JqPath.parse(text)
