"""A second handshake on the same connection, before TLS 1.3: refused, or accepted by RFC 5746."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from OpenSSL import SSL

from lucidtls.config import ServerConfig
from lucidtls.errors import (
    BadFinished,
    CertificateRejected,
    DecodeError,
    NegotiationFailure,
    PeerError,
    UnexpectedMessage,
    UnsupportedVersion,
)
from lucidtls.events import HandshakeCompleted, PeerClosed, Renegotiated, RenegotiationRefused
from lucidtls.handshake.post12 import MAX_RENEGOTIATIONS
from lucidtls.trace import MessageTraced
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.extensions import Extensions, ch
from lucidtls.wire.hello import ClientHello
from tests.flows.older import (
    PSK,
    SUITES_10,
    Stage,
    Talk,
    ask_for_handshake,
    client12,
    client_credential12,
    credential_for,
    rsa_credential,
    server12_config,
    talkative,
    talker,
)
from tests.flows.pair import End, Pair
from tests.flows.parties import SERVER_NAME, credential

HELLO_REQUEST = bytes(4)
EXTENDED_MASTER_SECRET, RENEGOTIATION_INFO = 23, 0xFF01

SECOND = [
    "server > HelloRequest",
    "client > ClientHello",
    "server > ServerHello Certificate ServerKeyExchange ServerHelloDone",
    "client > ClientKeyExchange ChangeCipherSpec Finished",
    "server > ChangeCipherSpec Finished",
]
"""A renegotiation, from the wish on."""


def willing(exchange: str = "ECDHE", talk: Talk | None = None, **choices: Any) -> Pair:
    """A connected pair of a client that accepts renegotiation and a server that wants it."""
    versions = {"versions": choices.pop("versions")} if "versions" in choices else {}
    client = client12(exchange, renegotiation="accept", **versions, **choices)
    pair = talkative(client, server12_config(exchange, **versions), talk)
    pair.run()
    pair.log.turn_page()
    return pair


def hellos(pair: Pair) -> list[ClientHello]:
    """The ClientHellos that were sent."""
    entries = [entry for entry in pair.log.of("client") if isinstance(entry, MessageTraced)]
    return [e.message for e in entries if isinstance(e.message, ClientHello)]


def finished(pair: Pair, role: str) -> list[bytes]:
    """The contents of the Finished messages that a side sent."""
    entries = [entry for entry in pair.log.of(role) if isinstance(entry, MessageTraced)]
    return [e.body for e in entries if (e.name, e.direction) == ("Finished", "sent")]


def say(sender: End, receiver: End, data: bytes) -> None:
    """Send data, and see that it arrives."""
    before = receiver.data
    sender.connection.send_data(data)
    Pair.carry(sender, receiver)
    assert receiver.data == before + data


# Accepted


def test_a_client_may_take_part_in_another_handshake() -> None:
    """HelloRequest begins a whole handshake, under the keys of the one before (RFC 5246 §7.4.1.1)."""
    pair = willing()
    before = pair.log.secrets("client")["CLIENT_RANDOM"]
    ask_for_handshake(pair)
    assert pair.run() == SECOND
    for end in (pair.client, pair.server):
        assert end.event(Renegotiated).negotiated == end.connection.negotiated
    assert pair.log.secrets("client") == pair.log.secrets("server")
    assert pair.log.secrets("client")["CLIENT_RANDOM"] != before
    say(pair.client, pair.server, b"to the server")
    say(pair.server, pair.client, b"to the client")


@pytest.mark.parametrize("version", ["TLS 1.0", "TLS 1.1", "TLS 1.2"])
@pytest.mark.parametrize("exchange", ["RSA", "DHE", "ECDHE", "RSA_PSK"])
def test_every_key_exchange_with_a_certificate_can_be_repeated(exchange: str, version: str) -> None:
    """The server is known by its certificate, and shows the same one again."""
    pair = willing(exchange, versions=(version,))
    ask_for_handshake(pair)
    pair.run()
    negotiated = pair.client.event(Renegotiated).negotiated
    assert (negotiated.version, negotiated.key_exchange) == (version, exchange)
    assert negotiated.peer_chain == pair.client.event(HandshakeCompleted).negotiated.peer_chain
    say(pair.client, pair.server, b"data")
    say(pair.server, pair.client, b"data")


@pytest.mark.parametrize("exchange", ["PSK", "DHE_PSK", "ECDHE_PSK", "DH_anon", "ECDH_anon"])
def test_without_a_certificate_nothing_is_repeated(exchange: str) -> None:
    """A server that shows no certificate cannot prove to be the same one: no_renegotiation."""
    pair = willing(exchange)
    ask_for_handshake(pair)
    assert pair.run() == ["server > HelloRequest", "client > alert:no_renegotiation"]
    say(pair.client, pair.server, b"and on")


def test_a_client_can_authenticate_in_the_second_handshake() -> None:
    """What renegotiation was used for: the server asks for a certificate when it is needed."""
    pair = willing(credentials=client_credential12())
    asking = server12_config(client_authentication="require")
    talker(pair).change_config(asking)
    ask_for_handshake(pair)
    pair.run()
    first, second = pair.server.event(HandshakeCompleted), pair.server.event(Renegotiated)
    assert not first.negotiated.client_authenticated and second.negotiated.client_authenticated


def test_the_hello_of_a_renegotiation_says_which_connection_it_is() -> None:
    """It carries the client's verify_data, and neither TLS 1.3 nor the SCSV (RFC 5746 §3.5)."""
    pair = willing()
    ask_for_handshake(pair)
    pair.run()
    first, second = hellos(pair)
    assert first.extensions.get(ch.RENEGOTIATION_INFO) == b""
    assert second.extensions.get(ch.RENEGOTIATION_INFO) == finished(pair, "client")[0]
    assert second.random != first.random and second.legacy_version == 0x0303
    for form in (ch.SUPPORTED_VERSIONS, ch.KEY_SHARE, ch.SESSION_TICKET):
        assert form not in second.extensions
    assert 0x00FF not in second.cipher_suites


