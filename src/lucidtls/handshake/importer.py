"""The importer of RFC 9258: from one external PSK, a key of its own for each protocol version and hash.

The imported identity tells the peer what was imported, so it is read on the server as well as made on the
client. The external key itself is used for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lucidtls.crypto.hashes import SHA256, SHA384, HashAlgorithm
from lucidtls.crypto.hkdf import hkdf_expand_label, hkdf_extract
from lucidtls.errors import DecodeError, UsageError
from lucidtls.events import PreSharedKey
from lucidtls.handshake.psk13 import HASHES, IMPORTED, OfferedPsk
from lucidtls.handshake.schedule13 import early_secret
from lucidtls.wire.codec import Reader, u16, vector16
from lucidtls.wire.versions import TLS13

TARGET_KDFS: Final = {SHA256: 0x0001, SHA384: 0x0002}
"""HKDF with each hash, in the registry "TLS KDF Identifiers" (RFC 9258 §10)."""

MAX_IMPORTED_IDENTITY: Final = 0xFFFF
"""Bytes of an identity in a ClientHello: "the PSK importer interface SHOULD reject any ImportedIdentity that
exceeds this size" (RFC 9258 §5.1)."""


@dataclass(frozen=True, slots=True)
class ImportedIdentity:
    """The identity of an imported PSK (RFC 9258 §5.1).

    struct {
       opaque external_identity<1...2^16-1>;
       opaque context<0..2^16-1>;
       uint16 target_protocol;
       uint16 target_kdf;
    } ImportedIdentity;
    """

    external_identity: bytes
    context: bytes
    target_protocol: int
    target_kdf: int

    @classmethod
    def read(cls, reader: Reader) -> ImportedIdentity:
        """Read one; raises DecodeError."""
        return cls(
            external_identity=reader.vector16("external_identity", minimum=1),
            context=reader.vector16("context"),
            target_protocol=reader.u16("target_protocol"),
            target_kdf=reader.u16("target_kdf"),
        )

    def body(self) -> bytes:
        """Encode it."""
        return b"%b%b%b%b" % (
            vector16(self.external_identity),
            vector16(self.context),
            u16(self.target_protocol),
            u16(self.target_kdf),
        )


def import_psk(psk: PreSharedKey, target_hash: HashAlgorithm) -> tuple[bytes, bytes]:
    """Import a PSK into TLS 1.3 for a hash; returns the identity for the wire, and the key.

    Raises UsageError when the external identity is empty, or too long for a ClientHello with the context.
    """
    if not psk.identity or len(psk.identity) + len(psk.context) + 8 > MAX_IMPORTED_IDENTITY:
        raise UsageError(
            f"an imported PSK has an identity, which with its context has {MAX_IMPORTED_IDENTITY - 8} bytes "
            "at most (RFC 9258 §5.1)"
        )
    imported = ImportedIdentity(psk.identity, psk.context, TLS13, TARGET_KDFS[target_hash])
    identity = imported.body()
    # "The hash function used for [...] HKDF is that which is associated with the EPSK. It is not the hash
    # function associated with ImportedIdentity.target_kdf." (RFC 9258 §5.1)
    algorithm = HASHES[psk.hash]
    secret = hkdf_extract(algorithm, bytes(algorithm.digest_size), bytes(psk.key))
    digest = algorithm.digest(identity)
    return identity, hkdf_expand_label(algorithm, secret, "derived psk", digest, target_hash.digest_size)


def imported_offer(psk: PreSharedKey, target_hash: HashAlgorithm) -> OfferedPsk:
    """The imported PSK for a hash, as it stands in a hello."""
    identity, key = import_psk(psk, target_hash)
    return OfferedPsk(identity, target_hash, IMPORTED, early_secret(target_hash, key), name=psk.identity)


def read_imported_identity(data: bytes) -> ImportedIdentity | None:
    """Read an identity that came in a ClientHello; None when it is not an imported one.

    An identity that was given beforehand may look like an imported one by chance (RFC 9258 §8): the binder
    tells them apart.
    """
    reader = Reader(data, "ImportedIdentity")
    try:
        identity = ImportedIdentity.read(reader)
        reader.finish()
    except DecodeError:
        return None
    return identity
