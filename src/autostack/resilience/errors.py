"""What can go wrong in a proof.

AutostackError
├── ProofError            the proof could not be carried out: exit code 1
│   └── NotSteadyError    the system was not healthy before the attack, so an attack would prove nothing
└── UnavailableError      no cluster, or the system does not answer through its ingress: exit code 3
"""

from __future__ import annotations

from autostack.errors import AutostackError


class ProofError(AutostackError):
    """The proof broke off; nothing is said about the system."""


class NotSteadyError(ProofError):
    """The baseline is not a steady state."""