def test_a_client_that_had_offered_tls_1_3_renegotiates_what_it_has() -> None:
    """After TLS 1.2 was chosen the second hello offers TLS 1.2 alone."""
    client = client12(renegotiation="accept", versions=("TLS 1.3", "TLS 1.2"), cipher_suites=None)
    pair = talkative(client, server12_config())
    pair.run()
    ask_for_handshake(pair)
    pair.run()
    second = hellos(pair)[1]
    assert ch.SUPPORTED_VERSIONS not in second.extensions and ch.KEY_SHARE not in second.extensions
    assert not [suite for suite in second.cipher_suites if suite >> 8 == 0x13]
    assert second.legacy_session_id == b""
    assert pair.client.event(Renegotiated).negotiated.version == "TLS 1.2"


@pytest.mark.parametrize("exchange", ["ECDHE", "RSA"])
@pytest.mark.parametrize("version", ["TLS 1.0", "TLS 1.1", "TLS 1.2"])
def test_the_hello_of_a_renegotiation_offers_the_version_of_the_first(version: str, exchange: str) -> None:
    """It offers the same best version again, which an RSA premaster secret repeats (RFC 5246 §7.4.7.1)."""
    offered = ("TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0")
    client = client12(exchange, renegotiation="accept", versions=offered, cipher_suites=None)
    server = server12_config(exchange, versions=(version,), cipher_suites=(SUITES_10[exchange],))
    pair = talkative(client, server)
    pair.run()
    ask_for_handshake(pair)
    pair.run()
    first, second = hellos(pair)
    assert first.legacy_version == second.legacy_version == 0x0303
    assert ch.SIGNATURE_ALGORITHMS in second.extensions
    assert pair.client.event(Renegotiated).negotiated.version == version


