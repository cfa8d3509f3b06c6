"""Both ends of TLS 1.2 and before: configs for each key exchange, and servers that say more than ours does.

Our server gives no tickets, promises nothing that it has not, and never asks for another handshake; our
client meets servers that do. `TalkativeServer` is our server with these messages put in at their places.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Self

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ServerConnection
from lucidtls.crypto.primes import modp_prime
from lucidtls.dangerous import LEGACY_2026, NoVerification
from lucidtls.errors import NegotiationFailure
from lucidtls.events import PreSharedKey
from lucidtls.handshake import server, server12
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.driver import Driver
from lucidtls.handshake.post import Connected
from lucidtls.handshake.post12 import Connected12
from lucidtls.handshake.states import START
from lucidtls.trace import AlertTraced, MessageTraced
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import HandshakeMessage, decode, handshake_message
from lucidtls.wire.codepoints import ContentType, HandshakeType
from lucidtls.wire.extensions import Extensions, ch, sh12
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages12 import Certificate, CertificateStatus, HelloRequest, NewSessionTicket
from tests.certificates import chain, make_leaf
from tests.conformance.diagram import Situation
from tests.flows.hostile import plain
from tests.flows.pair import Pair, Tape
from tests.flows.parties import CLIENT_NAME, SERVER_NAME, client_config, credential, root, server_config

PSK: Final = PreSharedKey(b"client 7", b"a key that both were given")

SUITES: Final = {
    "RSA": "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "DHE": "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "PSK": "TLS_PSK_WITH_AES_128_GCM_SHA256",
    "DHE_PSK": "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256",
    "ECDHE_PSK": "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
    "RSA_PSK": "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256",
    "DH_anon": "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
    "ECDH_anon": "TLS_ECDH_anon_WITH_AES_128_CBC_SHA",
}
"""A suite of TLS 1.2 for each key exchange."""

SUITES_10: Final = {
    "RSA": "TLS_RSA_WITH_AES_128_CBC_SHA",
    "DHE": "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
    "ECDHE": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "PSK": "TLS_PSK_WITH_AES_128_CBC_SHA",
    "DHE_PSK": "TLS_DHE_PSK_WITH_AES_128_CBC_SHA",
    "ECDHE_PSK": "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA",
    "RSA_PSK": "TLS_RSA_PSK_WITH_AES_128_CBC_SHA",
    "DH_anon": "TLS_DH_anon_WITH_AES_128_CBC_SHA",
    "ECDH_anon": "TLS_ECDH_anon_WITH_AES_128_CBC_SHA",
}
"""A suite of all three versions for each."""

SMALL_FIELD: Final = (modp_prime(1024), 2)
"""A Diffie-Hellman field that is quick, and too small for any use outside of tests."""


@cache
def rsa_credential(*names: str) -> Credential:
    """A credential whose key may sign and encrypt."""
    usage = ("digital_signature", "key_encipherment")
    issued = make_leaf(root(), *(names or (SERVER_NAME,)), key="rsa2048", key_usage=usage)
    return Credential.load(list(chain(issued)), issued.key)


def credential_for(exchange: str) -> Credential | tuple[()]:
    """What a server needs to show for a key exchange."""
    if exchange in ("RSA", "DHE", "RSA_PSK"):
        return rsa_credential()
    return credential() if exchange == "ECDHE" else ()


def _choices(exchange: str, choices: dict[str, Any]) -> dict[str, Any]:
    version = choices.get("versions", ("TLS 1.2",))
    suites = SUITES if version == ("TLS 1.2",) else SUITES_10
    own: dict[str, Any] = {"policy": LEGACY_2026, "versions": version, "cipher_suites": (suites[exchange],)}
    return own | ({"minimum_dh_bits": 1024} if exchange.startswith("DH") else {})


def client12(exchange: str = "ECDHE", **choices: Any) -> ClientConfig:
    """A client of one key exchange, of TLS 1.2 unless `versions` say otherwise."""
    own = _choices(exchange, choices)
    if "PSK" in exchange:
        own["psk"] = PSK
    if exchange.endswith("anon"):
        own["verifier"] = NoVerification()
    return client_config(**(own | choices))


def server12_config(exchange: str = "ECDHE", **choices: Any) -> ServerConfig:
    """A server of one key exchange."""
    own = _choices(exchange, choices) | {"credentials": credential_for(exchange)}
    if "PSK" in exchange:
        own["find_psk"] = {PSK.identity: PSK.key}.get
    if exchange.startswith("DH"):
        own["dh_parameters"] = SMALL_FIELD
    return server_config(**(own | choices))


@dataclass
class Talk:
    """What a talkative server says beyond ours.

    `answer_status`: promise a status, with none in `status` in vain. `info`: the renegotiation_info to send,
    `without`: codes of extensions to leave out of the ServerHello. `version`: the one to choose.
    """

    status: bytes | None = None
    answer_status: bool = False
    ticket: bytes | None = None
    info: bytes | None = None
    without: tuple[int, ...] = ()
    version: int | None = None


class TalkativeChannel(Channel):
    """A channel that adds messages to what our server sends through it."""

    def __init__(self, config: ServerConfig, talk: Talk) -> None:
        super().__init__(config)
        self.talk = talk

    def send(self, message: HandshakeMessage, *, in_transcript: bool = True) -> None:
        """Send a message, changed or with another behind it."""
        talk = self.talk
        if isinstance(message, ServerHello):
            version = talk.version or message.legacy_version
            message = replace(
                message, legacy_version=version, extensions=self._extensions(message.extensions)
            )
        super().send(message, in_transcript=in_transcript)
        if isinstance(message, Certificate) and talk.status is not None:
            super().send(CertificateStatus(1, talk.status))

    def _extensions(self, block: Extensions) -> Extensions:
        raw, talk = dict(block.raw), self.talk
        if talk.status is not None or talk.answer_status:
            raw[sh12.STATUS_REQUEST.code] = b""
        if talk.ticket is not None:
            raw[sh12.SESSION_TICKET.code] = b""
        if talk.info is not None:
            raw[sh12.RENEGOTIATION_INFO.code] = sh12.RENEGOTIATION_INFO.write(talk.info)
        kept = ((code, body) for code, body in raw.items() if code not in talk.without)
        return Extensions.build(block.message, kept)

    def require_record_boundary(self, before: str) -> None:
        """Give the ticket when the client's Finished has been checked (RFC 5077 §3.1)."""
        super().require_record_boundary(before)
        if before == "our Finished" and self.talk.ticket is not None:
            super().send(NewSessionTicket(3600, self.talk.ticket))


