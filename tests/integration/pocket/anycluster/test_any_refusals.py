"""What any Kubernetes refuses, in which words, and what it makes of what it accepts: the cases are data.

One dry run of the server takes all cases together, as starting kubectl costs more than what it asks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from .conftest import AnyCluster

HERE = Path(__file__).parent
DRY_RUN = ("create", "--dry-run=server", "--validate=false", "-o", "json", "-f", "-")
SAYS_NO_NAME = "cannot be handled as a"


def case_object(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The object of a case: `kind: apps/v1 Deployment`, and its name."""
    api_version, _, kind = given["kind"].rpartition(" ")
    metadata = {**given.get("metadata", {}), "name": name}
    return {**given, "apiVersion": api_version, "kind": kind, "metadata": metadata}


def listed(objects: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def case_name(text: str) -> str:
    return "case-" + re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def of_case(name: str, errors: str) -> str:
    """What was said of one case: from its name on to the next message."""
    begin = errors.find(f'"{name}"')
    return "" if begin < 0 else re.split(r"\n(?=The |Error |Warning)", errors[begin:], maxsplit=1)[0]


async def test_wrong_objects_are_refused_in_the_same_words(cluster: AnyCluster) -> None:
    cases = yaml.safe_load((HERE / "refusals.yaml").read_text())
    objects = [case_object(case_name(case["case"]), case["object"]) for case in cases]
    told = await cluster.kubectl(*DRY_RUN, stdin=listed(objects))
    wrong = {}
    for case in cases:
        said = told.err if SAYS_NO_NAME in case["said"] else of_case(case_name(case["case"]), told.err)
        if case["said"] not in said:
            wrong[case["case"]] = (case["said"], said)
    assert not wrong, json.dumps(wrong, indent=1)
    assert told.out.strip() == "", "nothing of this is accepted"


def documents(text: str) -> list[Any]:
    """kubectl prints one JSON document after another."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def differing(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Where `found` is not what is wanted; what is not wanted is not looked at."""
    if wanted == "ABSENT":
        return [] if found is None else [f"{path}: {found!r} should not be there"]
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            line for key, item in wanted.items() for line in differing(item, found.get(key), f"{path}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [line for index, pair in pairs for line in differing(*pair, f"{path}[{index}]")]
    return [] if wanted == found else [f"{path}: {found!r} should be {wanted!r}"]


async def test_what_is_left_out_is_written_down_alike(cluster: AnyCluster) -> None:
    cases = yaml.safe_load((HERE / "completions.yaml").read_text())
    objects = [case_object(f"case-{number}", case["given"]) for number, case in enumerate(cases)]
    answered = documents(await cluster.ok(*DRY_RUN, stdin=listed(objects)))
    assert len(answered) == len(cases)
    wrong = []
    for case, found in zip(cases, answered, strict=True):
        name = found["metadata"]["name"]
        wanted = json.loads(json.dumps(case["then"]).replace("CASE", name))
        wrong += [f"{found['kind']} {name}{line}" for line in differing(wanted, found)]
    assert not wrong, "\n".join(wrong)
