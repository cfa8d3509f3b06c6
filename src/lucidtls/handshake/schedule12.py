"""The key schedule before TLS 1.3 (RFC 5246 §8.1, §6.3): from one premaster secret to every key.

    premaster secret, client random, server random
      -> PRF "master secret"            = master secret, 48 bytes
      -> PRF "key expansion"            = MAC keys, encryption keys and IVs, one of each per direction
      -> PRF "client finished", "server finished" over the hash of the handshake = verify_data, 12 bytes

With the extended main secret (RFC 7627) the hash of the handshake takes the place of the two randoms in the
first step, so that two connections never share a main secret. RFC 9846 says "main secret" where these RFCs
say "master secret"; on the wire, in labels and in key logs the older word stays.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from lucidtls.crypto.hashes import MD5_SHA1, HashAlgorithm
from lucidtls.crypto.prf import prf
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.errors import BadFinished
from lucidtls.wire.versions import TLS10, TLS12

MASTER_SECRET_LENGTH: Final = 48
VERIFY_DATA_LENGTH: Final = 12


def prf_hash(version: int, suite: CipherSuite12) -> HashAlgorithm:
    """The hash under PRF and transcript: the suite's in TLS 1.2, MD5 beside SHA-1 before (RFC 4346 §5)."""
    return suite.prf_hash if version >= TLS12 else MD5_SHA1


def main_secret(
    algorithm: HashAlgorithm, premaster: bytes, client_random: bytes, server_random: bytes
) -> bytes:
    """The main secret of RFC 5246 §8.1, 48 bytes."""
    return prf(algorithm, premaster, b"master secret", client_random + server_random, MASTER_SECRET_LENGTH)


def extended_main_secret(algorithm: HashAlgorithm, premaster: bytes, session_hash: bytes) -> bytes:
    """The main secret of RFC 7627 §4; `session_hash` covers everything up to the ClientKeyExchange."""
    return prf(algorithm, premaster, b"extended master secret", session_hash, MASTER_SECRET_LENGTH)


@dataclass(slots=True)
class DirectionKeys:
    """What protects one direction; parts that a suite does not need are empty."""

    mac_key: bytes = field(repr=False)
    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)


@dataclass(slots=True)
class KeyBlock:
    """The key block of RFC 5246 §6.3, cut up."""

    client: DirectionKeys
    server: DirectionKeys
    whole: bytes = field(repr=False)


def key_block(
    version: int, suite: CipherSuite12, secret: bytes, client_random: bytes, server_random: bytes
) -> KeyBlock:
    """Expand the main secret; note that here the server's random goes first."""
    mac_length = suite.mac.digest_size if suite.mac is not None else 0
    key_length = suite.cipher.key_length
    iv_length = suite.cipher.fixed_iv_length
    if suite.cipher.kind == "block" and version > TLS10:
        # From TLS 1.1 on each record of a block cipher brings its own IV (RFC 4346 §6.2.3.2).
        iv_length = 0
    algorithm = prf_hash(version, suite)
    length = 2 * (mac_length + key_length + iv_length)
    block = prf(algorithm, secret, b"key expansion", server_random + client_random, length)
    parts: list[bytes] = []
    at = 0
    for size in (mac_length, mac_length, key_length, key_length, iv_length, iv_length):
        parts.append(block[at : at + size])
        at += size
    client = DirectionKeys(parts[0], parts[2], parts[4])
    server = DirectionKeys(parts[1], parts[3], parts[5])
    return KeyBlock(client, server, block)


def verify_data(algorithm: HashAlgorithm, secret: bytes, side: str, transcript_hash: bytes) -> bytes:
    """The contents of a Finished message; `side` is "client" or "server" (RFC 5246 §7.4.9)."""
    label = b"client finished" if side == "client" else b"server finished"
    return prf(algorithm, secret, label, transcript_hash, VERIFY_DATA_LENGTH)


def check_verify_data(expected: bytes, received: bytes) -> None:
    """Compare two verify_data values in constant time; raises BadFinished."""
    if not hmac.compare_digest(expected, received):
        raise BadFinished(
            "the Finished message does not match the handshake we saw: "
            "it was changed on the way, or the two sides computed different keys",
            clause="RFC 5246 §7.4.9",
        )
