"""Handshake messages over records: framing, transcript, keys and what the tracer sees of them.

A channel lives as long as its connection. The flows (`client13`, `server13`) send through it and change keys
through it; the driver takes the peer's messages from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lucidtls.alerts import CLOSE_NOTIFY, FATAL, USER_CANCELED, WARNING, Alert
from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.hashes import HashAlgorithm
from lucidtls.crypto.suites import CipherSuite
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.errors import UnexpectedMessage
from lucidtls.events import Event
from lucidtls.handshake.early import EarlyOffer, EarlyRoom
from lucidtls.handshake.schedule13 import traffic_key
from lucidtls.handshake.transcript import Transcript
from lucidtls.record.protection import Protection
from lucidtls.record.reader import RecordReader
from lucidtls.record.writer import RecordWriter
from lucidtls.trace import AlertTraced, Computed, KeysInstalled, MessageTraced, SecretDerived
from lucidtls.wire.codec import HandshakeMessage, handshake_message
from lucidtls.wire.codepoints import MESSAGE_NAMES, ContentType
from lucidtls.wire.records import CHANGE_CIPHER_SPEC_BODY

MESSAGE_HEADER: Final = 4
"""Bytes before a handshake message's body: its type and a 24-bit length."""


class Channel:
    """One connection's records and handshake messages, both directions.

    `news` are events that a flow has for the application before it ends. `early` is the state of early data,
    `early_exporter` what its exporters are made from; `half_rtt` says that a server may already send data.
    `discard_session` forgets the session in use, should the connection fail.
    """

    __slots__ = (
        "_flight", "client_random", "discard_session", "early", "early_exporter", "half_rtt",
        "hello_requests", "incoming", "key_log", "may_be_older", "news", "reader", "rekey_after", "trace",
        "transcript", "version", "write_closed", "writer",
    )  # fmt: skip

    def __init__(self, config: ClientConfig | ServerConfig) -> None:
        self.trace = config.tracer
        self.key_log = config.key_log
        self.rekey_after = config.rekey_after_records
        self.reader = RecordReader(config.tracer)
        self.writer = RecordWriter(config.max_record_size, config.padding, config.tracer)
        self.transcript = Transcript()
        self.incoming = bytearray()
        self.client_random = b""
        self.version: int | None = None
        self.may_be_older = False
        self.hello_requests = 0
        self.write_closed = False
        self.news: list[Event] = []
        self.early: EarlyOffer | EarlyRoom | None = None
        self.early_exporter: tuple[HashAlgorithm, bytes] | None = None
        self.half_rtt = False
        self.discard_session: Callable[[], None] | None = None
        self._flight = bytearray()

    def send(self, message: HandshakeMessage, *, in_transcript: bool = True) -> None:
        """Append a message to the flight being built, and to the transcript."""
        body = message.body()
        data = handshake_message(message.handshake_type, body)
        if in_transcript:
            self.transcript.add(data)
        self._flight += data
        if self.trace is not None:
            name = MESSAGE_NAMES[message.handshake_type]
            self.trace.record(MessageTraced("sent", name, body, message))

    def flush(self) -> None:
        """Put the flight into records. As many messages as fit share one record."""
        if self._flight:
            flight, self._flight = self._flight, bytearray()
            self.writer.write(ContentType.HANDSHAKE, flight)

    def send_alert(self, alert: Alert) -> None:
        """Send an alert; what was not yet flushed of a flight is dropped (RFC 9846 §6)."""
        self._flight.clear()
        level = WARNING if alert in (CLOSE_NOTIFY, USER_CANCELED) else FATAL
        if self.trace is not None:
            self.trace.record(AlertTraced("sent", alert.name, alert.code))
        self.writer.write(ContentType.ALERT, bytes((level, alert.code)))

    def require_record_boundary(self, before: str) -> None:
        """Refuse handshake bytes that follow the last message in its record.

        "Implementations MUST verify that all messages immediately preceding a key change align with a record
        boundary; if not, then they MUST terminate the connection with an "unexpected_message" alert."
        (RFC 9846 §5.1)
        """
        if self.incoming:
            raise UnexpectedMessage(
                f"handshake data follows in the same record, before {before}",
                length=len(self.incoming),
                clause="RFC 9846 §5.1",
            )

    def enter_receive_keys(self, suite: CipherSuite, secret: bytes, epoch: str) -> None:
        """Open what comes from now on with the keys of this traffic secret."""
        self.require_record_boundary(f"the {epoch} keys")
        key, iv = traffic_key(suite, secret)
        self.reader.install(suite.aead.new(key), iv, suite.aead.tag_length)
        if self.trace is not None:
            self.trace.record(KeysInstalled("received", epoch, suite.name))

    def enter_send_keys(self, suite: CipherSuite, secret: bytes, epoch: str) -> None:
        """Flush the flight, then seal what follows with the keys of this traffic secret."""
        self.flush()
        key, iv = traffic_key(suite, secret)
        limit = suite.aead.record_limit
        if self.rekey_after is not None:
            limit = min(limit, self.rekey_after)
        self.writer.install(suite.aead.new(key), iv, suite.aead.tag_length, limit)
        if self.trace is not None:
            self.trace.record(KeysInstalled("sent", epoch, suite.name))

    # Before TLS 1.3

    def enter_version(self, version: int) -> None:
        """Speak TLS 1.2 or older from here on: headers carry the version, and its record rules hold."""
        self.version = version
        self.reader.enter_version(version)
        self.writer.enter_version(version)

    def send_change_cipher_spec(self) -> None:
        """Flush the flight, then tell the peer that our keys change now (RFC 5246 §7.1)."""
        self.flush()
        self.writer.write(ContentType.CHANGE_CIPHER_SPEC, CHANGE_CIPHER_SPEC_BODY)

    def enter_older_receive_keys(self, protection: Protection, suite: CipherSuite12) -> None:
        """Open what comes from now on with this protection."""
        self.require_record_boundary("the new keys")
        self.reader.install_protection(protection)
        if self.trace is not None:
            self.trace.record(KeysInstalled("received", "application", suite.name))

    def enter_older_send_keys(self, protection: Protection, suite: CipherSuite12) -> None:
        """Seal what follows with this protection; the ChangeCipherSpec has said so."""
        self.writer.install_protection(protection)
        if self.trace is not None:
            self.trace.record(KeysInstalled("sent", "application", suite.name))

    def send_warning(self, alert: Alert) -> None:
        """Send an alert that does not end the connection (RFC 5246 §7.2)."""
        if self.trace is not None:
            self.trace.record(AlertTraced("sent", alert.name, alert.code))
        self.writer.write(ContentType.ALERT, bytes((WARNING, alert.code)))

    def trace_computation(
        self, function: str, inputs: tuple[tuple[str, bytes], ...], output: bytes, purpose: str
    ) -> None:
        """Show a computation to a tracer that may see secrets."""
        if self.trace is not None and self.trace.wants_secrets:
            self.trace.record(Computed(function, inputs, output, purpose))

    def log_secret(self, label: str, secret: bytes) -> None:
        """Give a secret to the key log and to a tracer that wants secrets (RFC 9850 §2)."""
        if self.key_log is not None:
            self.key_log(f"{label} {self.client_random.hex()} {secret.hex()}")
        if self.trace is not None and self.trace.wants_secrets:
            self.trace.record(SecretDerived(label, self.client_random, secret))

    def drop_keys(self) -> None:
        """Forget all keys and everything buffered from the peer; what is ready to be sent stays."""
        self.reader.drop_keys()
        self.writer.drop_keys()
        self.incoming.clear()
        self._flight.clear()
        self.early = self.early_exporter = self.discard_session = None
        self.half_rtt = False
        self.transcript = Transcript()