class TalkativeServer(ServerConnection):
    """Our server, with more to say; and it takes part in further handshakes, securely (RFC 5746 §3.7)."""

    def __init__(self, config: ServerConfig, talk: Talk | None = None) -> None:
        self.talk = talk or Talk()
        self.hs = ServerHandshake(config, TalkativeChannel(config, self.talk))
        driver = Driver(config, self.hs.channel, self._run())
        self._driver = driver
        self._channel = driver.channel

    async def _run(self) -> Connected:
        hello = await START
        version = server.accept_version(self.hs, hello)
        server.enter_older_version(self.hs, version)
        return self._open(await server12.run(self.hs, hello, version))

    def _open(self, connected: Connected) -> Connected:
        assert isinstance(connected, Connected12)
        connected.handlers = {HandshakeType.CLIENT_HELLO: (ClientHello, self._begin)}
        return connected

    def _begin(self, before: Connected12, hello: ClientHello) -> Coroutine[Any, Any, Connected]:
        return self._again(before, hello)

    async def _again(self, before: Connected12, hello: ClientHello) -> Connected:
        """Another handshake: bound to the one before, and else like a first one."""
        self.hs.channel.transcript.add(handshake_message(HandshakeType.CLIENT_HELLO, hello.body()))
        if hello.extensions.get(ch.RENEGOTIATION_INFO) != before.client_verify_data:
            raise NegotiationFailure("this hello belongs to another connection", clause="RFC 5746 §3.7")
        if self.talk.info is None:
            self.talk.info = before.client_verify_data + before.server_verify_data
        raw = hello.extensions.raw | {ch.RENEGOTIATION_INFO.code: b"\0"}
        block = Extensions.build("ClientHello", raw.items())
        first = decode(ClientHello, replace(hello, extensions=block).body())
        connected = self._open(await server12.run(self.hs, first, before.terms.version))
        self.talk.info = None
        return connected

    def change_config(self, config: ServerConfig) -> None:
        """Be another server in the next handshake."""
        self.hs.config = self._driver._config = config

    def ask_for_handshake(self) -> None:
        """Send a HelloRequest."""
        self._channel.send(HelloRequest(), in_transcript=False)
        self._channel.flush()


def talkative(client: ClientConfig, server: ServerConfig, talk: Talk | None = None) -> Pair:
    """A pair whose server is a talkative one."""
    pair = Pair(client, server)
    config = replace(server, tracer=Tape("server", pair.log))
    pair.server.connection = TalkativeServer(config, talk)
    pair.server.checked = False
    return pair


