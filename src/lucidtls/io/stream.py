"""TLS over a stream socket that never blocks: bytes in, bytes out, and what waits in between.

The mechanics under `sockets.TLSSocket`. Three locks keep threads apart: `_reading` and `_writing` are held
for a whole call, waiting included; `_engine` only while the engine works, and never while anything waits.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.errors import ConnectionLost, TimedOut, TLSError, UsageError
from lucidtls.events import ApplicationData, Event, PeerClosed, Question, SessionTicket, SessionTicketReceived
from lucidtls.io.transport import Deadline, wait

SMALL_READ: Final = 2**14 + 2**11
LARGE_READ: Final = 2**18
"""Bytes asked of the system at a time: room for one full record, and for sixteen once a peer fills that."""

DIRECT: Final = 2**14 + 1
"""Buffers from this size on hold any record's content, so records are decrypted straight into them."""

READ_AHEAD: Final = 2**20
"""Bytes of application data kept at most while writing has to wait; a system's own buffers are as large."""

GATHERED: Final = 64
"""Pieces given to one gathering write; systems take at least 16, and Linux 1,024."""

BEGINNING: Final = 256
"""The first bytes from the peer that are kept, to show what spoke when it was not TLS."""

CLOSING_PATIENCE: Final = 0.5
"""Seconds to wait for the system to take our last alert when its buffer is full."""


