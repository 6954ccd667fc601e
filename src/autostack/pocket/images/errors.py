"""Why an image can't be used.

PocketError
└── ImageError          `reason` is what the container waits with, in Kubernetes' words
    ├── InvalidReferenceError    InvalidImageName: the text is not an image reference
    ├── NeverPulledError         ErrImageNeverPull: imagePullPolicy Never, and it is not here
    └── PullError          ErrImagePull: unknown, damaged, or not for this machine
"""

from __future__ import annotations

from autostack.pocket.errors import PocketError


class ImageError(PocketError):
    """The image can't be used; the message says which and why."""

    reason = "ErrImagePull"


class InvalidReferenceError(ImageError):
    """The text is not an image reference."""

    reason = "InvalidImageName"


class NeverPulledError(ImageError):
    """The policy forbids looking for it, and it has not been used here before."""

    reason = "ErrImageNeverPull"


class PullError(ImageError):
    """There is no such image here, it is damaged, or it is for another machine."""
