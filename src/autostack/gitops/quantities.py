"""Kubernetes quantities: "500m", "0.5" and 0.5 are one amount, and the API server may rewrite one as
another.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

_FACTORS = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
_QUANTITY = re.compile(r"([+-]?\d*\.?\d+)(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)")

# Fields below which strings are quantities, in the kinds of Kubernetes itself.
FIELDS = frozenset(
    {
        "limits",
        "requests",
        "capacity",
        "allocatable",
        "hard",
        "sizeLimit",
        "averageValue",
        "divisor",
        "default",
        "defaultRequest",
        "overhead",
        "maxLimitRequestRatio",
    }
)


def amount(value: Any) -> Fraction | None:
    """The exact amount, None when the value is not a quantity."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    return Fraction(number) * (Fraction(10) ** int(exponent) if exponent else _FACTORS[suffix or ""])


def are_equal(one: Any, other: Any) -> bool:
    """Whether both are quantities of the same amount."""
    left = amount(one)
    return left is not None and left == amount(other)
