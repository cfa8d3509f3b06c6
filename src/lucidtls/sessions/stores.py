"""Stores in memory: a client's sessions, and a server's cache.

Threads may share them. Each step that must not happen twice is one operation of a list or a dict, which
the interpreter does as a whole; where two threads meet otherwise, a session may be lost, and is never given
out twice.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from lucidtls.errors import ConfigurationError
from lucidtls.sessions.session import Session

MAX_NAMES: Final = 1000
"""Servers whose sessions are kept; the one that was not used for the longest time goes first."""

SESSIONS_PER_NAME: Final = 8
"""Sessions kept per server: each serves one connection, and servers give two or four at a time."""

MAX_STATES: Final = 20_000
"""States in a server's cache; the oldest goes first."""


class MemorySessionStore:
    """A client's sessions, as long as the process lives (`lucidtls.sessions.protocols.SessionStore`)."""

    def __init__(self, *, names: int = MAX_NAMES, per_name: int = SESSIONS_PER_NAME) -> None:
        if names < 1 or per_name < 1:
            raise ConfigurationError("a store keeps at least one session of one server")
        self._names = names
        self._per_name = per_name
        self._kept: dict[str, list[Session]] = {}

    def put(self, key: str, session: Session) -> None:
        """Keep a session; the oldest of the same server, or of another, makes room."""
        kept = self._touch(key)
        kept.append(session)
        while len(kept) > self._per_name:
            with suppress(IndexError):
                kept.pop(0)
        while len(self._kept) > self._names:
            _drop_oldest(self._kept)

    def take(self, key: str, now: float) -> Session | None:
        """The newest session that has not expired; it leaves the store if it serves once (TLS 1.3)."""
        if key not in self._kept:
            return None
        kept = self._touch(key)
        while kept:
            try:
                session = kept.pop()
            except IndexError:
                break
            if session.usable_at(now):
                if not session.single_use:
                    kept.append(session)
                return session
        self._kept.pop(key, None)
        return None

    def discard(self, key: str, session: Session) -> None:
        """Forget a session, if it is here."""
        with suppress(ValueError):
            self._kept.get(key, []).remove(session)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def __len__(self) -> int:
        return sum(len(kept) for kept in list(self._kept.values()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} sessions with {len(self._kept)} servers>"

    def _touch(self, key: str) -> list[Session]:
        """The list of one server, which is now the one that was used last."""
        kept = self._kept.pop(key, [])
        return self._kept.setdefault(key, kept)


class MemorySessionCache:
    """A server's session states, for one process (`lucidtls.sessions.protocols.SessionCache`)."""

    def __init__(self, *, capacity: int = MAX_STATES) -> None:
        if capacity < 1:
            raise ConfigurationError("a cache keeps at least one state")
        self._capacity = capacity
        self._kept: dict[bytes, tuple[bytes, float]] = {}

    def put(self, key: bytes, state: bytes, lifetime: int, now: float) -> bool:
        """Keep a state for `lifetime` seconds."""
        self._kept[key] = state, now + lifetime
        while len(self._kept) > self._capacity:
            _drop_oldest(self._kept)
        return True

    def get(self, key: bytes, now: float) -> bytes | None:
        """The state, which stays."""
        return _unexpired(self._kept.get(key), now)

    def take(self, key: bytes, now: float) -> bytes | None:
        """The state, which nobody gets again."""
        return _unexpired(self._kept.pop(key, None), now)

    def discard(self, key: bytes) -> None:
        """Forget a state, if it is here."""
        self._kept.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} states>"


def _drop_oldest(kept: dict[Any, Any]) -> None:
    # Another thread may change the dict between these steps; the caller looks again.
    with suppress(RuntimeError, StopIteration):
        kept.pop(next(iter(kept)), None)


def _unexpired(entry: tuple[bytes, float] | None, now: float) -> bytes | None:
    return entry[0] if entry is not None and now < entry[1] else None
