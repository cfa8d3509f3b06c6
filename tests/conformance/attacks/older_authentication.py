"""Certificates, CertificateVerify, tickets and Finished of TLS 1.2 and before (RFC 5246 §7.4.2 to §7.4.9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from lucidtls.dangerous import NoVerification
from lucidtls.errors import (
    BadFinished,
    BadRecordMac,
    BadSignature,
    CertificateRejected,
    CertificateRequired,
    DecodeError,
    IllegalParameter,
    InsufficientSecurity,
    UnexpectedMessage,
    UnsupportedExtension,
)
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.messages12 import Certificate, CertificateVerify, Finished, ServerKeyExchange
from lucidtls.wire.versions import TLS10, TLS11, TLS12
from tests.certificates import make_leaf
from tests.conformance.attacks.authentication import leaf_with_an_agreement_key
from tests.conformance.attacks.older_exchange import another
from tests.conformance.refusal import refusal, refused
from tests.flows.choices12 import CBC_SUITE, ECDSA_SUITE, RSA_SUITE, client12, server12
from tests.flows.hostile import Peer
from tests.flows.hostile12 import HostileClient12, HostileServer12, Reach12
from tests.flows.parties import client_credential, credential, leaf, root

ECDHE_RSA = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
ECDHE_PSK = "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"

# Certificate, both roles


def _certificate(role: str, message: Certificate | bytes) -> Peer:
    if role == "client":
        return HostileServer12.before("certificate").send(message)
    return HostileClient12.before("certificate").send(message)


for _role in ("client", "server"):
    for _name, _body in {
        "of_no_bytes": b"",
        "with_a_list_cut_short": b"\0\0\x05\0\0\x01a",
        "with_an_entry_cut_short": b"\0\0\x04\0\0\x02a",
        "with_an_empty_entry": b"\0\0\x03\0\0\0",
        "with_a_byte_too_many": b"\0\0\x04\0\0\x01aa",
        "of_a_hundred_and_one": b"\0\x01\x94" + b"\0\0\x01a" * 101,
    }.items():
        refused(
            f"{_role}_of_tls_1_2_gets_a_certificate_{_name}",
            DecodeError,
            "RFC 5246 §7.4.2",
            partial(_certificate, _role, handshake_message(11, _body)),
        )
    refused(
        f"{_role}_of_tls_1_2_gets_a_certificate_of_a_megabyte",
        IllegalParameter,
        "RFC 9846 §4.5.1",
        partial(_certificate, _role, b"\x0b\x10\0\0"),
    )


# The server's certificate


@refusal(DecodeError, "RFC 5246 §7.4.2")
def server_of_tls_1_2_shows_no_certificate() -> Peer:
    return _certificate("client", Certificate(()))


@refusal(CertificateRejected, "RFC 5280 §4.1", "bad_certificate")
def server_of_tls_1_2_shows_what_is_no_certificate() -> Peer:
    return _certificate("client", Certificate((b"no certificate",)))


@refusal(CertificateRejected, "RFC 9846 §4.5.1.2", "unsupported_certificate")
def server_of_tls_1_2_shows_a_key_that_cannot_sign() -> Peer:
    return _certificate("client", Certificate((leaf_with_an_agreement_key(),)))


for _name, _suite, _kind in (
    ("an_rsa_key_for_ecdsa", ECDSA_SUITE, "rsa2048"),
    ("an_ecdsa_key_for_rsa", ECDHE_RSA, "p256"),
    ("an_ed25519_key_for_rsa", ECDHE_RSA, "ed25519"),
    ("an_ecdsa_key_for_encryption", RSA_SUITE, "p256"),
    ("a_key_on_a_curve_that_was_not_offered", ECDSA_SUITE, "p384"),
    ("an_ml_dsa_key_for_ecdsa", ECDSA_SUITE, "ml-dsa-44"),
):
    refused(
        f"server_shows_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.2",
        partial(
            lambda suite, kind: HostileServer12.before("certificate", suite=suite).send(
                Certificate(credential(kind).chain)
            ),
            _suite,
            _kind,
        ),
    )


@cache
def _with_usage(kind: str, *usage: str) -> Credential:
    issued = make_leaf(root(), key=kind, key_usage=usage)
    return Credential.load([issued.der], issued.key)


@refusal(IllegalParameter, "RFC 5246 §7.4.2")
def server_shows_a_pss_key_for_encryption() -> Peer:
    identity = _with_usage("rsa-pss", "key_encipherment")
    return HostileServer12.before("server_hello_done", suite=RSA_SUITE, identity=identity).send(b"\x0e\0\0\0")


@refusal(CertificateRejected, "RFC 9846 §4.5.1.2", "unsupported_certificate")
def server_shows_a_key_that_must_not_encrypt_for_encryption() -> Peer:
    identity = _with_usage("rsa2048", "digital_signature")
    return HostileServer12.before("server_hello_done", suite=RSA_SUITE, identity=identity).send(b"\x0e\0\0\0")


@refusal(CertificateRejected, "RFC 9846 §4.5.1.2", "unsupported_certificate")
def server_signs_with_a_key_that_must_not_sign() -> Peer:
    peer = HostileServer12.before(
        "server_key_exchange", suite=ECDHE_RSA, identity=_with_usage("rsa2048", "key_encipherment")
    )
    share = peer.share()
    assert share is not None and peer.identity is not None
    key: Any = peer.identity.key
    content = peer.client_random + peer.server_random + share.body()
    signature = key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    peer.send(ServerKeyExchange(None, share, 0x0401, signature))
    return peer if peer.error is not None else peer.send(peer.server_hello_done())


# CertificateStatus (RFC 6066 §8)


def _status(body: bytes) -> Peer:
    return HostileServer12.before("certificate_status", status=True).send(handshake_message(22, body))


refused("status_is_of_another_type", IllegalParameter, "RFC 6066 §8", partial(_status, b"\x02\0\0\x01a"))
for _name, _body in {
    "nothing": b"",
    "a_response_of_no_bytes": b"\x01\0\0\0",
    "a_response_cut_short": b"\x01\0\0\x02a",
    "a_byte_too_many": b"\x01\0\0\x01ab",
}.items():
    refused(f"status_holds_{_name}", DecodeError, "RFC 6066 §8", partial(_status, _body))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def status_comes_that_was_not_promised() -> Peer:
    config = client12(status_request=True)
    return HostileServer12.before("server_key_exchange", config).send(handshake_message(22, b"\x01\0\0\x01a"))


@refusal(UnsupportedExtension, "RFC 9846 §4.3")
def status_is_promised_that_was_not_asked_for() -> Peer:
    peer = HostileServer12()
    return peer.send(peer.server_hello((5, b"")))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def status_comes_without_a_certificate() -> Peer:
    peer = HostileServer12.before("certificate_status", suite=ECDHE_PSK, status=True)
    return peer.send(peer.certificate_status())


# CertificateRequest


def _request(body: bytes, version: int = TLS12) -> Peer:
    suite = ECDSA_SUITE if version == TLS12 else CBC_SUITE
    peer = HostileServer12.before("certificate_request", suite=suite, version=version, request=True)
    return peer.send(handshake_message(13, body))


for _name, _version, _body in (
    ("nothing", TLS12, b""),
    ("no_types", TLS12, b"\0\0\x02\x04\x03\0\0"),
    ("no_schemes", TLS12, b"\x01\x40\0\0\0\0"),
    ("half_a_scheme", TLS12, b"\x01\x40\0\x01\x04\0\0"),
    ("no_list_of_authorities", TLS12, b"\x01\x40\0\x02\x04\x03"),
    ("an_authority_cut_short", TLS12, b"\x01\x40\0\x02\x04\x03\0\x03\0\x02a"),
    ("a_byte_too_many", TLS12, b"\x01\x40\0\x02\x04\x03\0\0a"),
    ("schemes_before_tls_1_2", TLS11, b"\x01\x40\0\x02\x04\x03\0\0"),
    ("no_types_before_tls_1_2", TLS10, b"\0\0\0"),
):
    refused(
        f"certificate_request_of_tls_1_2_has_{_name}",
        DecodeError,
        "RFC 5246 §7.4.4",
        partial(_request, _body, _version),
    )


# The client's certificate


@refusal(CertificateRequired, "RFC 5246 §7.4.6", "handshake_failure")
def client_of_tls_1_2_shows_no_certificate_where_one_is_required() -> Peer:
    return _certificate("server", Certificate(()))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def client_of_tls_1_2_shows_a_certificate_unasked() -> Peer:
    peer = HostileClient12.before("client_key_exchange")
    return peer.send(peer.certificate())


@refusal(UnexpectedMessage, "RFC 9846 §4")
def client_without_a_certificate_proves_one() -> Peer:
    peer = HostileClient12.before("certificate", server12(client_authentication="request"))
    peer.send(Certificate(())).skip().play("certificate_verify")
    return peer.send(peer.certificate_verify())


def _shown(der: bytes) -> Peer:
    peer = HostileClient12.before("certificate")
    peer.send(Certificate((der,))).skip()
    if peer.error is None:
        peer.send_exchange(peer.client_key_exchange()).skip()
    return peer if peer.error is not None else peer.send(peer.certificate_verify())


refused(
    "client_of_tls_1_2_shows_what_is_no_certificate",
    CertificateRejected,
    "RFC 5280 §4.1",
    partial(_shown, b"no certificate"),
    "bad_certificate",
)
refused(
    "client_of_tls_1_2_shows_a_key_that_cannot_sign",
    CertificateRejected,
    "RFC 9846 §4.5.1.2",
    partial(_shown, leaf_with_an_agreement_key()),
    "unsupported_certificate",
)


def _other_type(version: int) -> Peer:
    """A server that takes RSA keys alone gets one for ECDSA."""
    config = server12(
        CBC_SUITE, version, client_authentication="require", signature_schemes=("rsa_pkcs1_sha256",)
    )
    peer = HostileClient12.before("client_key_exchange", config, suite=CBC_SUITE, version=version)
    peer.send_exchange(peer.client_key_exchange())
    return peer if peer.error is not None else peer.send(peer.certificate_verify())


for _version in (TLS10, TLS11):
    refused(
        f"client_shows_a_key_of_a_type_that_was_not_asked_for_{_version:04x}",
        IllegalParameter,
        "RFC 5246 §7.4.6",
        partial(_other_type, _version),
    )
refused(
    "client_signs_in_a_scheme_that_was_not_asked_for",
    IllegalParameter,
    "RFC 5246 §7.4.6",
    partial(_other_type, TLS12),
)


# CertificateVerify


def _verify(edit: Callable[[HostileClient12], CertificateVerify | bytes], version: int = TLS12) -> Peer:
    suite = ECDSA_SUITE if version == TLS12 else CBC_SUITE
    peer = HostileClient12.before("certificate_verify", suite=suite, version=version)
    return peer.send(edit(peer))


def _over(content: Callable[[HostileClient12], bytes]) -> Callable[[HostileClient12], CertificateVerify]:
    return lambda peer: CertificateVerify(*peer.sign(content(peer)))


def _named(scheme: int) -> Callable[[HostileClient12], CertificateVerify]:
    return lambda peer: CertificateVerify(scheme, peer.certificate_verify().signature)


def _raw(body: bytes) -> Callable[[HostileClient12], bytes]:
    return lambda peer: handshake_message(15, body)


for _version in (TLS12, TLS10):
    for _name, _edit in {
        "of_no_bytes": lambda peer: CertificateVerify(peer.certificate_verify().scheme, b""),
        "of_zeros": lambda peer: CertificateVerify(peer.certificate_verify().scheme, bytes(72)),
        "by_another_key": lambda peer: peer.certificate_verify(another()),
        "over_an_earlier_transcript": _over(lambda peer: b"".join(peer.transcript[:-1])),
        "over_another_handshake": _over(
            lambda peer: b"".join(HostileClient12.before("certificate_verify").transcript[:-1]) + b"x"
        ),
        "over_the_transcript_of_tls_1_3": _over(
            lambda peer: b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32)
        ),
    }.items():
        refused(
            f"client_proves_its_key_{_name}_{_version:04x}",
            BadSignature,
            "RFC 5246 §7.4.8",
            partial(_verify, _edit, _version),
        )
for _name, _scheme in {"rsa_md5": 0x0101, "ecdsa_sha224": 0x0303, "grease": 0x0A0A, "nothing": 0}.items():
    refused(
        f"client_proves_its_key_in_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.1.4.1",
        partial(
            _verify,
            _named(_scheme),
        ),
    )
for _name, _scheme in {"rsa_pkcs1": 0x0401, "ed25519": 0x0807}.items():
    refused(
        f"client_proves_its_ecdsa_key_in_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.8",
        partial(
            _verify,
            _named(_scheme),
        ),
    )
for _name, _body in {"nothing": b"", "half_a_scheme": b"\x04", "too_much": b"\x04\x03\0\0\0"}.items():
    refused(
        f"client_proof_holds_{_name}",
        DecodeError,
        "RFC 5246 §7.4.8",
        partial(_verify, _raw(_body)),
    )


@refusal(UnexpectedMessage, "RFC 5246 §7.1")
def client_leaves_its_proof_out() -> Peer:
    return HostileClient12.before("certificate_verify").change_cipher_spec()


@refusal(BadSignature, "RFC 5246 §7.4.8")
def client_shows_the_certificate_of_somebody_else() -> Peer:
    peer = HostileClient12.before("certificate")
    peer.send(Certificate((leaf("p256", "victim.example.org").der,))).skip().play("certificate_verify")
    return peer.send(peer.certificate_verify(client_credential("p384")))


# NewSessionTicket (RFC 5077 §3.3)


@refusal(UnexpectedMessage, "RFC 9846 §4")
def ticket_comes_that_was_not_promised() -> Peer:
    peer = HostileServer12.before("change_cipher_spec")
    return peer.send(peer.new_session_ticket())


@refusal(UnexpectedMessage, "RFC 5246 §7.1")
def ticket_that_was_promised_does_not_come() -> Peer:
    return HostileServer12.before("new_session_ticket", ticket=True).change_cipher_spec()


@refusal(UnexpectedMessage, "RFC 9846 §4")
def ticket_comes_before_the_client_has_spoken() -> Peer:
    peer = HostileServer12.before("server_hello_done", ticket=True)
    return peer.send(peer.new_session_ticket())


@refusal(UnexpectedMessage, "RFC 9846 §4")
def ticket_of_tls_1_2_comes_after_the_handshake() -> Peer:
    peer = HostileServer12.before("data", ticket=True)
    return peer.send(peer.new_session_ticket())


for _name, _body in {
    "nothing": b"",
    "half_a_lifetime": bytes(3),
    "a_ticket_cut_short": bytes(4) + b"\0\x02a",
    "a_byte_too_many": bytes(4) + b"\0\x01ab",
}.items():
    refused(
        f"ticket_of_tls_1_2_holds_{_name}",
        DecodeError,
        "RFC 5077 §3.3",
        partial(
            lambda body: HostileServer12.before("new_session_ticket", ticket=True).send(
                handshake_message(4, body)
            ),
            _body,
        ),
    )


# Finished

_PEERS: dict[str, Reach12] = {"client": HostileServer12.before, "server": HostileClient12.before}


def _finished(role: str, suite: str, version: int, edit: Callable[[bytes], bytes]) -> Peer:
    peer = _PEERS[role]("finished", suite=suite, version=version)
    data = peer.finished().verify_data
    return peer.send(Finished(edit(data)))


def _reflected(role: str) -> Peer:
    peer = _PEERS[role]("finished")
    peer.role = "client" if role == "client" else "server"
    message = peer.finished()
    return peer.send(message)


def _of_an_earlier_transcript(role: str) -> Peer:
    peer = _PEERS[role]("finished")
    last = peer.transcript.pop()
    message = peer.finished()
    peer.transcript.append(last)
    return peer.send(message)


def _with_another_secret(role: str) -> Peer:
    peer = _PEERS[role]("finished")
    peer.main_secret = bytes(48)
    return peer.send(peer.finished())


def _with_other_keys(role: str) -> Peer:
    peer = _PEERS[role]("change_cipher_spec")
    peer.premaster = bytes(48)
    peer.make_keys()
    peer.change_cipher_spec()
    return peer.send(peer.finished())


for _role in _PEERS:
    for _suite, _version in ((ECDSA_SUITE, TLS12), (CBC_SUITE, TLS11), (CBC_SUITE, TLS10)):
        for _name, _edit in {
            "of_zeros": lambda data: bytes(12),
            "with_its_first_bit_flipped": lambda data: bytes((data[0] ^ 1,)) + data[1:],
            "with_its_last_bit_flipped": lambda data: data[:-1] + bytes((data[-1] ^ 1,)),
        }.items():
            refused(
                f"{_role}_of_{_version:04x}_gets_a_finished_{_name}",
                BadFinished,
                "RFC 5246 §7.4.9",
                partial(_finished, _role, _suite, _version, _edit),
            )
        for _name, _edit in {
            "of_no_bytes": lambda data: b"",
            "of_eleven_bytes": lambda data: data[:11],
            "of_thirteen_bytes": lambda data: data + b"\0",
            "of_thirty_two_bytes": lambda data: data + bytes(20),
        }.items():
            refused(
                f"{_role}_of_{_version:04x}_gets_a_finished_{_name}",
                DecodeError,
                "RFC 5246 §7.4.9",
                partial(_finished, _role, _suite, _version, _edit),
            )
    for _name, _attack in {
        "of_its_own_kind": _reflected,
        "over_an_earlier_transcript": _of_an_earlier_transcript,
        "from_another_secret": _with_another_secret,
    }.items():
        refused(
            f"{_role}_of_tls_1_2_gets_a_finished_{_name}",
            BadFinished,
            "RFC 5246 §7.4.9",
            partial(_attack, _role),
        )
    refused(
        f"{_role}_of_tls_1_2_gets_a_finished_under_other_keys",
        BadRecordMac,
        "RFC 5246 §6.2.3.2",
        partial(_with_other_keys, _role),
    )


# RSA keys that cannot keep a secret (FREAK, CVE-2015-0204)


@cache
def _leaf_of_modulus(modulus: int) -> bytes:
    like = leaf().certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(like.subject)
        .issuer_name(like.issuer)
        .public_key(rsa.RSAPublicNumbers(65537, modulus).public_key())
        .serial_number(78)
        .not_valid_before(like.not_valid_before_utc)
        .not_valid_after(like.not_valid_after_utc)
    )
    return builder.sign(root().key, hashes.SHA256()).public_bytes(Encoding.DER)


def _short_key(modulus: int) -> Peer:
    config = client12(RSA_SUITE, trust=None, verifier=NoVerification())
    peer = HostileServer12.before("certificate", config, suite=RSA_SUITE)
    peer.send(Certificate((_leaf_of_modulus(modulus),)))
    return peer if peer.error is not None else peer.send(peer.server_hello_done())


refused(
    "server_shows_a_key_of_export_grade",
    InsufficientSecurity,
    "RFC 5246 §7.4.2",
    partial(_short_key, 2**511 + 111),
)
refused(
    "server_shows_a_key_with_an_even_modulus",
    IllegalParameter,
    "RFC 5246 §7.4.7.1",
    partial(_short_key, 2**2047 + 2),
)
