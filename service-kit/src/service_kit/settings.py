"""Settings from the environment: one frozen object per process, read once, every field with unit, default and
help.

A missing or placeholder secret stops the start and names the variable: there is no default secret anywhere.
Everything that is wrong is told at once, so that a person does not fix a manifest one variable at a time.
"""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from service_kit.errors import SettingsError

S = TypeVar("S", bound="ServiceSettings")

_PLACEHOLDER = re.compile(
    r"(change|replace)[-_ ]?me.*|your[-_ ].*|placeholder|password|passwd|secret|example|todo"
    r"|x+|\*+|<.*>|\$\{.*\}",
    re.IGNORECASE,
)
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field says of itself besides type and default."""

    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str,  # noqa: A002 - the word every reader of a command line expects
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    """A field of a settings dataclass; its variable is the field's name in capitals. Without a default it is
    required.
    """
    rule = Rule(help=help, unit=unit, minimum=minimum, maximum=maximum, choices=choices, secret=secret)
    return dataclasses.field(default=default, metadata={"rule": rule}, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What every service reads. Subclass it with `@dataclass(frozen=True, slots=True, kw_only=True)`."""

    listen_host: str = setting("127.0.0.1", help="address the HTTP server binds; in a pod its own address")
    listen_port: int = setting(
        8000, help="port of the HTTP server; 0 takes a free one", minimum=0, maximum=65535
    )
    pod_name: str = setting("", help="name of this instance in logs and rows; empty means the host's name")
    app_version: str = setting("dev", help="version of the image, set by its build")
    git_revision: str = setting("unknown", help="commit of the image, set by its build")
    log_level: str = setting(
        "info", help="least severe log level", choices=("debug", "info", "warning", "error")
    )
    drain_delay_s: float = setting(
        2, unit="s", minimum=0, help="from unready to not accepting, so that balancers notice"
    )
    shutdown_timeout_s: float = setting(
        20, unit="s", minimum=0, help="for what was accepted, before the service gives up and exits 1"
    )

    @property
    def instance(self) -> str:
        """The name of this instance: the pod's, else the host's."""
        return self.pod_name or socket.gethostname()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings(ServiceSettings):
    """libpq's own names, for a service that talks to PostgreSQL."""

    pghost: str = setting(help="host of PostgreSQL")
    pgport: int = setting(5432, help="port of PostgreSQL", minimum=1, maximum=65535)
    pguser: str = setting(help="role to log in as")
    pgpassword: str = setting(help="password of that role", secret=True)
    pgdatabase: str = setting(help="name of the database")


@dataclass(frozen=True, slots=True)
class Described:
    """One setting as documentation shows it."""

    variable: str
    type: str
    default: str
    rule: Rule


def describe_settings(settings_type: type[ServiceSettings]) -> list[Described]:
    """Every variable of a settings class, in order of declaration; documentation is generated from it."""
    return [
        Described(
            variable=field.name.upper(),
            type=type_.__name__,
            default="required" if field.default is dataclasses.MISSING else str(field.default),
            rule=rule,
        )
        for field, type_, rule in _fields(settings_type)
    ]


def load_settings(settings_type: type[S], environment: Mapping[str, str]) -> S:
    """Read a settings object; raises SettingsError with all that is wrong, in one line."""
    values: dict[str, Any] = {}
    complaints: list[str] = []
    for field, type_, rule in _fields(settings_type):
        variable = field.name.upper()
        text = environment.get(variable)
        try:
            if text is None or (text == "" and (rule.secret or type_ is not str)):
                if field.default is dataclasses.MISSING:
                    complaints.append(f"{variable} is missing ({rule.help})")
                continue
            values[field.name] = _parse(text, type_, rule)
        except ValueError as error:
            complaints.append(f"{variable} {error}")
    if complaints:
        raise SettingsError("; ".join(complaints))
    return settings_type(**values)


def _fields(settings_type: type[ServiceSettings]) -> Iterator[tuple[dataclasses.Field[Any], type, Rule]]:
    hints = get_type_hints(settings_type)
    for field in dataclasses.fields(settings_type):
        yield field, hints[field.name], field.metadata["rule"]


def _parse(text: str, type_: type, rule: Rule) -> str | int | float | bool:
    if rule.secret:
        if _PLACEHOLDER.fullmatch(text.strip()):
            raise ValueError("holds a placeholder, not a secret; set the real value")
        return text
    if type_ is bool:
        return _parse_bool(text)
    if type_ is str:
        if rule.choices and text not in rule.choices:
            raise ValueError(f"must be one of {', '.join(rule.choices)}, not {text[:40]!r}")
        return text
    return _parse_number(text, type_, rule)


def _parse_bool(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"must be 1 or 0, not {text[:40]!r}")


def _parse_number(text: str, type_: type, rule: Rule) -> int | float:
    noun = "a whole number" if type_ is int else "a number"
    try:
        number: int | float = type_(text)
    except ValueError:
        raise ValueError(f"must be {noun}, not {text[:40]!r}") from None
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is unequal to itself
        raise ValueError(f"must be {noun}, not {text[:40]!r}")
    if rule.minimum is not None and number < rule.minimum:
        raise ValueError(f"must be at least {rule.minimum:g}, not {text[:40]}")
    if rule.maximum is not None and number > rule.maximum:
        raise ValueError(f"must be at most {rule.maximum:g}, not {text[:40]}")
    return number
