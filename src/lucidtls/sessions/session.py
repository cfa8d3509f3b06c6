"""A session as its client keeps it: all that a later connection needs to go on where this one began."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_SESSION_AGE: Final = 604_800
"""Seconds after the full handshake at which every session ends: "Clients MUST NOT use tickets for longer than
7 days after issuance" (RFC 9846 §4.7.1), and renewing them must not stretch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a client remembers of a connection to resume it.

    `ticket` is what the server gave; in TLS 1.2 and before it may be empty, and `session_id` then says which
    session is meant. `secret` is the ticket's PSK in TLS 1.3 (RFC 9846 §4.7.1), the main secret before (48
    bytes). `lifetime` is in seconds; `received_at` and `authenticated_at` come from the config's clock, as
    seconds since the epoch: when the ticket came, and when a full handshake last showed who the server is.

    `scope` is the config's (`session_scope`), and `peer_chain` what the server showed then (DER, leaf first).
    `not_after` is when the certificate ends that was verified, or None.
    """

    version: str
    cipher_suite: str
    secret: bytes = field(repr=False)
    ticket: bytes = field(repr=False)
    lifetime: int
    received_at: float
    authenticated_at: float
    server_name: str | None
    scope: str = ""
    session_id: bytes = b""
    age_add: int = field(default=0, repr=False)
    max_early_data: int = 0
    alpn: str | None = None
    extended_master_secret: bool = True
    peer_chain: tuple[bytes, ...] = field(default=(), repr=False)
    not_after: float | None = None

    @property
    def single_use(self) -> bool:
        """Whether it serves one connection only: "Clients SHOULD NOT reuse a ticket" (RFC 9846 §C.4)."""
        return self.version == "TLS 1.3"

    @property
    def expires_at(self) -> float:
        """The end of the ticket, of the certificate, or of 7 days: whichever is first."""
        end = min(self.received_at + self.lifetime, self.authenticated_at + MAX_SESSION_AGE)
        return end if self.not_after is None else min(end, self.not_after)

    def usable_at(self, now: float) -> bool:
        """Whether it may be offered at this moment; not before it was received, should a clock go back."""
        return self.received_at <= now < self.expires_at
