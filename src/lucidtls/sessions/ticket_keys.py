"""Tickets that carry the server's state, sealed with keys that rotate (RFC 9846 §4.7.1, after RFC 5077 §4).

    ticket = key name (16) | nonce (12) | AES-256-GCM(state) with its tag (16)

The name is authenticated with the state. A key seals for one rotation period, and opens as long after that as
a ticket may live; then it is dropped, and with it, for good, what it protected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lucidtls.crypto.aead import AES_256_GCM, AEADKey, InvalidTag
from lucidtls.crypto.randomness import Random, system_random
from lucidtls.errors import ConfigurationError
from lucidtls.sessions.session import MAX_SESSION_AGE

NAME_LENGTH: Final = 16
KEY_LENGTH: Final = 32
NONCE_LENGTH: Final = 12
TAG_LENGTH: Final = 16

ROTATION: Final = 7200
"""Seconds for which a key seals: what forward secrecy is worth after a theft, against tickets lost."""

MAX_SEALED: Final = 2**30
"""Tickets per key: nonces are random, and 2^32 is where AES-GCM ends (SP 800-38D §8.3)."""


MAX_RING: Final = 256
"""Keys kept: more than rotation by the hour makes in the 7 days that a ticket may live."""


@dataclass(frozen=True, slots=True)
class TicketKey:
    """A key; its times are seconds since the epoch: it seals from `start` to `retire`, opens to `end`."""

    name: bytes
    secret: bytes = field(repr=False)
    start: float
    retire: float
    end: float
    aead: AEADKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.name) != NAME_LENGTH or len(self.secret) != KEY_LENGTH:
            raise ConfigurationError(f"a ticket key has a name of {NAME_LENGTH} bytes and {KEY_LENGTH} more")
        object.__setattr__(self, "aead", AES_256_GCM.new(self.secret))


class TicketKeys:
    """Keys in memory, made when they are needed: the current one and those before it that still open.

    Threads may share it. Two that rotate at the same moment may each make a key, and the tickets of one are
    then worth nothing: a full handshake is what that costs.
    """

    def __init__(
        self, *, rotation: int = ROTATION, lifetime: int = MAX_SESSION_AGE, random: Random = system_random
    ) -> None:
        if rotation <= 0 or not 0 < lifetime <= MAX_SESSION_AGE:
            raise ConfigurationError("rotation and lifetime are seconds, and lifetime no more than 7 days")
        self._rotation = rotation
        self._lifetime = lifetime
        self._random = random
        self._ring: tuple[TicketKey, ...] = ()
        self._sealed = 0

    def seal(self, state: bytes, now: float) -> bytes | None:
        """Encrypt and authenticate with the current key, after making a new one if its time has come."""
        ring = self.ring(now)
        self._sealed += 1
        return seal_with(ring[0], state, self._random)

    def open(self, ticket: bytes, now: float) -> bytes | None:
        """The state in a ticket; None for one that is not ours, was altered, or whose key is retired."""
        return open_with(self.ring(now), ticket, now)

    def ring(self, now: float) -> tuple[TicketKey, ...]:
        """The keys at this moment, the current one first."""
        ring = self._ring
        if not ring or not ring[0].start <= now < ring[0].retire or self._sealed >= MAX_SEALED:
            # A key from a moment that is long not yet, made by a clock that ran ahead, would stay too long.
            kept = [key for key in ring if now < key.end and key.start <= now + self._rotation]
            ring = self._ring = (self._new_key(now), *kept[: MAX_RING - 1])
            self._sealed = 0
        return ring

    def _new_key(self, now: float) -> TicketKey:
        retire = now + self._rotation
        return TicketKey(
            self._random(NAME_LENGTH), self._random(KEY_LENGTH), now, retire, retire + self._lifetime
        )


def seal_with(key: TicketKey, state: bytes, random: Random) -> bytes:
    """A ticket with this state under this key."""
    nonce = random(NONCE_LENGTH)
    return key.name + nonce + key.aead.encrypt(nonce, state, key.name)


def open_with(ring: tuple[TicketKey, ...], ticket: bytes, now: float) -> bytes | None:
    """The state in a ticket sealed with one of these keys, or None."""
    name = ticket[:NAME_LENGTH]
    nonce = ticket[NAME_LENGTH : NAME_LENGTH + NONCE_LENGTH]
    if len(ticket) < NAME_LENGTH + NONCE_LENGTH + TAG_LENGTH:
        return None
    for key in ring:
        if key.name == name and now < key.end:
            try:
                return key.aead.decrypt(nonce, ticket[NAME_LENGTH + NONCE_LENGTH :], name)
            except InvalidTag:
                return None
    return None
