"""Resource quantities: as numbers, and in the one form in which Kubernetes writes each of them. Pure."""

from __future__ import annotations

import functools
import math
import re
from fractions import Fraction

_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_POWERS = {suffix: power for power, suffix in _DECIMAL.items()}
_FORM = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,2})")
NANO, MILLI = 9, 3


def quantity(value: str | int | float) -> float:
    """A resource quantity (`250m`, `64Mi`, `1e3`) as a number of cores, bytes or units."""
    text = str(value).strip()
    digits = text.rstrip("numkKMGTPEi")
    suffix = text[len(digits) :]
    return float(digits) * _SUFFIXES[suffix] if suffix in _SUFFIXES else float(text)


@functools.lru_cache(maxsize=2048)
def canonical(text: str, places: int = NANO) -> str:
    """The form that Kubernetes stores: `0.5` is `500m`, `1024Mi` is `1Gi`, `1.0` is `1`.

    Rounded up to 10^-places. Raises ValueError with Kubernetes' own words.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None or form[1].count(".") > 1 or not form[1].strip("+-."):
        raise ValueError(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    number, suffix = Fraction(form[1].rstrip(".")), form[2]
    exponent = _EXPONENT.fullmatch(suffix)
    if suffix in _BINARY[1:]:
        number *= 1024 ** _BINARY.index(suffix)
    elif suffix in _POWERS:
        number *= Fraction(10) ** _POWERS[suffix]
    elif exponent:
        number *= Fraction(10) ** int(exponent[1])
    else:
        raise ValueError("unable to parse quantity's suffix")
    units = math.ceil(abs(number) * 10**places) * (-1 if number < 0 else 1)
    if suffix in _BINARY[1:] and abs(number) >= 1024 and units % 10**places == 0:
        return _binary(units // 10**places)
    return _decimal(units, -places, by_exponent=exponent is not None)


def _binary(number: int) -> str:
    power = 0
    while number % 1024 == 0 and power < len(_BINARY) - 1:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY[power]}"


def _decimal(number: int, power: int, *, by_exponent: bool) -> str:
    if number == 0:
        return "0"
    while number % 10 == 0:
        number, power = number // 10, power + 1
    number, power = number * 10 ** (power % 3), power - power % 3
    if by_exponent or power not in _DECIMAL:
        return f"{number}e{power}" if power else str(number)
    return f"{number}{_DECIMAL[power]}"
