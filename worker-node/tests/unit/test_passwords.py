"""The verifier is what SCRAM-SHA-256 says it is, by the RFC's own example; other text would need SASLprep."""

import base64
import hashlib
import hmac

import pytest
from worker_node.passwords import scram_verifier

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
EXCHANGE = (
    f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={NONCE}".encode()
)


def test_the_keys_reproduce_the_exchange_of_rfc_7677() -> None:
    scheme, parameters, keys = scram_verifier("pencil", SALT).split("$")
    stored_key, server_key = (base64.b64decode(key) for key in keys.split(":"))
    assert scheme == "SCRAM-SHA-256"
    assert parameters == "4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(stored_key, EXCHANGE, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key
    verifier = base64.b64encode(hmac.digest(server_key, EXCHANGE, "sha256")).decode()
    assert verifier == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize("password", ["pässword", "a\nb", "\0"])
def test_other_than_printable_ascii_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        scram_verifier(password, b"salt")
