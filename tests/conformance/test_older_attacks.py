"""Attacks on TLS 1.2 and before that take more than one wrong message: oracles, splicing, synchronising."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from lucidtls.alerts import FATAL, WARNING
from lucidtls.errors import AlertReceived, BadFinished, BadRecordMac, UnsupportedVersion
from lucidtls.events import DecryptionWanted, HandshakeCompleted, RenegotiationRefused
from lucidtls.handshake.driver import MAX_CANCEL_ALERTS, MAX_HELLO_REQUESTS, MAX_WARNINGS
from lucidtls.trace import AlertTraced, MessageTraced, RecordTraced, StateEntered
from lucidtls.trust.credentials import ASK, Credential
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.messages12 import Finished, ServerKeyExchange
from lucidtls.wire.versions import TLS10, TLS11, TLS12
from tests.certificates import make_leaf
from tests.conformance.attacks.older_again import again
from tests.conformance.attacks.older_records import CBC_FAULTS, connected, spoiled
from tests.flows.choices12 import (
    CBC_SUITE,
    DHE_SUITE,
    ECDSA_SUITE,
    PSK,
    RSA_SUITE,
    client12,
    rsa_credential,
    server12,
)
from tests.flows.hostile import encoded, with_extension
from tests.flows.hostile12 import HostileClient12, HostileServer12, Peer12
from tests.flows.parties import client_config, root, server_config
from tests.flows.test_secrets import holders

ALERT, DATA, HANDSHAKE = ContentType.ALERT, ContentType.APPLICATION_DATA, ContentType.HANDSHAKE
RSA_PSK = "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256"
RSA_GCM = "TLS_RSA_WITH_AES_128_GCM_SHA256"


def seen(peer: Peer12) -> tuple[object, ...]:
    """All that a victim lets anybody see, and how it says why it failed."""
    trace = [
        (type(entry).__name__, getattr(entry, "name", None), getattr(entry, "length", None))
        for entry in peer.tape.entries
        if isinstance(entry, AlertTraced | MessageTraced | RecordTraced | StateEntered)
    ]
    heard = [(kind, len(content)) for kind, content in peer.heard]
    error = peer.error
    return trace, heard, peer.alerts, type(error), str(error), getattr(error, "state", None), peer.state


# Bleichenbacher's question (RFC 5246 §7.4.7.1)

KEY_BYTES = 256
PREMASTER = b"\x03\x03" + bytes(range(1, 47))


def block(beginning: bytes, message: bytes) -> bytes:
    """An encryption block: a beginning, padding of the right length, a zero byte, the message."""
    return beginning + b"\x5a" * (KEY_BYTES - len(beginning) - 1 - len(message)) + b"\0" + message


BLOCKS: dict[str, bytes] = {
    "of another type": block(b"\0\x01", PREMASTER),
    "of type 0": block(b"\0\0", PREMASTER),
    "that begins with 1": block(b"\x01\x02", PREMASTER),
    "without a zero byte": b"\0\x02" + b"\x5a" * (KEY_BYTES - 2),
    "with a zero byte too early": b"\0\x02"
    + b"\x5a" * 3
    + b"\0"
    + b"\x5a" * (KEY_BYTES - 55)
    + b"\0"
    + PREMASTER,
    "with nothing in it": b"\0\x02" + b"\x5a" * (KEY_BYTES - 3) + b"\0",
    "with a byte too few": block(b"\0\x02", PREMASTER[:-1]),
    "with a byte too many": block(b"\0\x02", PREMASTER + b"x"),
    "with two bytes": block(b"\0\x02", b"\x03\x03"),
    "as full as it can be": b"\0\x02" + b"\x5a" * 8 + b"\0" + PREMASTER + bytes(KEY_BYTES - 59),
    "for TLS 1.1": block(b"\0\x02", b"\x03\x02" + PREMASTER[2:]),
    "for TLS 1.0": block(b"\0\x02", b"\x03\x01" + PREMASTER[2:]),
    "for SSL 2.0": block(b"\0\x02", b"\0\x02" + PREMASTER[2:]),
    "for TLS 1.3": block(b"\0\x02", b"\x03\x04" + PREMASTER[2:]),
    "of zeros": bytes(KEY_BYTES),
    "of one": bytes(KEY_BYTES - 1) + b"\x01",
}

CIPHERTEXTS: dict[str, Callable[[int], bytes]] = {
    "as large as the modulus": lambda modulus: modulus.to_bytes(KEY_BYTES),
    "larger than the modulus": lambda modulus: b"\xff" * KEY_BYTES,
    "of no bytes": lambda modulus: b"",
    "of one byte": lambda modulus: b"\x02",
    "a byte too short": lambda modulus: bytes(KEY_BYTES - 1),
    "a byte too long": lambda modulus: bytes(KEY_BYTES + 1),
    "ten times too long": lambda modulus: b"\x5a" * 2000,
}


def ask(suite: str, ems: bool, ciphertext: Callable[[int, int], bytes], premaster: bytes) -> Peer12:
    """Send a ciphertext in a ClientKeyExchange, and go on with keys from a premaster secret of our own."""
    peer = HostileClient12.before("client_key_exchange", suite=suite, ems=ems)
    numbers = peer.server_key().public_numbers()
    message = peer.client_key_exchange(exchange=ciphertext(numbers.n, numbers.e))
    peer.premaster = peer.with_psk(premaster)
    peer.send_exchange(message)
    assert peer.error is None, "a server says nothing before the Finished"
    peer.skip().play("finished")
    assert peer.error is None, "a server says nothing before the Finished"
    return peer.send(peer.finished())


def encrypted(plain_block: bytes) -> Callable[[int, int], bytes]:
    """The RSA permutation alone, over a block of any form."""
    return lambda n, e: pow(int.from_bytes(plain_block), e, n).to_bytes(KEY_BYTES)


def control(suite: str, ems: bool) -> tuple[object, ...]:
    """What a premaster secret in perfect form shows, when the client's keys come from another."""
    return seen(ask(suite, ems, encrypted(block(b"\0\x02", PREMASTER)), bytes(48)))


