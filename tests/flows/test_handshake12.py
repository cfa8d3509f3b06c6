"""Full handshakes of TLS 1.2 and before between our client and our server: key exchanges, suites, options."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from lucidtls.crypto.suites12 import SUITES_12, CipherSuite12
from lucidtls.dangerous import LEGACY_2026, NoVerification
from lucidtls.errors import (
    AlertReceived,
    CertificateRequired,
    InsufficientSecurity,
    NegotiationFailure,
    NoApplicationProtocol,
    UnrecognizedName,
)
from lucidtls.events import HandshakeCompleted, Negotiated, SessionTicketReceived
from lucidtls.trace import KeysInstalled, MessageTraced, StateEntered
from lucidtls.wire.extensions import sh12
from lucidtls.wire.messages12 import CertificateRequest, ServerKeyExchange
from tests.conformance.diagram import EXCHANGES
from tests.flows.older import (
    PSK,
    SMALL_FIELD,
    Talk,
    client12,
    client_credential12,
    rsa_credential,
    server12_config,
    talkative,
)
from tests.flows.pair import Pair
from tests.flows.parties import SERVER_NAME, client_config, credential, leaf, server_config

CERTIFIED = ("RSA", "DHE", "ECDHE")
VERSIONS = ("TLS 1.2", "TLS 1.1", "TLS 1.0")

FLIGHTS = {
    "RSA": "Certificate ServerHelloDone",
    "DHE": "Certificate ServerKeyExchange ServerHelloDone",
    "ECDHE": "Certificate ServerKeyExchange ServerHelloDone",
    "PSK": "ServerHelloDone",
    "DHE_PSK": "ServerKeyExchange ServerHelloDone",
    "ECDHE_PSK": "ServerKeyExchange ServerHelloDone",
    "RSA_PSK": "Certificate ServerHelloDone",
    "DH_anon": "ServerKeyExchange ServerHelloDone",
    "ECDH_anon": "ServerKeyExchange ServerHelloDone",
}
"""What the server says after its hello, with nothing optional."""

LAST = "server > ChangeCipherSpec Finished"


def plain_playbook(exchange: str) -> list[str]:
    """The figure of RFC 5246 §7.3, with nothing optional."""
    return [
        "client > ClientHello",
        f"server > ServerHello {FLIGHTS[exchange]}",
        "client > ClientKeyExchange ChangeCipherSpec Finished",
        LAST,
    ]


def carry_data(pair: Pair, length: int = 20_000) -> None:
    """Send data both ways, in pieces that do not fit the records."""
    for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
        data = bytes(range(256)) * (length // 256)
        sender.connection.send_data(data)
        pair.run(chunk=1000)
        assert receiver.data == data


def agreed(pair: Pair) -> Negotiated:
    """What both sides say was agreed, as the client tells it."""
    client, server = (end.event(HandshakeCompleted).negotiated for end in (pair.client, pair.server))
    for name in ("version", "cipher_suite", "group", "alpn", "key_exchange", "extended_master_secret",
                 "encrypt_then_mac", "psk_identity", "client_authenticated"):  # fmt: skip
        assert getattr(client, name) == getattr(server, name), name
    assert isinstance(client, Negotiated)
    return client


# Every key exchange, every version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_full_handshake_takes_two_round_trips(exchange: str, version: str) -> None:
    """Hello and flight, keys and Finished: two round trips in every version (RFC 5246 §7.3)."""
    pair = Pair(client12(exchange, versions=(version,)), server12_config(exchange, versions=(version,)))
    assert pair.run() == plain_playbook(exchange)
    negotiated = agreed(pair)
    assert (negotiated.version, negotiated.key_exchange) == (version, exchange)
    assert negotiated.extended_master_secret and not negotiated.hello_retried
    assert negotiated.psk_identity == (PSK.identity if "PSK" in exchange else None)
    assert (negotiated.group is None) == (exchange in ("RSA", "PSK", "RSA_PSK"))
    anonymous = "Certificate" not in FLIGHTS[exchange]
    assert (negotiated.verified is None) == (negotiated.peer_chain == ()) == anonymous
    carry_data(pair)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_bytes_may_come_one_at_a_time(exchange: str) -> None:
    """A transport has no borders: records and messages may come in any pieces."""
    pair = Pair(client12(exchange), server12_config(exchange))
    assert pair.run(chunk=1) == plain_playbook(exchange)


@pytest.mark.parametrize("length", [1, 3, 17])
def test_messages_may_come_in_any_fragments(length: int) -> None:
    """A handshake message may be spread over many records (RFC 5246 §6.2.1)."""
    choices: dict[str, Any] = {"max_record_size": length}
    pair = Pair(client12(**choices), server12_config(**choices))
    assert pair.run()[0::3] == ["client > ClientHello", LAST]
    carry_data(pair, 2560)


@pytest.mark.parametrize("row", SUITES_12.values(), ids=lambda row: row.name)
def test_every_cipher_suite_carries_data_both_ways(row: CipherSuite12) -> None:
    """Each suite that our parts form works in all its versions, with and without encrypt_then_mac."""
    for version, mode in product(row.versions, ("allow", "off") if row.cipher.kind == "block" else ("off",)):
        choices: dict[str, Any] = {
            "versions": (version,), "cipher_suites": (row.name,), "encrypt_then_mac": mode,
        }  # fmt: skip
        exchange = row.key_exchange
        shown = {"credentials": rsa_credential()} if row.authentication == "RSA" else {}
        pair = Pair(client12(exchange, **choices), server12_config(exchange, **(choices | shown)))
        assert pair.run() == plain_playbook(exchange)
        negotiated = agreed(pair)
        assert (negotiated.cipher_suite, negotiated.version) == (row.name, version)
        assert negotiated.encrypt_then_mac == (mode == "allow")
        carry_data(pair)


# What is optional in the figure


def playbook(exchange: str, asked: str, talk: Talk, hint: bytes | None) -> list[str]:
    """The figure with what was asked for, promised and given. `asked` is what the client has to show."""
    flight = FLIGHTS[exchange]
    if hint is not None and "ServerKeyExchange" not in flight:
        flight = flight.replace("ServerHelloDone", "ServerKeyExchange ServerHelloDone")
    if talk.status is not None:
        flight = flight.replace("Certificate", "Certificate CertificateStatus")
    if asked:
        flight = flight.replace("ServerHelloDone", "CertificateRequest ServerHelloDone")
    shown = f"{asked} " if asked else ""
    proof = "CertificateVerify " if asked == "Certificate" else ""
    ticket = "NewSessionTicket " if talk.ticket is not None else ""
    return [
        "client > ClientHello",
        f"server > ServerHello {flight}",
        f"client > {shown}ClientKeyExchange {proof}ChangeCipherSpec Finished",
        f"server > {ticket}ChangeCipherSpec Finished",
    ]


TALKS = {
    "nothing": Talk(),
    "a ticket": Talk(ticket=b"ticket"),
    "an empty ticket": Talk(ticket=b""),
    "a status": Talk(status=b"status"),
    "a status in vain": Talk(answer_status=True),
    "both": Talk(status=b"status", ticket=b"ticket"),
}


def meaningful() -> list[tuple[str, str, str]]:
    """What can be combined: only who shows a certificate can ask for one, or give its status."""
    return [
        (exchange, asked, promised)
        for exchange in EXCHANGES
        for asked in ("", "Certificate(empty)", "Certificate")
        for promised in TALKS
        if (exchange in CERTIFIED or not asked)
        and ("Certificate" in FLIGHTS[exchange] or promised not in ("a status", "a status in vain", "both"))
    ]


@pytest.mark.parametrize(("exchange", "asked", "promised"), meaningful())
def test_optional_messages_have_their_places(exchange: str, asked: str, promised: str) -> None:
    """Status, hint, request, certificates and ticket come where their RFCs put them, in any combination."""
    talk = TALKS[promised]
    status = talk.status is not None or talk.answer_status
    for hint in (None, b"", b"who are you?") if "PSK" in exchange else (None,):
        shown = client_credential12() if asked == "Certificate" else ()
        client = client12(exchange, credentials=shown, status_request=status)
        server = server12_config(
            exchange, psk_identity_hint=hint, client_authentication="request" if asked else "none"
        )
        pair = talkative(client, server, talk)
        assert pair.run() == playbook(exchange, asked, talk, hint)
        negotiated = agreed(pair)
        assert negotiated.client_authenticated == (asked == "Certificate")
        assert negotiated.client_certificate_requested == bool(asked)
        tickets = [e.session for e in pair.client.events if isinstance(e, SessionTicketReceived)]
        assert [ticket.ticket for ticket in tickets] == ([talk.ticket] if talk.ticket else [])
        assert tuple(tickets) == pair.client.connection.tickets  # type: ignore[union-attr]
        carry_data(pair, 256)


def test_a_ticket_stands_for_the_main_secret() -> None:
    """A ticket of RFC 5077 resumes a session by its main secret; no PSK is derived."""
    pair = talkative(client12(alpn=("h2",)), server12_config(alpn=("h2",)), Talk(ticket=b"ticket"))
    pair.run()
    ticket = pair.client.event(SessionTicketReceived).session
    assert ticket.secret == pair.log.secrets("client")["CLIENT_RANDOM"] and len(ticket.secret) == 48
    assert (ticket.version, ticket.lifetime, ticket.alpn) == ("TLS 1.2", 3600, "h2")
    assert ticket.server_name == SERVER_NAME


def sent(pair: Pair, role: str, kind: type[Any]) -> Any:
    """The message of a class that a side sent."""
    entries = (entry for entry in pair.log.of(role) if isinstance(entry, MessageTraced))
    (found,) = [e.message for e in entries if e.direction == "sent" and isinstance(e.message, kind)]
    return found


@pytest.mark.parametrize("asked", [True, False])
def test_a_status_is_given_to_clients_that_ask(asked: bool) -> None:
    """CertificateStatus carries what the responder said, for those who want it (RFC 6066 §8)."""
    stapled = replace(credential(), ocsp_response=b"what the responder says")
    pair = Pair(client12(status_request=asked), server12_config(credentials=stapled))
    assert ("CertificateStatus" in pair.run()[1]) == asked
    assert agreed(pair).ocsp_response == (b"what the responder says" if asked else None)


def test_both_sides_make_the_same_secret() -> None:
    """Both sides log one main secret, under the client's random (RFC 9850 §2)."""
    for exchange in EXCHANGES:
        pair = Pair(client12(exchange), server12_config(exchange))
        pair.run()
        assert pair.log.secrets("client") == pair.log.secrets("server")
        assert set(pair.log.secrets("client")) == {"CLIENT_RANDOM"}


