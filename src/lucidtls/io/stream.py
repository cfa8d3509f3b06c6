"""TLS over a stream socket that never blocks: bytes in, bytes out, and what waits in between.

The mechanics under `sockets.TLSSocket`. Three locks keep threads apart: `_reading` and `_writing` are held
for a whole call, waiting included; `_engine` only while the engine works, and never while anything waits.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.errors import ConnectionLost, TimedOut, TLSError, TruncatedStream, UsageError
from lucidtls.events import (
    ApplicationData,
    EarlyData,
    EarlyDataRejected,
    Event,
    PeerClosed,
    Question,
)
from lucidtls.io.marks import RecordMarks
from lucidtls.io.transport import Deadline, wait

SMALL_READ: Final = 2**14 + 2**11
LARGE_READ: Final = 2**18
"""Bytes asked of the system at a time: room for one full record, and for sixteen once a peer fills that."""

DIRECT: Final = 2**14 + 1
"""Buffers from this size on hold any record's content, so records are decrypted straight into them."""

READ_AHEAD: Final = 2**20
"""Bytes of application data kept at most while writing has to wait; a system's own buffers are as large."""

PIECE_COST: Final = 320
"""Bytes that a piece of kept data costs beside its content, so that many short records count for what they
take."""

GATHERED: Final = 64
"""Pieces given to one gathering write; systems take at least 16, and Linux 1,024."""

BEGINNING: Final = 256
"""The first bytes from the peer that are kept, to show what spoke when it was not TLS."""

CLOSING_PATIENCE: Final = 0.5
"""Seconds to wait for the system to take our last alert when its buffer is full."""


EarlyAnswer = Callable[[bytes], bytes | None]
"""A server's answer to early data, as far as it has one before the handshake is done; None leaves the data to
be read."""


