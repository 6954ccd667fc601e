"""How a repository is reached: Argo CD's Secrets and certificates, read as Argo CD reads them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from autostack.gitops.credentials import Access, access
from autostack.gitops.errors import RepositoryError

URL = "https://git.example.org/team/stack.git"


def secret(kind: str, **fields: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "s", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": kind},
        },
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in fields.items()},
    }  # fmt: skip


def test_a_repository_without_a_secret_is_public() -> None:
    other = secret("repository", url="https://elsewhere.example.org/x", username="u", password="p")
    assert access(URL, [other]) == Access()


@pytest.mark.parametrize("url", [URL, URL.removesuffix(".git"), URL + "/", URL.upper()])
def test_the_address_may_be_written_in_several_ways(url: str) -> None:
    found = access(URL, [secret("repository", url=url, username="u", password="p")])
    assert (found.username, found.password) == ("u", "p")


def test_the_longest_prefix_speaks_where_the_repository_has_no_password_of_its_own() -> None:
    known = [
        secret("repo-creds", url="https://git.example.org", username="all", password="1"),
        secret("repo-creds", url="https://git.example.org/team", username="team", password="2"),
        secret("repository", url=URL, insecure="true"),
    ]
    assert access(URL, known) == Access("team", "2", verify=False)


def test_a_token_needs_no_name() -> None:
    assert access(URL, [secret("repository", url=URL, password="token")]).username == "git"


def test_certificates_are_found_by_host() -> None:
    certificates = {
        "kind": "ConfigMap", "metadata": {"name": "argocd-tls-certs-cm"}, "data": {"git.example.org": "PEM"},
    }  # fmt: skip
    assert access(URL, [certificates]).certificate == "PEM"
    assert access("https://other.example.org/x", [certificates]).certificate == ""


@pytest.mark.parametrize(
    "field", ["sshPrivateKey", "githubAppID", "tlsClientCertData", "bearerToken", "proxy"]
)
def test_what_is_not_supported_is_refused_by_name_and_never_shown(field: str) -> None:
    with pytest.raises(RepositoryError, match=field) as refused:
        access(URL, [secret("repository", **{"url": URL, field: "very-private"})])
    assert "very-private" not in str(refused.value)


def test_a_secret_that_is_not_ours_or_not_for_git_is_nobodys() -> None:
    plain = {"kind": "Secret", "metadata": {"name": "x"}, "data": {"url": "aHR0cHM6Ly9n"}}
    helm = secret("repository", type="helm", url=URL, username="u", password="p", sshPrivateKey="x")
    assert access(URL, [plain, helm]) == Access()


def test_a_password_does_not_show_in_print() -> None:
    assert "hidden-word" not in repr(Access("u", "hidden-word"))