def test_the_trace_tells_the_story_in_order() -> None:
    """The states of a client are called after what they wait for, and keys change at ChangeCipherSpec."""
    pair = Pair(client12(), server12_config())
    pair.run()
    names = [entry.name for entry in pair.log.of("client") if isinstance(entry, StateEntered)]
    assert names == [
        "WAIT_SH", "WAIT_CERTIFICATE", "WAIT_SERVER_KEY_EXCHANGE",
        "WAIT_CERTIFICATE_REQUEST_OR_SERVER_HELLO_DONE", "WAIT_CHANGE_CIPHER_SPEC", "WAIT_FINISHED",
        "CONNECTED",
    ]  # fmt: skip
    keys = [(e.direction, e.epoch) for e in pair.log.of("client") if isinstance(e, KeysInstalled)]
    assert keys == [("sent", "application"), ("received", "application")]


# Keys and signatures

SIGNED_WITH = {
    "p256": "ecdsa_secp256r1_sha256",
    "p384": "ecdsa_secp384r1_sha384",
    "p521": "ecdsa_secp521r1_sha512",
    "ed25519": "ed25519",
    "ed448": "ed448",
    "rsa2048": "rsa_pss_rsae_sha256",
    "rsa-pss": "rsa_pss_pss_sha256",
}


