"""What configs say about sessions; `ClientConfig` and `ServerConfig` inherit these fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from lucidtls.crypto.randomness import Random, system_random
from lucidtls.errors import ConfigurationError
from lucidtls.sessions.protocols import ReplayGuard, SessionCache, SessionStore, TicketSealer
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.sessions.ticket_keys import TicketKeys
from lucidtls.trust.credentials import Ask

PskMode = Literal["psk_dhe_ke", "psk_ke"]

PSK_MODES: Final = {"psk_ke": 0, "psk_dhe_ke": 1}
"""PskKeyExchangeMode (RFC 9846 §4.3.9)."""

MAX_TICKETS_SENT: Final = 16
"""Tickets that a server gives one connection at most, whoever asks for more (RFC 9149 §3)."""

MAX_EARLY_DATA: Final = 2**24
"""Bytes of early data that a config may allow: they come before the client has shown that it is there."""


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """What both sides can say.

    - `psk_modes`: "psk_dhe_ke" makes fresh keys beside the pre-shared one; "psk_ke" does not, and whoever
      learns the pre-shared key later can read what was recorded (RFC 9846 §4.3.9).
    - `verify_on_resumption`: judge the peer's chain again on each resumption. A client whose verifier is its
      own does so anyway.
    - `session_scope_name`: put into the scope of sessions, to keep apart what this config's other settings
      do not.
    """

    psk_modes: Sequence[PskMode] = ("psk_dhe_ke",)
    verify_on_resumption: bool = False
    session_scope_name: str = ""

    def check_session_options(self) -> None:
        """Raise ConfigurationError for what cannot be."""
        if not 0 < len(set(self.psk_modes) & set(PSK_MODES)) == len(self.psk_modes):
            raise ConfigurationError('psk_modes are "psk_dhe_ke" and "psk_ke", one or both')

    @cached_property
    def psk_mode_codes(self) -> tuple[int, ...]:
        """The modes as they go on the wire."""
        return tuple(PSK_MODES[mode] for mode in self.psk_modes)


@dataclass(frozen=True, kw_only=True)
class ClientSessionOptions(SessionOptions):
    """What a client can say.

    - `sessions`: where sessions are kept for later connections; None, the default, remembers nothing: an
      observer, and the server, can tie connections together that resume one another.
    - `early_data`: offer to send data in the first flight when a session allows it (0-RTT). Such data can be
      replayed by an attacker, and has less secrecy (RFC 9846 §8).
    - `resend_early_data`: send it again, as ordinary data, when the server did not take it.
    - `ticket_requests`: how many tickets to ask for, after a full handshake and after a resumption (RFC
      9149).
    """

    sessions: SessionStore | None = field(default=None, repr=False)
    early_data: bool = False
    resend_early_data: bool = False
    ticket_requests: tuple[int, int] | None = None

    def check_session_options(self) -> None:
        """Raise ConfigurationError for what cannot be."""
        super().check_session_options()
        asked = [*self.ticket_requests] if self.ticket_requests is not None else [0, 0]
        if len(asked) != 2 or not all(0 <= count < 256 for count in asked):
            raise ConfigurationError("ticket_requests are two numbers from 0 to 255 (RFC 9149 §3)")
        if self.resend_early_data and not self.early_data:
            raise ConfigurationError("resend_early_data has no meaning without early_data")


@dataclass(frozen=True, kw_only=True)
class ServerSessionOptions(SessionOptions):
    """What a server can say.

    - `tickets`: how many to give after a full handshake of TLS 1.3; one after a resumption. 0 turns sessions
      off in all versions.
    - `ticket_lifetime`: seconds, up to 7 days.
    - `ticket_keys`: what seals tickets; by default keys in memory that rotate, so that a restart ends all
      sessions. `ASK` hands `TicketWanted` and `SessionWanted` out.
    - `session_cache`: keep the states here instead; tickets are then names for them, and clients without
      tickets can resume by session id (TLS 1.2 and before).
    - `max_early_data`: bytes of 0-RTT data that a ticket allows, 0 for none. `replay_guard`: what remembers
      it, by default in memory: that serves one process, and no fleet. `ASK` hands `FreshnessWanted` out.
    - `early_data_window`: seconds by which a client's idea of a ticket's age may differ (RFC 9846 §8.3).
    """

    tickets: int = 2
    ticket_lifetime: int = 7200
    ticket_keys: TicketSealer | Ask | None = field(default=None, repr=False)
    session_cache: SessionCache | Ask | None = field(default=None, repr=False)
    max_early_data: int = 0
    early_data_window: float = 10.0
    replay_guard: ReplayGuard | Ask | None = field(default=None, repr=False)
    random: Random = field(default=system_random, repr=False)

    def check_session_options(self) -> None:
        """Raise ConfigurationError for what cannot be."""
        super().check_session_options()
        if not 0 <= self.tickets <= MAX_TICKETS_SENT:
            raise ConfigurationError(f"tickets are 0 to {MAX_TICKETS_SENT}")
        if not 0 < self.ticket_lifetime <= MAX_SESSION_AGE:
            raise ConfigurationError(f"ticket_lifetime is 1 to {MAX_SESSION_AGE} seconds (RFC 9846 §4.7.1)")
        if not 0 <= self.max_early_data <= MAX_EARLY_DATA:
            raise ConfigurationError(f"max_early_data is 0 to {MAX_EARLY_DATA} bytes")
        if not 0 < self.early_data_window <= 600:
            raise ConfigurationError("early_data_window is a number of seconds, up to 600")
        if self.max_early_data and not self.tickets:
            raise ConfigurationError("max_early_data needs tickets: early data goes with a session")

    @cached_property
    def ticket_sealer(self) -> TicketSealer | Ask:
        """What seals tickets."""
        if self.ticket_keys is not None:
            return self.ticket_keys
        return TicketKeys(random=self.random, lifetime=self.ticket_lifetime)

    @cached_property
    def early_data_guard(self) -> ReplayGuard | Ask:
        """What refuses early data that was there before."""
        return self.replay_guard if self.replay_guard is not None else MemoryReplayGuard()
