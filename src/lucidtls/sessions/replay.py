"""A replay guard in memory: for servers that are one process (RFC 9846 §8.2)."""

from __future__ import annotations

from typing import Final

MAX_ENTRIES: Final = 100_000
"""Entries remembered at once; when full, early data is refused until some have run out."""


class MemoryReplayGuard:
    """Remembers each key until its lifetime is over, and all of them as long as the process lives.

    A clock that is set back to when a forgotten key was still in force makes everything doubtful: nothing is
    taken for new until it has passed that moment again.
    """

    def __init__(self, capacity: int = MAX_ENTRIES) -> None:
        self._capacity = capacity
        self._entries: dict[bytes, tuple[float]] = {}
        self._next_sweep = 0.0
        self._next_sweep_when_full = 0.0
        self._forgotten = 0.0

    def first_use(self, key: bytes, lifetime: float, now: float) -> bool:
        """Note the key; whether it was not there before."""
        full = len(self._entries) >= self._capacity
        if now >= self._next_sweep or (full and now >= self._next_sweep_when_full):
            self._sweep(now)
            self._next_sweep = now + lifetime
            # A flood must not make every call go through all entries.
            self._next_sweep_when_full = now + lifetime / 8
        if len(self._entries) >= self._capacity or now <= self._forgotten:
            return False
        # One atomic step, so that of two with the same key only one gets its own object back. A tuple made
        # here is an object of its own; equal numbers need not be.
        entry = (now + lifetime,)
        return self._entries.setdefault(key, entry) is entry

    def _sweep(self, now: float) -> None:
        for key, (until,) in list(self._entries.items()):
            if until < now:
                self._forgotten = max(self._forgotten, until)
                self._entries.pop(key, None)