def suite_for(kind: str, cipher: str = "AES_128_GCM_SHA256") -> str:
    """The ECDHE suite for a kind of key; EdDSA counts as ECDSA (RFC 8422 §5.10)."""
    return f"TLS_ECDHE_{'RSA' if kind.startswith('rsa') else 'ECDSA'}_WITH_{cipher}"


@pytest.mark.parametrize("kind", SIGNED_WITH)
def test_every_kind_of_key_signs_for_both_sides(kind: str) -> None:
    """RSA, RSASSA-PSS, ECDSA and EdDSA keys sign in TLS 1.2, for a server and for a client."""
    choices: dict[str, Any] = {"cipher_suites": (suite_for(kind),), "groups": None}
    pair = Pair(
        client12(credentials=credential(kind, "client.example.org"), **choices),
        server12_config(credentials=credential(kind), client_authentication="require", **choices),
    )
    pair.run()
    for end in (pair.client, pair.server):
        assert end.event(HandshakeCompleted).negotiated.signature_scheme == SIGNED_WITH[kind]


@pytest.mark.parametrize(("kind", "scheme"), [("rsa2048", "rsa_pkcs1_md5_sha1"), ("p256", "ecdsa_sha1")])
@pytest.mark.parametrize("version", ["TLS 1.1", "TLS 1.0"])
def test_before_tls_1_2_the_key_decides_what_is_signed(version: str, kind: str, scheme: str) -> None:
    """RSA signs MD5 beside SHA-1, ECDSA SHA-1 (RFC 4346 §7.4.3, RFC 8422 §5.4)."""
    choices: dict[str, Any] = {"versions": (version,), "cipher_suites": (suite_for(kind, "AES_128_CBC_SHA"),)}
    pair = Pair(
        client12(credentials=credential(kind, "client.example.org"), **choices),
        server12_config(credentials=credential(kind), client_authentication="require", **choices),
    )
    pair.run()
    for end in (pair.client, pair.server):
        assert end.event(HandshakeCompleted).negotiated.signature_scheme == scheme
    assert sent(pair, "server", ServerKeyExchange).scheme is None
    assert sent(pair, "server", CertificateRequest).schemes is None


