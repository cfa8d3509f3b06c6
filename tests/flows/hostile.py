"""Peers that do what they are told: finish a key exchange, then send anything at all.

`HostileServer` attacks a client and `HostileClient` a server. Each has the victim inside, at the other end of
no wire, and plays an honest handshake up to any state:

    peer = HostileServer.at("WAIT_CV")
    peer.send(Finished(bytes(32)))
    assert peer.alert == "unexpected_message"

Whatever is sent through `send` goes into the attacker's transcript, as an honest peer's would, so that an
altered message is met by the check that concerns it and not only by the Finished. Records can be made by hand
with `plain` and `sealed`, and handed over with `deliver`. An attacker that may lose track of the transcript
or of the keys is `deaf`: it does not open what comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

from lucidtls.alerts import alert_of
from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.crypto.groups import GROUPS, KeyExchange
from lucidtls.crypto.suites import SUITES_13, TLS_AES_128_GCM_SHA256, CipherSuite
from lucidtls.errors import AlertReceived, PeerError, TLSError
from lucidtls.events import Event
from lucidtls.handshake.authentication import CLIENT_CONTEXT, SERVER_CONTEXT, signed_content
from lucidtls.handshake.schedule13 import (
    ApplicationSecrets,
    HandshakeSecrets,
    application_secrets,
    finished_data,
    handshake_secrets,
    next_generation,
    resumption_secret,
    traffic_key,
)
from lucidtls.sessions.session import Session
from lucidtls.trace import Recorder
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import HandshakeMessage as Message
from lucidtls.wire.codec import decode, handshake_message
from lucidtls.wire.codepoints import ContentType, HandshakeType
from lucidtls.wire.extensions import ExtensionForm, Extensions, KeyShareEntry, ch, cr, hrr, sh
from lucidtls.wire.hello import HELLO_RETRY_REQUEST_RANDOM, ClientHello, ServerHello
from lucidtls.wire.messages13 import (
    HANDSHAKE_MESSAGES_13,
    Certificate,
    CertificateEntry,
    CertificateRequest,
    CertificateVerify,
    EncryptedExtensions,
    EndOfEarlyData,
    Finished,
)
from lucidtls.wire.records import MAX_PLAINTEXT
from tests.conformance.diagram import check_path
from tests.flows.parties import (
    SERVER_NAME,
    client_config,
    client_credential,
    credential,
    seeded,
    server_config,
)

TLS12, TLS13 = 0x0303, 0x0304
X25519, SECP256R1 = 0x001D, 0x0017

Part = Message | bytes
"""A handshake message: decoded, or as bytes with its header."""

Items = Sequence[tuple[ExtensionForm[Any], Any] | tuple[int, bytes]]


def plain(content_type: int, fragment: bytes, version: int = 0x0303) -> bytes:
    """A record in the clear."""
    return bytes((content_type,)) + version.to_bytes(2) + len(fragment).to_bytes(2) + fragment


def encoded(part: Part) -> bytes:
    """A handshake message with its header."""
    return part if isinstance(part, bytes) else handshake_message(part.handshake_type, part.body())


def extensions(message: str, *items: tuple[Any, Any]) -> Extensions:
    """A block of extensions."""
    return Extensions.build(message, items)


def with_extension(block: Extensions, code: int, body: bytes) -> Extensions:
    """The block with one extension added, or replaced where it stands."""
    return Extensions.build(block.message, (block.raw | {code: body}).items())


def without_extension(block: Extensions, *codes: int) -> Extensions:
    """The block without some extensions."""
    return Extensions.build(block.message, ((c, body) for c, body in block.raw.items() if c not in codes))


class Sealer:
    """One direction of record protection, with nothing that stops its owner from misusing it."""

    def __init__(self, suite: CipherSuite, secret: bytes) -> None:
        self.suite = suite
        self.secret = secret
        self.sequence = 0
        key, iv = traffic_key(suite, secret)
        self.key = suite.aead.new(key)
        self.iv = int.from_bytes(iv)

    def seal(self, inner: bytes, *, version: int = 0x0303, sequence: int | None = None) -> bytes:
        """Seal a whole TLSInnerPlaintext: content, type and padding."""
        if sequence is None:
            sequence = self.sequence
            self.sequence += 1
        length = len(inner) + self.suite.aead.tag_length
        header = b"\x17" + version.to_bytes(2) + length.to_bytes(2)
        return header + self.key.encrypt((self.iv ^ sequence).to_bytes(12), inner, header)

    def next(self) -> Sealer:
        """The sealer after a KeyUpdate."""
        return Sealer(self.suite, next_generation(self.suite.hash, self.secret))


class Opener:
    """The other direction: opens what a victim sends, and notices when it uses the wrong keys."""

    def __init__(self, suite: CipherSuite, secret: bytes) -> None:
        self.suite = suite
        self.secret = secret
        key, iv = traffic_key(suite, secret)
        self.key = suite.aead.new(key)
        self.iv = int.from_bytes(iv)
        self.sequence = 0

    def next(self) -> Opener:
        """The opener after a KeyUpdate."""
        return Opener(self.suite, next_generation(self.suite.hash, self.secret))

    def open(self, record: bytes) -> tuple[int, bytes]:
        """Open one record: its content type and its content."""
        inner = self.key.decrypt((self.iv ^ self.sequence).to_bytes(12), record[5:], record[:5]).rstrip(b"\0")
        self.sequence += 1
        return inner[-1], inner[:-1]


class Peer:
    """What both attackers have in common: the victim, the transcript, keys, and an ear."""

    role: str

    def __init__(self, victim: ClientConnection | ServerConnection, tape: Recorder) -> None:
        self.victim = victim
        self.tape = tape
        self.suite = TLS_AES_128_GCM_SHA256
        self.transcript: list[bytes] = []
        self.events: list[Event] = []
        self.error: BaseException | None = None
        self.heard: list[tuple[int, bytes]] = []
        self.sealer: Sealer | None = None
        self.handshake: HandshakeSecrets | None = None
        self.application: ApplicationSecrets | None = None
        self.deaf = False
        self._opener: Opener | None = None
        self._incoming = bytearray()

    # Handing bytes to the victim, and listening to it

    def deliver(self, data: bytes) -> Self:
        """Hand the victim some bytes, take its events or its error, and listen to what it answers."""
        self.victim.receive_data(data)
        return self.step()

    def step(self) -> Self:
        """Let the victim go on, and listen."""
        while self.error is None:
            try:
                event = self.victim.next_event()
            except TLSError as error:
                self.error = error
                break
            if event is None:
                break
            self.events.append(event)
        self._listen()
        check_path("client" if isinstance(self.victim, ClientConnection) else "server", self.tape.entries)
        return self

    def end(self) -> Self:
        """End the transport."""
        return self.deliver(b"")

    def _listen(self) -> None:
        data = self.victim.data_to_send()
        while data and not self.deaf:
            end = 5 + int.from_bytes(data[3:5])
            self._hear_record(data[:end])
            data = data[end:]

    def _hear_record(self, record: bytes) -> None:
        content_type, content = record[0], record[5:]
        if content_type == ContentType.APPLICATION_DATA:
            assert self._opener is not None, "the victim seals records before it can have keys"
            content_type, content = self._opener.open(record)
        self.heard.append((content_type, content))
        if content_type == ContentType.HANDSHAKE:
            self._incoming += content
            self._hear_messages()

    def _hear_messages(self) -> None:
        while len(self._incoming) >= 4:
            end = 4 + int.from_bytes(self._incoming[1:4])
            if len(self._incoming) < end:
                return
            raw = bytes(self._incoming[:end])
            del self._incoming[:end]
            if raw[0] == HandshakeType.KEY_UPDATE:
                assert self._opener is not None, "a KeyUpdate is sealed"
                self._opener = self._opener.next()
            else:
                self.transcript.append(raw)
                self.hear(raw[0], raw[4:])

    def hear(self, message_type: int, body: bytes) -> None:
        """Take note of a message of the victim."""

    def listen_with(self, secret: bytes) -> None:
        """Open what the victim sends from now on with the keys of this secret."""
        self._opener = Opener(self.suite, secret)

    # What came of it

    @property
    def alerts(self) -> list[str]:
        """The alerts that the victim has sent."""
        return [alert_of(content[1]).name for kind, content in self.heard if kind == ContentType.ALERT]

    @property
    def alert(self) -> str | None:
        """The last alert that the victim has sent."""
        return self.alerts[-1] if self.alerts else None

    @property
    def failure(self) -> PeerError:
        """The error with which the victim blamed its peer."""
        if self.error is None:
            raise AssertionError(f"the victim accepted everything and is in state {self.victim.state}")
        if not isinstance(self.error, PeerError):
            raise AssertionError("the victim's error is not about its peer") from self.error
        return self.error

    @property
    def state(self) -> str:
        """Where the victim stands."""
        return self.victim.state

    def hash(self) -> bytes:
        """The hash of the transcript so far."""
        return self.suite.hash.digest(b"".join(self.transcript))

    # Sending

    def sealed(self, content_type: int, content: bytes, padding: int = 0) -> bytes:
        """A protected record."""
        assert self.sealer is not None, "there are no keys yet"
        return self.sealer.seal(content + bytes((content_type,)) + bytes(padding))

    def record(self, content_type: int, content: bytes) -> bytes:
        """Content as an honest peer would send it now: sealed as soon as there are keys, and in pieces."""
        make = plain if self.sealer is None else self.sealed
        pieces = range(0, len(content) or 1, MAX_PLAINTEXT)
        return b"".join(make(content_type, content[start : start + MAX_PLAINTEXT]) for start in pieces)

    def say(self, *parts: Part) -> bytes:
        """Put messages into the transcript, and return them in one record."""
        raw = [encoded(part) for part in parts]
        self.transcript += raw
        return self.record(ContentType.HANDSHAKE, b"".join(raw))

    def send(self, *parts: Part) -> Self:
        """Send messages in one record."""
        return self.deliver(self.say(*parts))

    def send_alert(self, code: int, level: int = 2) -> Self:
        """Send an alert."""
        return self.deliver(self.record(ContentType.ALERT, bytes((level, code))))

    def send_data(self, data: bytes) -> Self:
        """Send application data."""
        return self.deliver(self.sealed(ContentType.APPLICATION_DATA, data))

    def send_post(self, *parts: Part) -> Self:
        """Send messages that follow the handshake and are in no transcript."""
        return self.deliver(self.sealed(ContentType.HANDSHAKE, b"".join(encoded(part) for part in parts)))

    def rekey(self) -> None:
        """Change our sending keys, as after a KeyUpdate."""
        assert self.sealer is not None, "there are no keys yet"
        self.sealer = self.sealer.next()

    # Messages that both sides send

    def certificate(self, identity: Credential | None, context: bytes = b"", *items: Any) -> Certificate:
        """A Certificate; `items` are extensions of its first entry. Without identity it is empty."""
        if identity is None:
            return Certificate(context, ())
        entries = [CertificateEntry(der, extensions("Certificate")) for der in identity.chain]
        if items:
            entries[0] = CertificateEntry(entries[0].data, extensions("Certificate", *items))
        return Certificate(context, tuple(entries))

    def certificate_verify(
        self, identity: Credential, scheme: int | None = None, context: bytes | None = None
    ) -> CertificateVerify:
        """A CertificateVerify over the transcript so far."""
        own = SERVER_CONTEXT if self.role == "server" else CLIENT_CONTEXT
        code = identity.schemes[0] if scheme is None else scheme
        content = signed_content(own if context is None else context, self.hash())
        return CertificateVerify(code, identity.sign(identity.schemes[0], content))

    def finished(self) -> Finished:
        """A Finished over the transcript so far."""
        assert self.handshake is not None, "there are no keys yet"
        secret = self.handshake.server if self.role == "server" else self.handshake.client
        return Finished(finished_data(self.suite.hash, secret, self.hash()))


class HostileServer(Peer):
    """A server that attacks a client."""

    role = "server"
    STATES: ClassVar[tuple[str, ...]] = (
        "WAIT_SH",
        "WAIT_EE",
        "WAIT_CERT_CR",
        "WAIT_CERT",
        "WAIT_CV",
        "WAIT_FINISHED",
        "CONNECTED",
    )

    def __init__(
        self,
        config: ClientConfig | None = None,
        *,
        identity: Credential | None = None,
        suite: CipherSuite = TLS_AES_128_GCM_SHA256,
        group: int = X25519,
        server_name: str | None = SERVER_NAME,
        session: Session | None = None,
    ) -> None:
        tape = Recorder()
        config = replace(config or client_config(), tracer=tape)
        super().__init__(ClientConnection(config, server_name, session=session), tape)
        self.suite = suite
        self.group = group
        self.identity = identity or credential()
        self.random = seeded("hostile server")
        self.shared_secret = b""
        self.early: bytes | None = None
        self.client_hello: ClientHello
        self.step()

    @classmethod
    def at(cls, state: str, config: ClientConfig | None = None, **choices: Any) -> HostileServer:
        """Return an attacker whose victim is in a state; WAIT_CERT is reached by a CertificateRequest."""
        return cls(config, **choices).reach(state)

    def hear(self, message_type: int, body: bytes) -> None:
        """Read the ClientHello; after the client's Finished, open its data."""
        if message_type == HandshakeType.CLIENT_HELLO:
            self.client_hello = decode(ClientHello, body)
        elif message_type == HandshakeType.FINISHED and self.application is not None:
            self.listen_with(self.application.client)

    # Messages

    def server_hello(self, *items: Any, **changes: Any) -> ServerHello:
        """A ServerHello that answers the client's share; `items` are extensions in place of the usual."""
        if not items:
            offered = self.client_hello.extensions.get(ch.KEY_SHARE) or ()
            shares = {entry.group: entry.key_exchange for entry in offered}
            share, self.shared_secret = GROUPS[self.group].respond(shares[self.group], self.random)
            items = ((sh.SUPPORTED_VERSIONS, TLS13), (sh.KEY_SHARE, KeyShareEntry(self.group, share)))
        hello = ServerHello(
            TLS12,
            self.random(32),
            self.client_hello.legacy_session_id,
            self.suite.code,
            0,
            extensions("ServerHello", *items),
        )
        return replace(hello, **changes)

    def retry_request(self, *items: Any, **changes: Any) -> ServerHello:
        """A HelloRetryRequest, for secp256r1 unless `items` are given."""
        usual = ((hrr.SUPPORTED_VERSIONS, TLS13), (hrr.KEY_SHARE, SECP256R1))
        hello = ServerHello(
            TLS12,
            HELLO_RETRY_REQUEST_RANDOM,
            self.client_hello.legacy_session_id,
            self.suite.code,
            0,
            extensions("HelloRetryRequest", *(items or usual)),
        )
        return replace(hello, **changes)

    def encrypted_extensions(self, *items: Any) -> EncryptedExtensions:
        """EncryptedExtensions, empty unless `items` are given."""
        return EncryptedExtensions(extensions("EncryptedExtensions", *items))

    def certificate_request(self, *items: Any, context: bytes = b"") -> CertificateRequest:
        """A CertificateRequest that takes ECDSA with P-256, and other extensions if given."""
        chosen = items or ((cr.SIGNATURE_ALGORITHMS, (0x0403, 0x0804, 0x0807)),)
        return CertificateRequest(context, extensions("CertificateRequest", *chosen))

    # Steps

    def send_retry(self, message: ServerHello | None = None) -> Self:
        """Send a HelloRetryRequest, and take the second ClientHello into the transcript."""
        message = message or self.retry_request()
        first_hash = self.suite.hash.digest(self.transcript.pop())
        self.transcript = [bytes((254, 0, 0, len(first_hash))) + first_hash]
        self.send(message)
        for code in message.extensions.raw:
            if code == hrr.KEY_SHARE.code:
                self.group = message.extensions.get(hrr.KEY_SHARE) or self.group
        return self

    def send_server_hello(self, message: ServerHello | None = None) -> Self:
        """Send a ServerHello and change to the handshake keys."""
        self.prepare_keys(message or self.server_hello())
        return self.deliver(self.opening)

    def prepare_keys(self, message: ServerHello) -> None:
        """Put a ServerHello into the transcript and its record into `opening`, and change keys."""
        self.opening = self.say(message)
        self.handshake = handshake_secrets(self.suite.hash, self.shared_secret, self.hash(), self.early)
        self.sealer = Sealer(self.suite, self.handshake.server)
        self.listen_with(self.handshake.client)

    def send_finished(self, message: Finished | None = None) -> Self:
        """Send a Finished and change to the keys of the data."""
        record = self.say(message or self.finished())
        self.enter_application_keys()
        return self.deliver(record)

    def enter_application_keys(self) -> None:
        """Derive and use the keys of the data; the transcript must end with our Finished."""
        assert self.handshake is not None, "there are no keys yet"
        self.application = application_secrets(self.suite.hash, self.handshake.handshake_secret, self.hash())
        self.sealer = Sealer(self.suite, self.application.server)

    def reach(self, state: str) -> HostileServer:
        """Play an honest server until the client is in `state`."""
        request = state == "WAIT_CERT"
        steps: dict[str, Callable[[], Any]] = {
            "WAIT_SH": self.send_server_hello,
            "WAIT_EE": lambda: self.send(self.encrypted_extensions()),
            "WAIT_CERT_CR": lambda: self.send(
                self.certificate_request() if request else self.certificate(self.identity)
            ),
            "WAIT_CERT": lambda: self.send(self.certificate(self.identity)),
            "WAIT_CV": lambda: self.send(self.certificate_verify(self.identity)),
            "WAIT_FINISHED": self.send_finished,
        }
        while self.victim.state != state:
            before = self.victim.state
            steps[before]()
            if self.error is not None:
                raise self.error
            assert self.victim.state != before, f"the client does not leave {before}"
        return self

    def resumption_secret(self) -> bytes:
        """What the PSKs of this session's tickets are made from."""
        assert self.application is not None, "the handshake is not over"
        return resumption_secret(self.suite.hash, self.application.main_secret, self.hash())


