"""Resource quantities as numbers. Pure."""

from __future__ import annotations

_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip


def quantity(value: str | int | float) -> float:
    """A resource quantity (`250m`, `64Mi`, `1e3`) as a number of cores, bytes or units."""
    text = str(value).strip()
    digits = text.rstrip("numkKMGTPEi")
    suffix = text[len(digits) :]
    return float(digits) * _SUFFIXES[suffix] if suffix in _SUFFIXES else float(text)