class TLSStream:
    """One end of a connection: the socket, the engine, and what is on its way between them."""

    def __init__(self, sock: socket.socket, connection: ClientConnection | ServerConnection) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()
        sock.setblocking(False)
        self._connection = connection
        self._engine = threading.Lock()
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._outgoing: deque[memoryview] = deque()
        self._arrived: deque[memoryview] = deque()
        self._arrived_length = 0
        self._fed = False
        self._read_size = SMALL_READ
        self._failure: BaseException | None = None
        self._peer_closed = False
        self._write_closed = False
        self._closed = False
        self._files = 0
        self._tickets: list[SessionTicket] = []
        self.bytes_sent = 0
        self.bytes_received = 0
        self.beginning = b""

    # Data that has come

    def _may_have_data(self) -> bool:
        return bool(self._fed or self._arrived or self._peer_closed or self._failure is not None)

    def _read(self, limit: int) -> bytes | None:
        """Return what is there, b"" at the end; None when more has to be received first."""
        if limit >= DIRECT and not self._arrived:
            direct = bytearray(limit)
            count = self._read_into(memoryview(direct))
            if count is None:
                return None
            return bytes(memoryview(direct)[:count])
        self._take_until_data()
        if not self._arrived:
            return b"" if self._ended() else None
        first = self._arrived[0]
        if first.nbytes <= limit:
            self._arrived.popleft()
        else:
            self._arrived[0] = first[limit:]
        self._arrived_length -= min(limit, first.nbytes)
        return bytes(first[:limit])

    def _read_into(self, target: memoryview) -> int | None:
        """The same into a buffer: how many bytes, 0 at the end, or None."""
        if not self._arrived and target.nbytes >= DIRECT:
            with self._engine:
                count = self._connection.read_into(target)
            if count:
                return count
        self._take_until_data()
        if not self._arrived:
            return 0 if self._ended() else None
        count = 0
        while self._arrived and count < target.nbytes:
            first = self._arrived.popleft()
            part = first[: target.nbytes - count]
            target[count : count + part.nbytes] = part
            count += part.nbytes
            if part.nbytes < first.nbytes:
                self._arrived.appendleft(first[part.nbytes :])
        self._arrived_length -= count
        return count

    def _ended(self) -> bool:
        """Whether the peer has closed in good order; raises what ended the connection otherwise."""
        if self._failure is not None:
            raise self._failure
        return self._peer_closed

    def _take_until_data(self) -> None:
        """Let the engine go on until there is data, the end, a failure, or nothing left to do."""
        while not self._arrived and not self._peer_closed and self._failure is None:
            if not self._take_event():
                return

    # What the engine makes of the peer's bytes

    def _take_events(self) -> None:
        """Let the engine go on as far as it can; raises what ends the connection."""
        while not self._peer_closed and self._take_event():
            pass
        if self._failure is not None:
            raise self._failure

    def _take_event(self) -> bool:
        """Let the engine take one step; False when it needs more bytes. A failure is kept for after the
        data.
        """
        try:
            with self._engine:
                event = self._connection.next_event()
                if isinstance(event, Question):
                    self._refuse_question(event)
        except Exception as error:  # noqa: BLE001 - kept, and raised where the caller reads
            # A PeerError, or what a callback of the application raised: it ends reading and writing alike,
            # and is raised as soon as what came before it has been read.
            self._fail(error)
            return False
        if event is None:
            self._fed = False
            return False
        self._note(event)
        return True

    def _note(self, event: Event) -> None:
        match event:
            case ApplicationData(data=data):
                self._arrived.append(memoryview(data))
                self._arrived_length += len(data)
                return
            case PeerClosed():
                self._peer_closed = True
            case SessionTicketReceived(ticket=ticket):
                self._tickets.append(ticket)
            case _:
                pass
        self._send_answers()

    def _refuse_question(self, question: Question[Any]) -> None:
        name = type(question).__name__
        error = UsageError(
            f"a blocking socket cannot hand out {name}: give the config an answer instead of ASK"
        )
        self._connection.abort(error)
        raise error

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._send_answers()

    def _send_answers(self) -> None:
        """Write what the engine has to say to what came (an alert, a KeyUpdate), as far as that needs no
        waiting.

        A thread that is writing, or the next call that writes, takes along what is left.
        """
        if self._writing.acquire(blocking=False):
            try:
                with suppress(OSError):
                    self._write_now()
            finally:
                self._writing.release()

    # Bytes from the system

    def _receive(self, deadline: Deadline) -> None:
        """Wait for bytes and give them to the engine. The caller holds `_reading`."""
        while not self._receive_now():
            if deadline.seconds == 0.0:
                raise BlockingIOError("nothing has come that could be read")
            wait(self._sock, deadline, read=True)

    def _receive_now(self) -> bool:
        """Give the engine what the system has; False when that is nothing. An end or a reset counts as
        something.
        """
        try:
            data = self._sock.recv(self._read_size)
        except BlockingIOError:
            return False
        except OSError as error:
            self._require_open()
            self._fail(_lost("reading", error))
            return True
        if len(data) == self._read_size:
            self._read_size = LARGE_READ
        if not self.bytes_received:
            self.beginning = data[:BEGINNING]
        self.bytes_received += len(data)
        with self._engine:
            self._connection.receive_data(data)
        self._fed = True
        return True

    def _read_ahead(self) -> None:
        """Take in what has come, up to the limit. The caller holds `_reading`."""
        while (
            self._failure is None
            and not self._peer_closed
            and self._arrived_length < READ_AHEAD
            and (self._take_event() or self._receive_now())
        ):
            pass

    # Bytes to the system

    def _seal(self, data: memoryview) -> None:
        self._require_open()
        with self._engine:
            if self._failure is not None:
                raise self._failure
            self._connection.send_data(data)

    def _write_out(self, deadline: Deadline) -> None:
        """Write all that is sealed, waiting as long as it takes. The caller holds `_writing`."""
        while not self._write_now():
            if deadline.seconds == 0.0:
                raise BlockingIOError("the system's buffer is full")
            self._wait_to_write(deadline)

    def _write_now(self) -> bool:
        """Write as much as the system takes at once; whether that was all. The caller holds `_writing`."""
        while True:
            with self._engine:
                self._outgoing.extend(map(memoryview, self._connection.chunks_to_send()))
            if not self._outgoing:
                return True
            try:
                self._drop_written(self._write_some())
            except BlockingIOError:
                return False
            except OSError as error:
                self._require_open()
                self._lose(error)

    def _write_some(self) -> int:
        if len(self._outgoing) == 1 or not hasattr(self._sock, "sendmsg"):
            return self._sock.send(self._outgoing[0])
        return self._sock.sendmsg(islice(self._outgoing, GATHERED))

    def _drop_written(self, count: int) -> None:
        self.bytes_sent += count
        while count:
            first = self._outgoing[0]
            if count < first.nbytes:
                self._outgoing[0] = first[count:]
                return
            count -= first.nbytes
            self._outgoing.popleft()

    def _wait_to_write(self, deadline: Deadline) -> None:
        """Wait until the system takes more; read ahead meanwhile, unless another thread is reading."""
        may_read = not self._peer_closed and self._arrived_length < READ_AHEAD
        if not may_read or not self._reading.acquire(blocking=False):
            wait(self._sock, deadline, write=True)
            return
        try:
            wait(self._sock, deadline, read=True, write=True)
            self._read_ahead()
        finally:
            self._reading.release()
        if self._failure is not None:
            raise self._failure

    def _lose(self, error: OSError) -> None:
        """A write failed: raise what the peer said before, an alert say, or else that the connection is
        lost.
        """
        self._outgoing.clear()
        if self._reading.acquire(blocking=False):
            try:
                self._read_ahead()
            finally:
                self._reading.release()
        if self._failure is None or isinstance(self._failure, ConnectionLost):
            self._failure = _lost("writing", error)
        raise self._failure from error

    # Ending

    def _say_goodbye(self) -> None:
        """Send close_notify, or the alert that a failure left; what cannot be sent any more is not an
        error.
        """
        if not self._writing.acquire(timeout=CLOSING_PATIENCE):
            return
        try:
            with self._engine:
                self._connection.close()
            with suppress(OSError, TLSError):
                self._write_out(Deadline(CLOSING_PATIENCE))
        finally:
            self._writing.release()

    def _discard_input(self, deadline: Deadline) -> None:
        """Read and forget until the peer closes, or time is up."""
        with suppress(TimedOut):
            while True:
                try:
                    if not self._sock.recv(LARGE_READ):
                        return
                except BlockingIOError:
                    wait(self._sock, deadline, read=True)

    def _require_open(self) -> None:
        if self._sock.fileno() < 0:
            raise UsageError("the socket has been closed")


def _lost(doing: str, error: OSError) -> ConnectionLost:
    lost = ConnectionLost(f"the connection broke while {doing}: {error.strerror or error}")
    lost.errno, lost.__cause__ = error.errno, error
    return lost
