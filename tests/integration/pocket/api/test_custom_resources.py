"""CustomResourceDefinitions with the real kubectl: served at once, validated, pruned, defaulted, shown in
columns.
"""

from __future__ import annotations

import json

import pytest
from harness.pocket_api import HttpsCluster

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: backups.example.com}
spec:
  group: example.com
  names: {plural: backups, singular: backup, kind: Backup, shortNames: [bk], categories: [all]}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.copies, statusReplicasPath: .status.copies}}
    additionalPrinterColumns:
    - {name: Source, type: string, jsonPath: .spec.source}
    - {name: Copies, type: integer, jsonPath: .spec.copies}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [source]
            properties:
              source: {type: string, pattern: "^/", description: Where it comes from.}
              copies: {type: integer, minimum: 1, maximum: 9, default: 2}
              mode: {type: string, enum: [full, delta]}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, properties: {copies: {type: integer}, phase: {type: string}}}
"""
BACKUP = (
    "apiVersion: example.com/v1\nkind: Backup\nmetadata: {name: b}\nspec: {source: /data, free: {any: [1]}}\n"
)


@pytest.fixture
async def cluster(pocket_https: HttpsCluster) -> HttpsCluster:
    """A cluster with the definition in it."""
    await pocket_https.ok("apply", "-f", "-", stdin=DEFINITION)
    await pocket_https.ok("wait", "--for=condition=Established", "crd/backups.example.com", "--timeout=10s")
    return pocket_https


async def test_a_custom_resource_lives_like_any_other(cluster: HttpsCluster) -> None:
    await cluster.ok("apply", "-f", "-", stdin=BACKUP)
    backup = json.loads(await cluster.ok("get", "bk", "b", "-o", "json"))
    assert backup["spec"] == {"source": "/data", "copies": 2, "free": {"any": [1]}}
    assert backup["metadata"]["generation"] == 1
    assert (await cluster.ok("get", "bk")).split()[:4] == ["NAME", "SOURCE", "COPIES", "AGE"]
    assert "backup.example.com/b" in await cluster.ok("get", "all", "-o", "name")
    await cluster.ok("scale", "backup", "b", "--replicas=3")
    await cluster.ok(
        "patch", "backup", "b", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Done"}}'
    )
    backup = json.loads(await cluster.ok("get", "bk", "b", "-o", "json"))
    assert (backup["spec"]["copies"], backup["status"], backup["metadata"]["generation"]) == (
        3,
        {"phase": "Done"},
        2,
    )
    assert "Where it comes from" in await cluster.ok("explain", "backup.spec.source")
    await cluster.ok("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=BACKUP)
    await cluster.ok("delete", "backup", "b")


WRONG = {
    "{source: data}": "spec.source",
    "{source: /data, copies: 10}": "spec.copies",
    "{source: /data, mode: some}": 'supported values: "full", "delta"',
    "{copies: 3}": "spec.source: Required value",
    "{source: /data, typo: 1}": 'unknown field "spec.typo"',
    "{source: 7}": "spec.source",
}


async def test_a_wrong_value_is_refused(cluster: HttpsCluster) -> None:
    for spec, said in WRONG.items():
        wrong = f"apiVersion: example.com/v1\nkind: Backup\nmetadata: {{name: b}}\nspec: {spec}\n"
        result = await cluster.kubectl("apply", "-f", "-", stdin=wrong)
        assert result.code != 0, spec
        assert said in result.err


async def test_unknown_fields_are_pruned_when_not_strict(cluster: HttpsCluster) -> None:
    loose = BACKUP.replace("spec: {", "spec: {typo: 1, ")
    await cluster.ok("apply", "--validate=warn", "-f", "-", stdin=loose)
    assert "typo" not in (await cluster.ok("get", "bk", "b", "-o", "jsonpath={.spec}"))


async def test_a_definition_that_could_not_be_kept_faithfully_is_refused(pocket_https: HttpsCluster) -> None:
    rule = 'x-kubernetes-validations: [{rule: "self.size() > 1"}], type: object'
    cel = DEFINITION.replace(
        "spec:\n            type: object",
        f"spec:\n            {{{rule}}}\n          other:\n            type: object",
        1,
    )
    result = await pocket_https.kubectl("apply", "-f", "-", stdin=cel)
    assert "evaluates no CEL rules" in result.err
    wrong_name = DEFINITION.replace("name: backups.example.com", "name: other.example.com")
    assert (
        "must be spec.names.plural" in (await pocket_https.kubectl("apply", "-f", "-", stdin=wrong_name)).err
    )
    bad_pattern = DEFINITION.replace('"^/"', '"("')
    assert (await pocket_https.kubectl("apply", "-f", "-", stdin=bad_pattern)).code != 0


async def test_a_deleted_definition_is_no_longer_served(cluster: HttpsCluster) -> None:
    await cluster.ok("apply", "-f", "-", stdin=BACKUP)
    await cluster.ok("delete", "crd", "backups.example.com", "--timeout=20s")
    assert (await cluster.kubectl("get", "backups")).code != 0
    await cluster.ok("apply", "-f", "-", stdin=DEFINITION)
    await cluster.ok("wait", "--for=condition=Established", "crd/backups.example.com", "--timeout=10s")
    assert (await cluster.ok("get", "backups", "-o", "name")) == ""


async def test_a_definition_waits_for_the_finalizers_of_its_objects(cluster: HttpsCluster) -> None:
    held = BACKUP.replace("{name: b}", "{name: held, finalizers: [example.com/mine]}")
    await cluster.ok("apply", "-f", "-", stdin=f"{BACKUP}---\n{held}")
    await cluster.ok("delete", "crd", "backups.example.com", "--wait=false")
    assert (await cluster.ok("get", "backups", "-o", "name")).split() == ["backup.example.com/held"]
    definition = json.loads(await cluster.ok("get", "crd", "backups.example.com", "-o", "json"))
    assert definition["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    (ending,) = [one for one in definition["status"]["conditions"] if one["type"] == "Terminating"]
    assert (ending["status"], "1 objects are left" in ending["message"]) == ("True", True)
    refused = await cluster.kubectl("create", "-f", "-", stdin=BACKUP)
    assert "MethodNotAllowed" in refused.err
    await cluster.ok("patch", "backup", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    await cluster.ok("wait", "--for=delete", "crd/backups.example.com", "--timeout=10s")
    assert (await cluster.kubectl("get", "backups")).code != 0


async def test_a_schema_may_require_metadata_and_restrict_the_name(cluster: HttpsCluster) -> None:
    root = "openAPIV3Schema:\n        type: object\n"
    assert root in DEFINITION
    stricter = DEFINITION.replace(
        root, f"{root}        required: [apiVersion, kind, metadata, spec]\n"
    ).replace(
        "        properties:\n",
        "        properties:\n"
        "          metadata: {type: object, properties: {name: {maxLength: 3, type: string}}}\n",
        1,
    )
    await cluster.ok("apply", "-f", "-", stdin=stricter)
    await cluster.ok("apply", "-f", "-", stdin=BACKUP)
    long = await cluster.kubectl("apply", "-f", "-", stdin=BACKUP.replace("{name: b}", "{name: long-name}"))
    assert "metadata.name" in long.err
    no_spec = await cluster.kubectl("apply", "-f", "-", stdin=BACKUP.split("spec:", maxsplit=1)[0])
    assert "spec: Required value" in no_spec.err
    labels = stricter.replace("{name: {maxLength: 3, type: string}}", "{labels: {type: object}}")
    refused = await cluster.kubectl("apply", "-f", "-", stdin=labels)
    assert "must not specify anything other than name and generateName" in refused.err