@pytest.mark.parametrize("kind", ["ed25519", "ed448", "rsa-pss"])
def test_keys_that_older_versions_do_not_know_serve_none_of_them(kind: str) -> None:
    """EdDSA and RSASSA-PSS keys have no signature before TLS 1.2 (RFC 8422 §5.10)."""
    choices: dict[str, Any] = {
        "versions": ("TLS 1.1",), "cipher_suites": (suite_for(kind, "AES_128_CBC_SHA"),),
    }  # fmt: skip
    pair = Pair(client12(**choices), server12_config(credentials=credential(kind), **choices))
    assert pair.run_to_failure()[-1] == "server > alert:handshake_failure"


def test_a_suite_needs_a_credential_of_its_kind() -> None:
    """A server takes the first suite in common that its credentials can serve (RFC 5246 §7.4.2)."""
    suites = (suite_for("p256"), suite_for("rsa2048"))
    pair = Pair(
        client12(cipher_suites=suites), server12_config(cipher_suites=suites, credentials=rsa_credential())
    )
    pair.run()
    assert agreed(pair).cipher_suite == suites[1]


def test_a_key_that_may_only_sign_does_not_decrypt() -> None:
    """RSA key exchange needs keyEncipherment where there is a keyUsage (RFC 5246 §7.4.2)."""
    pair = Pair(client12("RSA"), server12_config("RSA", credentials=credential("rsa2048")))
    pair.run_to_failure()
    assert isinstance(pair.server.error, NegotiationFailure)


# Groups and fields


@pytest.mark.parametrize("group", ["x25519", "x448", "secp256r1", "secp384r1", "secp521r1"])
def test_every_curve_makes_a_secret(group: str) -> None:
    """The curves of RFC 8422 §5.1.1 serve ECDHE; the server takes one that the client lists."""
    groups = (group, "secp256r1") if group != "secp256r1" else (group,)
    pair = Pair(client12(groups=groups), server12_config(groups=(group,)))
    assert pair.run() == plain_playbook("ECDHE")
    assert agreed(pair).group == group


@pytest.mark.parametrize("group", ["X25519MLKEM768", "ffdhe2048"])
def test_groups_of_other_kinds_do_not_serve_ecdhe(group: str) -> None:
    """Before TLS 1.3 a hybrid group has no form, and a field is not for ECDHE."""
    groups = (group, "secp256r1")
    pair = Pair(client12(groups=groups), server12_config(groups=groups))
    pair.run()
    assert agreed(pair).group == "secp256r1"


