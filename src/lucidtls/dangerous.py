"""Every unsafe choice, spelled out. Importing a name from here is how a program says that it knows.

Each choice belongs to one config; nothing here changes anything for the process as a whole.
"""

from __future__ import annotations

from lucidtls.events import ACCEPTED, Accepted
from lucidtls.trust.verify import VerificationRequest


class NoVerification:
    """A verifier that accepts any chain for any name.

    The connection is then encrypted to whoever answers: an attacker on the way can read and change
    everything. Good for looking at a server whose certificate is broken, and for nothing else.
    """

    def verify(self, request: VerificationRequest) -> Accepted:
        """Accept."""
        return ACCEPTED

    def __repr__(self) -> str:
        return "NoVerification()"