every_suite = pytest.mark.parametrize(
    ("suite", "ems"),
    [(RSA_SUITE, True), (RSA_SUITE, False), (RSA_GCM, True), (RSA_PSK, True), (RSA_PSK, False)],
)


@every_suite
def test_an_honest_block_leads_to_a_handshake(suite: str, ems: bool) -> None:
    """The block that the others are changed from is one that a server takes."""
    peer = ask(suite, ems, encrypted(block(b"\0\x02", PREMASTER)), PREMASTER)
    assert peer.error is None and peer.state == "CONNECTED"


@every_suite
def test_what_is_wrong_with_a_premaster_secret_cannot_be_seen(suite: str, ems: bool) -> None:
    """Bad padding, length and version look like good form with another secret (RFC 5246 §7.4.7.1)."""
    expected = control(suite, ems)
    for name, plain_block in BLOCKS.items():
        assert len(plain_block) == KEY_BYTES, name
        # A client that knows what it wrote, and hopes that the server goes on with just that.
        assert seen(ask(suite, ems, encrypted(plain_block), plain_block[-48:])) == expected, name
        if not name.startswith("for "):
            # The server fills the version in itself, so only what is wrong otherwise hides these bytes.
            assert seen(ask(suite, ems, encrypted(plain_block), PREMASTER)) == expected, name
    for name, make in CIPHERTEXTS.items():
        if suite == RSA_PSK or len(make(3**1000)) <= 2 + 2048:
            got = seen(ask(suite, ems, lambda n, e, make=make: make(n), PREMASTER))  # type: ignore[misc]
            assert _without_lengths(got) == _without_lengths(expected), name


def _without_lengths(what: tuple[object, ...]) -> tuple[object, ...]:
    """The same without the lengths of records received: these the client chose."""
    trace = [(kind, name) for kind, name, _ in what[0]]  # type: ignore[attr-defined]
    return (trace, *what[1:])