def test_no_curve_in_common_is_fatal() -> None:
    """Without a curve that both know no ECDHE suite can be chosen (RFC 8422 §4)."""
    pair = Pair(client12(groups=("x448", "secp256r1")), server12_config(groups=("x25519",)))
    assert pair.run_to_failure() == ["client > ClientHello", "server > alert:handshake_failure"]


def test_a_client_that_names_fields_gets_one_of_them() -> None:
    """A server picks an FFDHE group that the client lists (RFC 7919 §4)."""
    pair = Pair(
        client12("DHE", groups=("ffdhe2048",), minimum_dh_bits=2048),
        server12_config("DHE", groups=("ffdhe3072", "ffdhe2048")),
    )
    assert pair.run() == plain_playbook("DHE")
    assert agreed(pair).group == "ffdhe2048"


def test_a_field_that_is_too_small_is_refused() -> None:
    """A client names no field, the server's is small: Logjam (CVE-2015-4000) ends here."""
    pair = Pair(client12("DHE", minimum_dh_bits=2048), server12_config("DHE"))
    pair.run_to_failure()
    assert isinstance(pair.client.error, InsufficientSecurity)
    assert pair.log.playbook()[-1] == "client > alert:insufficient_security"


def test_a_servers_own_field_is_told_by_its_size_or_name() -> None:
    """What a server brings itself shows in `group`."""
    pair = Pair(client12("DHE"), server12_config("DHE"))
    pair.run()
    assert SMALL_FIELD[0].bit_length() == 1024 and "1024" in str(agreed(pair).group)


# extended_master_secret, encrypt_then_mac

MODES = ("require", "allow", "off")


@pytest.mark.parametrize("client", MODES)
@pytest.mark.parametrize("server", MODES)
def test_the_extended_main_secret_takes_two(client: str, server: str) -> None:
    """It is used when both know it; a side that requires it ends with handshake_failure (RFC 7627 §5)."""
    pair = Pair(client12(extended_master_secret=client), server12_config(extended_master_secret=server))
    if "off" not in (client, server):
        pair.run()
        assert agreed(pair).extended_master_secret
    elif "require" not in (client, server):
        pair.run()
        assert not agreed(pair).extended_master_secret
    else:
        pair.run_to_failure()
        blamer = pair.client if client == "require" else pair.server
        assert isinstance(blamer.error, NegotiationFailure) and "extended main secret" in str(blamer.error)
        assert pair.log.playbook()[-1] == f"{blamer.name} > alert:handshake_failure"


@pytest.mark.parametrize("client", MODES)
@pytest.mark.parametrize("server", MODES)
@pytest.mark.parametrize("version", VERSIONS)
def test_encrypt_then_mac_takes_two(version: str, client: str, server: str) -> None:
    """CBC authenticates the ciphertext when both sides know how (RFC 7366 §3); who insists, refuses."""
    suites = ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",)
    choices: dict[str, Any] = {"versions": (version,), "cipher_suites": suites}
    pair = Pair(
        client12(encrypt_then_mac=client, **choices), server12_config(encrypt_then_mac=server, **choices)
    )
    if "off" in (client, server) and "require" in (client, server):
        pair.run_to_failure()
        blamer = pair.client if client == "require" else pair.server
        assert isinstance(blamer.error, NegotiationFailure)
        assert pair.log.playbook()[-1] == f"{blamer.name} > alert:handshake_failure"
        return
    pair.run()
    assert agreed(pair).encrypt_then_mac == ("off" not in (client, server))
    carry_data(pair)


