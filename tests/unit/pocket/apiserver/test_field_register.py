"""No field is ignored in silence: every field of every served kind has a verdict, and the verdicts hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import autostack.pocket
from autostack.pocket.apiserver import unimplemented
from autostack.pocket.apiserver.schemas import definitions
from autostack.pocket.apiserver.schemas.register import register, served_fields, short
from autostack.pocket.apiserver.schemas.walk import Part
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError

SOURCES = Path(autostack.pocket.__file__).parent
SHOWN_ONLY = (
    "cells.py",
    "columns.py",
    "unimplemented.py",
    "regenerate.py",
    "regenerate_protobuf.py",
    "register.py",
)
"""Modules that print fields, or only say that nobody reads them."""
READ_AS_A_WHOLE = {"fieldsV1"}


def test_every_field_has_exactly_one_verdict() -> None:
    known = register()
    fields = served_fields()
    assert sorted(known) == sorted(fields), "definitions that are new, or that nothing leads to any more"
    wrong = {name: sorted(set(known[name].all()) ^ set(fields[name])) for name in fields}
    assert {name: found for name, found in wrong.items() if found} == {}
    twice = {name: one.all() for name, one in known.items() if len(set(one.all())) < len(one.all())}
    assert twice == {}


def test_what_is_called_implemented_is_read_somewhere() -> None:
    files = [path for path in SOURCES.rglob("*.py") if path.name not in SHOWN_ONLY]
    texts = re.findall(r"[\"']([^\"'\n]+)[\"']", "\n".join(path.read_text() for path in files))
    words = {word for text in texts for word in re.findall(r"[A-Za-z$0-9-]+", text)} | READ_AS_A_WHOLE
    unread = {name: sorted(set(one.implemented) - words) for name, one in register().items()}
    assert {name: found for name, found in unread.items() if found} == {}


def gaps(table: dict[str, dict[str, unimplemented.Gap]]) -> list[Any]:
    return [
        pytest.param(name, field, gap, id=f"{short(name)}.{field}")
        for name, fields in table.items()
        for field, gap in fields.items()
    ]


@pytest.mark.parametrize(("name", "field", "gap"), gaps(unimplemented.WARNED))
def test_a_field_without_effect_is_warned_of(name: str, field: str, gap: unimplemented.Gap) -> None:
    assert field in definitions()[name]["properties"]
    (told,) = unimplemented.warnings(Part(name, {field: {"asked": "for"}}, "at"))
    assert told.startswith(f"at.{field}: ")
    for value in (None, "", [], *gap.harmless):
        assert not list(unimplemented.warnings(Part(name, {field: value}, "at")))


@pytest.mark.parametrize(("name", "field", "gap"), gaps(unimplemented.REFUSED))
def test_a_field_that_would_change_the_result_is_refused(
    name: str, field: str, gap: unimplemented.Gap
) -> None:
    assert field in definitions()[name]["properties"]
    (error,) = unimplemented.refusals(Part(name, {field: {"asked": "for"}}, "at"))
    assert (error.field, error.detail) == (f"at.{field}", gap.why)


async def test_the_server_asks_both_tables(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    pods = Resource("", "v1", "pods")
    container = {"name": "c", "image": "i:1", "restartPolicyRules": [{"action": "Restart"}]}
    with pytest.raises(ApiError) as refused:
        await client.create(pods, {"metadata": {"name": "p"}, "spec": {"containers": [container]}}, "default")
    assert refused.value.code == 422
    assert "spec.containers[0].restartPolicyRules: Forbidden" in refused.value.message