def test_the_failure_comes_at_the_finished_and_is_a_bad_record_mac() -> None:
    """A server that found no premaster secret fails where wrong keys fail, and in the same words."""
    peer = ask(RSA_SUITE, True, encrypted(bytes(KEY_BYTES)), PREMASTER)
    assert isinstance(peer.error, BadRecordMac) and peer.error.state == "WAIT_FINISHED"
    assert peer.alerts == ["bad_record_mac"]


def test_a_signer_that_fails_to_decrypt_shows_no_more() -> None:
    """A key that lives elsewhere and fails looks like one that found something (RFC 5246 §7.4.7.1)."""

    class Elsewhere:
        def sign(self, scheme: int, content: bytes) -> bytes:
            raise AssertionError("RSA key exchange signs nothing")

        def decrypt(self, ciphertext: bytes) -> bytes:
            raise ValueError("bad padding")

    away = Credential.load(list(rsa_credential().chain), Elsewhere())
    peer = HostileClient12.before(
        "client_key_exchange", server12(RSA_SUITE, credentials=away), suite=RSA_SUITE
    )
    peer.play("finished").send(peer.finished())
    assert _without_lengths(seen(peer)) == _without_lengths(control(RSA_SUITE, True))


@pytest.mark.parametrize("answer", [None, b"", bytes(48), ValueError("bad padding"), OSError("the device")])
def test_no_answer_about_a_premaster_secret_shows(answer: object) -> None:
    """Whatever the application says of a decryption, the client sees the same (RFC 5246 §7.4.7.1)."""
    asking = Credential.load(list(rsa_credential().chain), ASK)
    peer = HostileClient12.before(
        "client_key_exchange", server12(RSA_SUITE, credentials=asking), suite=RSA_SUITE
    )
    peer.send_exchange(peer.client_key_exchange()).skip()
    question = peer.events[-1]
    assert isinstance(question, DecryptionWanted)
    peer.victim.answer(question, answer)
    peer.play("finished").send(peer.finished())
    assert isinstance(peer.error, BadRecordMac) and peer.error.state == "WAIT_FINISHED"
    assert peer.alerts == ["bad_record_mac"]


def test_an_unknown_psk_identity_looks_like_a_wrong_key() -> None:
    """A server may hide whether it knows an identity, and ours does (RFC 4279 §2)."""
    suite = "TLS_PSK_WITH_AES_128_GCM_SHA256"

    def tried(find: Callable[[bytes], bytes | None]) -> tuple[object, ...]:
        peer = HostileClient12.before("client_key_exchange", server12(suite, find_psk=find), suite=suite)
        return seen(peer.play("finished").send(peer.finished()))

    assert tried(lambda identity: None) == tried(lambda identity: b"another key")
    assert HostileClient12.before("data", suite=suite).victim.negotiated is not None


# CBC (RFC 5246 §6.2.3.2)


@pytest.mark.parametrize(
    "protection", ["cbc_of_tls_1_2", "cbc_of_tls_1_1", "cbc_of_tls_1_0", "encrypt_then_mac"]
)
@pytest.mark.parametrize("role", ["client", "server"])
def test_padding_and_mac_cannot_be_told_apart(role: str, protection: str) -> None:
    """One alert and one text for padding, MAC and length: there is nothing to ask (RFC 5246 §7.2.2)."""
    answers = set()
    for make in CBC_FAULTS.values():
        peer = connected(role, protection)
        if protection == "encrypt_then_mac":
            # Here the MAC is wrong too: whether the padding is must not even be looked at.
            record = bytearray(spoiled(peer, make))
            record[-1] ^= 1
            peer.deliver(bytes(record))
        else:
            peer.deliver(spoiled(peer, make))
        answers.add((type(peer.error), str(peer.error), *peer.alerts))
    assert len(answers) == 1 and answers.pop()[2:] == ("bad_record_mac",)


# Synchronised secrets: the triple handshake (RFC 7627 §1)


