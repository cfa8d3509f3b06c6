"""The importer of external PSKs (RFC 9258)."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from lucidtls.crypto.hashes import SHA256, SHA384
from lucidtls.errors import UsageError
from lucidtls.events import PreSharedKey
from lucidtls.handshake.importer import ImportedIdentity, import_psk, read_imported_identity

KEY = bytes(range(32))
PSK = PreSharedKey(b"sensor 7", KEY, imported=True, context=b"factory")


def computed(identity: bytes, hash_name: str, length: int) -> bytes:
    """RFC 9258 §5.1 written out once more with hmac alone."""
    size = hashlib.new(hash_name).digest_size
    secret = hmac.digest(bytes(size), KEY, hash_name)
    label = b"tls13 derived psk"
    digest = hashlib.new(hash_name, identity).digest()
    info = length.to_bytes(2, "big") + bytes((len(label),)) + label + bytes((size,)) + digest
    output, block, number = b"", b"", 0
    while len(output) < length:
        number += 1
        block = hmac.digest(secret, block + info + bytes((number,)), hash_name)
        output += block
    return output[:length]


def test_the_identity_on_the_wire() -> None:
    """The identity is an ImportedIdentity: both names with lengths, 0x0304, and the KDF (RFC 9258 §5.1)."""
    assert import_psk(PSK, SHA256)[0] == b"\0\x08sensor 7\0\x07factory\x03\x04\0\x01"
    assert import_psk(PSK, SHA384)[0] == b"\0\x08sensor 7\0\x07factory\x03\x04\0\x02"


@pytest.mark.parametrize("own", ["SHA256", "SHA384"])
def test_the_keys(own: str) -> None:
    """The external key's hash makes the key, the target's says how long it is (RFC 9258 §5.1)."""
    psk = PreSharedKey(PSK.identity, KEY, "SHA384" if own == "SHA384" else "SHA256", True, PSK.context)
    for target in (SHA256, SHA384):
        identity, key = import_psk(psk, target)
        assert key == computed(identity, own.lower(), target.digest_size)


def test_every_input_matters() -> None:
    """Another context, identity or target gives another key, and none is the external one."""
    other = PreSharedKey(b"sensor 7", KEY, imported=True, context=b"")
    third = PreSharedKey(b"sensor 8", KEY, imported=True, context=b"factory")
    keys = [import_psk(psk, target)[1][:32] for psk in (PSK, other, third) for target in (SHA256, SHA384)]
    assert len({KEY, *keys}) == 7


def test_identities_are_read_back() -> None:
    """What was written is read; a cut, longer or nameless one is no imported identity, and no error."""
    identity = ImportedIdentity(b"sensor 7", b"factory", 0x0304, 1)
    data = identity.body()
    assert read_imported_identity(data) == identity
    for end in range(len(data)):
        assert read_imported_identity(data[:end]) is None
    assert read_imported_identity(data + b"\0") is None
    assert read_imported_identity(b"\0\0\0\0\x03\x04\0\x01") is None


def test_identities_that_cannot_be_imported() -> None:
    """An empty external identity has no form, and a long one no place in a ClientHello (RFC 9258 §5.1)."""
    for psk in (PreSharedKey(b"", KEY), PreSharedKey(bytes(0xFFFF), KEY)):
        with pytest.raises(UsageError):
            import_psk(psk, SHA256)
    assert len(import_psk(PreSharedKey(bytes(0xFFFF - 8), KEY), SHA256)[0]) == 0xFFFF
