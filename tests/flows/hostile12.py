"""Hostile peers for TLS 1.2 and before, beside those of `hostile` for TLS 1.3.

They too finish a key exchange and then send anything at all. An honest handshake is a list of steps, and an
attacker plays it up to any of them:

    peer = HostileServer12.before("server_key_exchange")
    peer.send(ServerHelloDone())
    assert peer.alert == "unexpected_message"

What is said with `send` goes into the attacker's transcript. The key schedule and the protection of records
are those of `tests.flows.protection12`, written a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import padding

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.crypto.ffdh import FFDHE2048
from lucidtls.crypto.groups import GROUPS, KeyExchange
from lucidtls.crypto.suites12 import SUITES_12, suite12_named
from lucidtls.errors import TLSError
from lucidtls.handshake.exchange12 import METHODS, Method
from lucidtls.trace import Recorder, RecordTraced, TraceRecord
from lucidtls.trust.certificate import leaf_public_key
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import decode
from lucidtls.wire.codepoints import ContentType, HandshakeType
from lucidtls.wire.extensions import ch, sh12
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages12 import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ClientKeyExchange,
    DHParameters,
    ECDHParameters,
    Finished,
    NewSessionTicket,
    ServerHelloDone,
    ServerKeyExchange,
    client_key_exchange_form,
    server_key_exchange_form,
)
from lucidtls.wire.versions import TLS12
from tests.conformance.diagram import check_path
from tests.flows.choices12 import ECDSA_SUITE, PSK, SCHEMES, client12, identity_for, server12
from tests.flows.hostile import SECP256R1, X25519, Peer, extensions, plain
from tests.flows.parties import SERVER_NAME, client_credential, seeded
from tests.flows.protection12 import KeyBlock, Protector, Schedule

CCS = b"\x01"


@dataclass
class VerifyData:
    """The contents of both Finished messages, for renegotiation_info."""

    client: bytes = b""
    server: bytes = b""


class Peer12(Peer):
    """What both attackers have in common."""

    def __init__(
        self, victim: ClientConnection | ServerConnection, tape: Recorder, suite: str, version: int
    ) -> None:
        super().__init__(victim, tape)
        self.suite12 = suite12_named(suite)
        self.version = version
        self.client_random = self.server_random = b""
        self.ems = self.etm = False
        self.premaster = b""
        self.block: KeyBlock | None = None
        self.protector: Protector | None = None
        self.opener: Protector | None = None
        self.verify = VerifyData()
        self.said: list[Any] = []
        self.at = 0

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
        check_path("client" if isinstance(self.victim, ClientConnection) else "server", self._accepted())
        return self

    def _accepted(self) -> list[TraceRecord]:
        """What was recorded, without the record that the victim refused."""
        entries = list(self.tape.entries)
        if self.error is not None:
            for at in reversed(range(len(entries))):
                entry = entries[at]
                if isinstance(entry, RecordTraced) and entry.direction == "received":
                    del entries[at]
                    break
        return entries

    # Steps

    @property
    def steps(self) -> tuple[str, ...]:
        """The honest handshake, as names of what is sent."""
        raise NotImplementedError

    def take(self, step: str) -> None:
        """Send what an honest peer sends in a step: a method of that name makes the message."""
        if step == "change_cipher_spec":
            self.change_cipher_spec()
        else:
            self.send(getattr(self, step)())

    def play(self, until: str) -> Self:
        """Play honestly until the next step is `until`; "data" comes when the handshake is over."""
        while self.next_step != until:
            step = self.next_step
            assert step != "data", f"there is no step {until} in {self.steps}"
            self.at += 1
            self.take(step)
            if self.error is not None:
                raise self.error
        return self

    @property
    def next_step(self) -> str:
        """What an honest peer would send now."""
        return (*self.steps, "data")[self.at]

    def skip(self) -> Self:
        """Leave the next step out."""
        self.at += 1
        return self

    # Keys

    @property
    def method(self) -> Method:
        """The key exchange."""
        return METHODS[self.suite12.key_exchange]

    @property
    def schedule(self) -> Schedule:
        """The key schedule as far as it is known."""
        return Schedule(self.version, self.suite12, self.client_random, self.server_random)

    def make_keys(self) -> None:
        """Derive everything; the transcript must end with the ClientKeyExchange."""
        schedule = self.schedule
        self.main_secret = schedule.main_secret(
            self.premaster, b"".join(self.transcript) if self.ems else None
        )
        self.block = schedule.key_block(self.main_secret, etm=self.etm)

    def own_keys(self) -> Protector:
        """The protection of what we send."""
        assert self.block is not None, "there are no keys yet"
        return self.block.server if self.role == "server" else self.block.client

    def their_keys(self) -> Protector:
        """The protection of what the victim sends."""
        assert self.block is not None, "there are no keys yet"
        return self.block.client if self.role == "server" else self.block.server

    def change_cipher_spec(self) -> Self:
        """Say that our keys change, and change them."""
        raw = self.record(ContentType.CHANGE_CIPHER_SPEC, CCS)
        self.protector = self.own_keys()
        return self.deliver(raw)

    def finished(self) -> Finished:  # type: ignore[override]
        """A Finished over the transcript so far."""
        data = self.schedule.verify_data(self.main_secret, self.role, b"".join(self.transcript))
        setattr(self.verify, self.role, data)
        return Finished(data)

    # Records

    def sealed(self, content_type: int, content: bytes, padding: int = 0) -> bytes:
        """A protected record."""
        assert self.protector is not None, "there are no keys yet"
        return self.protector.seal(content_type, content)

    def record(self, content_type: int, content: bytes) -> bytes:
        """Content as an honest peer would send it now."""
        make = self.clear if self.protector is None else self.sealed
        pieces = range(0, len(content) or 1, 2**14)
        return b"".join(make(content_type, content[start : start + 2**14]) for start in pieces)

    def clear(self, content_type: int, content: bytes, version: int | None = None) -> bytes:
        """A record in the clear."""
        usual = self.version if self.version >> 8 == 3 else TLS12
        return plain(content_type, content, usual if version is None else version)

    def _hear_record(self, record: bytes) -> None:
        content_type, content = record[0], record[5:]
        if self.opener is not None:
            content = self.opener.open(record)
        self.heard.append((content_type, content))
        if content_type == ContentType.CHANGE_CIPHER_SPEC:
            self.opener = self.their_keys()
        elif content_type == ContentType.HANDSHAKE:
            self._incoming += content
            self._hear_messages()

    def remember(self, message: Any) -> Any:
        """Keep a message of the victim."""
        self.said.append(message)
        return message

    def heard_message(self, kind: type[Any]) -> Any:
        """The last message of a kind that the victim has sent."""
        return [message for message in self.said if isinstance(message, kind)][-1]

    # Messages that both sides send

    def certificate(self) -> Certificate:  # type: ignore[override]
        """Our chain."""
        return Certificate(self.identity.chain if self.identity is not None else ())

    identity: Credential | None = None

    def sign(self, content: bytes, identity: Credential | None = None) -> tuple[int | None, bytes]:
        """A scheme, named from TLS 1.2 on, and a signature."""
        who = identity or self.identity
        assert who is not None, "nobody is there to sign"
        code = who.schemes12[0] if self.version >= TLS12 else who.legacy_scheme
        assert code is not None, "the key cannot sign in this version"
        return (code if self.version >= TLS12 else None), who.sign(code, content)

    def with_psk(self, other: bytes | None) -> bytes:
        """The premaster secret, with the pre-shared key in it if one takes part."""
        if not self.method.psk:
            assert other is not None, "without a PSK there is another secret"
            return other
        if other is None:
            other = bytes(len(PSK.key))
        return len(other).to_bytes(2) + other + len(PSK.key).to_bytes(2) + PSK.key


class HostileServer12(Peer12):
    """A server that attacks a client."""

    role = "server"

    def __init__(
        self,
        config: ClientConfig | None = None,
        *,
        suite: str = ECDSA_SUITE,
        version: int = TLS12,
        identity: Credential | None = None,
        group: int = X25519,
        parameters: tuple[int, int] = (FFDHE2048.prime, 2),
        ems: bool = True,
        etm: bool = False,
        request: bool = False,
        ticket: bool = False,
        status: bool = False,
        hint: bytes | None = None,
    ) -> None:
        tape = Recorder()
        config = replace(config or client12(suite, version, status_request=status), tracer=tape)
        super().__init__(ClientConnection(config, SERVER_NAME), tape, suite, version)
        self.identity = identity or (identity_for(self.suite12) if self.method.certificate else None)
        self.random = seeded("hostile server 12")
        self.ems, self.etm, self.request, self.ticket, self.status = ems, etm, request, ticket, status
        self.hint = b"" if hint is None and self.method.psk and self.method.parameters else hint
        self.group, self.parameters = group, parameters
        self.exponent = int.from_bytes(self.random(28))
        self.exchange: KeyExchange | None = None
        self.client_hello: ClientHello
        self.step()

    @classmethod
    def before(cls, step: str, config: ClientConfig | None = None, **choices: Any) -> HostileServer12:
        """Return an attacker that has played an honest server up to a step."""
        return cls(config, **choices).play(step)

    @property
    def steps(self) -> tuple[str, ...]:
        """The honest handshake."""
        method = self.method
        steps = (
            ("server_hello", True),
            ("certificate", method.certificate),
            ("certificate_status", self.status),
            ("server_key_exchange", method.parameters is not None or self.hint is not None),
            ("certificate_request", self.request),
            ("server_hello_done", True),
            ("new_session_ticket", self.ticket),
            ("change_cipher_spec", True),
            ("finished", True),
        )
        return tuple(name for name, there in steps if there)

    def hear(self, message_type: int, body: bytes) -> None:
        """Read what the client says."""
        if message_type == HandshakeType.CLIENT_HELLO:
            self.client_hello = self.remember(decode(ClientHello, body))
            self.client_random = self.client_hello.random
        elif message_type == HandshakeType.CLIENT_KEY_EXCHANGE:
            kind = "rsa" if self.method.encrypted else self.method.parameters
            message = self.remember(decode(client_key_exchange_form(self.method.psk, kind), body))
            self.premaster = self.with_psk(self._complete(message.exchange))
            self.make_keys()
        elif message_type == HandshakeType.FINISHED:
            self.verify.client = body
        elif message_type == HandshakeType.CERTIFICATE:
            self.remember(decode(Certificate, body))

    def _complete(self, exchange: bytes | None) -> bytes | None:
        """Turn the client's share, or what it encrypted, into the secret."""
        if exchange is None:
            return None
        if self.method.encrypted:
            assert self.identity is not None, "a server that decrypts has a key"
            key: Any = self.identity.key
            decrypted: bytes = key.decrypt(exchange, padding.PKCS1v15())
            return decrypted
        if self.method.parameters == "ecdh":
            assert self.exchange is not None, "the server's share comes first"
            return self.exchange.complete(exchange)
        prime = self.parameters[0]
        secret = pow(int.from_bytes(exchange), self.exponent, prime)
        return secret.to_bytes(-(-prime.bit_length() // 8)).lstrip(b"\0")

    # Messages

    def server_hello(self, *items: Any, **changes: Any) -> ServerHello:
        """A ServerHello with the usual extensions, and `items` after them."""
        usual: list[tuple[Any, Any]] = []
        if ch.RENEGOTIATION_INFO in self.client_hello.extensions:
            usual.append((sh12.RENEGOTIATION_INFO, self.verify.client + self.verify.server))
        if self.ems:
            usual.append((sh12.EXTENDED_MASTER_SECRET, True))
        if self.etm:
            usual.append((sh12.ENCRYPT_THEN_MAC, True))
        if self.ticket:
            usual.append((sh12.SESSION_TICKET, True))
        if self.status:
            usual.append((sh12.STATUS_REQUEST, True))
        hello = ServerHello(
            self.version,
            self.random(32),
            b"",
            self.suite12.code,
            0,
            extensions("ServerHello12", *usual, *items),
        )
        hello = replace(hello, **changes)
        self.server_random = hello.random
        return hello

    def share(self) -> ECDHParameters | DHParameters | None:
        """Our share in the curve or field."""
        if self.method.parameters is None:
            return None
        if self.method.parameters == "ecdh":
            self.exchange = GROUPS[self.group].generate(self.random)
            return ECDHParameters(self.group, self.exchange.share)
        return self.field_share(*self.parameters)

    def field_share(self, prime: int, generator: int, public: int | None = None) -> DHParameters:
        """A share in any field at all."""
        self.parameters = prime, generator
        value = pow(generator, self.exponent, prime) if public is None else public
        length = max(1, -(-prime.bit_length() // 8))
        size = max(1, -(-generator.bit_length() // 8))
        return DHParameters(prime.to_bytes(length), generator.to_bytes(size), value.to_bytes(length + 1))

    def server_key_exchange(
        self, share: ECDHParameters | DHParameters | None = None, **changes: Any
    ) -> ServerKeyExchange:
        """A ServerKeyExchange with its signature."""
        message = ServerKeyExchange(self.hint if self.method.psk else None, share or self.share())
        if self.method.signed:
            content = self.client_random + self.server_random + message.signed_params()
            message.scheme, message.signature = self.sign(content)
        return replace(message, **changes)

    def certificate_status(self) -> CertificateStatus:
        """An OCSP response that nobody looks at yet."""
        return CertificateStatus(1, b"a response")

    def certificate_request(self, **changes: Any) -> CertificateRequest:
        """A wish for a certificate of any kind."""
        schemes = SCHEMES if self.version >= TLS12 else None
        return replace(CertificateRequest((1, 64), schemes, ()), **changes)

    def server_hello_done(self) -> ServerHelloDone:
        """The end of our flight."""
        return ServerHelloDone()

    def new_session_ticket(self) -> NewSessionTicket:
        """A ticket."""
        return NewSessionTicket(3600, b"a ticket")

    def renegotiate(self) -> Self:
        """Ask for another handshake, and be at its beginning."""
        assert self.victim.state == "CONNECTED", self.victim.state
        self.transcript.clear()
        self.at = 0
        return self.deliver(self.sealed(ContentType.HANDSHAKE, bytes(4)))


class HostileClient12(Peer12):
    """A client that attacks a server."""

    role = "client"

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        suite: str = ECDSA_SUITE,
        version: int = TLS12,
        identity: Credential | None = None,
        group: int = X25519,
        ems: bool = True,
        etm: bool = False,
        asked: bool = False,
    ) -> None:
        tape = Recorder()
        if config is None:
            config = server12(suite, version, **({"client_authentication": "require"} if asked else {}))
        config = replace(config, tracer=tape)
        super().__init__(ServerConnection(config), tape, suite, version)
        self.asked = config.client_authentication != "none"
        self.identity = identity or client_credential()
        self.random = seeded("hostile client 12")
        self.group = group
        self.offers_ems, self.offers_etm = ems, etm
        self.server_share: ECDHParameters | DHParameters | None = None
        self.hello: ClientHello
        self.step()

    @classmethod
    def before(cls, step: str, config: ServerConfig | None = None, **choices: Any) -> HostileClient12:
        """Return an attacker that has played an honest client up to a step."""
        choices.setdefault("asked", step in ("certificate", "certificate_verify"))
        return cls(config, **choices).play(step)

    @property
    def steps(self) -> tuple[str, ...]:
        """The honest handshake."""
        asked = self.asked and self.method.certificate and not self.method.psk
        steps = (
            ("client_hello", True),
            ("certificate", asked),
            ("client_key_exchange", True),
            ("certificate_verify", asked),
            ("change_cipher_spec", True),
            ("finished", True),
        )
        return tuple(name for name, there in steps if there)

    def hear(self, message_type: int, body: bytes) -> None:
        """Read what the server says."""
        method = self.method
        match message_type:
            case HandshakeType.SERVER_HELLO:
                hello = self.remember(decode(ServerHello, body))
                self.suite12 = SUITES_12[hello.cipher_suite]
                self.server_random = hello.random
                self.ems = sh12.EXTENDED_MASTER_SECRET in hello.extensions
                self.etm = sh12.ENCRYPT_THEN_MAC in hello.extensions
            case HandshakeType.CERTIFICATE:
                self.remember(decode(Certificate, body))
            case HandshakeType.SERVER_KEY_EXCHANGE:
                form = server_key_exchange_form(
                    method.psk, method.parameters, method.signed, method.signed and self.version >= TLS12
                )
                self.server_share = self.remember(decode(form, body)).parameters
            case HandshakeType.FINISHED:
                self.verify.server = body
            case _:
                pass

    # Messages

    def usual_extensions(self) -> list[tuple[Any, Any]]:
        """What an honest hello of ours carries."""
        items: list[tuple[Any, Any]] = [
            (ch.SERVER_NAME, SERVER_NAME),
            (ch.SUPPORTED_GROUPS, (self.group, SECP256R1)),
            (ch.EC_POINT_FORMATS, (0,)),
            (ch.RENEGOTIATION_INFO, b""),
        ]
        if self.version >= TLS12:
            items.append((ch.SIGNATURE_ALGORITHMS, SCHEMES))
        if self.offers_ems:
            items.append((ch.EXTENDED_MASTER_SECRET, True))
        if self.offers_etm:
            items.append((ch.ENCRYPT_THEN_MAC, True))
        return items

    def client_hello(self, *items: Any, **changes: Any) -> ClientHello:
        """A ClientHello with the usual extensions and `items` after them."""
        block = extensions("ClientHello", *self.usual_extensions(), *items)
        hello = ClientHello(self.version, self.random(32), b"", (self.suite12.code,), b"\0", block)
        self.hello = replace(hello, **changes)
        self.client_random = self.hello.random
        return self.hello

    def client_key_exchange(self, **changes: Any) -> ClientKeyExchange:
        """A ClientKeyExchange; the keys are made when it is sent."""
        secret, exchange = self._answer_share()
        kind = "rsa" if self.method.encrypted else self.method.parameters
        self.premaster = self.with_psk(secret)
        identity = PSK.identity if self.method.psk else None
        return replace(ClientKeyExchange(identity, exchange, kind), **changes)

    def _answer_share(self) -> tuple[bytes | None, bytes | None]:
        if self.method.encrypted:
            secret = self.version.to_bytes(2) + self.random(46)
            return secret, self.encrypt(secret)
        if isinstance(self.server_share, ECDHParameters):
            own = GROUPS[self.server_share.group].generate(self.random)
            return own.complete(self.server_share.public), own.share
        if isinstance(self.server_share, DHParameters):
            numbers = (self.server_share.p, self.server_share.g, self.server_share.public)
            prime, generator, public = (int.from_bytes(number) for number in numbers)
            exponent, length = int.from_bytes(self.random(28)), len(self.server_share.p)
            secret = pow(public, exponent, prime).to_bytes(length).lstrip(b"\0")
            return secret, pow(generator, exponent, prime).to_bytes(length)
        return None, None

    def server_key(self) -> Any:
        """The key in the server's certificate."""
        return leaf_public_key(self.heard_message(Certificate).certificate_list[0])

    def encrypt(self, secret: bytes) -> bytes:
        """Encrypt for the server."""
        encrypted: bytes = self.server_key().encrypt(secret, padding.PKCS1v15())
        return encrypted

    def take(self, step: str) -> None:
        """Send what an honest client sends in a step."""
        if step == "client_key_exchange":
            self.send_exchange(self.client_key_exchange())
        else:
            super().take(step)

    def send_exchange(self, message: ClientKeyExchange) -> Self:
        """Send a ClientKeyExchange and make the keys."""
        raw = self.say(message)
        self.make_keys()
        return self.deliver(raw)

    def certificate_verify(  # type: ignore[override]
        self, identity: Credential | None = None
    ) -> CertificateVerify:
        """A signature over the transcript so far."""
        return CertificateVerify(*self.sign(b"".join(self.transcript), identity))


Reach12 = Callable[..., Peer12]

SERVER_STEPS: Sequence[str] = (
    "server_hello",
    "certificate",
    "server_key_exchange",
    "certificate_request",
    "server_hello_done",
    "change_cipher_spec",
    "finished",
    "data",
)
CLIENT_STEPS: Sequence[str] = (
    "client_hello",
    "certificate",
    "client_key_exchange",
    "certificate_verify",
    "change_cipher_spec",
    "finished",
    "data",
)
"""The steps of the longest handshakes of either role."""
