"""The driver: the only code that resumes a handshake flow.

It takes records from the channel, joins handshake messages, checks each against the state the flow waits in,
decodes it, feeds the transcript, and hands it over. What a flow raises becomes an alert and the end of the
connection. When the flow is done it is dropped, and a small table takes the messages that may follow.

Invariants:

- Events come out in the order in which their causes came in; a failure comes after all of them.
- After a failure nothing is read any more, and all keys are gone once the alert is sealed.
- No more than one unfinished handshake message is buffered, and its size is bounded by its type.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from traceback import clear_frames
from typing import Any, Final

from lucidtls.alerts import (
    CLOSE_NOTIFY,
    FATAL,
    INTERNAL_ERROR,
    NO_RENEGOTIATION,
    USER_CANCELED,
    WARNING,
    Alert,
    alert_of,
)
from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.aead import InvalidTag
from lucidtls.errors import (
    AlertReceived,
    CertificateRejected,
    DecodeError,
    IllegalParameter,
    InternalError,
    PeerError,
    TruncatedStream,
    UnexpectedMessage,
    UsageError,
)
from lucidtls.events import (
    ApplicationData,
    EarlyData,
    Event,
    HandshakeCompleted,
    PeerClosed,
    Question,
    Renegotiated,
    SessionTicketReceived,
)
from lucidtls.handshake.channel import MESSAGE_HEADER, Channel
from lucidtls.handshake.early import EarlyRoom
from lucidtls.handshake.post import Connected
from lucidtls.handshake.questions import PENDING, answer_from_config
from lucidtls.handshake.states import WAIT_CHANGE_CIPHER_SPEC, WAIT_EOED, WAIT_SH, ChangeCipherSpec, State
from lucidtls.handshake.transcript import Transcript
from lucidtls.trace import AlertTraced, Failed, MessageTraced, QuestionAsked, StateEntered
from lucidtls.wire.codec import HandshakeMessage, MessageForm, Reader
from lucidtls.wire.codepoints import HANDSHAKE_TYPES, MESSAGE_NAMES, ContentType, HandshakeType, name_of
from lucidtls.wire.records import CHANGE_CIPHER_SPEC_BODY

Flow = Coroutine[Any, Any, Connected]

_EXTENSIONS: Final = 2 + 0xFFFF
MAX_MESSAGES: Final = {
    HandshakeType.CLIENT_HELLO: 2 + 32 + 33 + 2 + 0xFFFE + 256 + _EXTENSIONS,
    HandshakeType.SERVER_HELLO: 2 + 32 + 33 + 2 + 1 + _EXTENSIONS,
    HandshakeType.NEW_SESSION_TICKET: 4 + 4 + 256 + 2 + 0xFFFF + _EXTENSIONS,
    HandshakeType.ENCRYPTED_EXTENSIONS: _EXTENSIONS,
    HandshakeType.CERTIFICATE_VERIFY: 2 + 2 + 0xFFFF,
    HandshakeType.FINISHED: 64,
    HandshakeType.KEY_UPDATE: 1,
    HandshakeType.HELLO_REQUEST: 0,
    HandshakeType.SERVER_KEY_EXCHANGE: (2 + 0xFFFF) + 3 * (2 + 1024) + 2 + (2 + 0xFFFF),
    HandshakeType.SERVER_HELLO_DONE: 0,
    HandshakeType.END_OF_EARLY_DATA: 0,
    HandshakeType.CLIENT_KEY_EXCHANGE: (2 + 0xFFFF) + (2 + 2048),
}
"""The longest body of each message, in bytes: the sum of its fields' longest forms (RFC 9846 Appendix B.3,
RFC 5246 §7.4), with Diffie-Hellman values of 8,192 bits and RSA ciphertexts of 16,384 at most.
Only certificates could be longer; for them the config has a limit."""

MAX_EMPTY_RECORDS: Final = 32
"""Empty application data records in a row: some hide the traffic's pattern, a flood is refused."""

MAX_CANCEL_ALERTS: Final = 4
"""user_canceled alerts that are ignored (RFC 9846 §6.1); more make no sense."""

MAX_WARNINGS: Final = 4
"""Warning alerts that are ignored before TLS 1.3: servers send one, about a name; a flood is refused."""

MAX_HELLO_REQUESTS: Final = 4
"""HelloRequests that are ignored during a handshake (RFC 5246 §7.4.1.1)."""

MAX_HELD: Final = 2**20
"""Bytes of data that wait for the end of a renegotiation."""

MAX_HELD_RECORDS: Final = 2**12
"""The same in records: every key may seal more."""

