"""The whole prometheus.yml and its rule files, from the objects there are. Pure.

An object that can't be translated is left out and reported; it never takes the others with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from autostack.observability.errors import UnsupportedError
from autostack.observability.monitors import Discovery, Object, scrape_configs


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that was left out, and why."""

    subject: Object
    reason: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """Files by their path under the configuration folder, and what is not in them."""

    files: Mapping[str, str]
    refusals: tuple[Refusal, ...] = field(default=(), compare=False)


def configuration(
    objects: Iterable[Object], discovery: Discovery, *, scrape_interval: str = "5s"
) -> Configuration:
    """The files for these ServiceMonitors, PodMonitors and PrometheusRules; the order of the objects does
    not matter.
    """
    scrapes: list[dict[str, Any]] = []
    rules: dict[str, str] = {}
    refusals = []
    for one in sorted(objects, key=_identity):
        try:
            if one["kind"] == "PrometheusRule":
                _, namespace, name = _identity(one)
                rules[f"rules/{namespace}-{name}.yaml"] = _dump({"groups": _groups(one)})
            else:
                scrapes += scrape_configs(one, discovery)
        except UnsupportedError as error:
            refusals.append(Refusal(one, str(error)))
        except (KeyError, TypeError, AttributeError) as error:
            refusals.append(Refusal(one, f"it is malformed: {error!r}"))
    main = {
        "global": {"scrape_interval": scrape_interval, "evaluation_interval": scrape_interval},
        "rule_files": ["rules/*.yaml"],
        "scrape_configs": scrapes,
    }
    return Configuration({"prometheus.yml": _dump(main), **rules}, tuple(refusals))


def _groups(rule: Object) -> list[dict[str, Any]]:
    groups = rule["spec"].get("groups") or []
    for group in groups:
        unknown = sorted(set(group) - {"name", "interval", "limit", "rules"})
        if unknown:
            raise UnsupportedError(f"group {group.get('name')}: {', '.join(unknown)} is not translated here")
    return list(groups)


def _identity(one: Object) -> tuple[str, str, str]:
    return str(one["kind"]), str(one["metadata"]["namespace"]), str(one["metadata"]["name"])


def _dump(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=False, width=1000)
