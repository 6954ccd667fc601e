"""Quantities as Kubernetes writes them: what it answered to each of these is what stands here."""

from __future__ import annotations

import pytest

from autostack.pocket.quantities import MILLI, canonical, quantity

WRITTEN = {
    "1": "1", "1.0": "1", "0.1": "100m", "100m": "100m", "1e3": "1e3", "1k": "1k", "1Ki": "1Ki",
    "1.5Gi": "1536Mi", "1024Mi": "1Gi", "1000M": "1G", "2000m": "2", "1.5": "1500m", "1.5e-1": "150e-3",
    "12345678901234567890": "12345678901234567890", ".5": "500m", "0": "0", "0Ki": "0", "-1": "-1",
    "0.5Ki": "512", "1E": "1E", "100u": "100u", "1n": "1n", "-1.5Gi": "-1536Mi",
}  # fmt: skip


@pytest.mark.parametrize(("given", "written"), WRITTEN.items())
def test_a_quantity_has_one_form_and_keeps_its_value(given: str, written: str) -> None:
    assert canonical(given) == written
    assert canonical(written) == written
    assert quantity(written) == pytest.approx(quantity(given))


def test_what_is_too_fine_is_rounded_up() -> None:
    assert [canonical(text, MILLI) for text in ("0.0001", "1n", "1u", "0.0015")] == ["1m", "1m", "1m", "2m"]
    assert canonical("0.0000000001") == "1n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("many", "must match"),
        ("", "must match"),
        ("0x1", "must match"),
        ("1 Gi", "must match"),
        ("1Gib", "must match"),
        ("1.2.3", "must match"),
        ("+", "must match"),
        ("1ki", "suffix"),
        ("1mm", "suffix"),
        ("1e99999999", "suffix"),
    ],
)
def test_what_is_no_quantity_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        canonical(given)
