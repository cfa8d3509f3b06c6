"""The key schedule of TLS 1.3 (RFC 9846 §7.1-7.3): from one shared secret to every key.

Extract mixes a new secret in, Derive-Secret takes a purpose-bound secret out:

    0 -> Extract(PSK or 0) = early secret -> binder key, client early traffic secret, early exporter secret
           |
         derived -> Extract((EC)DHE) = handshake secret -> client/server handshake traffic secrets
                      |
                    derived -> Extract(0) = main secret -> client/server application traffic secrets,
                                                           exporter secret, resumption secret

RFC 9846 says "main secret" where RFC 8446 said "master"; on the wire and in labels nothing changed.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from functools import cache

from lucidtls.crypto.hashes import HashAlgorithm
from lucidtls.crypto.hkdf import hkdf_expand_label, hkdf_extract
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import BadFinished, DecodeError


def derive_secret(algorithm: HashAlgorithm, secret: bytes, label: str, transcript_hash: bytes) -> bytes:
    """Derive-Secret of RFC 9846 §7.1, given the transcript hash instead of the messages."""
    return hkdf_expand_label(algorithm, secret, label, transcript_hash, algorithm.digest_size)


@cache
def _empty_hash(algorithm: HashAlgorithm) -> bytes:
    return algorithm.digest(b"")


@cache
def _derived_without_psk(algorithm: HashAlgorithm) -> bytes:
    """The salt of the handshake secret when no PSK is used: the same for every connection."""
    early_secret = hkdf_extract(algorithm, bytes(algorithm.digest_size), bytes(algorithm.digest_size))
    return derive_secret(algorithm, early_secret, "derived", _empty_hash(algorithm))


@dataclass(slots=True)
class HandshakeSecrets:
    """What protects the second half of the handshake, and what the main secret is made from."""

    client: bytes = field(repr=False)
    server: bytes = field(repr=False)
    handshake_secret: bytes = field(repr=False)


@dataclass(slots=True)
class ApplicationSecrets:
    """What protects the data, and what exporters and tickets are made from."""

    client: bytes = field(repr=False)
    server: bytes = field(repr=False)
    exporter: bytes = field(repr=False)
    main_secret: bytes = field(repr=False)


def early_secret(algorithm: HashAlgorithm, psk: bytes) -> bytes:
    """The early secret that a PSK gives; without one it is the same for all (RFC 9846 §7.1)."""
    return hkdf_extract(algorithm, bytes(algorithm.digest_size), psk)


def binder(algorithm: HashAlgorithm, secret: bytes, label: str, transcript_hash: bytes) -> bytes:
    """The PskBinderEntry for an early secret: a Finished over the truncated hello (RFC 9846 §4.3.11.2).

    `label` is "res binder", "ext binder" or "imp binder": where the PSK is from.
    """
    binder_key = derive_secret(algorithm, secret, label, _empty_hash(algorithm))
    return finished_data(algorithm, binder_key, transcript_hash)


def early_traffic_secret(algorithm: HashAlgorithm, secret: bytes, hello_hash: bytes) -> bytes:
    """What protects 0-RTT data; `hello_hash` covers the first ClientHello alone (RFC 9846 §7.1)."""
    return derive_secret(algorithm, secret, "c e traffic", hello_hash)


def early_exporter_secret(algorithm: HashAlgorithm, secret: bytes, hello_hash: bytes) -> bytes:
    """What early exporters are made from (RFC 9846 §7.5)."""
    return derive_secret(algorithm, secret, "e exp master", hello_hash)


def handshake_secrets(
    algorithm: HashAlgorithm, shared_secret: bytes, hello_hash: bytes, early: bytes | None = None
) -> HandshakeSecrets:
    """Derive the handshake traffic secrets from the key exchange; `hello_hash` covers CH...SH.

    `early` is the early secret of a PSK, None without one.
    """
    if early is None:
        salt = _derived_without_psk(algorithm)
    else:
        salt = derive_secret(algorithm, early, "derived", _empty_hash(algorithm))
    secret = hkdf_extract(algorithm, salt, shared_secret)
    return HandshakeSecrets(
        client=derive_secret(algorithm, secret, "c hs traffic", hello_hash),
        server=derive_secret(algorithm, secret, "s hs traffic", hello_hash),
        handshake_secret=secret,
    )


def application_secrets(
    algorithm: HashAlgorithm, handshake_secret: bytes, finished_hash: bytes
) -> ApplicationSecrets:
    """Derive the application secrets; `finished_hash` covers CH...server Finished."""
    salt = derive_secret(algorithm, handshake_secret, "derived", _empty_hash(algorithm))
    main_secret = hkdf_extract(algorithm, salt, bytes(algorithm.digest_size))
    return ApplicationSecrets(
        client=derive_secret(algorithm, main_secret, "c ap traffic", finished_hash),
        server=derive_secret(algorithm, main_secret, "s ap traffic", finished_hash),
        exporter=derive_secret(algorithm, main_secret, "exp master", finished_hash),
        main_secret=main_secret,
    )


def resumption_secret(algorithm: HashAlgorithm, main_secret: bytes, handshake_hash: bytes) -> bytes:
    """Derive what tickets are made from; `handshake_hash` covers CH...client Finished."""
    return derive_secret(algorithm, main_secret, "res master", handshake_hash)


def ticket_psk(algorithm: HashAlgorithm, secret: bytes, nonce: bytes) -> bytes:
    """The PSK that belongs to one ticket (RFC 9846 §4.7.1)."""
    return hkdf_expand_label(algorithm, secret, "resumption", nonce, algorithm.digest_size)


def traffic_key(suite: CipherSuite, secret: bytes) -> tuple[bytes, bytes]:
    """The key and the static IV that a traffic secret gives (RFC 9846 §7.3)."""
    key = hkdf_expand_label(suite.hash, secret, "key", b"", suite.aead.key_length)
    return key, hkdf_expand_label(suite.hash, secret, "iv", b"", suite.aead.nonce_length)


def next_generation(algorithm: HashAlgorithm, secret: bytes) -> bytes:
    """The traffic secret that follows a KeyUpdate (RFC 9846 §7.2)."""
    return hkdf_expand_label(algorithm, secret, "traffic upd", b"", algorithm.digest_size)


def finished_data(algorithm: HashAlgorithm, traffic_secret: bytes, transcript_hash: bytes) -> bytes:
    """The verify_data of a Finished message (RFC 9846 §4.5.3)."""
    key = hkdf_expand_label(algorithm, traffic_secret, "finished", b"", algorithm.digest_size)
    return algorithm.hmac(key, transcript_hash)


def verify_finished(expected: bytes, received: bytes) -> None:
    """Compare two verify_data values in constant time; raises BadFinished, or DecodeError for the length."""
    if len(expected) != len(received):
        raise DecodeError(
            "the verify_data of a Finished has not the length of the hash",
            length=len(received),
            clause="RFC 9846 §4.5.3",
        )
    if not hmac.compare_digest(expected, received):
        raise BadFinished(
            "the Finished message does not match the handshake we saw: "
            "it was changed on the way, or the two sides computed different keys",
            clause="RFC 9846 §4.5.3",
        )
