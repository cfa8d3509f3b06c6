"""Blocking sockets that speak TLS: `connect`, `wrap` and `TLSSocket`."""

from __future__ import annotations

import socket
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, overload

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import ConfigurationError, TimedOut, UsageError
from lucidtls.events import Negotiated
from lucidtls.io.certificates import as_dictionary
from lucidtls.io.files import SocketFile, open_file
from lucidtls.io.stream import DIRECT, EarlyAnswer, TLSStream
from lucidtls.io.transport import Deadline, open_any, resolve
from lucidtls.policies import VERSIONS, cipher_suites
from lucidtls.sessions.session import Session
from lucidtls.wire.versions import TLS13

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds: for connecting to one address, for a whole handshake, and for each later call."""

SEND_AT_ONCE: Final = 2**18
"""Bytes sealed before they are written: enough for one system call to be cheap, little enough to stay in the
cache."""

RETURNED_AT_ONCE: Final = 8 * DIRECT
"""Bytes that one `recv` returns at most, because it makes room for all of them before it knows how many
come."""


def connect(
    host: str,
    port: int = 443,
    *,
    config: ClientConfig | None = None,
    server_name: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
    handshake_timeout: float | None = DEFAULT_TIMEOUT,
    early_data: bytes = b"",
) -> TLSSocket:
    """Connect to a server and complete the handshake with it.

    The server must prove to be `server_name`, by default `host`. All addresses of `host` are tried in order.
    `timeout` (seconds) bounds each attempt and each later call on the socket, `handshake_timeout` the whole
    handshake. `early_data` is sent as soon as can be: see `TLSSocket.handshake`. Raises OSError when there is
    no connection, ConfigurationError, and what `TLSSocket.handshake` raises.
    """
    config = config or ClientConfig()
    _require_early(config, early_data)
    connection = ClientConnection(config, host if server_name is None else server_name)
    raw = open_any(resolve(host, port), timeout)
    raw.settimeout(timeout)
    return _shake_hands(TLSSocket(raw, connection), handshake_timeout, early_data)


def _require_early(config: ClientConfig, early_data: bytes) -> None:
    if early_data and not config.early_data:
        raise ConfigurationError(
            "whoever sees early data can send it again; if that does no harm: ClientConfig(early_data=True)"
        )


@overload
def wrap(
    sock: socket.socket,
    *,
    config: ClientConfig,
    server_name: str | None = None,
    server_side: Literal[False] = False,
    handshake_timeout: float | None = DEFAULT_TIMEOUT,
) -> TLSSocket: ...


@overload
def wrap(
    sock: socket.socket,
    *,
    config: ServerConfig,
    server_side: Literal[True],
    handshake_timeout: float | None = DEFAULT_TIMEOUT,
) -> TLSSocket: ...


def wrap(
    sock: socket.socket,
    *,
    config: ClientConfig | ServerConfig,
    server_name: str | None = None,
    server_side: bool = False,
    handshake_timeout: float | None = DEFAULT_TIMEOUT,
) -> TLSSocket:
    """Speak TLS on a connected stream socket, and complete the handshake.

    The socket belongs to the result from now on, and is closed if the handshake fails. Its timeout is kept
    for later calls; the handshake is bounded by `handshake_timeout` (seconds) alone, and waits even on a
    non-blocking socket. Raises ConfigurationError and what `TLSSocket.handshake` raises.
    """
    return _shake_hands(TLSSocket(sock, _connection(config, server_name, server_side)), handshake_timeout)


def _connection(
    config: ClientConfig | ServerConfig, server_name: str | None, server_side: bool
) -> ClientConnection | ServerConnection:
    if isinstance(config, ServerConfig) != server_side:
        raise ConfigurationError("server_side=True goes with a ServerConfig, and only with one")
    if isinstance(config, ServerConfig):
        if server_name is not None:
            raise ConfigurationError(
                "a server has no server_name to check; the client says which one it wants"
            )
        return ServerConnection(config)
    return ClientConnection(config, server_name)


def _shake_hands(tls: TLSSocket, timeout: float | None, early_data: bytes = b"") -> TLSSocket:
    try:
        tls.handshake(timeout, early_data=early_data)
    except BaseException:
        tls.close()
        raise
    return tls


class TLSSocket(TLSStream):
    """One end of a TLS connection, to be used like a connected stream socket.

    Made by `connect` and `wrap`. Calls wait as long as the timeout allows (`settimeout`), each with one
    deadline for the whole call; then they raise TimedOut, or BlockingIOError if the timeout is 0. All of
    them may raise ConnectionLost (the transport broke), AlertReceived (the peer ended it), TruncatedStream
    (the transport ended without the peer's close_notify) or a PeerError (the peer broke the protocol, and
    has been told). What came before a failure is delivered first.

    One thread may read while another writes. When writing has to wait, up to READ_AHEAD bytes are read
    meanwhile, so that the peer's alerts and key updates are seen; two ends that only write, and never read,
    still stop when every buffer between them is full, as with any socket.
    """

    # The handshake

    def handshake(
        self,
        timeout: float | None = DEFAULT_TIMEOUT,
        *,
        early_data: bytes = b"",
        answer_early: EarlyAnswer | None = None,
    ) -> Negotiated:
        """Complete the handshake within `timeout` seconds, however slowly the peer sends; what was agreed.

        A client's `early_data` goes out with the first flight, as far as the session allows, and after the
        handshake what it does not allow: `negotiated.early_data` is None when nothing was early. When the
        server rejects it and the config does not say `resend_early_data`, none of it is sent, and
        `rejected_early_data` holds it.

        A server calls `answer_early` with each piece of early data, and sends what it returns without waiting
        for the client's Finished: the piece may be a copy that an attacker sends. What it returns None for,
        and all early data without it, is what `recv` gives first; with the handshake done, the client is
        known to be there.

        Raises TimedOut, ConnectionLost, AlertReceived, TruncatedStream, or the PeerError that says what is
        wrong with the peer's messages or certificate. `wrap` and `connect` have already called this.
        """
        self._refuse_callbacks()
        self._answer_early = answer_early
        later = self._send_early(early_data)
        self._complete(timeout)
        if self.negotiated.early_data == "rejected" and self.rejected_early_data:
            self.rejected_early_data += later
        elif later:
            self.sendall(later)
        return self.negotiated

    def _send_early(self, data: bytes) -> bytes:
        """Seal what may go out with the first flight; what may not is returned."""
        connection = self._connection
        if not data or not isinstance(connection, ClientConnection):
            return data
        with self._engine:
            room = connection.early_data_room
            if room:
                connection.send_early_data(data[:room])
        return data[room:]

    def _complete(self, timeout: float | None) -> None:
        deadline = Deadline(timeout)
        try:
            # Reading is left free while it writes, so that an alert is heard when writing fails or waits.
            with self._writing:
                while self._connection.negotiated is None:
                    self._write_out(deadline)
                    with self._reading:
                        if self._connection.negotiated is None:
                            self._receive(deadline)
                        self._take_events()
                self._write_out(deadline)
                self._mark_records()
        except TimedOut as error:
            state = self._connection.state
            self._say_goodbye()
            raise TimedOut(f"the handshake took longer than {timeout:g} s; it stands at {state}") from error

    def _mark_records(self) -> None:
        """Say from here on what a record of this connection looks like from outside."""
        version = VERSIONS[self.negotiated.version]
        if version == TLS13:
            self._marks.sealed = True
        else:
            self._marks.version = version.to_bytes(2)

    @property
    def negotiated(self) -> Negotiated:
        """What was agreed; raises UsageError before the handshake is done."""
        negotiated = self._connection.negotiated
        if negotiated is None:
            raise UsageError(
                f"the handshake is not done: the connection is in state {self._connection.state}"
            )
        return negotiated

    # Reading

    def recv(self, bufsize: int) -> bytes:
        """Return up to `bufsize` bytes, waiting for the first; b"" when the peer has closed in good order."""
        if bufsize < 0:
            raise ValueError("bufsize is not negative")
        self._refuse_callbacks()
        with self._reading:
            deadline = Deadline(self._timeout)
            while bufsize:
                if self._may_have_data():
                    data = self._read(min(bufsize, RETURNED_AT_ONCE))
                    if data is not None:
                        return data
                self._receive(deadline)
        return b""

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0) -> int:
        """Read into `buffer`, at most `nbytes` unless 0; returns how many. 0 when the peer has closed.

        Records are decrypted straight into buffers of 16,385 bytes or more, several at once if they are
        there.
        """
        if nbytes < 0:
            raise ValueError("nbytes is not negative")
        self._refuse_callbacks()
        with memoryview(buffer) as whole, whole.cast("B") as view, self._reading:
            target = view[:nbytes] if nbytes else view
            deadline = Deadline(self._timeout)
            while target.nbytes:
                if self._may_have_data():
                    count = self._read_into(target)
                    if count is not None:
                        return count
                self._receive(deadline)
        return 0

    def pending(self) -> int:
        """Bytes that `recv` can return at once without asking the system; more may follow them.

        Decrypts a record for that if need be, and never waits. An end or a failure that no call has told yet
        counts as 1, because the socket may not become readable for it. While another thread reads, only what
        has been decrypted counts.
        """
        self._refuse_callbacks()
        if not self._reading.acquire(blocking=False):
            return self._arrived_length
        try:
            return self._count_ready()
        finally:
            self._reading.release()

    # Writing

    def send(self, data: ReadableBuffer) -> int:
        """Send some of `data`; returns how many bytes were taken.

        Waits for the system to take them. If the timeout comes first, they count as taken all the same, and
        what is left of them goes out with the next calls; TimedOut means that none were taken. A
        non-blocking socket takes none, and raises BlockingIOError, while earlier data still waits for the
        system; call `flush` when it can be written until it returns True.
        """
        self._refuse_callbacks()
        with memoryview(data) as whole, whole.cast("B") as view, view[:SEND_AT_ONCE] as part:
            with self._writing:
                deadline = Deadline(self._timeout)
                self._write_out(deadline)
                self._seal(part)
                with suppress(TimedOut, BlockingIOError):
                    self._write_out(deadline)
            return part.nbytes

    def sendall(self, data: ReadableBuffer) -> None:
        """Send all of `data`. As with any socket, an exception leaves open how much of it went out.

        The timeout bounds the whole call.
        """
        self._refuse_callbacks()
        with memoryview(data) as whole, whole.cast("B") as view, self._writing:
            deadline = Deadline(self._timeout)
            for start in range(0, view.nbytes, SEND_AT_ONCE):
                deadline.start_turn()
                with view[start : start + SEND_AT_ONCE] as part:
                    self._seal(part)
                self._write_out(deadline)

    def flush(self) -> bool:
        """Write what an earlier call left over, as far as that needs no waiting; whether all is written."""
        self._refuse_callbacks()
        with self._writing:
            return self._write_now()

    def shutdown_write(self) -> None:
        """Send close_notify: the peer sees the end of our data, and can still be read (RFC 9846 §6.1)."""
        self._refuse_callbacks()
        with self._writing:
            if not self._write_closed:
                self._write_closed = True
                with self._engine:
                    self._connection.close()
            self._write_out(Deadline(self._timeout))

    def update_keys(self, *, request_peer: bool = False) -> None:
        """Change our sending keys now, and ask the peer to change its own (RFC 9846 §4.7.3).

        Raises UsageError before TLS 1.3, which has no such message.
        """
        self._refuse_callbacks()
        with self._writing:
            with self._engine:
                self._connection.update_keys(request_peer=request_peer)
            self._write_out(Deadline(self._timeout))

    # Exporting

    def export_keying_material(self, label: str | bytes, length: int, context: bytes | None = None) -> bytes:
        """Return bytes that only the two ends of this connection know, as `ClientConnection` does."""
        with self._engine:
            return self._connection.export_keying_material(label, length, context)

    def export_early_keying_material(self, label: str | bytes, length: int, context: bytes = b"") -> bytes:
        """Return exported bytes that are there as soon as early data is, as `ClientConnection` does."""
        with self._engine:
            return self._connection.export_early_keying_material(label, length, context)

    def channel_binding(self, kind: str) -> bytes:
        """Return what binds an authentication above TLS to this connection, as `ClientConnection` does."""
        with self._engine:
            return self._connection.channel_binding(kind)

    # Ending

    def unwrap(self) -> socket.socket:
        """Close TLS in both directions and return the socket, for whatever is spoken next.

        Waits for the peer's close_notify, and takes nothing that follows it. Data that still comes before it
        can be read from this object afterwards; if there is more than READ_AHEAD bytes, UsageError says to
        read first. UsageError too when an earlier call has taken in what follows the close_notify: a peer
        should say nothing more before it has seen ours.
        """
        self._refuse_callbacks()
        self.shutdown_write()
        deadline = Deadline(self._timeout)
        with self._reading:
            self._take_events()
            while not self._peer_closed:
                if self._keeps_enough():
                    raise UsageError("the peer sends more data: read until its end before unwrap")
                self._read_size = self._marks.wanted
                self._receive(deadline)
                self._take_events()
            if self._marks.exceeded:
                raise UsageError("bytes that follow the peer's close_notify were read along with it")
        self._closed = True
        self._sock.settimeout(self._timeout)
        raw = self._sock
        self._sock = socket.socket()
        self._sock.close()
        return raw

    def close(self, *, linger: float = 0.0) -> None:
        """Send close_notify and close the socket, once all files made of it are closed.

        With `linger`, wait up to so many seconds for the peer to close too: a system that is closed with
        data still unread resets the connection, and the peer may then lose the last of what we sent.
        """
        self._refuse_callbacks()
        if not self._closed:
            self._closed = True
            if not self._files:
                self._close_now(linger)

    def _close_now(self, linger: float = 0.0) -> None:
        try:
            self._say_goodbye()
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
                self._discard_input(Deadline(linger))
        finally:
            # Whatever a callback raised, the descriptor goes.
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for data
            self._sock.close()
            with self._engine:
                self._connection.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # As a file, and as the socket it is

    def makefile(
        self,
        mode: str = "r",
        buffering: int = -1,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Return the connection as a file, as `socket.makefile` does. It keeps the connection open."""
        if not set(mode) <= set("rwb"):
            raise ValueError(f"a mode is made of r, w and b, not {mode!r}")
        if not set(mode) & set("rw"):
            mode += "r"
        self._files += 1
        return open_file(
            SocketFile(self, mode, self._file_closed), mode, buffering, encoding, errors, newline
        )

    def _file_closed(self) -> None:
        self._refuse_callbacks()
        self._files -= 1
        if self._closed and not self._files:
            self._close_now()

    def fileno(self) -> int:
        """The descriptor, -1 once closed. Before waiting for it to be readable, look at `pending`."""
        return self._sock.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """Bound each later call: None waits for ever, 0 never waits."""
        if seconds is not None and seconds < 0:
            raise ValueError("a timeout is not negative")
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """The timeout in seconds."""
        return self._timeout

    def setblocking(self, blocking: bool) -> None:
        """True waits for ever, False never waits."""
        self.settimeout(None if blocking else 0.0)

    def getsockname(self) -> Any:
        """Our address."""
        return self._sock.getsockname()

    def getpeername(self) -> Any:
        """The peer's address."""
        return self._sock.getpeername()

    def setsockopt(self, *arguments: Any) -> None:
        """Set an option of the socket underneath."""
        self._sock.setsockopt(*arguments)

    # What was agreed, as ssl.SSLSocket tells it

    @overload
    def getpeercert(self, binary_form: Literal[False] = False) -> dict[str, Any] | None: ...

    @overload
    def getpeercert(self, binary_form: Literal[True]) -> bytes | None: ...

    def getpeercert(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """The peer's certificate: DER, or a dictionary; None if it has none, {} if it was not verified."""
        negotiated = self.negotiated
        if not negotiated.peer_chain:
            return None
        if binary_form:
            return negotiated.peer_chain[0]
        return as_dictionary(negotiated.peer_chain[0]) if negotiated.verified is not None else {}

    def cipher(self) -> tuple[str, str, int]:
        """Name of the cipher suite, version, and bits of the key (of security, for triple DES: 112)."""
        name = self.negotiated.cipher_suite
        (suite,) = cipher_suites((name,))
        if isinstance(suite, CipherSuite):
            return name, self.version(), suite.aead.key_length * 8
        triple_des = suite.cipher.block_length == 8
        return name, self.version(), 112 if triple_des else suite.cipher.key_length * 8

    def selected_alpn_protocol(self) -> str | None:
        """The application protocol that was agreed by ALPN."""
        return self.negotiated.alpn

    def version(self) -> str:
        """The version, written as `ssl` does: "TLSv1.3", and "TLSv1" for TLS 1.0."""
        return self.negotiated.version.replace("TLS ", "TLSv").removesuffix(".0")

    @property
    def tickets(self) -> tuple[Session, ...]:
        """The sessions that tickets have brought so far; they come after the handshake, with the first data.
        None after a failure (RFC 9846 §6).
        """
        connection = self._connection
        return connection.tickets if isinstance(connection, ClientConnection) else ()

    def __repr__(self) -> str:
        where = "closed" if self._sock.fileno() < 0 else f"fd={self._sock.fileno()}"
        return f"<TLSSocket {where} {self._connection!r}>"