def test_a_connection_can_renegotiate_more_than_once() -> None:
    """Each renegotiation is bound to the one before it; after some it is a flood."""
    pair = willing()
    for round_ in range(MAX_RENEGOTIATIONS):
        ask_for_handshake(pair)
        pair.run()
        assert hellos(pair)[-1].extensions.get(ch.RENEGOTIATION_INFO) == finished(pair, "client")[round_]
        say(pair.client, pair.server, b"more")
    ask_for_handshake(pair)
    pair.exchange()
    assert isinstance(pair.client.error, UnexpectedMessage)


# Accepted, but not everything


def refused(pair: Pair) -> PeerError:
    """Let the server ask, and return what the client objects to."""
    ask_for_handshake(pair)
    pair.exchange()
    assert isinstance(pair.client.error, PeerError)
    assert not [event for event in pair.client.events if isinstance(event, Renegotiated)]
    assert pair.client.connection.closed
    return pair.client.error


@pytest.mark.parametrize("other", [credential("p256", SERVER_NAME, "other.example.org"), rsa_credential()])
def test_the_servers_identity_is_pinned(other: Any) -> None:
    """Another certificate, however valid, ends the connection (CVE-2014-1295, RFC 7627 §1)."""
    suites = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    pair = talkative(
        client12(renegotiation="accept", cipher_suites=suites),
        server12_config(cipher_suites=suites, credentials=credential_for("ECDHE")),
    )
    pair.run()
    talker(pair).change_config(server12_config(cipher_suites=suites, credentials=other))
    error = refused(pair)
    assert isinstance(error, CertificateRejected) and "another certificate" in str(error)
    assert pair.log.playbook()[-1] == "client > alert:illegal_parameter"


