"""A replay guard in memory: for servers that are one process (RFC 9846 §8.2)."""

from __future__ import annotations

from typing import Final

MAX_ENTRIES: Final = 100_000
"""Entries remembered at once; when full, early data is refused until some have run out."""


class MemoryReplayGuard:
    """Remembers each key until its lifetime is over, and all of them as long as the process lives."""

    def __init__(self, capacity: int = MAX_ENTRIES) -> None:
        self._capacity = capacity
        self._entries: dict[bytes, float] = {}
        self._next_sweep = 0.0

    def first_use(self, key: bytes, lifetime: float, now: float) -> bool:
        """Note the key; whether it was not there before."""
        if now >= self._next_sweep or len(self._entries) >= self._capacity:
            self._sweep(now)
            self._next_sweep = now + lifetime
        if len(self._entries) >= self._capacity:
            return False
        until = now + lifetime
        # One atomic step, so that of two threads with the same key only one gets its own object back.
        return self._entries.setdefault(key, until) is until

    def _sweep(self, now: float) -> None:
        for key, until in list(self._entries.items()):
            if until < now:
                self._entries.pop(key, None)
