"""Every way in which people use kubectl is tried by some test: a list, looked for in the tests' text."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2] / "integration/pocket"
USES = """
get .*-o json; get .*-o yaml; get .*-o wide; get .*-o name; get .*jsonpath=
get .*custom-columns=; get .*go-template=
get .* -w ; get .*-A; get .* -l ; get .*--field-selector; get .*--sort-by; get .*--show-labels; get --raw
describe ; create ; create .*--dry-run=server; create --raw
apply -f; apply --server-side; apply --prune; diff -f
edit ; patch .*--type=merge; patch .*--type=json; patch .*-p; patch .*--subresource=status; replace -f
label ; annotate ; scale .*--replicas; scale .*--current-replicas; autoscale
set image; set env; expose ; run .*--rm
rollout status; rollout history; rollout undo; rollout restart; rollout pause; rollout resume
logs .*--tail; logs -f; logs .*--previous; logs -l; logs .*--since; logs job/
exec -i ; exec -it ; attach -i; cp ; port-forward ; top ; events; explain ; api-resources; auth can-i
wait --for=condition; wait --for=delete; wait --for=jsonpath
delete .*--cascade=orphan; delete .*--cascade=foreground; delete .*--cascade=background; delete .*--all
delete .*--grace-period=0 --force; drain ; cordon ; uncordon ; cluster-info; version
"""


@functools.cache
def spoken() -> str:
    """The tests' text with argument lists written as command lines."""
    text = " ".join(path.read_text() for path in TESTS.rglob("*.py"))
    return re.sub(r"[\"',\s]+", " ", text)


@pytest.mark.parametrize("use", [one.strip() for one in re.split(r"[;\n]", USES) if one.strip()])
def test_a_use_of_kubectl_is_tested(use: str) -> None:
    pattern = rf"[(\[ ]{use}".replace(".*", "[^()]{0,160}")
    assert re.search(pattern, spoken()), f"no test calls kubectl {use}"
