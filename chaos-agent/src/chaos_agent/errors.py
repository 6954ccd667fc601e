"""What can go wrong in the chaos agent.

ChaosError
├── LabelError      a workload's labels cannot be read: reported as an Event on it, and it is left alone
└── ClusterError    the Kubernetes API refused or did not answer: tried again at the next look
"""

from __future__ import annotations


class ChaosError(Exception):
    """An expected failure, told in one line."""


class LabelError(ChaosError):
    """A label's value is not one that kube-monkey defines; the message names the label."""


class ClusterError(ChaosError):
    """An API call failed; the message names the call."""
