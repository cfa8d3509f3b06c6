"""Exporters and channel bindings in every version and role (RFC 5705, RFC 9846 §7.5, RFC 9266, RFC 5929)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.crypto.hashes import SHA256
from lucidtls.errors import UsageError
from lucidtls.handshake.exporters import MAX_CONTEXT, MAX_LABEL, RESERVED_LABELS
from lucidtls.handshake.post import Connected13
from lucidtls.handshake.post12 import Connected12
from lucidtls.trace import MessageTraced, Recorder
from lucidtls.wire.messages12 import Finished
from tests.flows.again import Household, Talk, talk
from tests.flows.older import client12, rsa_credential, server12_config
from tests.flows.parties import SERVER_NAME, client_config, credential, server_config

LABEL = "EXPERIMENTAL-lucidtls"
VERSIONS = ("TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0")
every_version = pytest.mark.parametrize("version", VERSIONS)


def connect(version: str = "TLS 1.3", **client: Any) -> Talk:
    """A connection of this version."""
    if version == "TLS 1.3":
        return talk(client_config(**client), server_config())
    choices: dict[str, Any] = {"versions": (version,)}
    return talk(client12(**choices, **client), server12_config(**choices))


def expand(secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label with SHA-256, up to 32 bytes, written out once more."""
    name = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes((len(name),)) + name + bytes((len(context),)) + context
    return hmac.digest(secret, info + b"\x01", "sha256")[:length]


def p_sha256(secret: bytes, seed: bytes, length: int) -> bytes:
    """P_SHA256 of RFC 5246 §5, written out once more."""
    output, chained = b"", seed
    while len(output) < length:
        chained = hmac.digest(secret, chained, "sha256")
        output += hmac.digest(secret, chained + seed, "sha256")
    return output[:length]


@every_version
def test_both_ends_export_the_same(version: str) -> None:
    """Both ends get the same bytes; another label, context or connection gives others (RFC 5705 §4)."""
    made, other = connect(version), connect(version)
    ends = (made.client, made.server)
    first, second = (end.export_keying_material(LABEL, 40, b"here") for end in ends)
    assert first == second and len(first) == 40
    seen = {
        first[:32],
        made.client.export_keying_material(LABEL, 32, b"there"),
        made.client.export_keying_material(LABEL + "2", 32, b"here"),
        other.client.export_keying_material(LABEL, 32, b"here") if version == "TLS 1.3" else b"",
    }
    assert len(seen) == 4
    assert made.client.export_keying_material(LABEL.encode(), 40, b"here") == first


@every_version
def test_no_context_and_an_empty_one(version: str) -> None:
    """In TLS 1.3 no context is an empty one (RFC 9846 §7.5); before, the two differ (RFC 5705 §4)."""
    client = connect(version).client
    same = client.export_keying_material(LABEL, 32) == client.export_keying_material(LABEL, 32, b"")
    assert same is (version == "TLS 1.3")


def test_the_computation_of_tls_1_3() -> None:
    """HKDF-Expand-Label(Derive-Secret(secret, label, ""), "exporter", Hash(context), length)."""
    made = talk(client_config(cipher_suites=("TLS_AES_128_GCM_SHA256",)), server_config())
    state = made.server._driver.connected
    assert isinstance(state, Connected13)
    empty, context = hashlib.sha256(b"").digest(), hashlib.sha256(b"here").digest()
    expected = expand(expand(state.exporter_secret, LABEL, empty, 32), "exporter", context, 20)
    assert made.client.export_keying_material(LABEL, 20, b"here") == expected


def test_the_computation_of_tls_1_2() -> None:
    """PRF(main secret, label, both randoms, and the context behind its length) (RFC 5705 §4)."""
    made = connect("TLS 1.2")
    state = made.server._driver.connected
    assert isinstance(state, Connected12) and state.terms.hash is SHA256
    seed = LABEL.encode() + state.terms.client_random + state.terms.server_random
    assert made.client.export_keying_material(LABEL, 50) == p_sha256(state.main_secret, seed, 50)
    with_context = p_sha256(state.main_secret, seed + b"\0\x04here", 50)
    assert made.client.export_keying_material(LABEL, 50, b"here") == with_context


@every_version
def test_bounds(version: str) -> None:
    """Lengths, labels and contexts out of bounds are the caller's mistake, and are named as such."""
    client = connect(version).client
    for label in (*RESERVED_LABELS, "", "x" * (MAX_LABEL + 1), "é", b"\xff"):
        with pytest.raises(UsageError):
            client.export_keying_material(label, 32)
    for length in (-1, 0, 255 * 64, 2**20):
        with pytest.raises(UsageError):
            client.export_keying_material(LABEL, length)
    with pytest.raises(UsageError):
        client.export_keying_material(LABEL, 32, bytes(MAX_CONTEXT + 1))
    assert len(client.export_keying_material("x" * MAX_LABEL, 255 * 32, bytes(MAX_CONTEXT))) == 255 * 32


