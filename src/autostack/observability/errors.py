"""What this package refuses.

ObservabilityError
└── UnsupportedError    a monitor or rule asks for something that is not translated; the text names the field
"""

from __future__ import annotations

from autostack.errors import AutostackError


class ObservabilityError(AutostackError):
    """Observability could not do what was asked."""


class UnsupportedError(ObservabilityError):
    """An object has a field, or a value of one, that would have to be ignored."""
