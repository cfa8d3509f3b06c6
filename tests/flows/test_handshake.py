"""Full handshakes between our client and our server: every suite, group and kind of key."""

from __future__ import annotations

import pytest

from lucidtls.connection import ClientConnection
from lucidtls.crypto.groups import GROUPS
from lucidtls.crypto.suites import SUITES_13
from lucidtls.events import HandshakeCompleted
from lucidtls.policies import DEFAULT_2026
from lucidtls.trace import KeysInstalled, RecordTraced, StateEntered
from lucidtls.wire.extensions import ch
from tests.certificates import KEY_KINDS
from tests.flows.hostile import HostileServer
from tests.flows.pair import Pair
from tests.flows.parties import (
    SERVER_NAME,
    client_config,
    client_credential,
    credential,
    leaf,
    seeded,
    server_config,
)

PLAIN = [
    "client > ClientHello",
    "server > ServerHello EncryptedExtensions Certificate CertificateVerify Finished",
    "client > Finished",
]

SIGNED_WITH = {
    "p256": "ecdsa_secp256r1_sha256",
    "p384": "ecdsa_secp384r1_sha384",
    "p521": "ecdsa_secp521r1_sha512",
    "rsa2048": "rsa_pss_rsae_sha256",
    "rsa-pss": "rsa_pss_pss_sha256",
    "ed25519": "ed25519",
    "ed448": "ed448",
    "ml-dsa-44": "mldsa44",
    "ml-dsa-65": "mldsa65",
    "ml-dsa-87": "mldsa87",
}


def test_a_full_handshake_takes_one_round_trip() -> None:
    """Hello, answer with the whole server's flight, Finished: one round trip (RFC 9846 §2)."""
    pair = Pair()
    assert pair.run() == PLAIN
    negotiated = pair.client.event(HandshakeCompleted).negotiated
    assert negotiated.version == "TLS 1.3"
    assert negotiated.cipher_suite == "TLS_AES_128_GCM_SHA256"
    assert negotiated.group == "x25519"
    assert negotiated.signature_scheme == "ecdsa_secp256r1_sha256"
    assert negotiated.server_name == SERVER_NAME
    assert negotiated.peer_chain == (leaf().der,)
    assert negotiated.verified is not None and negotiated.verified.names == (SERVER_NAME,)
    assert not negotiated.hello_retried
    assert not negotiated.client_certificate_requested
    assert pair.client.connection.negotiated == negotiated


def test_the_server_tells_what_it_knows_of_an_anonymous_client() -> None:
    """A server whose client shows no certificate knows its name wish and nothing of who it is."""
    pair = Pair()
    pair.run()
    negotiated = pair.server.event(HandshakeCompleted).negotiated
    assert negotiated.server_name == SERVER_NAME
    assert negotiated.peer_chain == () and negotiated.verified is None
    assert negotiated.signature_scheme is None and not negotiated.client_authenticated


def test_the_default_policy_connects_with_a_post_quantum_group() -> None:
    """With nothing configured both sides agree on X25519MLKEM768, in one round trip (RFC 10024)."""
    pair = Pair(client_config(groups=None), server_config(groups=None))
    assert pair.run() == PLAIN
    assert pair.client.event(HandshakeCompleted).negotiated.group == DEFAULT_2026.groups[0]


def test_both_sides_derive_the_same_secrets() -> None:
    """Key exchange and transcript give both sides the same five secrets (RFC 9846 §7.1)."""
    pair = Pair()
    pair.run()
    assert pair.log.secrets("client") == pair.log.secrets("server")
    assert len(set(pair.log.secrets("client").values())) == 5


@pytest.mark.parametrize("suite", SUITES_13.values(), ids=lambda row: row.name)
def test_every_cipher_suite_carries_data_both_ways(suite: object) -> None:
    """All five cipher suites of RFC 9846 Appendix B.4 protect the handshake and the data."""
    name = getattr(suite, "name", "")
    pair = Pair(client_config(cipher_suites=(name,)), server_config(cipher_suites=(name,)))
    assert pair.run() == PLAIN
    assert pair.server.event(HandshakeCompleted).negotiated.cipher_suite == name
    for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
        sender.connection.send_data(b"data " * 10_000)
        pair.run()
        assert receiver.data == b"data " * 10_000


@pytest.mark.parametrize(
    "group", [row for row in GROUPS.values() if row.available()], ids=lambda row: row.name
)
def test_every_group_can_agree_on_keys(group: object) -> None:
    """Each group makes a shared secret that both sides hold."""
    name = getattr(group, "name", "")
    pair = Pair(client_config(groups=(name,)), server_config(groups=(name,)))
    assert pair.run() == PLAIN
    assert pair.client.event(HandshakeCompleted).negotiated.group == name


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_every_kind_of_key_can_authenticate_both_sides(kind: str) -> None:
    """RSA, ECDSA, EdDSA and ML-DSA keys sign for servers and for clients."""
    pair = Pair(
        client_config(credentials=client_credential(kind)),
        server_config(credentials=credential(kind), client_authentication="require"),
    )
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.signature_scheme == SIGNED_WITH[kind]
    assert pair.server.event(HandshakeCompleted).negotiated.signature_scheme == SIGNED_WITH[kind]


