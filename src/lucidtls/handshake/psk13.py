"""Pre-shared keys in TLS 1.3: what a hello offers, and the binders that prove possession (RFC 9846 §4.3.11).

A ticket's PSK and one that was given beforehand differ in a label and in where the identity is from; the rest
of the handshake treats both alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lucidtls.crypto.hashes import SHA256, SHA384, HashAlgorithm
from lucidtls.events import PreSharedKey
from lucidtls.handshake.schedule13 import binder, early_secret

PSK_KE: Final = 0
PSK_DHE_KE: Final = 1

HASHES: Final = {"SHA256": SHA256, "SHA384": SHA384}

RESUMPTION: Final = "res binder"
EXTERNAL: Final = "ext binder"
IMPORTED: Final = "imp binder"


@dataclass(slots=True)
class OfferedPsk:
    """A PSK in a hello: `label` says where it is from; `obfuscated_age` is 0 unless it is a ticket's.

    `name` is the identity that was given beforehand, which an imported one only contains; empty for a ticket.
    """

    identity: bytes
    hash: HashAlgorithm
    label: str
    early: bytes = field(repr=False)
    obfuscated_age: int = 0
    name: bytes = b""

    def binder(self, truncated_hash: bytes) -> bytes:
        """The proof that goes with the identity."""
        return binder(self.hash, self.early, self.label, truncated_hash)


def ticket_offer(identity: bytes, key: bytes, algorithm: HashAlgorithm, age: int = 0) -> OfferedPsk:
    """The PSK of a ticket."""
    return OfferedPsk(identity, algorithm, RESUMPTION, early_secret(algorithm, key), age)


def external_offer(psk: PreSharedKey) -> OfferedPsk:
    """A PSK that was given beforehand, used as it is."""
    algorithm = HASHES[psk.hash]
    return OfferedPsk(psk.identity, algorithm, EXTERNAL, early_secret(algorithm, psk.key), name=psk.identity)
