"""Exporters: keys that both ends have, for what is spoken above TLS (RFC 9846 §7.5, RFC 5705).

The same label, length and context give both sides the same bytes. In TLS 1.3 they come out of a secret that
serves for nothing else; before, out of the main secret and both randoms, with the label alone to keep them
apart from the connection's own keys.
"""

from __future__ import annotations

from typing import Final

from lucidtls.crypto.hashes import HashAlgorithm
from lucidtls.crypto.hkdf import MAX_BLOCKS, hkdf_expand_label
from lucidtls.crypto.prf import prf
from lucidtls.errors import UsageError
from lucidtls.handshake.schedule13 import derive_secret
from lucidtls.wire.codec import vector16

RESERVED_LABELS: Final = (
    "client finished",
    "server finished",
    "master secret",
    "key expansion",
    "extended master secret",
)
"""What TLS itself derives from the main secret; "exporter labels have the potential to collide with existing
PRF labels" (RFC 5705 §4). They are refused in every version, so that a program does not depend on it."""

MAX_LABEL: Final = 249
"""Characters of a label: with "tls13 " before it, it has to fit behind a length of one byte."""

MAX_CONTEXT: Final = 0xFFFF
"""Bytes of a context: before TLS 1.3 it has a length of two bytes (RFC 5705 §4)."""


def read_label(label: str | bytes) -> str:
    """Check a label: 1 to 249 characters of ASCII, and none that TLS uses; raises UsageError."""
    try:
        text = label if isinstance(label, str) else label.decode("ascii")
        text.encode("ascii")
    except UnicodeError:
        raise UsageError("the label of an exporter is ASCII text (RFC 5705 §4)") from None
    if not 1 <= len(text) <= MAX_LABEL:
        raise UsageError(f"the label of an exporter has 1 to {MAX_LABEL} characters")
    if text.startswith(RESERVED_LABELS):
        raise UsageError(f"TLS itself uses this label, and an exporter may not: {text!r} (RFC 5705 §4)")
    return text


def export_keys(
    algorithm: HashAlgorithm, secret: bytes, label: str | bytes, length: int, context: bytes | None
) -> bytes:
    """The exporter of TLS 1.3, from an exporter secret or an early one (RFC 9846 §7.5).

    No context is the same as an empty one. Raises UsageError for a label, length or context out of bounds.
    """
    text = read_label(label)
    _check_size(algorithm, length, context)
    purpose = derive_secret(algorithm, secret, text, algorithm.digest(b""))
    return hkdf_expand_label(algorithm, purpose, "exporter", algorithm.digest(context or b""), length)


def export_older_keys(
    algorithm: HashAlgorithm,
    secret: bytes,
    randoms: bytes,
    label: str | bytes,
    length: int,
    context: bytes | None,
) -> bytes:
    """The exporter before TLS 1.3 (RFC 5705 §4); `randoms` are the client's and the server's.

    No context is not the same as an empty one. Raises UsageError for a label, length or context out of
    bounds.
    """
    text = read_label(label)
    _check_size(algorithm, length, context)
    seed = randoms if context is None else randoms + vector16(context)
    return prf(algorithm, secret, text.encode(), seed, length)


def _check_size(algorithm: HashAlgorithm, length: int, context: bytes | None) -> None:
    longest = MAX_BLOCKS * algorithm.digest_size
    if not 1 <= length <= longest:
        raise UsageError(f"this connection exports 1 to {longest} bytes at once")
    if context is not None and len(context) > MAX_CONTEXT:
        raise UsageError(f"the context of an exporter has {MAX_CONTEXT} bytes at most")
