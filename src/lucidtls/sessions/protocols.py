"""What keeps sessions: the small protocols that stores implement, in memory, in a file or for a fleet.

Times are seconds since the epoch, from the config's clock, and are given with every call: a store has no
clock of its own. Implementations are called from any thread that has a connection. They do not raise for what
goes wrong with their storage: what they cannot find or keep is as if it had never been there, and the
handshake goes on without it. Whatever they do raise ends the connection, as with every other callback.
"""

from __future__ import annotations

from typing import Protocol

from lucidtls.sessions.session import Session


class SessionStore(Protocol):
    """Where a client keeps its sessions. `key` stands for a server name under one config's scope."""

    def put(self, key: str, session: Session) -> None:
        """Keep a session."""
        ...

    def take(self, key: str, now: float) -> Session | None:
        """The newest session that has not expired; it leaves the store if it serves once (TLS 1.3)."""
        ...

    def discard(self, key: str, session: Session) -> None:
        """Forget a session: its connection failed (RFC 9846 §6, RFC 5246 §7.2.2)."""
        ...


class TicketSealer(Protocol):
    """What turns a server's session state into a ticket that only this server, or its fleet, can open."""

    def seal(self, state: bytes, now: float) -> bytes | None:
        """Encrypt and authenticate; None when no key is at hand."""
        ...

    def open(self, ticket: bytes, now: float) -> bytes | None:
        """The state in a ticket; None for one that is not ours, was altered, or whose key is retired."""
        ...


class SessionCache(Protocol):
    """Where a server keeps its session states itself; the client is given a random key."""

    def put(self, key: bytes, state: bytes, lifetime: int, now: float) -> bool:
        """Keep a state for `lifetime` seconds; whether it is kept."""
        ...

    def get(self, key: bytes, now: float) -> bytes | None:
        """The state, which stays: before TLS 1.3 a session is resumed any number of times."""
        ...

    def take(self, key: bytes, now: float) -> bytes | None:
        """The state, which is gone afterwards for everybody: in TLS 1.3 a ticket serves once."""
        ...

    def discard(self, key: bytes) -> None:
        """Forget a state: its connection failed."""
        ...


class ReplayGuard(Protocol):
    """What remembers early data, so that a copy of it is refused (RFC 9846 §8)."""

    def first_use(self, key: bytes, lifetime: float, now: float) -> bool:
        """Note `key` for `lifetime` seconds; whether it is certain that it was not there before.

        Atomic for all who share the guard. False when in doubt: then the early data is refused, and nothing
        else is lost.
        """
        ...
