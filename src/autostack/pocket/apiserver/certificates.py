"""The cluster's own certificate authority, its server certificate, and the kubeconfig that trusts it.

Elliptic curves (P-256), because they are small and quick to make. The authority's key never leaves the
cluster's folder.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CA_DAYS, SERVER_DAYS = 3650, 365
RENEW_DAYS = 30


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, PEM."""

    certificate: str
    key: str


def authority(name: str = "pocket-ca") -> KeyPair:
    """A new self-signed authority that may sign server certificates only."""
    from cryptography import x509  # noqa: PLC0415 - costs memory, and is rarely needed
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        _builder(subject, subject, key.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def server(ca: KeyPair, hosts: list[str]) -> KeyPair:
    """A server certificate for host names and addresses, signed by the authority."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    ca_key: Any = serialization.load_pem_private_key(ca.key.encode(), None)
    ca_certificate: Any = x509.load_pem_x509_certificate(ca.certificate.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kube-apiserver")])
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_certificate.public_key())
    builder = (
        _builder(subject, ca_certificate.subject, key.public_key(), SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_id, critical=False)
    )
    return _pair(builder.sign(ca_key, hashes.SHA256()), key)


def _builder(subject: Any, issuer: Any, public_key: Any, days: int) -> Any:
    from cryptography import x509  # noqa: PLC0415

    moment = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(minutes=5))
        .not_valid_after(moment + datetime.timedelta(days=days))
    )


def _usage(*, sign_certificates: bool) -> Any:
    from cryptography import x509  # noqa: PLC0415

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(certificate: Any, key: Any) -> KeyPair:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())


def server_hosts(service_address: str, *more: str) -> list[str]:
    """The names and addresses by which the API server is reached."""
    names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    return list(dict.fromkeys(["127.0.0.1", "localhost", service_address, *names, *more]))


def is_current(pair: KeyPair, hosts: list[str]) -> bool:
    """Whether a server certificate still has a month to go and names all hosts."""
    from cryptography import x509  # noqa: PLC0415

    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    if certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < datetime.timedelta(
        days=RENEW_DAYS
    ):
        return False
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return all(_general_name(host) in found for host in hosts)


def write_private(path: Path, text: str) -> None:
    """Write a file so that nobody else can read it, and never half of it, not even after a power cut."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def kubeconfig(*, name: str, server_url: str, ca_certificate: str, token: str) -> str:
    """A kubeconfig with one cluster, user and context; JSON, which is YAML to every client."""
    ca_data = base64.b64encode(ca_certificate.encode()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": server_url, "certificate-authority-data": ca_data}}
        ],
        "users": [{"name": f"{name}-admin", "user": {"token": token}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": f"{name}-admin", "namespace": "default"}}
        ],
        "current-context": name,
    }
    return json.dumps(content, indent=2) + "\n"