@cache
def middle() -> Credential:
    """The certificate of the man in the middle: a good one, but not the server's."""
    issued = make_leaf(root(), key="rsa2048", number=7, key_usage=("digital_signature", "key_encipherment"))
    return Credential.load([issued.der], issued.key)


def synchronise(ems: bool) -> tuple[HostileServer12, HostileClient12]:
    """Make a client's connection to us and ours to a server share randoms and premaster secret."""
    towards_client = HostileServer12(suite=RSA_SUITE, identity=middle(), ems=ems)
    towards_server = HostileClient12(suite=RSA_SUITE, ems=ems)
    hello = towards_client.client_hello
    towards_server.at = 1
    towards_server.send(towards_server.client_hello(random=hello.random))
    towards_client.at = 1
    towards_client.send(towards_client.server_hello(random=towards_server.server_random))
    towards_client.play("change_cipher_spec")
    premaster = towards_client.premaster
    message = towards_server.client_key_exchange(exchange=towards_server.encrypt(premaster))
    towards_server.premaster = premaster
    towards_server.send_exchange(message).skip().play("data")
    towards_client.play("data")
    return towards_client, towards_server


def test_without_the_extension_two_connections_can_share_a_main_secret() -> None:
    """The attack that RFC 7627 is about works where it is not used: same inputs, same main secret."""
    ours, theirs = synchronise(ems=False)
    assert ours.main_secret == theirs.main_secret
    assert ours.victim.negotiated is not None and not ours.victim.negotiated.extended_master_secret


def test_the_extended_main_secret_keeps_two_connections_apart() -> None:
    """With the session hash in it, another certificate makes another main secret (RFC 7627 §6.1)."""
    ours, theirs = synchronise(ems=True)
    assert ours.main_secret != theirs.main_secret


def test_the_default_policy_has_neither_the_key_exchange_nor_the_gap() -> None:
    """Clients and servers of today insist on the extension and offer no RSA key exchange (RFC 7627 §5.2)."""
    for config in (client_config(), server_config()):
        assert config.master_secret_mode == "require"
        assert {row.key_exchange for row in config.algorithms.older_suites} == {"ECDHE"}


def test_no_default_hello_offers_export_or_anonymous_suites_or_finite_fields() -> None:
    """FREAK and Logjam begin with a suite that is not offered here (CVE-2015-0204, CVE-2015-4000)."""
    assert all(
        code in range(0x1301, 0x1304) or code in range(0xC02B, 0xC031) or code in (0xCCA8, 0xCCA9)
        for code in client_config().algorithms.suite_codes
    )


# Splicing (CVE-2009-3555)


@pytest.mark.parametrize("form", ["extension", "scsv", "nothing", "with verify_data"])
def test_a_first_handshake_cannot_be_spliced_into_anothers_connection(form: str) -> None:
    """A ClientHello inside a connection gets no_renegotiation, whatever it says (RFC 5746 §4.5)."""
    peer = HostileClient12.before("data")
    peer.send_data(b"GET /attack HTTP/1.1\r\nX-Ignore: ")
    hello = peer.client_hello()
    own = {"extension": b"\0", "with verify_data": b"\x0c" + peer.verify.client}.get(form)
    if own is not None:
        hello.extensions = with_extension(hello.extensions, 0xFF01, own)
    else:
        hello.extensions.raw.pop(0xFF01)
    if form == "scsv":
        hello.cipher_suites = (*hello.cipher_suites, 0x00FF)
    before = len(peer.heard)
    peer.deliver(peer.sealed(HANDSHAKE, encoded(hello)))
    assert peer.heard[before:] == [(ALERT, bytes((WARNING, 100)))]
    assert any(isinstance(event, RenegotiationRefused) for event in peer.events)
    assert sum(isinstance(event, HandshakeCompleted) for event in peer.events) == 1
    assert peer.error is None and peer.state == "CONNECTED"


def test_a_client_says_no_to_a_renegotiation_unless_told_otherwise() -> None:
    """A HelloRequest is answered with no_renegotiation, as a warning (RFC 5246 §7.4.1.1)."""
    peer = HostileServer12.before("data")
    before = len(peer.heard)
    peer.renegotiate()
    assert peer.heard[before:] == [(ALERT, bytes((WARNING, 100)))]
    assert peer.error is None and peer.state == "CONNECTED"


