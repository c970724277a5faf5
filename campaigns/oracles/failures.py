"""Why an attempt came to nothing: for good, or in a way that may pass."""

from __future__ import annotations

from materials.errors import GalenaError


class AttemptFailed(GalenaError):
    """One oracle call came to nothing, and would again; the message says why."""


class MayPass(AttemptFailed):
    """It came to nothing this time; another attempt may do better."""