@every_version
def test_only_while_the_connection_lives(version: str) -> None:
    """Nothing is exported before the handshake is done, nor after the connection has ended."""
    fresh = ClientConnection(client_config(), SERVER_NAME), ServerConnection(server_config())
    made = connect(version)
    made.client.close()
    assert made.client.export_keying_material(LABEL, 8) == made.server.export_keying_material(LABEL, 8)
    made.run().server.close()
    made.run()
    for end in (*fresh, made.client, made.server):
        with pytest.raises(UsageError):
            end.export_keying_material(LABEL, 32)
        with pytest.raises(UsageError):
            end.export_early_keying_material(LABEL, 32)
        with pytest.raises(UsageError):
            end.channel_binding("tls-exporter")


def test_nothing_without_the_extended_main_secret() -> None:
    """Without it there is neither an exporter nor a tls-unique: both MUST be disabled (RFC 7627 §5.4)."""
    made = talk(client12(extended_master_secret="off"), server12_config(extended_master_secret="off"))
    assert not made.agreed.extended_master_secret
    for end in (made.client, made.server):
        with pytest.raises(UsageError, match="RFC 7627"):
            end.export_keying_material(LABEL, 32)
        for kind in ("tls-exporter", "tls-unique"):
            with pytest.raises(UsageError, match="RFC 7627"):
                end.channel_binding(kind)


def test_early_exporters() -> None:
    """Both ends export from the early secret as soon as early data is under way (RFC 9846 §7.5)."""
    house = Household({"early_data": True}, {"max_early_data": 100})
    session = house.first()
    client = ClientConnection(house.client(), SERVER_NAME, session=session)
    client.send_early_data(b"x")
    early = client.export_early_keying_material(LABEL, 32, b"here")
    server = ServerConnection(house.server())
    server.receive_data(client.data_to_send())
    server.next_event()
    assert server.export_early_keying_material(LABEL, 32, b"here") == early
    made = Talk(client, server).run()
    assert made.client.export_early_keying_material(LABEL, 32, b"here") == early
    assert made.client.export_keying_material(LABEL, 32, b"here") != early


def test_a_refused_offer_has_no_early_exporter() -> None:
    """Where early data was refused, or never offered, there is no early exporter on either side."""
    house = Household({"early_data": True}, {"max_early_data": 100})
    refused = talk(house.client(), house.server(max_early_data=0), session=house.first(), early=b"x")
    assert refused.agreed.early_data == "rejected"
    for end in (refused.client, refused.server):
        with pytest.raises(UsageError, match="early"):
            end.export_early_keying_material(LABEL, 32)


# Channel bindings


@every_version
def test_tls_exporter(version: str) -> None:
    """tls-exporter is 32 exported bytes with a label of its own and an empty context (RFC 9266 §2)."""
    made = connect(version)
    binding = made.client.channel_binding("tls-exporter")
    assert binding == made.server.channel_binding("tls-exporter")
    assert binding == made.client.export_keying_material("EXPORTER-Channel-Binding", 32, b"")


def test_tls_exporter_where_renegotiation_is_allowed() -> None:
    """ "When TLS renegotiation is enabled on a connection" there MUST be no tls-exporter (RFC 9266 §4.2)."""
    made = connect("TLS 1.2", renegotiation="accept")
    with pytest.raises(UsageError, match="RFC 9266"):
        made.client.channel_binding("tls-exporter")
    assert made.client.export_keying_material(LABEL, 8) == made.server.export_keying_material(LABEL, 8)


@every_version
def test_tls_unique(version: str) -> None:
    """tls-unique is the client's Finished of a full handshake; TLS 1.3 has none (RFC 5929 §3)."""
    tape = Recorder()
    made = connect(version, tracer=tape)
    if version == "TLS 1.3":
        with pytest.raises(UsageError, match=r"TLS 1\.3"):
            made.client.channel_binding("tls-unique")
        return
    sent = [
        entry.message.verify_data
        for entry in tape.entries
        if isinstance(entry, MessageTraced) and isinstance(entry.message, Finished)
    ]
    assert made.client.channel_binding("tls-unique") == sent[0] == made.server.channel_binding("tls-unique")


@every_version
def test_tls_server_end_point(version: str) -> None:
    """tls-server-end-point is a hash of the server's certificate, the same on both ends (RFC 5929 §4)."""
    made = connect(version)
    expected = hashlib.sha256(credential().chain[0]).digest()
    assert made.client.channel_binding("tls-server-end-point") == expected
    assert made.server.channel_binding("tls-server-end-point") == expected


@pytest.mark.parametrize("exchange", ["PSK", "RSA_PSK"])
def test_tls_server_end_point_of_a_pre_shared_key(exchange: str) -> None:
    """Only a handshake with a certificate of the server has that binding (RFC 5929 §6)."""
    made = talk(client12(exchange), server12_config(exchange))
    for end in (made.client, made.server):
        if exchange == "RSA_PSK":
            digest = hashlib.sha256(rsa_credential().chain[0]).digest()
            assert end.channel_binding("tls-server-end-point") == digest
        else:
            with pytest.raises(UsageError, match="certificate"):
                end.channel_binding("tls-server-end-point")


def test_unknown_kinds() -> None:
    """A channel binding that nobody knows is refused, and the known ones are named."""
    with pytest.raises(UsageError, match="tls-exporter, tls-server-end-point, tls-unique"):
        connect().client.channel_binding("tls-unique-for-telnet")
