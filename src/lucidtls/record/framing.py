"""Bytes from the transport, waiting to be cut into records without being copied."""

from __future__ import annotations

from collections import deque
from typing import Final

SMALL_PIECE: Final = 1024
"""Pieces under this size are joined as they come: each would cost hundreds of bytes by itself."""

_EMPTY = memoryview(b"")


class RecordBuffer:
    """Pieces as the transport gave them; `data` is the one being read, from offset `at` on.

    Only a record that lies across two pieces is joined; all others are read where they arrived.
    """

    __slots__ = ("_pieces", "_waiting", "at", "data")

    def __init__(self) -> None:
        self.data = _EMPTY
        self.at = 0
        self._pieces: deque[memoryview | bytearray] = deque()
        self._waiting = 0

    def __len__(self) -> int:
        return len(self.data) - self.at + self._waiting

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add a piece. What the caller may change later is copied; `bytes` are not."""
        if self.at == len(self.data) and not self._pieces:
            self.data = memoryview(bytes(data))
            self.at = 0
            return
        self._waiting += len(data)
        if len(data) >= SMALL_PIECE:
            self._pieces.append(memoryview(bytes(data)))
        elif self._pieces and isinstance(self._pieces[-1], bytearray):
            self._pieces[-1] += data
        else:
            self._pieces.append(bytearray(data))

    def gather(self, wanted: int) -> bool:
        """Have the next `wanted` bytes in `data`; False when there are too few."""
        have = len(self.data) - self.at
        if have >= wanted:
            return True
        if have + self._waiting < wanted:
            if not have:
                # An idle connection must not keep the last piece, all read, in memory.
                self.data = _EMPTY
                self.at = 0
            return False
        if not have and len(self._pieces[0]) >= wanted:
            self.data = self._next()
            self.at = 0
            return True
        parts = [self.data[self.at :]]
        while have < wanted:
            piece, missing = self._next(), wanted - have
            if len(piece) > missing:
                self._put_back(piece[missing:])
                piece = piece[:missing]
            parts.append(piece)
            have += len(piece)
        self.data = memoryview(b"".join(parts))
        self.at = 0
        return True

    def _next(self) -> memoryview:
        piece = memoryview(self._pieces.popleft())
        self._waiting -= len(piece)
        return piece

    def _put_back(self, piece: memoryview) -> None:
        self._pieces.appendleft(piece)
        self._waiting += len(piece)

    def clear(self) -> None:
        """Forget everything."""
        self.data = _EMPTY
        self.at = 0
        self._pieces.clear()
        self._waiting = 0
