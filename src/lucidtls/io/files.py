"""`TLSSocket.makefile`: the connection as a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Protocol


class Stream(Protocol):
    """The part of a socket that a file is made of."""

    def recv_into(self, buffer: Any, nbytes: int = 0) -> int:
        """Read into a buffer; 0 at the end."""
        ...

    def send(self, data: Any) -> int:
        """Write some of the data; how many bytes."""
        ...

    def fileno(self) -> int:
        """The descriptor."""
        ...


class SocketFile(io.RawIOBase):
    """The raw layer of such a file. `released` is called once, when the file is closed.

    A non-blocking socket that has nothing gives None, as raw files do.
    """

    def __init__(self, stream: Stream, mode: str, released: Callable[[], None]) -> None:
        super().__init__()
        self._stream = stream
        self._mode = mode
        self._released = released

    @property
    def mode(self) -> str:
        """The mode it was opened in, binary."""
        return "".join(letter for letter in "rw" if letter in self._mode) + "b"

    def readable(self) -> bool:
        """Whether it was opened for reading."""
        return "r" in self._mode and not self.closed

    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return "w" in self._mode and not self.closed

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._stream.fileno()

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is; 0 at the end."""
        self._require(self.readable(), "reading")
        try:
            return self._stream.recv_into(buffer)
        except BlockingIOError:
            return None

    def write(self, data: Any) -> int | None:
        """Write some of the data."""
        self._require(self.writable(), "writing")
        try:
            return self._stream.send(data)
        except BlockingIOError:
            return None

    def _require(self, possible: bool, what: str) -> None:
        if self.closed:
            raise ValueError("the file is closed")
        if not possible:
            raise io.UnsupportedOperation(f"the file is not open for {what}")

    def close(self) -> None:
        """Close the file, and the socket if it was only kept open for files."""
        if not self.closed:
            super().close()
            self._released()


def open_file(
    raw: SocketFile, mode: str, buffering: int, encoding: str | None, errors: str | None, newline: str | None
) -> Any:
    """Put Python's own layers on top, as `open` does: buffering, then text unless the mode has a "b"."""
    if buffering == 0:
        if "b" not in mode:
            raise ValueError("a text file cannot be unbuffered")
        return raw
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    reading, writing = raw.readable(), raw.writable()
    buffered: Any
    if reading and writing:
        buffered = io.BufferedRWPair(raw, raw, size)
    else:
        buffered = io.BufferedReader(raw, size) if reading else io.BufferedWriter(raw, size)
    if "b" in mode:
        return buffered
    return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)