@pytest.mark.parametrize(
    "suite", ["TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "TLS_PSK_WITH_AES_128_GCM_SHA256"]
)
def test_an_identity_cannot_be_dropped(suite: str) -> None:
    """A server that was known by its certificate cannot go on with a pre-shared key alone."""
    suites = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", suite)
    client = client12(renegotiation="accept", cipher_suites=suites, psk=PSK)
    pair = talkative(client, server12_config(cipher_suites=suites[:1]))
    pair.run()
    other = server12_config("PSK", cipher_suites=(suite,))
    talker(pair).change_config(other)
    assert isinstance(refused(pair), CertificateRejected)


@pytest.mark.parametrize("change", ["empty", "client alone", "swapped", "one bit"])
def test_the_answer_must_belong_to_the_connection(change: str) -> None:
    """renegotiation_info must be both verify_data, the client's first (RFC 5746 §3.5)."""
    pair = willing()
    client, server = finished(pair, "client")[0], finished(pair, "server")[0]
    wrong = {
        "empty": b"",
        "client alone": client,
        "swapped": server + client,
        "one bit": client + server[:-1] + bytes((server[-1] ^ 1,)),
    }[change]
    talker(pair).talk.info = wrong
    error = refused(pair)
    assert isinstance(error, NegotiationFailure) and "renegotiation" in str(error)
    assert pair.log.playbook()[-1] == "client > alert:handshake_failure"


def test_the_answer_cannot_be_left_out() -> None:
    """A ServerHello without renegotiation_info in a renegotiation is an attack (RFC 5746 §3.5)."""
    pair = willing()
    talker(pair).talk.without = (RENEGOTIATION_INFO,)
    assert isinstance(refused(pair), NegotiationFailure)


def test_the_extended_main_secret_stays() -> None:
    """A session with it cannot be renegotiated without it (RFC 7627 §5.4), not even where it is optional."""
    pair = willing(extended_master_secret="allow")
    talker(pair).talk.without = (EXTENDED_MASTER_SECRET,)
    assert isinstance(refused(pair), NegotiationFailure)


@pytest.mark.parametrize("version", [0x0301, 0x0302, 0x0304])
def test_the_version_stays(version: int) -> None:
    """A renegotiation does not change the version that records already carry."""
    pair = willing()
    talker(pair).talk.version = version
    assert isinstance(refused(pair), UnsupportedVersion | PeerError)


def test_a_bad_finished_ends_a_renegotiation_too() -> None:
    """The second handshake is checked as the first was: decrypt_error."""
    pair = willing()
    ask_for_handshake(pair)
    while pair.client.connection.state != "WAIT_CHANGE_CIPHER_SPEC":
        Pair.carry(pair.server, pair.client)
        Pair.carry(pair.client, pair.server)
    pair.client.connection._channel.transcript.add(b"what was never said")
    pair.exchange()
    assert isinstance(pair.client.error, BadFinished) and pair.client.connection.closed
    assert pair.log.playbook()[-1] == "client > alert:decrypt_error"


# Data while it lasts


def test_what_was_under_way_still_arrives() -> None:
    """The server's data may cross with our second ClientHello; ours waits for the new keys."""
    pair = willing()
    ask_for_handshake(pair)
    Pair.carry(pair.server, pair.client)
    pair.server.connection.send_data(b"already under way")
    Pair.carry(pair.server, pair.client)
    assert pair.client.data == b"already under way"
    pair.client.connection.send_data(b"in the meantime")
    pair.run()
    assert pair.server.data == b"in the meantime"
    assert pair.client.event(Renegotiated) and pair.log.playbook()[-1] == SECOND[-1]


def test_data_has_no_place_between_the_messages() -> None:
    """From the ServerHello to the Finished there is no application data (RFC 5246 §7.4.9)."""
    pair = willing()
    ask_for_handshake(pair)
    Pair.carry(pair.server, pair.client)
    Pair.carry(pair.client, pair.server)
    Pair.carry(pair.server, pair.client)
    assert pair.client.connection.state == "WAIT_CHANGE_CIPHER_SPEC"
    pair.server.connection._channel.writer.write(ContentType.APPLICATION_DATA, b"data")
    Pair.carry(pair.server, pair.client)
    assert isinstance(pair.client.error, UnexpectedMessage)


def test_a_change_cipher_spec_cannot_be_injected_into_a_renegotiation() -> None:
    """Early, under the old keys, it is as wrong as in a first handshake (CVE-2014-0224)."""
    pair = willing()
    ask_for_handshake(pair)
    Pair.carry(pair.server, pair.client)
    pair.server.connection._channel.writer.write(ContentType.CHANGE_CIPHER_SPEC, b"\1")
    Pair.carry(pair.server, pair.client)
    assert isinstance(pair.client.error, UnexpectedMessage)


def test_another_wish_in_the_middle_is_ignored() -> None:
    """A client that is negotiating ignores HelloRequests (RFC 5246 §7.4.1.1)."""
    pair = willing()
    ask_for_handshake(pair)
    ask_for_handshake(pair)
    pair.run()
    assert len(hellos(pair)) == 2 and pair.client.event(Renegotiated)


def test_closing_waits_for_the_end_of_a_renegotiation() -> None:
    """close_notify comes after all that was to be said, data included."""
    pair = willing()
    ask_for_handshake(pair)
    Pair.carry(pair.server, pair.client)
    pair.client.connection.send_data(b"the last word")
    pair.client.connection.close()
    pair.run()
    assert pair.server.data == b"the last word" and pair.server.event(PeerClosed)
    assert pair.log.playbook() == [*SECOND, "client > alert:close_notify"]


def test_a_closed_client_does_not_begin_again() -> None:
    """After our close_notify we say nothing more, whatever the server wishes."""
    pair = willing()
    pair.client.connection.close()
    Pair.carry(pair.client, pair.server)
    ask_for_handshake(pair)
    Pair.carry(pair.server, pair.client)
    assert pair.client.connection.data_to_send() == b"" and pair.client.error is None


# Refused


def test_a_client_refuses_by_default() -> None:
    """no_renegotiation "is always a warning" (RFC 5246 §7.2.2), and the connection goes on."""
    pair = talkative(client12(), server12_config())
    pair.run()
    pair.log.turn_page()
    ask_for_handshake(pair)
    assert pair.run() == ["server > HelloRequest", "client > alert:no_renegotiation"]
    assert pair.client.event(RenegotiationRefused)
    assert pair.server.error is None
    say(pair.client, pair.server, b"data")
    say(pair.server, pair.client, b"data")


@pytest.mark.parametrize("mode", ["refuse", "accept"])
def test_an_insecure_renegotiation_is_always_refused(mode: str) -> None:
    """With a server that does not know RFC 5746 there is none (RFC 5746 §4.2)."""
    client = client12(renegotiation=mode, secure_renegotiation=False)
    pair = talkative(client, server12_config(), Talk(without=(RENEGOTIATION_INFO,)))
    pair.run()
    pair.log.turn_page()
    ask_for_handshake(pair)
    assert pair.run() == ["server > HelloRequest", "client > alert:no_renegotiation"]


def test_a_client_insists_on_secure_renegotiation() -> None:
    """Unless told otherwise a client refuses servers without RFC 5746 (§4.1), renegotiation or not."""
    client = client12(secure_renegotiation=True)
    pair = talkative(client, server12_config(), Talk(without=(RENEGOTIATION_INFO,)))
    pair.run_to_failure()
    assert isinstance(pair.client.error, NegotiationFailure)
    assert pair.log.playbook()[-1] == "client > alert:handshake_failure"


@pytest.mark.parametrize("info", [b"\0" * 12, b"\0" * 24, b"\1"])
def test_a_first_answer_must_be_empty(info: bytes) -> None:
    """renegotiation_info in a first ServerHello that is not empty was spliced in (RFC 5746 §3.4)."""
    pair = talkative(client12(), server12_config(), Talk(info=info))
    pair.run_to_failure()
    assert isinstance(pair.client.error, NegotiationFailure)


@pytest.mark.parametrize("role", ["client", "server"])
def test_wishes_are_counted(role: str) -> None:
    """A peer that goes on asking is refused for good."""
    at = Stage(Pair(client12(), server12_config()), role).until("CONNECTED")
    message = HELLO_REQUEST if role == "client" else at.first_hello()
    for _ in range(MAX_RENEGOTIATIONS):
        at.say(ContentType.HANDSHAKE, message)
        assert at.error is None
    at.say(ContentType.HANDSHAKE, message)
    assert isinstance(at.error, UnexpectedMessage)
    assert at.alerts == ["no_renegotiation"] * MAX_RENEGOTIATIONS + ["unexpected_message"]


def test_a_server_reads_the_hello_that_it_refuses() -> None:
    """A hello that is none is not a wish but an error."""
    at = Stage(Pair(client12(), server12_config()), "server").until("CONNECTED")
    at.say(ContentType.HANDSHAKE, handshake_message(1, b"\3\3"))
    assert isinstance(at.error, DecodeError)


def test_a_server_takes_no_splice() -> None:
    """A hello that renegotiates begins no connection: the attacker's prefix stays alone (CVE-2009-3555)."""
    pair = Pair(client12(), server12_config())
    hello = hellos(pair)[0]
    raw = hello.extensions.raw | {RENEGOTIATION_INFO: b"\x0c" + bytes(12)}
    spliced = replace(hello, extensions=Extensions.build("ClientHello", raw.items()))
    at = Stage(Pair(client12(), server12_config()), "server")
    at.say(ContentType.HANDSHAKE, handshake_message(1, spliced.body()))
    assert isinstance(at.error, NegotiationFailure) and at.alerts == ["handshake_failure"]


@pytest.mark.parametrize("scsv", [True, False])
def test_a_server_takes_the_scsv_for_an_empty_extension(scsv: bool) -> None:
    """TLS_EMPTY_RENEGOTIATION_INFO_SCSV asks for the answer too; without either there is none."""
    hello = hellos(Pair(client12()))[0]
    raw = {code: body for code, body in hello.extensions.raw.items() if code != RENEGOTIATION_INFO}
    suites = (*hello.cipher_suites, 0x00FF) if scsv else hello.cipher_suites
    old = replace(hello, cipher_suites=suites, extensions=Extensions.build("ClientHello", raw.items()))
    at = Stage(Pair(client12(), server12_config()), "server")
    at.say(ContentType.HANDSHAKE, handshake_message(1, old.body()))
    assert at.error is None
    flight = at.victim.connection.data_to_send()
    assert (b"\xff\x01\x00\x01\x00" in flight) == scsv


# OpenSSL


class OpenSSLEnd:
    """An OpenSSL in memory, for whom renegotiation is an everyday thing."""

    def __init__(self, *, server: bool, legacy: bool = False) -> None:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        if server:
            own = credential_for("RSA")
            assert not isinstance(own, tuple)
            from cryptography import x509

            context.use_certificate(x509.load_der_x509_certificate(own.chain[0]))
            context.use_privatekey(own.key)  # type: ignore[arg-type]
        self.tls = SSL.Connection(context)
        (self.tls.set_accept_state if server else self.tls.set_connect_state)()
        if not server:
            self.tls.set_tlsext_host_name(SERVER_NAME.encode())
        self.data = b""

    def exchange(self, end: End) -> None:
        """Carry bytes both ways until nobody has any left."""
        for _ in range(12):
            self._step()
            try:
                end.receive(self.tls.bio_read(1 << 16))
            except SSL.WantReadError:
                end.step()
            if data := end.connection.data_to_send():
                self.tls.bio_write(data)

    def _step(self) -> None:
        try:
            self.tls.do_handshake()
            self.data += self.tls.recv(1 << 14)
        except SSL.WantReadError:
            pass


def our_client(**choices: Any) -> End:
    """Our client, for an OpenSSL server with an RSA key."""
    suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    return Pair(client12(cipher_suites=(suite,), **choices)).client


def test_openssl_renegotiates_with_our_client() -> None:
    """OpenSSL and we agree on what a secure renegotiation is (RFC 5746), and on the keys after it."""
    peer, end = OpenSSLEnd(server=True), our_client(renegotiation="accept")
    peer.exchange(end)
    assert end.event(HandshakeCompleted) and end.error is None
    for count in (1, 2):
        assert peer.tls.renegotiate()
        peer.exchange(end)
        assert end.error is None
        assert len([event for event in end.events if isinstance(event, Renegotiated)]) == count
        end.connection.send_data(b"to openssl ")
        peer.tls.send(b"from openssl ")
        peer.exchange(end)
        assert peer.data == b"to openssl " * count and end.data == b"from openssl " * count
    assert peer.tls.total_renegotiations() == 2


def test_openssl_is_refused_by_our_client_unless_told_otherwise() -> None:
    """OpenSSL's server takes our no_renegotiation for the end of its handshake, and says so."""
    peer, end = OpenSSLEnd(server=True), our_client()
    peer.exchange(end)
    assert peer.tls.renegotiate()
    with pytest.raises(SSL.Error, match="no renegotiation"):
        peer.exchange(end)
    assert end.event(RenegotiationRefused) and end.error is None


def test_openssls_client_is_refused_by_our_server() -> None:
    """A client's wish for another handshake gets no_renegotiation from our server."""
    suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    config: ServerConfig = server12_config(cipher_suites=(suite,), credentials=rsa_credential())
    peer, end = OpenSSLEnd(server=False), Pair(server=config).server
    peer.exchange(end)
    assert end.event(HandshakeCompleted)
    assert peer.tls.renegotiate()
    with pytest.raises(SSL.Error, match="no renegotiation"):
        peer.exchange(end)
    assert end.event(RenegotiationRefused) and end.error is None