def test_a_client_that_accepts_does_so_only_from_servers_that_know_rfc_5746() -> None:
    """Without secure renegotiation there is none at all (RFC 5746 §4.2)."""
    peer = HostileServer12(client12(renegotiation="accept"))
    hello = peer.server_hello()
    hello.extensions.raw.pop(0xFF01)
    peer.at = 1
    peer.send(hello).play("data")
    peer.renegotiate()
    assert peer.alerts == ["no_renegotiation"]


def test_nothing_follows_close_notify_in_a_renegotiation() -> None:
    """Who has sent close_notify sends nothing more, not even the rest of a handshake (RFC 5246 §7.2.1)."""
    peer = again()
    peer.victim.send_data(b"held back")
    peer.victim.close()
    peer.play("data")
    assert peer.alerts == ["close_notify"]
    assert peer.heard[-2:] == [(DATA, b"held back"), (ALERT, b"\x01\0")]


def test_a_close_answers_a_close_in_a_renegotiation() -> None:
    """When the peer has closed, its renegotiation never ends, and our close must not wait for it."""
    peer = again()
    peer.deliver(peer.sealed(ALERT, b"\x01\0"))
    peer.victim.close()
    peer.step()
    assert peer.alerts == ["close_notify"] and peer.victim.closed


# Alerts (RFC 5246 §7.2)


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_fatal_alert_ends_the_connection_whatever_it_says(role: str) -> None:
    """Fatal alerts end a connection at once, those too that are warnings by nature (RFC 5246 §7.2)."""
    for code in (40, 90, 100, 77):
        peer = connected(role)
        peer.deliver(peer.sealed(ALERT, bytes((FATAL, code))))
        assert isinstance(peer.error, AlertReceived), code
        assert peer.alerts == [] and peer.victim.closed


@pytest.mark.parametrize("role", ["client", "server"])
def test_some_warnings_are_passed_over(role: str) -> None:
    """A warning may be ignored, and data goes on (RFC 5246 §7.2.2)."""
    peer = connected(role)
    for code in (100, 112, 41, 200)[:MAX_WARNINGS]:
        peer.deliver(peer.sealed(ALERT, bytes((WARNING, code))))
    for _ in range(MAX_CANCEL_ALERTS):
        peer.deliver(peer.sealed(ALERT, bytes((WARNING, 90))))
    peer.send_data(b"still here")
    assert peer.error is None and peer.state == "CONNECTED"


def test_hello_requests_in_a_handshake_are_passed_over() -> None:
    """A client that is negotiating ignores a HelloRequest, and hashes none (RFC 5246 §7.4.1.1)."""
    peer = HostileServer12.before("server_key_exchange")
    for _ in range(MAX_HELLO_REQUESTS):
        peer.deliver(peer.clear(HANDSHAKE, bytes(4)))
    peer.play("data")
    assert peer.state == "CONNECTED"


@pytest.mark.parametrize("version", [TLS10, TLS11])
def test_the_alert_about_a_fallback_is_in_a_record_of_the_clients_version(version: int) -> None:
    """The record of inappropriate_fallback has the version of the ClientHello (RFC 7507 §3)."""
    config = server12(CBC_SUITE, versions=("TLS 1.0", "TLS 1.1", "TLS 1.2"))
    peer = HostileClient12(config, suite=CBC_SUITE, version=version)
    peer.victim.receive_data(peer.say(peer.client_hello(cipher_suites=(peer.suite12.code, 0x5600))))
    with pytest.raises(UnsupportedVersion):
        peer.victim.next_event()
    assert peer.victim.data_to_send() == b"\x15" + version.to_bytes(2) + b"\0\x02\x02\x56"