_CERTIFICATE_TYPES: Final = frozenset(
    (HandshakeType.CERTIFICATE, HandshakeType.CERTIFICATE_REQUEST, HandshakeType.CERTIFICATE_STATUS)
)


class Driver:
    """Runs one connection: first its handshake flow, then the messages that may follow."""

    __slots__ = (
        "_answer", "_asked", "_cancel_alerts", "_config", "_empty_records", "_events", "_flow",
        "_state", "_warnings", "channel", "close_wanted", "connected", "ended", "failed",
        "held", "peer_closed", "transport_ended",
    )  # fmt: skip

    def __init__(self, config: ClientConfig | ServerConfig, channel: Channel, flow: Flow) -> None:
        self._config = config
        self._flow: Flow | None = flow
        self._events: deque[Event] = deque()
        self._state: State[Any] | None = None
        self._asked: Question[Any] | None = None
        self._answer: Any = None
        self._empty_records = 0
        self._cancel_alerts = 0
        self._warnings = 0
        self.channel = channel
        self.connected: Connected | None = None
        self.held = bytearray()
        self.close_wanted = False
        self.failed = False
        self.peer_closed = False
        self.transport_ended = False
        self.ended = False
        self._resume(None)

    @property
    def state(self) -> str:
        """Where the handshake stands, in the words of RFC 9846 Appendix A."""
        if self.failed:
            return "FAILED"
        if self.ended:
            return "CLOSED"
        if self._state is not None:
            return self._state.name
        return "CONNECTED" if self.connected is not None else "START"

    # Events out

    def next_event(self) -> Event | None:
        """Go on until there is news, and return it; None when nothing can happen without more bytes.

        Raises PeerError, AlertReceived or TruncatedStream when the connection ends so; whatever a callback
        raised comes through as it is, after an internal_error alert.
        """
        while True:
            if self._events:
                return self._events.popleft()
            if self.ended:
                return None
            try:
                if not self._step():
                    return None
            except PeerError as error:
                error.state = self.state
                self.fail(error, error.alert)
                forget_frames(error)
                raise
            except InternalError as error:
                self.fail(error, INTERNAL_ERROR)
                forget_frames(error)
                raise
            except (AlertReceived, TruncatedStream) as error:
                error.state = self.state
                self.fail(error, None)
                raise
            except BaseException as error:
                self.fail(error, INTERNAL_ERROR)
                raise

    def fail(self, error: BaseException, alert: Alert | None) -> None:
        """End the connection for this reason: send the alert, forget the keys, drop the flow."""
        self.failed = True
        trace = self.channel.trace
        try:
            if trace is not None:
                trace.record(Failed(error))
            if alert is not None and not self.channel.write_closed:
                self.channel.send_alert(alert)
        finally:
            # Whatever a tracer or a padding policy raises, the connection is over.
            try:
                if self.channel.discard_session is not None and not isinstance(error, TruncatedStream):
                    self.channel.discard_session()
            finally:
                if self.connected is not None:
                    # "the PSKs associated with session tickets ... SHOULD be discarded if possible"
                    # (RFC 9846 §6)
                    self.connected.tickets.clear()
                self._end()

    def forget(self) -> None:
        """End without a word: what was ready to be sent stays, every key and secret goes."""
        if not self.ended:
            self._end()

    def _end(self) -> None:
        self.ended = True
        self.channel.write_closed = True
        self._asked = self._answer = None
        self.held.clear()
        if self._flow is not None:
            self._flow.close()
            self._flow = None
        if self.connected is not None:
            self.connected.forget()
        self.channel.drop_keys()

    def close(self) -> None:
        """Send close_notify; before the handshake is done, user_canceled first (RFC 9846 §6.1)."""
        if self.channel.write_closed or self.ended:
            return
        if self.renegotiating:
            # What was given to be sent goes out first, and it waits for the new keys.
            self.close_wanted = True
            return
        if self.connected is None:
            self.channel.send_alert(USER_CANCELED)
        self.channel.send_alert(CLOSE_NOTIFY)
        self.channel.write_closed = True
        if self.peer_closed or self.connected is None:
            self._end()

    @property
    def busy(self) -> bool:
        """Whether something else has to be seen to before application data may be read on the fast path."""
        return bool(
            self._events or self.channel.incoming or self.peer_closed or self.ended or self.renegotiating
        )

    def hold(self, data: bytes | bytearray | memoryview) -> None:
        """Keep data until a renegotiation is over; UsageError when it is too much to wait with."""
        if len(self.held) + len(data) > min(MAX_HELD, MAX_HELD_RECORDS * self.channel.writer.max_content):
            raise UsageError("a renegotiation is under way: send the data when it is over")
        self.held += data

    @property
    def renegotiating(self) -> bool:
        """Whether a second handshake is under way: what is to be sent waits for its end."""
        return self._flow is not None and self.connected is not None

    def data_arrived(self) -> None:
        """Note that the fast path has read application data."""
        if self.connected is not None:
            self._empty_records = 0
            self.connected.earn_credit(0)

    # Bytes in

    def _step(self) -> bool:
        """Do one thing; False when more bytes, or an answer, are needed first."""
        if self._asked is not None:
            return self._take_answer()
        if self._take_message():
            return True
        if self.peer_closed:
            return False
        record = self.channel.reader.read()
        if record is None:
            if self.transport_ended:
                raise TruncatedStream(_how_truncated(self.connected is not None, self.channel.reader.started))
            return False
        self._take_record(*record)
        return True

    def _take_record(self, content_type: int, content: bytes) -> None:
        if content_type == ContentType.APPLICATION_DATA:
            self._take_application_data(content)
            return
        if content_type == ContentType.HANDSHAKE:
            if not content:
                # "Implementations MUST NOT send zero-length fragments of Handshake types" (RFC 9846 §5.1)
                raise UnexpectedMessage("an empty handshake record came", clause="RFC 9846 §5.1")
            self.channel.incoming += content
            return
        if content_type == ContentType.CHANGE_CIPHER_SPEC:
            self._refuse_interleaving("a change_cipher_spec")
            self._take_change_cipher_spec(content)
            return
        self._refuse_interleaving("an alert")
        self._take_alert(content)

    def _take_change_cipher_spec(self, content: bytes) -> None:
        """Before TLS 1.3: only where the flow waits for it may the peer change its keys.

        To take it anywhere else is the CCS injection attack (CVE-2014-0224): keys would be made before there
        is a secret to make them from.
        """
        if self._state is not WAIT_CHANGE_CIPHER_SPEC:
            raise UnexpectedMessage(
                f"a change_cipher_spec has no place in state {self.state}", clause="RFC 5246 §7.1"
            )
        if content != CHANGE_CIPHER_SPEC_BODY:
            raise IllegalParameter("a change_cipher_spec is not the byte 1", clause="RFC 5246 §7.1")
        self._resume(ChangeCipherSpec())

    def _refuse_interleaving(self, what: str) -> None:
        # "if a handshake message is split over two or more records, there MUST NOT be any other records
        # between them." (RFC 9846 §5.1)
        if self.channel.incoming:
            raise UnexpectedMessage(
                f"{what} came in the middle of a handshake message", clause="RFC 9846 §5.1"
            )

    def _take_application_data(self, content: bytes) -> None:
        early = self.channel.early
        if self._state is WAIT_EOED and isinstance(early, EarlyRoom):
            self._refuse_interleaving("early data")
            early.take(len(content))
            if content:
                self._events.append(EarlyData(content))
            else:
                self._count_empty_record()
            return
        if self.connected is None:
            raise UnexpectedMessage(
                "application data came before the handshake was done", clause="RFC 9846 §4.5.3"
            )
        self._refuse_interleaving("application data")
        # RFC 5246 §6.2.1 lets data cross with a renegotiation. It may until the server's answer; after that
        # it would come under keys of which nobody has yet shown that both sides have them.
        if self.renegotiating and self._state is not WAIT_SH:
            raise UnexpectedMessage(
                "application data came in the middle of a renegotiation", clause="RFC 5246 §7.4.9"
            )
        if content:
            self.data_arrived()
            self._events.append(ApplicationData(content))
            return
        self._count_empty_record()

    def _count_empty_record(self) -> None:
        self._empty_records += 1
        if self._empty_records > MAX_EMPTY_RECORDS:
            raise UnexpectedMessage("the peer keeps sending empty records", clause="RFC 9846 §5.4")

    def _take_alert(self, content: bytes) -> None:
        if not content:
            # "MUST NOT send Handshake and Alert records that have a zero-length TLSInnerPlaintext.content"
            raise UnexpectedMessage("an empty alert record came", clause="RFC 9846 §5.4")
        # "a record with an Alert type MUST contain exactly one message" (RFC 9846 §5.1)
        if len(content) != 2:
            raise DecodeError("an alert record holds something else than one alert", clause="RFC 9846 §5.1")
        level, code = content
        alert = alert_of(code)
        if self.channel.trace is not None:
            self.channel.trace.record(AlertTraced("received", alert.name, code))
        # In TLS 1.3 the level says nothing; before, a fatal alert is fatal whatever else it says.
        fatal = self.channel.version is not None and level != WARNING
        if alert is USER_CANCELED and not fatal and self._cancel_alerts < MAX_CANCEL_ALERTS:
            self._cancel_alerts += 1
            return
        if self.channel.version is not None and level not in (WARNING, FATAL):
            raise IllegalParameter(
                "an alert is neither a warning nor fatal", level=level, clause="RFC 5246 §7.2"
            )
        if level == WARNING and alert is not CLOSE_NOTIFY and self._ignores_warnings():
            self._warnings += 1
            if alert is NO_RENEGOTIATION and self.renegotiating and self._state is WAIT_SH:
                self._give_up_renegotiation()
            return
        if alert is not CLOSE_NOTIFY or self.connected is None:
            raise AlertReceived(alert, level)
        # In TLS 1.3 one direction can close alone. RFC 5246 §7.2.1 wanted both closed at once, "discarding
        # any pending writes"; programs have long done better, and what is still to be said may be said.
        if self.renegotiating:
            self._give_up_renegotiation()
        self.peer_closed = True
        self._events.append(PeerClosed())
        if self.channel.write_closed:
            self._end()

    def _give_up_renegotiation(self) -> None:
        """The peer takes no part in it any more: go back to the connection as it was."""
        assert self._flow is not None, "there is one under way"
        self._flow.close()
        self._flow = self._state = self._asked = self._answer = None
        self.channel.transcript = Transcript()
        self._send_held()
        if self.close_wanted:
            self.close_wanted = False
            self.close()

    def _ignores_warnings(self) -> bool:
        """Whether a warning may be passed over: before TLS 1.3 it may (RFC 5246 §7.2.2), from then on not.

        A client that offers older versions takes one before the ServerHello too: some servers have a warning
        about an unknown name to give first (RFC 6066 §3).
        """
        older = self.channel.version is not None or self._may_be_older()
        if older and self._warnings >= MAX_WARNINGS:
            raise UnexpectedMessage(
                "the peer keeps sending warnings", limit=MAX_WARNINGS, clause="RFC 5246 §7.2.2"
            )
        return older

    # Handshake messages

    def _take_message(self) -> bool:
        """Take one whole handshake message out of what came, if there is one."""
        incoming = self.channel.incoming
        if len(incoming) < MESSAGE_HEADER:
            return False
        message_type = incoming[0]
        length = (incoming[1] << 16) | (incoming[2] << 8) | incoming[3]
        if message_type == HandshakeType.HELLO_REQUEST and self._ignores_hello_requests():
            return self._pass_over_hello_request(length)
        form = self._expected(message_type)
        self._bound(message_type, length)
        end = MESSAGE_HEADER + length
        if len(incoming) < end:
            return False
        raw = bytes(incoming[:end])
        del incoming[:end]
        name = MESSAGE_NAMES[message_type]
        reader = Reader(raw, name, position=MESSAGE_HEADER)
        message = form.read(reader)
        reader.finish()
        trace = self.channel.trace
        if trace is not None:
            trace.record(MessageTraced("received", name, raw[MESSAGE_HEADER:], message))
        if self._flow is not None:
            self.channel.transcript.add(raw)
            self._resume(message)
        else:
            self._take_post_handshake(message_type, message)
        return True

    def _ignores_hello_requests(self) -> bool:
        """Whether a HelloRequest says nothing new: a client before TLS 1.3 is at it already."""
        return self._flow is not None and self._may_be_older()

    def _may_be_older(self) -> bool:
        """Whether this is a client that has negotiated TLS 1.2 or before, or still may."""
        older = self.channel.version is not None or self.channel.may_be_older
        return older and isinstance(self._config, ClientConfig)

    def _pass_over_hello_request(self, length: int) -> bool:
        """Ignore a HelloRequest; it is no part of the transcript either (RFC 5246 §7.4.1.1)."""
        self._bound(HandshakeType.HELLO_REQUEST, length)
        self.channel.hello_requests += 1
        if self.channel.hello_requests > MAX_HELLO_REQUESTS:
            raise UnexpectedMessage(
                "the server keeps sending HelloRequests", limit=MAX_HELLO_REQUESTS, clause="RFC 5246 §7.4.1.1"
            )
        del self.channel.incoming[:MESSAGE_HEADER]
        return True

    def _expected(self, message_type: int) -> MessageForm[HandshakeMessage]:
        """The form of a message that may come now; the alert goes out before its body is even read."""
        form: MessageForm[HandshakeMessage] | None
        if self._state is not None:
            form = self._state.accepts.get(message_type)
        else:
            assert self.connected is not None, "there is either a flow or its result"
            form = self.connected.handlers.get(message_type, (None,))[0]
        if form is None:
            # "A peer which receives a handshake message in an unexpected order MUST abort the handshake with
            # an "unexpected_message" alert." (RFC 9846 §4)
            name = name_of(HANDSHAKE_TYPES, message_type)
            raise UnexpectedMessage(
                f"a {name} message has no place in state {self.state}", clause="RFC 9846 §4"
            )
        return form

    def _bound(self, message_type: int, length: int) -> None:
        """Refuse a message for its length alone, before it is buffered."""
        name = name_of(HANDSHAKE_TYPES, message_type)
        if message_type in _CERTIFICATE_TYPES:
            limit = self._config.max_certificate_message
            if length > limit:
                raise IllegalParameter(
                    f"a {name} message is larger than this side accepts",
                    length=length,
                    limit=limit,
                    clause="RFC 9846 §4.5.1",
                )
        elif length > MAX_MESSAGES[message_type]:
            # Peers which receive a message that contains "an out-of-range length" "MUST terminate the
            # connection with a "decode_error" alert." (RFC 9846 §6)
            raise DecodeError(f"a {name} message cannot be that long", length=length, clause="RFC 9846 §6")

    def _take_post_handshake(self, message_type: int, message: HandshakeMessage) -> None:
        assert self.connected is not None, "there is either a flow or its result"
        _, accept = self.connected.handlers[message_type]
        result = accept(self.connected, message)
        if isinstance(result, Coroutine):
            # A renegotiation: another handshake on the same connection.
            self._flow = result
            self._resume(None)
        elif result is not None:
            self._events.append(result)

    # The flow

    def _resume(self, value: Any) -> None:
        """Let the flow run to its next state, to a question the application must answer, or to its end."""
        flow = self._flow
        assert flow is not None, "a flow that ended is not resumed"
        trace = self.channel.trace
        while True:
            try:
                step = flow.throw(value) if isinstance(value, BaseException) else flow.send(value)
            except StopIteration as done:
                self._complete(done.value)
                return
            self._take_news()
            if isinstance(step, State):
                self._state = step
                if trace is not None:
                    trace.record(StateEntered(step.name))
                return
            try:
                value = answer_from_config(self._config, step)
            except CertificateRejected as refusal:
                # A verdict is the flow's to take: a server can do without a session.
                value = refusal
            if trace is not None:
                trace.record(QuestionAsked(type(step).__name__, deferred=value is PENDING))
            if value is PENDING:
                self._asked = step
                self._answer = PENDING
                self._events.append(step)
                return

    def _take_news(self) -> None:
        """Hand out what the flow has to say before it ends."""
        if self.channel.news:
            self._events += self.channel.news
            self.channel.news.clear()

    def _complete(self, connected: Connected) -> None:
        again = self.connected is not None
        self._flow = self._state = None
        self.connected = connected
        self.channel.transcript = Transcript()
        self._take_news()
        event = Renegotiated if again else HandshakeCompleted
        self._events.append(event(connected.negotiated))
        self._events += [SessionTicketReceived(ticket) for ticket in connected.tickets]
        self._send_held()
        if self.close_wanted:
            self.close()

    def _send_held(self) -> None:
        """Send what waited for the end of a renegotiation."""
        if self.held:
            held, self.held = self.held, bytearray()
            self.channel.writer.write(ContentType.APPLICATION_DATA, held)
        if self.channel.trace is not None:
            self.channel.trace.record(StateEntered("CONNECTED"))

    def answer(self, question: Question[Any], answer: Any) -> None:
        """Keep the application's answer; the next `next_event` goes on with it. Raises UsageError."""
        if question is not self._asked or self._answer is not PENDING:
            raise UsageError(f"{type(question).__name__} is not waiting for an answer here")
        self._answer = answer

    def _take_answer(self) -> bool:
        if self._answer is PENDING:
            return False
        answer, self._answer, self._asked = self._answer, None, None
        self._resume(answer)
        return True


def forget_frames(error: BaseException) -> None:
    """Clear the variables of the frames an error came through: secrets of the handshake stand in them.

    "Servers and clients MUST forget the secret values and keys established in failed connections"
    (RFC 9846 §6), and a traceback would keep them for as long as somebody keeps the error.
    """
    clear_frames(error.__traceback__)
    if isinstance(error.__context__, InvalidTag):
        clear_frames(error.__context__.__traceback__)


def _how_truncated(connected: bool, started: bool) -> str:
    if connected:
        return "the transport ended without close_notify: the data may be cut short"
    if started:
        return "the peer closed the transport in the middle of the handshake"
    return "the peer closed the transport without sending a single TLS record"
