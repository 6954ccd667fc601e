"""How a repository is reached: the Secrets and certificates that Argo CD keeps for it, read as Argo CD does.

A Secret with the label argocd.argoproj.io/secret-type: repository speaks for one address, one with repo-creds
for all that begin with its url; the ConfigMap argocd-tls-certs-cm holds certificates by host. What is not
supported there (SSH keys, GitHub Apps, client certificates) is refused by name; pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from autostack.gitops.errors import RepositoryError
from autostack.gitops.objects import Object, key_of, metadata

SECRET_TYPE = "argocd.argoproj.io/secret-type"  # noqa: S105 - the name of a label
CERTIFICATES = "argocd-tls-certs-cm"
_FIELDS = {"url", "type", "name", "project", "username", "password", "insecure"}
_NEUTRAL = {"false", ""}


@dataclass(frozen=True, slots=True)
class Access:
    """What git needs besides the address. `certificate` is PEM, "" = the machine's own authorities."""

    username: str = ""
    password: str = field(default="", repr=False)
    certificate: str = ""
    verify: bool = True


def is_credential(obj: Object) -> bool:
    """Whether an object may say how a repository is reached."""
    key = key_of(obj)
    labels = metadata(obj).get("labels") or {}
    return (key.kind == "Secret" and SECRET_TYPE in labels) or (
        key.kind == "ConfigMap" and key.name == CERTIFICATES
    )


def access(url: str, objects: Iterable[Object]) -> Access:
    """How `url` is reached; RepositoryError names a Secret that asks for what is not supported."""
    found = Access()
    exact: list[dict[str, str]] = []
    prefixes: list[dict[str, str]] = []
    for obj in objects:
        if not is_credential(obj):
            continue
        if key_of(obj).kind == "ConfigMap":
            host = urlsplit(url).hostname or ""
            found = replace(found, certificate=(obj.get("data") or {}).get(host, ""))
            continue
        fields = _fields(obj)
        if fields.get("type", "git") != "git":
            continue
        kind = metadata(obj)["labels"][SECRET_TYPE]
        if kind == "repository" and _plain(fields.get("url", "")) == _plain(url):
            exact.append(_supported(obj, fields))
        elif kind == "repo-creds" and fields.get("url") and _plain(url).startswith(_plain(fields["url"])):
            prefixes.append(_supported(obj, fields))
    prefixes.sort(key=lambda fields: len(fields["url"]), reverse=True)
    for fields in (*exact, *prefixes):
        if fields.get("insecure") == "true":
            found = replace(found, verify=False)
        if not found.password and fields.get("password"):
            # As in Argo CD a token needs no name, and git needs one.
            found = replace(found, username=fields.get("username") or "git", password=fields["password"])
    return found


def _fields(secret: Object) -> dict[str, str]:
    try:
        return {
            name: base64.b64decode(text, validate=True).decode()
            for name, text in (secret.get("data") or {}).items()
        }
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RepositoryError(
            f"Secret {metadata(secret).get('name')}: its data is no text in base64"
        ) from error


def _supported(secret: Object, fields: dict[str, str]) -> dict[str, str]:
    for name, text in sorted(fields.items()):
        if name not in _FIELDS and text not in _NEUTRAL:
            raise RepositoryError(
                f"Secret {metadata(secret).get('name')}: {name} is not supported by this controller; "
                "use username and password (or a token as password) over https"
            )
    return fields


def _plain(url: str) -> str:
    return url.strip().lower().rstrip("/").removesuffix(".git")