def test_a_server_resumes_nothing() -> None:
    """A session id or a ticket that the server does not know leads to a full handshake (RFC 5246 §7.3)."""
    peer = HostileClient12()
    peer.at = 1
    peer.send(peer.client_hello((35, b"a ticket"), legacy_session_id=bytes(32)))
    assert peer.heard_message(ServerKeyExchange) is not None
    peer.play("data")
    assert peer.state == "CONNECTED"


@pytest.mark.parametrize(
    ("versions", "chosen", "mark"),
    [
        (("TLS 1.2", "TLS 1.3"), TLS12, "DOWNGRD\x01"),
        (("TLS 1.1", "TLS 1.2", "TLS 1.3"), TLS11, "DOWNGRD\x00"),
        (("TLS 1.1", "TLS 1.2"), TLS11, "DOWNGRD\x00"),
        (("TLS 1.0", "TLS 1.1"), TLS10, None),
        (("TLS 1.2",), TLS12, None),
    ],
)
def test_a_server_that_could_do_better_says_so(
    versions: tuple[str, ...], chosen: int, mark: str | None
) -> None:
    """The end of the server's random tells a client that it could have had more (RFC 9846 §4.2.3)."""
    suites = (CBC_SUITE, "TLS_AES_128_GCM_SHA256") if "TLS 1.3" in versions else (CBC_SUITE,)
    config = server12(CBC_SUITE, versions=versions, cipher_suites=suites)
    peer = HostileClient12(config, suite=CBC_SUITE, version=chosen)
    peer.send(peer.client_hello())
    assert (peer.server_random[-8:-1] == b"DOWNGRD") is (mark is not None)
    assert mark is None or peer.server_random[-8:] == mark.encode()


def test_both_hostile_peers_can_finish_a_handshake() -> None:
    """The attackers' own key schedule is that of TLS: they can be honest."""
    assert HostileServer12.before("data", suite=ECDSA_SUITE).state == "CONNECTED"
    assert HostileClient12.before("data", suite=ECDSA_SUITE).state == "CONNECTED"
    assert PSK.identity == b"somebody"


# Secrets


def made_secrets(peer: Peer12) -> list[bytes]:
    """Every secret of a connection that an attacker knows as well as its victim."""
    assert peer.block is not None
    parts = [part for own in (peer.block.client, peer.block.server) for part in (own.key, own.mac_key)]
    return [peer.main_secret, peer.premaster, *(part for part in parts if part)]


def kept_by_the_victim(peer: Peer12) -> list[str]:
    """Where the victim, or its error, holds a secret; what the attacker holds itself is its own affair."""
    found = [*holders(peer.victim, made_secrets(peer)), *holders(peer.error, made_secrets(peer))]
    return [path for path in found if "Hostile" not in path]


@pytest.mark.parametrize("suite", [ECDSA_SUITE, CBC_SUITE, RSA_SUITE, DHE_SUITE, RSA_PSK])
@pytest.mark.parametrize("before", [HostileServer12.before, HostileClient12.before], ids=["client", "server"])
@pytest.mark.parametrize("step", ["finished", "data"])
def test_a_failed_connection_before_tls_1_3_leaves_no_secrets_behind(
    step: str, before: Callable[..., Peer12], suite: str
) -> None:
    """Secrets of a connection that failed are forgotten, and all its keys (RFC 9846 §6)."""
    peer = before(step, suite=suite)
    assert kept_by_the_victim(peer), "there is something to forget"
    peer.deliver(peer.clear(HANDSHAKE, bytes(64)))
    assert isinstance(peer.error, BadRecordMac)
    assert kept_by_the_victim(peer) == []


@pytest.mark.parametrize("before", [HostileServer12.before, HostileClient12.before], ids=["client", "server"])
def test_a_wrong_finished_before_tls_1_3_leaves_no_secrets_behind(before: Callable[..., Peer12]) -> None:
    """A handshake that fails at its very end leaves nothing behind either (RFC 9846 §6)."""
    peer = before("finished", suite=CBC_SUITE)
    peer.send(Finished(bytes(12)))
    assert isinstance(peer.error, BadFinished)
    assert kept_by_the_victim(peer) == []
