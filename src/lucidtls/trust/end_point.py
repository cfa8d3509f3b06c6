"""The hash of a certificate that stands for a server in a channel binding (RFC 5929 §4)."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm

from lucidtls.crypto.hashes import HASHES, SHA256
from lucidtls.trust.certificate import Unreadable, parse_certificate

_REPLACED: Final = frozenset(("md5", "sha1"))


def end_point_hash(certificate: bytes) -> bytes | None:
    """Hash a certificate (DER) with the hash of its own signature; SHA-256 in place of MD5 and SHA-1.

    None where the signature names no hash, as Ed25519 does: the channel binding is then undefined
    (RFC 5929 §4.1).
    """
    try:
        algorithm = parse_certificate(certificate).x509.signature_hash_algorithm
    except (UnsupportedAlgorithm, Unreadable):
        return None
    if algorithm is None:
        return None
    if algorithm.name in _REPLACED:
        return SHA256.digest(certificate)
    row = HASHES.get(algorithm.name)
    return row.digest(certificate) if row is not None else None
