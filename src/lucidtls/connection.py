"""The two classes an application meets: a client's and a server's end of one TLS connection.

Bytes from the transport go in with `receive_data`; events come out of `next_event`; bytes for the transport
come out of `data_to_send`. Nothing here waits, opens a socket or looks at a clock. One connection has one
owner: calls from several threads must be serialised by the caller. Configs may be shared freely.
"""

from __future__ import annotations

from typing import Any, Final

from lucidtls.alerts import INTERNAL_ERROR, Alert
from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.errors import ConfigurationError, UsageError
from lucidtls.events import Event, Negotiated, Question
from lucidtls.handshake import client, server
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.bindings import channel_binding
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.driver import Driver
from lucidtls.handshake.early import EarlyOffer
from lucidtls.handshake.exporters import export_keys
from lucidtls.handshake.offer import ClientHandshake, fits
from lucidtls.handshake.post import Connected
from lucidtls.sessions.session import Session
from lucidtls.trust.names import parse_server_name
from lucidtls.trust.verify import ChainVerifier
from lucidtls.wire.codepoints import ContentType

_APPLICATION_DATA: Final[int] = ContentType.APPLICATION_DATA


class _Connection:
    """What both ends have in common."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._channel = driver.channel

    # Bytes in, events out

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the transport; `b""` means that the transport has ended. Only buffers.

        Bytes that come after the connection has ended are ignored (RFC 9846 §6.1).
        """
        if not data:
            self._driver.transport_ended = True
        elif not self._driver.ended and not self._driver.peer_closed:
            self._channel.reader.feed(data)

    def next_event(self) -> Event | None:
        """Take one step and return what happened; None when more bytes, or an answer, are needed.

        Raises PeerError, AlertReceived or TruncatedStream, once, after all earlier events; an alert for
        the peer is then in `data_to_send`.
        """
        return self._driver.next_event()

    def read_into(self, buffer: bytearray | memoryview) -> int:
        """Decrypt buffered application data straight into `buffer`; returns the bytes written.

        The fast path beside `next_event`: 0 means that `next_event` has to look at what comes next. A buffer
        that does not hold a whole record (16,385 bytes always do) makes no progress.
        """
        driver = self._driver
        if driver.connected is None or driver.busy:
            return 0
        written = self._channel.reader.read_into(memoryview(buffer))
        if written:
            driver.data_arrived()
        return written

    # Data in, bytes out

    def send_data(self, data: bytes | bytearray | memoryview) -> None:
        """Seal application data. Keys are updated before they wear out (RFC 9846 §5.5).

        Raises UsageError before the handshake is done and after `close`.
        """
        connected = self._connected()
        if isinstance(data, memoryview):
            data = data.cast("B")
        if not data:
            return
        if self._driver.renegotiating:
            # The keys are changing; the data goes out under the new ones.
            self._driver.hold(data)
            return
        if connected.update_owed:
            connected.answer_update()
        writer = self._channel.writer
        connected.earn_credit(1 + len(data) // writer.max_content)
        room = writer.record_limit - writer.sequence - writer.reserve
        if room * writer.max_content >= len(data):
            writer.write(_APPLICATION_DATA, data)
            return
        with memoryview(data) as view:
            self._send_across_updates(connected, view)

    def _send_across_updates(self, connected: Connected, data: memoryview) -> None:
        writer = self._channel.writer
        if self._channel.version is not None:
            # One record is left for close_notify.
            self.close()
            raise UsageError(
                "this connection has sealed as many records as its keys allow (RFC 9846 §5.5), and its "
                "version has no way to new ones: it is closed, and the data was not sent"
            )
        start = 0
        while start < len(data):
            room = (writer.record_limit - writer.sequence - writer.reserve) * writer.max_content
            if room <= 0:
                connected.update_send_keys(request_peer=False)
                continue
            writer.write(_APPLICATION_DATA, data[start : start + room])
            start += room

    def data_to_send(self) -> bytes:
        """Take the bytes that must go to the transport now; empty when there are none."""
        self._settle()
        return self._channel.writer.take()

    def chunks_to_send(self) -> list[bytes]:
        """Take the same bytes as pieces for a gathering write, without joining them."""
        self._settle()
        return self._channel.writer.chunks()

    def _settle(self) -> None:
        connected = self._driver.connected
        if connected is not None and connected.update_owed:
            connected.answer_update()

    # Doing

    def update_keys(self, *, request_peer: bool = False) -> None:
        """Change our sending keys now, and ask the peer to change its own if wanted (RFC 9846 §4.7.3)."""
        self._connected().update_send_keys(request_peer=request_peer)

    def answer(self, question: Question[Any], answer: Any) -> None:
        """Answer a question that `next_event` gave out; the handshake goes on at the next `next_event`.

        An exception as the answer refuses. Raises UsageError when this question is not waiting.
        """
        self._driver.answer(question, answer)

    def close(self) -> None:
        """Send close_notify: we will send no more, and can read on until the peer closes too."""
        self._driver.close()

    def abort(self, error: BaseException, alert: Alert = INTERNAL_ERROR) -> None:
        """End the connection at once for a reason of the application's own, and tell the peer this alert."""
        if not self._driver.ended:
            self._driver.fail(error, alert)

    def forget(self) -> None:
        """Drop all keys and secrets now: the transport is gone, and nothing more can be sent or read.

        For when a transport ends without the closing alerts; what was negotiated can still be asked for.
        """
        self._driver.forget()

    def _connected(self) -> Connected:
        connected = self._driver.connected
        if connected is None:
            raise UsageError(f"the handshake is not done: the connection is in state {self.state}")
        if self._channel.write_closed or self._driver.close_wanted:
            raise UsageError("this side has closed, or the connection has failed: nothing more can be sent")
        return connected

    # Exporting

    def export_keying_material(self, label: str | bytes, length: int, context: bytes | None = None) -> bytes:
        """Return `length` bytes that only the two ends of this connection know (RFC 5705, RFC 9846 §7.5).

        Both get the same for the same label, length and context. Labels are registered with IANA or begin
        with "EXPERIMENTAL". In TLS 1.3 no context is the same as an empty one; before, it is not, and without
        the extended main secret nothing is exported, whatever the policy (RFC 7627 §5.4).

        Raises UsageError before the handshake is done, during a renegotiation, once the connection has ended,
        and for a label, length or context out of bounds.
        """
        return self._exporting().export(label, length, context)

    def export_early_keying_material(self, label: str | bytes, length: int, context: bytes = b"") -> bytes:
        """Return exported bytes that are there as soon as early data is, in TLS 1.3 (RFC 9846 §7.5).

        Like early data they are not forward secret, and a server that reads a replay gets the same again.
        Raises UsageError when no early data is offered, or it was refused, and once the connection has ended.
        """
        early = self._channel.early_exporter
        if early is None:
            raise UsageError("there is no early data here, and so no early exporter")
        return export_keys(*early, label, length, context)

    def channel_binding(self, kind: str) -> bytes:
        """Return what binds an authentication above TLS to this connection.

        `kind` is "tls-exporter" (RFC 9266), "tls-server-end-point" or "tls-unique" (RFC 5929). Raises
        UsageError where the connection has no such binding, and as `export_keying_material`.
        """
        return channel_binding(self._exporting(), kind)

    def _exporting(self) -> Connected:
        driver = self._driver
        if driver.connected is None or driver.ended:
            raise UsageError(f"nothing can be exported in state {self.state}")
        if driver.renegotiating:
            raise UsageError("a renegotiation is under way, and what is exported changes with it")
        return driver.connected

    # Seeing

    @property
    def closed(self) -> bool:
        """Whether the connection has ended in both directions, or failed."""
        return self._driver.ended

    @property
    def state(self) -> str:
        """Where the connection stands: a state of RFC 9846 Appendix A, CONNECTED, CLOSED or FAILED."""
        return self._driver.state

    @property
    def negotiated(self) -> Negotiated | None:
        """What was agreed; None before the handshake is done."""
        return self._driver.connected.negotiated if self._driver.connected is not None else None

    def __repr__(self) -> str:
        negotiated = self.negotiated
        version = f" {negotiated.version}" if negotiated is not None else ""
        return f"<{type(self).__name__} {self.state}{version}>"


class ClientConnection(_Connection):
    """The client's end. The ClientHello is ready in `data_to_send` as soon as it exists.

    `server_name` is the DNS name or IP address the server must prove to be. It may be None only with a
    verifier of your own: a chain alone says that somebody owns a certificate, not who. (A verifier that only
    hands the request on to `ChainVerifier` then compares no name.)

    `session` is one to resume instead of what the config's store has. One that has ended is not offered; one
    of another server, or made under other settings of trust, is a ConfigurationError.
    """

    def __init__(
        self, config: ClientConfig, server_name: str | None, *, session: Session | None = None
    ) -> None:
        if server_name is None and isinstance(config.chain_verifier, ChainVerifier):
            raise ConfigurationError(
                "say which server_name the certificate must be for, or bring your own verifier"
            )
        reference = parse_server_name(server_name) if server_name is not None else None
        if session is not None:
            name = str(reference) if reference is not None else None
            if session.scope != config.session_scope or session.server_name != name:
                raise ConfigurationError("this session is of another server, or of a config with other trust")
            session = session if fits(config, reference, session) else None
        hs = ClientHandshake(config, Channel(config), reference, session=session)
        super().__init__(Driver(config, hs.channel, client.run(hs)))

    @property
    def tickets(self) -> tuple[Session, ...]:
        """The sessions that the server has given tickets for so far, oldest first; none after a failure."""
        connected = self._driver.connected
        return tuple(connected.tickets) if connected is not None else ()

    @property
    def early_data_room(self) -> int:
        """Bytes of early data that can be sent now; 0 without a session for it, and when its time is over."""
        early = self._channel.early
        return early.room if isinstance(early, EarlyOffer) and early.open else 0

    def send_early_data(self, data: bytes | bytearray | memoryview) -> None:
        """Seal data that goes out with the first flight, before the server has said a word (RFC 9846 §2.3).

        The config must say `early_data`, and the session allow it. Whoever records it can send it again to
        the server, and it is not forward secret: see `EarlyDataAccepted` and `EarlyDataRejected` for what
        becomes of it. Raises UsageError when there is no room for it, or its time is over.
        """
        early = self._channel.early
        if not isinstance(early, EarlyOffer):
            raise UsageError(
                "this connection offers no early data: no session that allows it, or not asked for"
            )
        if isinstance(data, memoryview):
            data = data.cast("B")
        if data:
            early.take(data)
            self._channel.writer.write(_APPLICATION_DATA, data)


class ServerConnection(_Connection):
    """The server's end. It waits for a ClientHello."""

    def __init__(self, config: ServerConfig) -> None:
        hs = ServerHandshake(config, Channel(config))
        self._asks_for_certificate = config.client_authentication != "none"
        super().__init__(Driver(config, hs.channel, server.run(hs)))

    def send_half_rtt_data(self, data: bytes | bytearray | memoryview) -> None:
        """Seal data after our Finished, before the client's has come: answers to early data (RFC 9846
        §4.5.3).

        Who the client is, and that it is there at all, is not yet known. Once the handshake is done it is as
        `send_data`. Raises UsageError before our Finished, and when the client is to authenticate.
        """
        if self._driver.connected is not None:
            self.send_data(data)
            return
        if not self._channel.half_rtt or self._channel.write_closed:
            raise UsageError(f"no data can be sent in state {self.state}")
        if self._asks_for_certificate:
            raise UsageError("the client has not shown its certificate yet: wait for HandshakeCompleted")
        if isinstance(data, memoryview):
            data = data.cast("B")
        if data:
            self._channel.writer.write(_APPLICATION_DATA, data)