class TLSStream:
    """One end of a connection: the socket, the engine, and what is on its way between them.

    `early_data_received` counts the bytes of early data that a server took. `rejected_early_data` is what a
    client gave for the first flight and the server will never see.
    """

    def __init__(self, sock: socket.socket, connection: ClientConnection | ServerConnection) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()
        sock.setblocking(False)
        self._connection = connection
        # Reentrant only because such a lock knows, at no cost, whether this thread holds it: see
        # `_refuse_callbacks`.
        self._engine: Any = threading.RLock()
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._outgoing: list[bytes | memoryview] = []
        self._arrived: deque[memoryview] = deque()
        self._arrived_length = 0
        self._fed = False
        self._read_size = SMALL_READ
        self._marks = RecordMarks()
        self._failure: BaseException | None = None
        self._write_failure: ConnectionLost | None = None
        self._end_told = False
        self._peer_closed = False
        self._write_closed = False
        self._closed = False
        self._files = 0
        self._answer_early: EarlyAnswer | None = None
        self.bytes_sent = 0
        self.bytes_received = 0
        self.beginning = b""
        self.early_data_received = 0
        self.rejected_early_data = b""

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
            self._end_told = True
            raise self._failure
        if self._peer_closed:
            self._end_told = True
        return self._peer_closed

    def _count_ready(self) -> int:
        """Bytes that can be read at once; 1 for an end or a failure that has not been told yet.

        The caller holds `_reading`.
        """
        if self._fed:
            self._take_until_data()
        if self._arrived_length or self._end_told:
            return self._arrived_length
        return int(self._peer_closed or self._failure is not None or self._write_failure is not None)

    def _keeps_enough(self) -> bool:
        return self._arrived_length + PIECE_COST * len(self._arrived) >= READ_AHEAD

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
                self._keep(data)
                return
            case EarlyData(data=data):
                self.early_data_received += len(data)
                self._take_early(data)
            case EarlyDataRejected(data=data, resent=False):
                self.rejected_early_data = data
            case PeerClosed():
                self._peer_closed = True
            case _:
                pass
        self._send_answers()

    def _keep(self, data: bytes) -> None:
        self._arrived.append(memoryview(data))
        self._arrived_length += len(data)

    def _take_early(self, data: bytes) -> None:
        """Have early data answered at once, or keep it for `recv`, where it stands before all later data."""
        answer = self._answer_early(data) if self._answer_early is not None else None
        if answer is None:
            self._keep(data)
        elif isinstance(self._connection, ServerConnection):
            with self._engine:
                self._connection.send_half_rtt_data(answer)

    def _refuse_question(self, question: Question[Any]) -> None:
        name = type(question).__name__
        error = UsageError(
            f"a blocking socket cannot hand out {name}: give the config an answer instead of ASK"
        )
        self._connection.abort(error)
        raise error

    def _fail(self, error: BaseException) -> None:
        """Keep what ended the connection, the first thing that did. An end without close_notify after a
        failed write is that failure's other half.
        """
        if self._failure is not None:
            return
        truncated = isinstance(error, TruncatedStream) and self._write_failure is not None
        self._failure = self._write_failure if truncated else error
        self._send_answers()

    def _send_answers(self) -> None:
        """Write what the engine has to say to what came (an alert, a KeyUpdate), as far as that needs no
        waiting.

        A thread that is writing, or the next call that writes, takes along what is left. When writing fails,
        that is only remembered: what the peer sent before is still to be read.
        """
        if self._writing.acquire(blocking=False):
            try:
                with suppress(OSError):
                    self._transmit()
            finally:
                self._writing.release()

    # Bytes from the system

    def _receive(self, deadline: Deadline) -> None:
        """Wait for bytes and give them to the engine. The caller holds `_reading`."""
        deadline.start_turn()
        while not self._receive_now():
            if self._connection.closed:
                raise _closed_too_early()
            if self._outgoing or self._marks.version is not None:
                # An earlier call could not write it all, or a renegotiation goes on, which is no event before
                # it is done; the peer may need what we say before it answers.
                self._send_answers()
            if self._write_failure is not None:
                self._end_told = True
                raise self._write_failure
            if deadline.seconds == 0.0:
                raise BlockingIOError("nothing has come that could be read")
            wait(self._sock, deadline, read=True, write=bool(self._outgoing))

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
        if not data and self._connection.closed and not self._peer_closed:
            self._fail(_closed_too_early())
            return True
        self._marks.follow(data)
        with self._engine:
            self._connection.receive_data(data)
        self._fed = True
        return True

    def _read_ahead(self, deadline: Deadline) -> None:
        """Take in what has come, up to the limit and while there is time. The caller holds `_reading`."""
        while (
            self._failure is None
            and not self._peer_closed
            and not self._keeps_enough()
            and deadline.left() != 0.0
            and (self._take_event() or self._receive_now())
        ):
            pass

    # Bytes to the system

    def _seal(self, data: memoryview) -> None:
        self._require_open()
        with self._engine:
            if self._failure is not None:
                raise self._failure
            if self._write_failure is not None:
                raise self._write_failure
            self._connection.send_data(data)

    def _write_out(self, deadline: Deadline) -> None:
        """Write all that is sealed, waiting as long as it takes. The caller holds `_writing`."""
        while not self._write_now():
            deadline.start_turn()
            if deadline.seconds == 0.0:
                raise BlockingIOError("the system's buffer is full")
            self._wait_to_write(deadline)

    def _write_now(self) -> bool:
        """Write as much as the system takes at once; whether that was all. The caller holds `_writing`.

        When writing has failed, raises what the peer said before, an alert say, or else ConnectionLost.
        """
        try:
            return self._transmit()
        except ConnectionLost as lost:
            if self._reading.acquire(blocking=False):
                try:
                    self._read_ahead(Deadline(CLOSING_PATIENCE))
                finally:
                    self._reading.release()
            if self._failure is not None and self._failure is not lost:
                raise self._failure from lost
            raise

    def _transmit(self) -> bool:
        """The same; a failure is kept apart from those of reading, and raised as ConnectionLost."""
        while True:
            if self._write_failure is not None:
                raise self._write_failure
            with self._engine:
                self._outgoing += self._connection.chunks_to_send()
            if not self._outgoing:
                return True
            try:
                self._write_some()
            except BlockingIOError:
                return False
            except OSError as error:
                self._require_open()
                self._outgoing.clear()
                self._write_failure = _lost("writing", error)

    def _write_some(self) -> None:
        pieces = self._outgoing[:GATHERED]
        if len(pieces) == 1 or not hasattr(self._sock, "sendmsg"):
            count = self._sock.send(pieces[0])
        else:
            count = self._sock.sendmsg(pieces)
        self.bytes_sent += count
        if count == sum(map(len, pieces)):
            del self._outgoing[: len(pieces)]
        else:
            self._drop_written(count)

    def _drop_written(self, count: int) -> None:
        """Forget the first `count` bytes of what is waiting."""
        whole = 0
        while count >= len(self._outgoing[whole]):
            count -= len(self._outgoing[whole])
            whole += 1
        self._outgoing[: whole + 1] = [memoryview(self._outgoing[whole])[count:]]

    def _wait_to_write(self, deadline: Deadline) -> None:
        """Wait until the system takes more; read ahead meanwhile, unless another thread is reading."""
        may_read = not self._peer_closed and not self._keeps_enough()
        if not may_read or not self._reading.acquire(blocking=False):
            wait(self._sock, deadline, write=True)
            return
        try:
            wait(self._sock, deadline, read=True, write=True)
            self._read_ahead(deadline)
        finally:
            self._reading.release()
        if self._failure is not None:
            raise self._failure

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
        with suppress(TimedOut, BlockingIOError):
            while True:
                deadline.start_turn()
                try:
                    if not self._sock.recv(LARGE_READ):
                        return
                except BlockingIOError:
                    wait(self._sock, deadline, read=True)

    def _refuse_callbacks(self) -> None:
        """Raise UsageError in a callback of the engine, which would wait for itself."""
        if self._engine._is_owned():  # as threading.Condition asks it
            raise UsageError("a tracer, verifier or other callback cannot use the connection that calls it")

    def _require_open(self) -> None:
        if self._sock.fileno() < 0:
            raise UsageError("the socket has been closed")


def _closed_too_early() -> UsageError:
    return UsageError("this side has closed before the handshake was done: nothing can be received")


def _lost(doing: str, error: OSError) -> ConnectionLost:
    lost = ConnectionLost(f"the connection broke while {doing}: {error.strerror or error}")
    lost.errno, lost.__cause__ = error.errno, error
    return lost
