"""What two sides settle on: suites, groups, protocols, names, and which credential is shown."""

from __future__ import annotations

import pytest

from lucidtls.alerts import NO_APPLICATION_PROTOCOL, UNRECOGNIZED_NAME
from lucidtls.errors import AlertReceived, NegotiationFailure, NoApplicationProtocol, UnrecognizedName
from lucidtls.events import ACCEPTED, Accepted, HandshakeCompleted
from lucidtls.trust.credentials import Credential
from lucidtls.trust.stores import load_trust
from lucidtls.trust.verify import VerificationRequest
from lucidtls.wire.extensions import ch, ee
from lucidtls.wire.messages13 import EncryptedExtensions
from tests.certificates import make_ca, make_leaf
from tests.flows.hostile import HostileClient, HostileServer, with_extension
from tests.flows.pair import Pair
from tests.flows.parties import SERVER_NAME, client_config, credential, leaf, root, server_config, trust


class Anyone:
    """A verifier that takes every chain."""

    def verify(self, request: VerificationRequest) -> Accepted:
        """Accept."""
        return ACCEPTED


def shown(pair: Pair) -> bytes:
    """The leaf that the server showed."""
    pair.run()
    peer_chain: tuple[bytes, ...] = pair.client.event(HandshakeCompleted).negotiated.peer_chain
    return peer_chain[0]


# Algorithms

SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")


@pytest.mark.parametrize(("client_order", "chosen"), [(False, SUITES[0]), (True, SUITES[1])])
def test_the_order_of_suites_is_the_servers_unless_it_follows_the_client(
    client_order: bool, chosen: str
) -> None:
    """A server picks the first suite in common, by its own order or by the client's."""
    pair = Pair(
        client_config(cipher_suites=SUITES[::-1]),
        server_config(cipher_suites=SUITES, prefer_client_order=client_order),
    )
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.cipher_suite == chosen


@pytest.mark.parametrize(("client_order", "chosen"), [(False, "x25519"), (True, "secp256r1")])
def test_the_order_of_groups_is_the_servers_unless_it_follows_the_client(
    client_order: bool, chosen: str
) -> None:
    """With shares for several groups the preference decides."""
    groups = ("secp256r1", "x25519")
    pair = Pair(
        client_config(groups=groups, shares=groups),
        server_config(groups=groups[::-1], prefer_client_order=client_order),
    )
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.group == chosen


def test_a_server_that_follows_the_client_takes_the_first_suite_it_knows() -> None:
    """Unknown suites at the head of the client's list are passed over."""
    peer = HostileClient(server_config(prefer_client_order=True))
    peer.send_hello(peer.client_hello(cipher_suites=(0x0A0A, 0x1305, 0x1302, 0x1301)))
    assert peer.server_hello is not None and peer.server_hello.cipher_suite == 0x1302


# ALPN (RFC 7301)


def test_a_protocol_in_common_is_chosen_in_the_servers_order() -> None:
    """The server selects from the client's list by its own preference (RFC 7301 §3.2)."""
    pair = Pair(client_config(alpn=("http/1.1", "h2")), server_config(alpn=("h2", "http/1.1")))
    pair.run()
    for end in (pair.client, pair.server):
        assert end.event(HandshakeCompleted).negotiated.alpn == "h2"


@pytest.mark.parametrize(("ours", "theirs"), [(("h2",), ()), ((), ("h2",)), ((), ())])
def test_alpn_takes_two(ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
    """When either side does not take part, no protocol is negotiated and nothing fails."""
    pair = Pair(client_config(alpn=ours), server_config(alpn=theirs))
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.alpn is None
    assert pair.server.event(HandshakeCompleted).negotiated.alpn is None


def test_no_protocol_in_common_is_fatal() -> None:
    """A server that shares no protocol with the client ends with no_application_protocol (RFC 7301 §3.2)."""
    pair = Pair(client_config(alpn=("h3",)), server_config(alpn=("h2", "http/1.1")))
    assert pair.run_to_failure() == ["client > ClientHello", "server > alert:no_application_protocol"]
    assert isinstance(pair.server.error, NoApplicationProtocol)
    assert isinstance(pair.client.error, AlertReceived)
    assert pair.client.error.alert is NO_APPLICATION_PROTOCOL


# Server names (RFC 6066)


def test_a_client_sends_the_name_it_was_given() -> None:
    """server_name carries the host name in lower case, without a trailing dot."""
    peer = HostileServer(server_name="WWW.Example.ORG.")
    assert peer.client_hello.extensions.get(ch.SERVER_NAME) == "www.example.org"


@pytest.mark.parametrize(("name", "answered"), [(SERVER_NAME, True), ("other.example.org", False)])
def test_a_server_says_that_it_used_the_name(name: str, answered: bool) -> None:
    """A name that led to a certificate is acknowledged in EncryptedExtensions (RFC 6066 §3)."""
    peer = HostileClient()
    hello = peer.client_hello()
    hello.extensions = with_extension(hello.extensions, 0, ch.SERVER_NAME.write(name))
    peer.send_hello(hello)
    (encrypted,) = [message for message in peer.messages if isinstance(message, EncryptedExtensions)]
    assert (encrypted.extensions.get(ee.SERVER_NAME) is True) is answered


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "[2001:db8::7]"])
def test_an_address_is_verified_and_not_sent(address: str) -> None:
    """Literal addresses are not permitted in server_name (RFC 6066 §3); the certificate must have them."""
    by_address = make_leaf(root(), "192.0.2.7", "2001:db8::7", number=8)
    own = Credential.load(by_address.der, by_address.key)
    pair = Pair(server=server_config(credentials=own), server_name=address)
    pair.run()
    assert pair.server.event(HandshakeCompleted).negotiated.server_name is None