def test_without_compatibility_mode_there_is_no_session_id_and_no_dummy_record() -> None:
    """A client that does not try to look like TLS 1.2 sends an empty session id (RFC 9846 §E.4)."""
    pair = Pair(client_config(compatibility_mode=False))
    hello = pair.client.connection.data_to_send()
    assert hello[5 + 4 + 2 + 32] == 0
    pair.server.receive(hello)
    answer = pair.server.connection.data_to_send()
    pair.client.receive(answer)
    assert b"\x14\x03\x03\x00\x01\x01" not in answer + pair.client.connection.data_to_send()


def test_in_compatibility_mode_both_sides_send_one_dummy_record() -> None:
    """The server's dummy follows its ServerHello, the client's precedes its second flight (RFC 9846 §E.4)."""
    pair = Pair()
    pair.server.receive(pair.client.connection.data_to_send())
    answer = pair.server.connection.data_to_send()
    end = 5 + int.from_bytes(answer[3:5])
    assert answer[end : end + 6] == b"\x14\x03\x03\x00\x01\x01"
    pair.client.receive(answer)
    flight = pair.client.connection.data_to_send()
    assert flight.startswith(b"\x14\x03\x03\x00\x01\x01\x17")
    assert answer.count(b"\x14\x03\x03\x00\x01\x01") == 1


def test_the_first_record_of_a_client_is_marked_tls_1_0_and_all_others_tls_1_2() -> None:
    """Only the record of an initial ClientHello has version 0x0301 (RFC 9846 §5.1)."""
    pair = Pair(client_config(shares=("secp256r1",)), server_config(groups=("x25519",)))
    first = pair.client.connection.data_to_send()
    assert first[:3] == b"\x16\x03\x01"
    pair.server.receive(first)
    retry = pair.server.connection.data_to_send()
    assert retry[:3] == b"\x16\x03\x03"
    pair.client.receive(retry)
    second = pair.client.connection.data_to_send()
    assert second[:6] == b"\x14\x03\x03\x00\x01\x01"
    assert second[6:9] == b"\x16\x03\x03"


def test_what_leaves_a_client_repeats_with_its_randomness() -> None:
    """A ClientHello is a function of config and randomness alone: same in, same out."""
    hellos = [ClientConnection(client_config(), SERVER_NAME).data_to_send() for _ in range(2)]
    assert hellos[0] == hellos[1]
    other = ClientConnection(client_config(random=seeded("another")), SERVER_NAME)
    assert other.data_to_send() != hellos[0]


def test_no_random_value_is_used_twice() -> None:
    """Randoms, session ids and key shares of two connections have nothing in common (RFC 9846 §4.3.8)."""
    config = client_config()
    peers = [HostileServer(config) for _ in range(2)]
    one, two = (peer.client_hello for peer in peers)
    assert one.random != two.random and one.legacy_session_id != two.legacy_session_id
    assert one.extensions.get(ch.KEY_SHARE) != two.extensions.get(ch.KEY_SHARE)
    first, second = (peer.reach("CONNECTED").shared_secret for peer in peers)
    assert first != second


def test_states_and_keys_are_traced_as_the_rfc_names_them() -> None:
    """The trace of a client reads like the figure in RFC 9846 Appendix A.1."""
    pair = Pair()
    pair.run()
    entries = pair.log.of("client")
    assert [entry.name for entry in entries if isinstance(entry, StateEntered)] == [
        "WAIT_SH", "WAIT_EE", "WAIT_CERT_CR", "WAIT_CV", "WAIT_FINISHED", "CONNECTED",
    ]  # fmt: skip
    assert [(e.direction, e.epoch) for e in entries if isinstance(e, KeysInstalled)] == [
        ("received", "handshake"),
        ("sent", "handshake"),
        ("received", "application"),
        ("sent", "application"),
    ]
    records = [entry for entry in entries if isinstance(entry, RecordTraced)]
    assert [(r.direction, r.protected) for r in records] == [
        ("sent", False),
        ("received", False),
        ("received", True),
        ("sent", True),
    ]


def test_repr_says_where_a_connection_stands() -> None:
    """A connection shows its state and version, once there is one, and none of its secrets."""
    pair = Pair()
    assert (repr(pair.client.connection), repr(pair.server.connection)) == (
        "<ClientConnection WAIT_SH>",
        "<ServerConnection START>",
    )
    pair.run()
    assert (repr(pair.client.connection), repr(pair.server.connection)) == (
        "<ClientConnection CONNECTED TLS 1.3>",
        "<ServerConnection CONNECTED TLS 1.3>",
    )
