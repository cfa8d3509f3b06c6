"""Clients that show a certificate, have none, or have one that does not fit."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from lucidtls.alerts import CERTIFICATE_REQUIRED
from lucidtls.errors import AlertReceived, CertificateRejected, CertificateRequired
from lucidtls.events import HandshakeCompleted
from lucidtls.trust.credentials import Credential
from lucidtls.wire.extensions import OIDFilter, cr
from lucidtls.wire.messages13 import CertificateRequest
from tests.certificates import chain, key_usage, make_ca, make_leaf
from tests.flows.hostile import HostileClient, HostileServer
from tests.flows.pair import Pair
from tests.flows.parties import (
    CLIENT_NAME,
    client_config,
    client_credential,
    leaf,
    root,
    server_config,
)

ASKING = "server > ServerHello EncryptedExtensions CertificateRequest Certificate CertificateVerify Finished"


def run(credentials: object, **server: object) -> Pair:
    """A handshake with a server that asks."""
    choices: dict[str, object] = {"client_authentication": "require"}
    pair = Pair(client_config(credentials=credentials), server_config(**(choices | server)))
    pair.run()
    return pair


def shown(pair: Pair) -> bytes | None:
    """The leaf that the server got."""
    peer_chain: tuple[bytes, ...] = pair.server.event(HandshakeCompleted).negotiated.peer_chain
    return peer_chain[0] if peer_chain else None


@pytest.mark.parametrize("wish", ["request", "require"])
def test_a_client_with_a_certificate_authenticates(wish: str) -> None:
    """Asked for a certificate, a client sends Certificate, CertificateVerify and Finished (RFC 9846 §4.5)."""
    pair = Pair(client_config(credentials=client_credential()), server_config(client_authentication=wish))
    assert pair.run()[1:] == [ASKING, "client > Certificate CertificateVerify Finished"]
    for end in (pair.client, pair.server):
        negotiated = end.event(HandshakeCompleted).negotiated
        assert negotiated.client_authenticated and negotiated.client_certificate_requested
    seen = pair.server.event(HandshakeCompleted).negotiated
    assert seen.verified.names == (CLIENT_NAME,)


def test_a_client_without_a_certificate_says_so() -> None:
    """With no suitable certificate the Certificate message is empty, not left out (RFC 9846 §4.5.1)."""
    pair = Pair(server=server_config(client_authentication="request"))
    assert pair.run()[1:] == [ASKING, "client > Certificate(empty) Finished"]
    negotiated = pair.server.event(HandshakeCompleted).negotiated
    assert not negotiated.client_authenticated and negotiated.client_certificate_requested
    assert not pair.client.event(HandshakeCompleted).negotiated.client_authenticated


def test_a_server_that_requires_a_certificate_ends_without_one() -> None:
    """certificate_required comes when the client thinks it is done (RFC 9846 §4.5.1.3)."""
    pair = Pair(server=server_config(client_authentication="require"))
    assert pair.run_to_failure()[-1] == "server > alert:certificate_required"
    assert isinstance(pair.server.error, CertificateRequired)
    assert isinstance(pair.client.error, AlertReceived)
    assert pair.client.error.alert is CERTIFICATE_REQUIRED
    assert pair.client.event(HandshakeCompleted)


def test_a_certificate_that_is_not_trusted_is_refused() -> None:
    """A server checks a client's chain as a client does a server's."""
    stranger = make_leaf(make_ca("Stranger"), CLIENT_NAME)
    pair = Pair(
        client_config(credentials=Credential.load(stranger.der, stranger.key)),
        server_config(client_authentication="request"),
    )
    assert pair.run_to_failure()[-1] == "server > alert:unknown_ca"
    assert isinstance(pair.server.error, CertificateRejected)


def test_a_certificate_for_servers_only_is_refused() -> None:
    """A client's certificate must allow clientAuth (RFC 5280 §4.2.1.12)."""
    only_server = make_leaf(root(), CLIENT_NAME, extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
    pair = Pair(
        client_config(credentials=Credential.load(only_server.der, only_server.key)),
        server_config(client_authentication="require"),
    )
    assert pair.run_to_failure()[-1] == "server > alert:unsupported_certificate"


def test_the_request_says_what_the_server_accepts() -> None:
    """A CertificateRequest lists algorithms, and authorities and filters if set (RFC 9846 §4.4.2)."""
    name = root().certificate.subject.public_bytes()
    filters = (OIDFilter(b"\x06\x03\x55\x1d\x0f", b"\x03\x02\x07\x80"),)
    peer = HostileClient(
        server_config(client_authentication="request", certificate_authorities=(name,), oid_filters=filters)
    ).send_hello()
    (request,) = [message for message in peer.messages if isinstance(message, CertificateRequest)]
    assert request.context == b""
    assert 0x0403 in (request.extensions.get(cr.SIGNATURE_ALGORITHMS) or ())
    assert 0x0401 not in (request.extensions.get(cr.SIGNATURE_ALGORITHMS) or ())
    assert 0x0401 in (request.extensions.get(cr.SIGNATURE_ALGORITHMS_CERT) or ())
    assert request.extensions.get(cr.CERTIFICATE_AUTHORITIES) == (name,)
    assert request.extensions.get(cr.OID_FILTERS) == filters


def test_a_client_signs_only_with_what_the_server_accepts() -> None:
    """A client whose keys fit no scheme in the request shows no certificate (RFC 9846 §4.5.1.2)."""
    peer = HostileServer.at("WAIT_CERT_CR", client_config(credentials=client_credential("ed448")))
    peer.send(peer.certificate_request())
    peer.reach("CONNECTED")
    assert [raw[0] for raw in peer.transcript[-2:]] == [11, 20]
    assert peer.transcript[-2] == bytes((11, 0, 0, 4, 0, 0, 0, 0))


def test_a_client_chooses_among_its_credentials_by_scheme() -> None:
    """Of several credentials the first that fits the request is shown."""
    credentials = (client_credential("ed448"), client_credential("ed25519"), client_credential("p256"))
    pair = run(credentials, signature_schemes=("ecdsa_secp256r1_sha256", "ed25519"))
    assert shown(pair) == leaf("ed25519", CLIENT_NAME).der


def test_a_client_chooses_among_its_credentials_by_authority() -> None:
    """certificate_authorities guides the choice (RFC 9846 §4.3.4)."""
    other_root = make_ca("Other Client Root")
    other = make_leaf(other_root, CLIENT_NAME, number=3)
    other_credential = Credential.load(other.der, other.key)
    wanted = other_root.certificate.subject.public_bytes()
    trusted = [root().der, other_root.der]
    pair = run((client_credential(), other_credential), certificate_authorities=(wanted,), trust=trusted)
    assert shown(pair) == other.der


def test_an_authority_is_a_wish_and_no_condition() -> None:
    """A client shows a certificate of another authority rather than none: the server decides."""
    pair = run(client_credential(), certificate_authorities=(b"\x30\x00",))
    assert shown(pair) == leaf("p256", CLIENT_NAME).der


def _der_oid(oid: x509.ObjectIdentifier) -> bytes:
    name = x509.Name([x509.NameAttribute(oid, "x")]).public_bytes()
    start = name.index(b"\x06")
    return name[start : start + 2 + name[start + 1]]


def test_a_client_shows_only_what_passes_the_filters() -> None:
    """Key usage and extended key usage in oid_filters choose the certificate (RFC 9846 §4.3.5)."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    signer = make_leaf(
        root(),
        CLIENT_NAME,
        number=4,
        extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.CODE_SIGNING),
    )
    credentials = (client_credential(), Credential.load(list(chain(signer)), signer.key))
    filters = (OIDFilter(_der_oid(ExtensionOID.EXTENDED_KEY_USAGE), usage.public_bytes()),)
    assert shown(run(credentials, oid_filters=filters)) == signer.der


def test_a_client_shows_nothing_when_nothing_passes_the_filters() -> None:
    """A certificate that lacks a wanted key usage is not shown (RFC 9846 §4.3.5)."""
    wanted = key_usage("content_commitment").public_bytes()
    filters = (OIDFilter(_der_oid(ExtensionOID.KEY_USAGE), wanted),)
    pair = run(client_credential(), oid_filters=filters, client_authentication="request")
    assert shown(pair) is None


def test_filters_with_unknown_oids_are_skipped() -> None:
    """The client MUST ignore and skip unrecognized certificate extension OIDs (RFC 9846 §4.3.5)."""
    filters = (OIDFilter(b"\x06\x04\x2a\x03\x04\x05", b"\x05\x00"),)
    assert shown(run(client_credential(), oid_filters=filters)) == leaf("p256", CLIENT_NAME).der


def test_a_request_with_unknown_extensions_is_answered() -> None:
    """Clients MUST ignore unrecognized extensions of a CertificateRequest (RFC 9846 §4.4.2)."""
    peer = HostileServer.at("WAIT_CERT_CR", client_config(credentials=client_credential()))
    peer.send(peer.certificate_request((13, b"\0\x02\x04\x03"), (0xFF77, b"?"), (0x0A0A, b"")))
    assert peer.reach("CONNECTED").transcript[-3][0] == 11


def test_a_chain_with_its_intermediate_is_shown_whole() -> None:
    """The sender's certificate comes first, then those that certify it (RFC 9846 §4.5.1)."""
    middle = make_ca("Client Intermediate", root())
    end = make_leaf(middle, CLIENT_NAME, number=6)
    pair = run(Credential.load([end.der, middle.der], end.key))
    assert pair.server.event(HandshakeCompleted).negotiated.peer_chain == (
        end.certificate.public_bytes(Encoding.DER),
        middle.der,
    )
