"""What both sides refuse in a CertificateRequest and in messages of authentication (RFC 9846 §4.5)."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding

from lucidtls.errors import (
    BadFinished,
    BadSignature,
    CertificateRejected,
    CertificateRequired,
    DecodeError,
    IllegalParameter,
    MissingExtension,
    UnexpectedMessage,
    UnsupportedExtension,
)
from lucidtls.handshake.authentication import CLIENT_CONTEXT, SERVER_CONTEXT
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.extensions import cr
from lucidtls.wire.messages13 import Certificate, CertificateEntry, CertificateVerify, Finished
from tests.certificates import chain, make_leaf
from tests.conformance.refusal import refusal, refused
from tests.flows.hostile import HostileClient, HostileServer, Peer, encoded, extensions
from tests.flows.parties import client_config, credential, leaf, root, server_config

Victim = HostileServer | HostileClient
CERTIFICATE_STATES = {"client": "WAIT_CERT_CR", "server": "WAIT_CERT"}


def _at(role: str, state: str, **choices: Any) -> Victim:
    if role == "client":
        return HostileServer.at(state, client_config(**choices))
    return HostileClient.at(state, server_config(client_authentication="require", **choices))


# CertificateRequest


def _request(*items: Any, context: bytes = b"") -> Peer:
    peer = HostileServer.at("WAIT_CERT_CR")
    return peer.send(peer.certificate_request(*items, context=context))


_SCHEMES = (cr.SIGNATURE_ALGORITHMS, (0x0403,))
refused(
    "certificate_request_has_a_context", IllegalParameter, "RFC 9846 §4.4.2", partial(_request, context=b"1")
)
refused(
    "certificate_request_lists_no_signature_algorithms",
    MissingExtension,
    "RFC 9846 §4.4.2",
    partial(_request, (cr.SIGNATURE_ALGORITHMS_CERT, (0x0403,))),
)
for _name, _item in {
    "key_share": (51, b"\0\x1d"),
    "alpn": (16, b"\0\x03\x02h2"),
    "cookie": (44, b"\0\x01c"),
}.items():
    refused(
        f"certificate_request_carries_{_name}",
        IllegalParameter,
        "RFC 9846 §4.3",
        partial(_request, _SCHEMES, _item),
    )


@refusal(UnexpectedMessage, "RFC 9846 §4")
def certificate_request_comes_twice() -> Peer:
    peer = HostileServer.at("WAIT_CERT")
    return peer.send(peer.certificate_request())


@refusal(UnexpectedMessage, "RFC 9846 §4")
def certificate_request_comes_after_the_certificate() -> Peer:
    peer = HostileServer.at("WAIT_CV")
    return peer.send(peer.certificate_request())


# Certificate


def _certificate(role: str, message: Certificate | bytes) -> Peer:
    return _at(role, CERTIFICATE_STATES[role]).send(message)


def _entries(*entries: CertificateEntry) -> Certificate:
    return Certificate(b"", entries)


def _entry(data: bytes, *items: Any) -> CertificateEntry:
    return CertificateEntry(data, extensions("Certificate", *items))


@cache
def leaf_with_an_agreement_key() -> bytes:
    """A certificate whose key cannot sign."""
    like = leaf().certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(like.subject)
        .issuer_name(like.issuer)
        .public_key(x25519.X25519PrivateKey.generate().public_key())
        .serial_number(77)
        .not_valid_before(like.not_valid_before_utc)
        .not_valid_after(like.not_valid_after_utc)
    )
    return builder.sign(root().key, hashes.SHA256()).public_bytes(Encoding.DER)


def _leaf(role: str, der: bytes) -> Peer:
    """Show a leaf of any kind, and sign with the usual key."""
    peer = _at(role, CERTIFICATE_STATES[role])
    peer.send(_entries(_entry(der)))
    return peer.send(peer.certificate_verify(peer.identity))


for _role in CERTIFICATE_STATES:
    _add = partial(partial, _certificate, _role)
    refused(
        f"{_role}_gets_a_certificate_with_a_context",
        IllegalParameter,
        "RFC 9846 §4.5.1",
        _add(Certificate(b"context", (_entry(leaf().der),))),
    )
    refused(
        f"{_role}_gets_a_certificate_of_no_bytes",
        DecodeError,
        "RFC 9846 §4.5.1",
        _add(handshake_message(11, b"\0" + b"\0\0\x05" + b"\0\0\0\0\0")),
    )
    refused(
        f"{_role}_gets_a_certificate_list_that_is_cut_short",
        DecodeError,
        "RFC 9846 §4.5.1",
        _add(handshake_message(11, b"\0" + b"\0\0\x05" + b"\0\0\x01a")),
    )
    refused(
        f"{_role}_gets_a_certificate_message_with_a_byte_too_many",
        DecodeError,
        "RFC 9846 §4.5.1",
        _add(handshake_message(11, _entries(_entry(leaf().der)).body() + b"\0")),
    )
    refused(
        f"{_role}_gets_a_hundred_and_one_certificates",
        DecodeError,
        "RFC 9846 §4.5.1",
        _add(_entries(*[_entry(b"x")] * 101)),
    )
    for _name, _code, _body in (
        ("an_ocsp_response", 5, b"\x01\0\0\x01a"),
        ("timestamps", 18, b"\0\x03\0\x01a"),
        ("an_unknown_extension", 0xFF77, b""),
        ("a_grease_extension", 0x5A5A, b""),
    ):
        refused(
            f"{_role}_gets_{_name}_with_a_certificate_without_asking",
            UnsupportedExtension,
            "RFC 9846 §4.3",
            _add(_entries(_entry(leaf().der, (_code, _body)))),
        )
    refused(
        f"{_role}_gets_an_unasked_extension_with_the_second_certificate",
        UnsupportedExtension,
        "RFC 9846 §4.3",
        _add(_entries(_entry(leaf().der), _entry(root().der, (0xFF77, b"")))),
    )
    refused(
        f"{_role}_gets_signature_algorithms_with_a_certificate",
        IllegalParameter,
        "RFC 9846 §4.3",
        _add(_entries(_entry(leaf().der, (13, b"\0\x02\x04\x03")))),
    )
    refused(
        f"{_role}_gets_a_certificate_that_is_no_certificate",
        CertificateRejected,
        "RFC 5280 §4.1",
        partial(_leaf, _role, b"no certificate"),
        "bad_certificate",
    )
    refused(
        f"{_role}_gets_a_certificate_with_a_key_that_cannot_sign",
        CertificateRejected,
        "RFC 9846 §4.5.1.2",
        partial(_leaf, _role, leaf_with_an_agreement_key()),
        "unsupported_certificate",
    )


@refusal(DecodeError, "RFC 9846 §4.5.1")
def server_shows_no_certificate() -> Peer:
    return _certificate("client", Certificate(b"", ()))


@refusal(DecodeError, "RFC 9846 §4.5.1")
def server_shows_no_certificate_after_asking_for_one() -> Peer:
    return HostileServer.at("WAIT_CERT").send(Certificate(b"", ()))


@refusal(CertificateRequired, "RFC 9846 §4.5.1")
def client_shows_no_certificate_where_one_is_required() -> Peer:
    return _certificate("server", Certificate(b"", ()))


# CertificateVerify


def _verify(role: str, **changes: Any) -> Peer:
    peer = _at(role, "WAIT_CV")
    message = peer.certificate_verify(peer.identity)
    return peer.send(
        CertificateVerify(changes.get("scheme", message.scheme), changes.get("signature", message.signature))
    )


def _verify_in_context(role: str, context: bytes) -> Peer:
    peer = _at(role, "WAIT_CV")
    return peer.send(peer.certificate_verify(peer.identity, context=context))


def _verify_another_transcript(role: str) -> Peer:
    peer = _at(role, "WAIT_CV")
    peer.transcript.append(b"not said")
    message = peer.certificate_verify(peer.identity)
    peer.transcript.pop()
    return peer.send(message)


def _verify_with_another_key(role: str) -> Peer:
    peer = _at(role, "WAIT_CV")
    return peer.send(peer.certificate_verify(_other_key()))


@cache
def _other_key() -> Credential:
    other = make_leaf(root(), "other.example.org", number=5)
    return Credential.load(list(chain(other)), other.key)


def _verify_unoffered(role: str) -> Peer:
    """Sign in a scheme that fits the key and was not offered."""
    own = {"credentials": credential("ed25519")} if role == "server" else {}
    peer = _at(role, "WAIT_CV", signature_schemes=("ed25519", "rsa_pss_rsae_sha256"), **own)
    return peer.send(peer.certificate_verify(peer.identity))


_OTHER_CONTEXT = {"client": CLIENT_CONTEXT, "server": SERVER_CONTEXT}
for _role in CERTIFICATE_STATES:
    for _name, _attack in {
        "for_the_other_role": partial(_verify_in_context, _role, _OTHER_CONTEXT[_role]),
        "without_context": partial(_verify_in_context, _role, b""),
        "over_another_transcript": partial(_verify_another_transcript, _role),
        "by_another_key": partial(_verify_with_another_key, _role),
        "of_no_bytes": partial(_verify, _role, signature=b""),
        "that_is_no_der": partial(_verify, _role, signature=bytes(70)),
        "of_zeros": partial(_verify, _role, signature=bytes.fromhex("3006020100020100")),
    }.items():
        refused(f"{_role}_gets_a_signature_{_name}", BadSignature, "RFC 9846 §4.5.2", _attack)
    for _name, _scheme in {
        "rsa_pkcs1_sha256": 0x0401,
        "rsa_pkcs1_sha1": 0x0201,
        "ecdsa_sha1": 0x0203,
        "a_private_scheme": 0xFE00,
        "grease": 0x0A0A,
        "ed25519_that_does_not_fit_the_key": 0x0807,
        "ecdsa_of_another_curve": 0x0503,
        "rsa_pss_that_does_not_fit_the_key": 0x0804,
    }.items():
        refused(
            f"{_role}_gets_a_signature_in_{_name}",
            IllegalParameter,
            "RFC 9846 §4.5.2",
            partial(_verify, _role, scheme=_scheme),
        )
    refused(
        f"{_role}_gets_a_signature_in_a_scheme_it_did_not_offer",
        IllegalParameter,
        "RFC 9846 §4.5.2",
        partial(_verify_unoffered, _role),
    )
    refused(
        f"{_role}_gets_a_certificate_verify_with_a_byte_too_many",
        DecodeError,
        "RFC 9846 §4.5.2",
        partial(lambda role: _at(role, "WAIT_CV").send(handshake_message(15, b"\x04\x03\0\0\0")), _role),
    )


def _verify_with(kind: str, signature: bytes) -> Peer:
    peer = HostileServer.at("WAIT_CV", identity=credential(kind))
    scheme = peer.identity.schemes[0]
    return peer.send(CertificateVerify(scheme, signature))


for _kind in ("p384", "p521", "rsa2048", "rsa-pss", "ed25519", "ed448", "ml-dsa-44"):
    for _length in (0, 64, 256):
        refused(
            f"client_gets_a_{_kind}_signature_of_{_length}_zero_bytes",
            BadSignature,
            "RFC 9846 §4.5.2",
            partial(_verify_with, _kind, bytes(_length)),
        )


def _verify_in(kind: str, scheme: int) -> Peer:
    peer = HostileServer.at("WAIT_CV", identity=credential(kind))
    return peer.send(peer.certificate_verify(peer.identity, scheme=scheme))


for _kind, _scheme in (("rsa2048", 0x0809), ("rsa-pss", 0x0804), ("rsa2048", 0x0403), ("ed25519", 0x0808)):
    refused(
        f"client_gets_a_{_kind}_signature_in_scheme_{_scheme:04x}",
        IllegalParameter,
        "RFC 9846 §4.5.2",
        partial(_verify_in, _kind, _scheme),
    )


# Finished


def _finished(role: str, edit: Any) -> Peer:
    peer = _at(role, "WAIT_FINISHED")
    return peer.send(Finished(edit(peer.finished().verify_data)))


def _finished_of_the_other_side(role: str) -> Peer:
    peer = _at(role, "WAIT_FINISHED")
    peer.role = "client" if peer.role == "server" else "server"
    return peer.send(peer.finished())


def _finished_of_an_earlier_transcript(role: str) -> Peer:
    peer = _at(role, "WAIT_FINISHED")
    last = peer.transcript.pop()
    message = peer.finished()
    peer.transcript.append(last)
    return peer.send(message)


for _role in CERTIFICATE_STATES:
    for _name, _edit in {
        "of_zeros": lambda data: bytes(len(data)),
        "with_its_first_bit_flipped": lambda data: bytes((data[0] ^ 1,)) + data[1:],
        "with_its_last_bit_flipped": lambda data: data[:-1] + bytes((data[-1] ^ 1,)),
    }.items():
        refused(
            f"{_role}_gets_a_finished_{_name}",
            BadFinished,
            "RFC 9846 §4.5.3",
            partial(_finished, _role, _edit),
        )
    for _name, _edit in {
        "of_no_bytes": lambda _: b"",
        "that_is_cut_short": lambda data: data[:-1],
        "of_twelve_bytes": lambda data: data[:12],
        "with_a_byte_too_many": lambda data: data + b"\0",
    }.items():
        refused(
            f"{_role}_gets_a_finished_{_name}",
            DecodeError,
            "RFC 9846 §4.5.3",
            partial(_finished, _role, _edit),
        )
    refused(
        f"{_role}_gets_its_own_kind_of_finished",
        BadFinished,
        "RFC 9846 §4.5.3",
        partial(_finished_of_the_other_side, _role),
    )
    refused(
        f"{_role}_gets_a_finished_over_an_earlier_transcript",
        BadFinished,
        "RFC 9846 §4.5.3",
        partial(_finished_of_an_earlier_transcript, _role),
    )


def _behind_finished(role: str, more: bytes) -> Peer:
    peer = _at(role, "WAIT_FINISHED")
    return peer.deliver(peer.sealed(22, encoded(peer.finished()) + more))


for _role in CERTIFICATE_STATES:
    for _name, _more in {"a_byte": b"\x04", "a_key_update": b"\x18\0\0\x01\0"}.items():
        refused(
            f"{_role}_gets_{_name}_behind_the_finished_in_its_record",
            UnexpectedMessage,
            "RFC 9846 §5.1",
            partial(_behind_finished, _role, _more),
        )