def test_without_a_name_nothing_is_sent() -> None:
    """A client that is told no name needs a verifier of its own, and sends no server_name."""
    pair = Pair(client_config(verifier=Anyone()), server_name=None)
    pair.run()
    assert pair.server.event(HandshakeCompleted).negotiated.server_name is None


def test_a_name_of_an_unknown_type_is_no_name() -> None:
    """A server_name list without a host_name says nothing about the host."""
    peer = HostileClient(server_config(require_known_name=True))
    hello = peer.client_hello()
    hello.extensions.raw[0] = bytes.fromhex("0005 01 0002 6161")
    peer.send_hello(hello).reach("CONNECTED")
    assert peer.victim.negotiated is not None and peer.victim.negotiated.server_name is None


# Credentials


def test_the_credential_for_the_name_is_shown() -> None:
    """server_name guides the choice of certificate (RFC 9846 §4.5.1.2)."""
    others = (credential("p256", "one.example.org"), credential(), credential("p256", "*.example.net"))
    assert shown(Pair(server=server_config(credentials=others))) == leaf().der
    wild = Pair(server=server_config(credentials=others), server_name="two.example.net")
    assert shown(wild) == leaf("p256", "*.example.net").der


def test_an_unknown_name_gets_the_first_credential() -> None:
    """Without require_known_name a server shows its first credential to whoever asks for another name."""
    names = (credential("p256", "one.example.org"), credential("p256", "two.example.org"))
    pair = Pair(
        client_config(verifier=Anyone()), server_config(credentials=names), server_name="three.example.org"
    )
    assert shown(pair) == leaf("p256", "one.example.org").der


def test_an_unknown_name_can_be_refused() -> None:
    """A server may refuse names it does not serve, with unrecognized_name (RFC 6066 §3)."""
    pair = Pair(server=server_config(require_known_name=True), server_name="three.example.org")
    assert pair.run_to_failure()[-1] == "server > alert:unrecognized_name"
    assert isinstance(pair.server.error, UnrecognizedName)
    assert isinstance(pair.client.error, AlertReceived) and pair.client.error.alert is UNRECOGNIZED_NAME


def test_a_hello_without_a_name_passes_where_names_are_required_to_be_known() -> None:
    """Only a name that was sent can be unknown."""
    pair = Pair(client_config(verifier=Anyone()), server_config(require_known_name=True), server_name=None)
    assert shown(pair) == leaf().der


KINDS = ("ed448", "ed25519", "p256", "rsa2048")


@pytest.mark.parametrize(
    ("schemes", "kind"),
    [
        (("rsa_pss_rsae_sha256",), "rsa2048"),
        (("ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"), "p256"),
        (("rsa_pss_rsae_sha256", "ed25519"), "ed25519"),
        (("ed448", "ed25519", "ecdsa_secp256r1_sha256"), "ed448"),
    ],
)
def test_the_first_credential_whose_key_the_client_can_verify_is_shown(
    schemes: tuple[str, ...], kind: str
) -> None:
    """The key must be able to sign with a scheme in signature_algorithms (RFC 9846 §4.5.1.2)."""
    credentials = tuple(credential(kind) for kind in KINDS)
    pair = Pair(client_config(signature_schemes=schemes), server_config(credentials=credentials))
    assert shown(pair) == leaf(kind).der


def test_a_name_outweighs_the_order_of_the_list_but_not_the_key() -> None:
    """A credential for the right name that the client cannot verify is of no use."""
    own = (credential("p256", "other.example.org"), credential("ed448"))
    pair = Pair(
        client_config(signature_schemes=("ecdsa_secp256r1_sha256",), verifier=Anyone()),
        server_config(credentials=own),
    )
    assert shown(pair) == leaf("p256", "other.example.org").der


def test_the_clients_authorities_choose_between_chains() -> None:
    """certificate_authorities in the ClientHello names the anchors a client has (RFC 9846 §4.3.4)."""
    other_root = make_ca("Other Server Root")
    other = make_leaf(other_root, SERVER_NAME, number=2)
    own = (credential(), Credential.load(other.der, other.key))
    wanted = (other_root.certificate.subject.public_bytes(),)
    client = client_config(certificate_authorities=wanted, trust=trust() | load_trust(other_root.der))
    assert shown(Pair(client, server_config(credentials=own))) == other.der
    assert shown(Pair(server=server_config(credentials=own))) == leaf().der


def test_no_credential_that_the_client_can_verify_is_fatal() -> None:
    """With no signature scheme in common a server ends with handshake_failure (RFC 9846 §4.2.1)."""
    pair = Pair(client_config(signature_schemes=("ed25519",)))
    assert pair.run_to_failure()[-1] == "server > alert:handshake_failure"
    assert isinstance(pair.server.error, NegotiationFailure)


def test_restricted_credentials_sign_only_as_they_were_told() -> None:
    """A credential may be held to some of the schemes its key could use."""
    issued = leaf("rsa2048")
    own = Credential.load(issued.der, issued.key, schemes=["rsa_pss_rsae_sha512"])
    pair = Pair(server=server_config(credentials=own))
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.signature_scheme == "rsa_pss_rsae_sha512"


def test_errors_name_both_sides_of_a_failed_negotiation() -> None:
    """A failure to negotiate shows what was offered and what is supported."""
    pair = Pair(client_config(groups=("x448",)), server_config(groups=("x25519",)))
    pair.run_to_failure()
    assert isinstance(pair.server.error, NegotiationFailure)
    assert pair.server.error.fields == {"offered": ["x448"], "ours": ["x25519"]}
