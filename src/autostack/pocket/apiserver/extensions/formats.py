"""The formats of strings that schemas of custom resources may name, as Kubernetes understands them.

A format that is not here is not checked, and the definition that names it is stored with a Warning.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import uuid
from collections.abc import Callable
from datetime import date, datetime

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?\Z")
_DURATION = re.compile(
    r"[-+]?((\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w|days?|hours?|minutes?|weeks?))+\Z"
)
_HOST_LABEL = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?\Z")
_MAC = re.compile(
    r"([0-9A-Fa-f]{2}([-:])[0-9A-Fa-f]{2}(\2[0-9A-Fa-f]{2}){4}|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})\Z"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_URI = re.compile(r"([A-Za-z][-+.A-Za-z0-9]*:|/)[^\s]*\Z")
_COLOUR = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")
INTEGERS = {"int32": 2**31, "int64": 2**63}
"""Formats of whole numbers: absolute bounds."""
UNCHECKED = ("double", "float", "password")
"""Formats that restrict nothing."""


def _reads(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _time(text: str) -> None:
    if not _TIME.match(text):
        raise ValueError(text)
    datetime.fromisoformat(text.upper())


def _hostname(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and all(_HOST_LABEL.match(label) for label in labels)


def _uuid_of(version: int) -> Callable[[str], bool]:
    def parse(text: str) -> None:
        if uuid.UUID(text).version != version:
            raise ValueError(text)

    return _reads(parse)


CHECKS: dict[str, Callable[[str], bool]] = {
    "byte": _reads(lambda text: base64.b64decode(text, validate=True)),
    "cidr": lambda text: "/" in text and _reads(ipaddress.ip_interface)(text),
    "date": _reads(date.fromisoformat),
    "date-time": _reads(_time),
    "datetime": _reads(_time),
    "duration": lambda text: bool(_DURATION.match(text)),
    "email": lambda text: bool(_EMAIL.match(text)),
    "hexcolor": lambda text: bool(_COLOUR.match(text)),
    "hostname": _hostname,
    "ipv4": _reads(ipaddress.IPv4Address),
    "ipv6": _reads(ipaddress.IPv6Address),
    "mac": lambda text: bool(_MAC.match(text)),
    "uri": lambda text: bool(_URI.match(text)),
    "uuid": _reads(uuid.UUID),
    "uuid3": _uuid_of(3),
    "uuid4": _uuid_of(4),
    "uuid5": _uuid_of(5),
}


def is_checked(name: str) -> bool:
    """Whether values of the format are told from others."""
    return name in CHECKS or name in INTEGERS or name in UNCHECKED
