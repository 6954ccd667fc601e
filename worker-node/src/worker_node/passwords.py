"""SCRAM-SHA-256 verifiers (RFC 5803): a role's password is set without ever being sent, so no server log can
hold it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

ITERATIONS = 4096  # PostgreSQL's own default


def scram_verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """What PostgreSQL stores for a password; ASCII only, since other text would need SASLprep."""
    if not password.isascii() or not password.isprintable():
        raise ValueError("a password must consist of printable ASCII characters")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"