def talker(pair: Pair) -> TalkativeServer:
    """The talkative server of a pair."""
    assert isinstance(pair.server.connection, TalkativeServer)
    return pair.server.connection


def ask_for_handshake(pair: Pair) -> None:
    """Let a pair's talkative server send a HelloRequest."""
    talker(pair).ask_for_handshake()


def client_credential12(kind: str = "p256") -> Credential:
    """A credential for a client."""
    return rsa_credential(CLIENT_NAME) if kind == "rsa" else credential(kind, CLIENT_NAME)


def pair_in(situation: Situation, *, hint: bytes | None = None, silent: bool = False, **both: Any) -> Pair:
    """A pair that will get into a situation; a `silent` server promises a status and does not give it."""
    authentication = {"client_authentication": "request"} if situation.requested else {}
    server = server12_config(situation.exchange, psk_identity_hint=hint, **authentication, **both)
    identity = {"credentials": client_credential12()} if situation.proven else {}
    client = client12(situation.exchange, status_request=situation.status, **identity, **both)
    status = b"what the responder says" if situation.status and not silent else None
    if not situation.status and not situation.ticket:
        return Pair(client, server)
    talk = Talk(status, situation.status, b"a ticket" if situation.ticket else None)
    return talkative(client, server, talk)


class Stage:
    """A pair of which one end is the victim: what the other says arrives one message at a time.

    The victim is stopped in a state, and then hears something that its honest peer never said, sealed with
    the peer's keys as soon as there are any.
    """

    def __init__(self, pair: Pair, role: str) -> None:
        self.pair = pair
        self.role = role
        ends = (pair.client, pair.server)
        self.victim, self.peer = ends if role == "client" else ends[::-1]
        self._waiting: deque[bytes] = deque()
        self._sealed = False

    def until(self, state: str) -> Self:
        """Go on until the victim is in a state."""
        while self.state != state:
            if not self._waiting:
                self._refill()
            self.victim.receive(self._waiting.popleft())
            if self.victim.error is not None:
                raise self.victim.error
        return self

    def _refill(self) -> None:
        self.victim.step()
        if said := self.victim.connection.data_to_send():
            self.peer.receive(said)
        self.peer.step()
        data = self.peer.connection.data_to_send()
        assert data, f"the {self.role} stays in {self.state}"
        while data:
            end = 5 + int.from_bytes(data[3:5])
            self._waiting += self._messages(data[:end])
            data = data[end:]

    def _messages(self, record: bytes) -> list[bytes]:
        """A record cut so that each handshake message has one of its own."""
        if record[0] != ContentType.HANDSHAKE or self._sealed:
            self._sealed = self._sealed or record[0] == ContentType.CHANGE_CIPHER_SPEC
            return [record]
        pieces, body = [], record[5:]
        while body:
            end = 4 + int.from_bytes(body[1:4])
            pieces.append(plain(record[0], body[:end], int.from_bytes(record[1:3])))
            body = body[end:]
        return pieces

    def deliver(self, data: bytes) -> Self:
        """Hand the victim some bytes."""
        self.victim.receive(data)
        return self

    def record(self, content_type: int, content: bytes) -> bytes:
        """A record as the victim must be able to read it now."""
        channel, reader = self.peer.connection._channel, self.victim.connection._channel.reader
        if not reader.protected:
            return plain(content_type, content, self.victim.connection._channel.version or 0x0303)
        channel.writer.sequence = reader._sequence
        channel.writer.take()
        channel.writer.write(content_type, content)
        return channel.writer.take()

    def say(self, content_type: int, content: bytes) -> Self:
        """Let the victim hear a record."""
        return self.deliver(self.record(content_type, content))

    def first_hello(self) -> bytes:
        """The ClientHello of this connection, with its header."""
        messages = [entry for entry in self.pair.log.of("client") if isinstance(entry, MessageTraced)]
        return handshake_message(HandshakeType.CLIENT_HELLO, messages[0].body)

    @property
    def state(self) -> str:
        """Where the victim stands."""
        return self.victim.connection.state

    @property
    def error(self) -> BaseException | None:
        """What the victim ended with."""
        return self.victim.error

    @property
    def alerts(self) -> list[str]:
        """The alerts that the victim has sent."""
        entries = self.pair.log.of(self.role)
        return [e.name for e in entries if isinstance(e, AlertTraced) and e.direction == "sent"]