@pytest.mark.parametrize(
    "suite", ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_NULL_SHA"]
)
def test_encrypt_then_mac_is_for_block_ciphers(suite: str) -> None:
    """A server MUST NOT agree to it with AEAD and stream ciphers, required or not (RFC 7366 §3)."""
    offered = (suite, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA")
    pair = Pair(
        client12(cipher_suites=offered, encrypt_then_mac="require"),
        server12_config(cipher_suites=(suite,), encrypt_then_mac="require"),
    )
    pair.run()
    assert not agreed(pair).encrypt_then_mac


# ALPN, server names, and what the ServerHello answers


def test_extensions_are_answered_in_the_server_hello() -> None:
    """What TLS 1.3 says in EncryptedExtensions older servers say in the clear (RFC 5246 §7.4.1.4)."""
    pair = Pair(client12(alpn=("h2", "http/1.1")), server12_config(alpn=("http/1.1",)))
    pair.run()
    hello = next(
        e.message for e in pair.log.of("server") if isinstance(e, MessageTraced) and e.name == "ServerHello"
    )
    extensions = hello.extensions  # type: ignore[attr-defined]
    assert extensions.get(sh12.ALPN) == (b"http/1.1",) and agreed(pair).alpn == "http/1.1"
    assert extensions.get(sh12.RENEGOTIATION_INFO) == b""
    assert extensions.get(sh12.EC_POINT_FORMATS) == (0,)
    assert sh12.SERVER_NAME in extensions and sh12.EXTENDED_MASTER_SECRET in extensions
    assert sh12.SESSION_TICKET not in extensions and sh12.ENCRYPT_THEN_MAC not in extensions
    assert hello.legacy_session_id_echo == b""  # type: ignore[attr-defined]
    assert pair.server.event(HandshakeCompleted).negotiated.server_name == SERVER_NAME


@pytest.mark.parametrize(("ours", "theirs"), [(("h2",), ()), ((), ("h2",))])
def test_alpn_takes_two(ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
    """When one side does not take part no protocol is negotiated, and nothing fails (RFC 7301 §3.1)."""
    pair = Pair(client12(alpn=ours), server12_config(alpn=theirs))
    pair.run()
    assert agreed(pair).alpn is None


def test_no_protocol_in_common_is_fatal() -> None:
    """A server that shares no protocol with the client ends with no_application_protocol (RFC 7301 §3.2)."""
    pair = Pair(client12(alpn=("h3",)), server12_config(alpn=("h2",)))
    assert pair.run_to_failure() == ["client > ClientHello", "server > alert:no_application_protocol"]
    assert isinstance(pair.server.error, NoApplicationProtocol)


@pytest.mark.parametrize("name", ["a.example.org", "b.example.org"])
def test_the_name_chooses_the_credential(name: str) -> None:
    """Among credentials that serve the suite, the one for the name is shown (RFC 6066 §3)."""
    credentials = (credential("p256", "a.example.org"), credential("p256", "b.example.org"))
    pair = Pair(client12(), server12_config(credentials=credentials), server_name=name)
    pair.run()
    assert agreed(pair).peer_chain == (leaf("p256", name).der,)


def test_an_unknown_name_can_be_refused() -> None:
    """unrecognized_name is fatal where the config says so (RFC 6066 §3)."""
    config = server12_config(require_known_name=True)
    pair = Pair(client12(), config, server_name="other.example.org")
    pair.run_to_failure()
    assert isinstance(pair.server.error, UnrecognizedName)


# Client authentication


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("exchange", CERTIFIED)
def test_a_client_proves_who_it_is(exchange: str, version: str) -> None:
    """Certificate and CertificateVerify authenticate the client in every version (RFC 5246 §7.4.8)."""
    choices: dict[str, Any] = {"versions": (version,)}
    pair = Pair(
        client12(exchange, credentials=client_credential12(), **choices),
        server12_config(exchange, client_authentication="require", **choices),
    )
    assert (
        pair.run()[2] == "client > Certificate ClientKeyExchange CertificateVerify ChangeCipherSpec Finished"
    )
    negotiated = pair.server.event(HandshakeCompleted).negotiated
    assert negotiated.client_authenticated and negotiated.verified.names == ("client.example.org",)


@pytest.mark.parametrize("exchange", CERTIFIED)
def test_a_server_that_requires_a_certificate_refuses_who_has_none(exchange: str) -> None:
    """An empty list gets handshake_failure; certificate_required is TLS 1.3's (RFC 5246 §7.4.6)."""
    pair = Pair(client12(exchange), server12_config(exchange, client_authentication="require"))
    pair.run_to_failure()
    assert isinstance(pair.server.error, CertificateRequired)
    assert pair.log.playbook()[-1] == "server > alert:handshake_failure"
    assert isinstance(pair.client.error, AlertReceived)


@pytest.mark.parametrize("exchange", ["PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK", "DH_anon", "ECDH_anon"])
def test_a_server_that_requires_a_certificate_takes_no_suite_that_cannot_ask(exchange: str) -> None:
    """Only a server with a certificate of its own may ask for one (RFC 5246 §7.4.4)."""
    pair = Pair(client12(exchange), server12_config(exchange, client_authentication="require"))
    assert pair.run_to_failure() == ["client > ClientHello", "server > alert:handshake_failure"]


def test_a_client_shows_what_the_server_can_take() -> None:
    """The client's key and signature are of kinds that the server names (RFC 5246 §7.4.4)."""
    both = (client_credential12("rsa"), client_credential12("p256"))
    for wanted, kind in (("ecdsa_secp256r1_sha256", both[1]), ("rsa_pss_rsae_sha256", both[0])):
        pair = Pair(
            client12(credentials=both),
            server12_config(client_authentication="require", signature_schemes=(wanted,)),
        )
        pair.run()
        assert pair.server.event(HandshakeCompleted).negotiated.peer_chain == kind.chain
        assert pair.server.event(HandshakeCompleted).negotiated.signature_scheme == wanted


def test_a_client_prefers_what_a_named_authority_issued() -> None:
    """certificate_authorities guide the choice (RFC 5246 §7.4.4)."""
    name = client_credential12().issuers[0]
    pair = Pair(
        client12(credentials=client_credential12()),
        server12_config(client_authentication="require", certificate_authorities=(name,)),
    )
    pair.run()
    assert sent(pair, "server", CertificateRequest).authorities == (name,)


# Pre-shared keys


@pytest.mark.parametrize("exchange", ["PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK"])
def test_a_hint_is_heard(exchange: str) -> None:
    """The client chooses its key by the server's hint (RFC 4279 §2); without one it gets None."""
    for hint in (None, b"the blue one"):
        heard: list[bytes | None] = []

        def choose(given: bytes | None, heard: list[bytes | None] = heard) -> Any:
            heard.append(given)
            return PSK

        pair = Pair(client12(exchange, psk=choose), server12_config(exchange, psk_identity_hint=hint))
        pair.run()
        empty_where_it_must_be_said = b"" if exchange in ("DHE_PSK", "ECDHE_PSK") else None
        assert heard == [hint if hint is not None else empty_where_it_must_be_said]


@pytest.mark.parametrize("exchange", ["PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK"])
@pytest.mark.parametrize("known", [None, b"another key"])
def test_an_unknown_identity_and_a_wrong_key_look_alike(exchange: str, known: bytes | None) -> None:
    """Neither is told from the other: both end at the client's Finished (RFC 4279 §2)."""
    pair = Pair(client12(exchange), server12_config(exchange, find_psk=lambda identity: known))
    pair.run_to_failure()
    assert pair.log.playbook()[2:] == [
        "client > ClientKeyExchange ChangeCipherSpec Finished",
        "server > alert:bad_record_mac",
    ]


def test_a_client_without_a_key_for_this_server_gives_up() -> None:
    """A client whose chooser finds nothing ends the handshake."""
    pair = Pair(client12("PSK", psk=lambda hint: None), server12_config("PSK"))
    pair.run_to_failure()
    assert isinstance(pair.client.error, NegotiationFailure)
    assert pair.log.playbook()[-1] == "client > alert:handshake_failure"


# What nobody offers unasked


def test_anonymous_suites_are_private_and_with_whom_nobody_knows() -> None:
    """DH_anon and ECDH_anon need NoVerification, and `verified` says nothing (RFC 5246 §7.4.3)."""
    for exchange in ("DH_anon", "ECDH_anon"):
        pair = Pair(client12(exchange, verifier=NoVerification()), server12_config(exchange))
        pair.run()
        assert agreed(pair).verified is None and agreed(pair).signature_scheme is None


def test_a_default_server_speaks_tls_1_2_with_ecdhe_and_aead_alone() -> None:
    """The default policy has nothing weak to choose: a client of older suites alone is refused."""
    legacy = {"policy": LEGACY_2026, "versions": ("TLS 1.2",)}
    for suite in ("TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"):
        pair = Pair(client_config(cipher_suites=(suite,), **legacy), server_config())
        assert pair.run_to_failure() == ["client > ClientHello", "server > alert:handshake_failure"]
    pair = Pair(client_config(**legacy), server_config())
    pair.run()
    assert agreed(pair).cipher_suite == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