class HostileClient(Peer):
    """A client that attacks a server."""

    role = "client"
    STATES: ClassVar[tuple[str, ...]] = (
        "START",
        "WAIT_CH2",
        "WAIT_CERT",
        "WAIT_CV",
        "WAIT_FINISHED",
        "CONNECTED",
    )

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        identity: Credential | None = None,
        groups: Sequence[int] = (X25519, SECP256R1),
        shares: Sequence[int] = (X25519,),
    ) -> None:
        tape = Recorder()
        config = replace(config or server_config(), tracer=tape)
        super().__init__(ServerConnection(config), tape)
        self.identity = identity or client_credential()
        self.random = seeded("hostile client")
        self.groups = groups
        self.exchanges: dict[int, KeyExchange] = {}
        self.share(*shares)
        self.early: bytes | None = None
        self.hello: ClientHello | None = None
        self.server_hello: ServerHello | None = None
        self.messages: list[Any] = []
        self.step()

    @classmethod
    def at(cls, state: str, config: ServerConfig | None = None, **choices: Any) -> HostileClient:
        """Return an attacker whose victim is in a state.

        The states of client authentication are reached by a server that requires it, WAIT_CH2 by a server
        with other groups.
        """
        if config is None and state in ("WAIT_CERT", "WAIT_CV"):
            config = server_config(client_authentication="require")
        if config is None and state == "WAIT_CH2":
            config = server_config(groups=("secp256r1",))
        return cls(config, **choices).reach(state)

    def share(self, *groups: int) -> None:
        """Make fresh key shares."""
        self.exchanges = {group: GROUPS[group].generate(self.random) for group in groups}

    def hear(self, message_type: int, body: bytes) -> None:
        """Read the server's flight; change to the handshake keys at its ServerHello."""
        message_class = HANDSHAKE_MESSAGES_13[message_type]
        message: Any = decode(message_class, body)
        self.messages.append(message)
        if isinstance(message, ServerHello):
            self._hear_hello(message)
        elif isinstance(message, Finished):
            assert self.handshake is not None, "a Finished is sealed"
            self.application = application_secrets(
                self.suite.hash, self.handshake.handshake_secret, self.hash()
            )
            self.listen_with(self.application.server)

    def _hear_hello(self, message: ServerHello) -> None:
        self.suite = SUITES_13[message.cipher_suite]
        self.server_hello = message
        if message.is_retry_request:
            raw = self.transcript.pop()
            first_hash = self.suite.hash.digest(self.transcript.pop())
            self.transcript = [bytes((254, 0, 0, len(first_hash))) + first_hash, raw]
            return
        share = message.extensions.get(sh.KEY_SHARE)
        shared_secret = bytes(self.suite.hash.digest_size)
        if share is not None:
            shared_secret = self.exchanges[share.group].complete(share.key_exchange)
        early = self.early if sh.PRE_SHARED_KEY in message.extensions else None
        self.handshake = handshake_secrets(self.suite.hash, shared_secret, self.hash(), early)
        self.sealer = Sealer(self.suite, self.handshake.client)
        self.listen_with(self.handshake.server)

    # Messages

    def usual_extensions(self) -> list[tuple[Any, Any]]:
        """What an honest hello of ours carries."""
        return [
            (ch.SERVER_NAME, SERVER_NAME),
            (ch.SUPPORTED_VERSIONS, (TLS13,)),
            (ch.SUPPORTED_GROUPS, tuple(self.groups)),
            (ch.KEY_SHARE, tuple(KeyShareEntry(g, own.share) for g, own in self.exchanges.items())),
            (ch.SIGNATURE_ALGORITHMS, (0x0403, 0x0804, 0x0807)),
        ]

    def client_hello(self, *items: Any, **changes: Any) -> ClientHello:
        """A ClientHello with the usual extensions and `items` after them."""
        hello = ClientHello(
            TLS12,
            self.random(32),
            self.random(32),
            (0x1301, 0x1302),
            b"\0",
            extensions("ClientHello", *self.usual_extensions(), *items),
        )
        return replace(hello, **changes)

    def second_hello(self, *items: Any, group: int | None = SECP256R1) -> ClientHello:
        """The first hello, changed as a HelloRetryRequest for `group` asks."""
        assert self.hello is not None, "there was no first hello"
        if group is not None:
            self.share(group)
        block = extensions("ClientHello", *self.usual_extensions(), *items)
        return replace(self.hello, extensions=block)

    # Steps

    def send_hello(self, hello: ClientHello | None = None) -> Self:
        """Send a ClientHello."""
        self.hello = hello or self.client_hello()
        return self.send(self.hello)

    def end_early_data(self) -> Self:
        """Send EndOfEarlyData, and change to the keys of the handshake."""
        assert self.handshake is not None, "the ServerHello comes first"
        record = self.say(EndOfEarlyData())
        self.sealer = Sealer(self.suite, self.handshake.client)
        return self.deliver(record)

    def send_finished(self, message: Finished | None = None) -> Self:
        """Send a Finished, and change to the keys of the data."""
        record = self.say(message or self.finished())
        assert self.application is not None, "the server's Finished comes first"
        self.sealer = Sealer(self.suite, self.application.client)
        return self.deliver(record)

    def reach(self, state: str) -> HostileClient:
        """Play an honest client until the server is in `state`."""
        steps: dict[str, Callable[[], Any]] = {
            "START": self.send_hello,
            "WAIT_CH2": lambda: self.send(self.second_hello()),
            "WAIT_EOED": self.end_early_data,
            "WAIT_CERT": lambda: self.send(self.certificate(self.identity)),
            "WAIT_CV": lambda: self.send(self.certificate_verify(self.identity)),
            "WAIT_FINISHED": self.send_finished,
        }
        while self.victim.state != state:
            before = self.victim.state
            steps[before]()
            if self.error is not None:
                raise self.error
            assert self.victim.state != before, f"the server does not leave {before}"
        return self


Attacker = HostileServer | HostileClient


def refused_alert(peer: Peer) -> str | None:
    """The alert with which a victim refused; None when it ended because of an alert of ours."""
    return None if isinstance(peer.error, AlertReceived) else peer.alert
