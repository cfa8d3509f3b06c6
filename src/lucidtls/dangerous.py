"""Every unsafe choice, spelled out, so that it can be seen in a review and searched for.

Nothing here is used unless a program names it, and each name is a choice for one config, never for a process.
"""

from __future__ import annotations

from typing import Final

from lucidtls.events import ACCEPTED, Accepted
from lucidtls.policies import LEGACY_2026
from lucidtls.trust.verify import VerificationRequest

__all__ = ["LEGACY_2026", "NoVerification"]


class NoVerification:
    """A verifier that accepts whatever comes: nobody knows who the peer is.

    The connection is private to the two ends and safe from changes on the way, and an attacker in the middle
    can be one of the ends. For looking at broken servers, and for nothing that matters.
    `Negotiated.verified` stays None.
    """

    accepts_anybody: Final = True

    def verify(self, request: VerificationRequest) -> Accepted:
        """Accept without looking."""
        return ACCEPTED

    def __repr__(self) -> str:
        return "NoVerification() # the peer may be anybody"
