"""ClientHello and ServerHello of all ages, and the HelloRetryRequest that is one."""

from __future__ import annotations

import hashlib

import pytest

from lucidtls.errors import DecodeError
from lucidtls.wire.codec import decode
from lucidtls.wire.extensions import Extensions, KeyShareEntry, ch, hrr, sh
from lucidtls.wire.hello import (
    DOWNGRADE_TO_TLS_1_1,
    DOWNGRADE_TO_TLS_1_2,
    HELLO_RETRY_REQUEST_RANDOM,
    ClientHello,
    ServerHello,
)
from tests.wire.samples import HELLO_RETRY_REQUEST, OLD_CLIENT_HELLO, OLD_SERVER_HELLO, SERVER_HELLO

# The ClientHello of the simple 1-RTT handshake in RFC 8448 §3, without its four bytes of header.
RFC8448_CLIENT_HELLO = bytes.fromhex(
    "0303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000"
    "910000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400"
    "230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c00"
    "2b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d0002"
    "0101001c00024001"
)
# The ServerHello that answers it.
RFC8448_SERVER_HELLO = bytes.fromhex(
    "0303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d"
    "0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304"
)


def test_the_client_hello_of_rfc_8448() -> None:
    """The ClientHello of RFC 8448 §3 decodes to what the RFC says of it and encodes to the same bytes."""
    hello = decode(ClientHello, RFC8448_CLIENT_HELLO)
    assert hello.body() == RFC8448_CLIENT_HELLO
    assert hello.cipher_suites == (0x1301, 0x1303, 0x1302)
    extensions = hello.extensions
    assert extensions.codes == (0, 65281, 10, 35, 51, 43, 13, 45, 28)
    assert extensions.get(ch.SERVER_NAME) == "server"
    assert extensions.get(ch.SUPPORTED_GROUPS) == (29, 23, 24, 25, 256, 257, 258, 259, 260)
    assert extensions.get(ch.SUPPORTED_VERSIONS) == (0x0304,)
    assert extensions.get(ch.PSK_KEY_EXCHANGE_MODES) == (1,)
    assert extensions.get(ch.RECORD_SIZE_LIMIT) == 16385
    (share,) = extensions.get(ch.KEY_SHARE) or ()
    assert (share.group, share.key_exchange[:2], len(share.key_exchange)) == (29, b"\x99\x38", 32)


def test_the_server_hello_of_rfc_8448() -> None:
    """The ServerHello of RFC 8448 §3 decodes to what the RFC says of it and encodes to the same bytes."""
    hello = decode(ServerHello, RFC8448_SERVER_HELLO)
    assert hello.body() == RFC8448_SERVER_HELLO
    assert hello.cipher_suite == 0x1301
    assert not hello.is_retry_request
    assert hello.extensions.get(sh.SUPPORTED_VERSIONS) == 0x0304
    share = hello.extensions.get(sh.KEY_SHARE)
    assert share is not None
    assert share.group == 29


def test_the_random_makes_a_hello_retry_request() -> None:
    """A HelloRetryRequest is a ServerHello whose random is SHA-256 of its name (RFC 9846 §4.2.3)."""
    assert hashlib.sha256(b"HelloRetryRequest").digest() == HELLO_RETRY_REQUEST_RANDOM
    retry = decode(ServerHello, HELLO_RETRY_REQUEST.body())
    assert retry.is_retry_request
    assert retry.extensions.message == "HelloRetryRequest"
    assert retry.extensions.get(hrr.KEY_SHARE) == 23
    assert not decode(ServerHello, SERVER_HELLO.body()).is_retry_request


def test_errors_in_a_retry_request_name_it() -> None:
    """An error in a HelloRetryRequest speaks of that and not of a ServerHello."""
    with pytest.raises(DecodeError, match=r"^HelloRetryRequest\.key_share\.value is cut short"):
        decode(ServerHello, ServerHello(
            0x0303, HELLO_RETRY_REQUEST_RANDOM, b"", 0x1301, 0,
            Extensions.build("HelloRetryRequest", [(51, b"\0")]),
        ).body())  # fmt: skip


def test_hellos_without_extensions_parse() -> None:
    """Hellos from before extensions end with the compression methods (RFC 9846 §4.2.2)."""
    assert decode(ClientHello, OLD_CLIENT_HELLO.body()).extensions.raw == {}
    assert decode(ServerHello, OLD_SERVER_HELLO.body()).extensions.raw == {}
    assert decode(ClientHello, OLD_CLIENT_HELLO.body() + b"\0\0").extensions.raw == {}
    assert decode(ServerHello, OLD_SERVER_HELLO.body() + b"\0\0").extensions.raw == {}


def test_a_session_id_has_at_most_32_bytes() -> None:
    """legacy_session_id<0..32> in both hellos (RFC 9846 §4.2.2 and §4.2.3)."""
    client, server = OLD_CLIENT_HELLO.body(), OLD_SERVER_HELLO.body()
    assert decode(ClientHello, client[:34] + b"\x20" + bytes(32) + client[35:]).legacy_session_id == bytes(32)
    with pytest.raises(DecodeError, match="33 bytes long, not 0 to 32") as caught:
        decode(ClientHello, client[:34] + b"\x21" + bytes(33) + client[35:])
    assert caught.value.clause == "RFC 9846 §4.2.2"
    with pytest.raises(DecodeError, match="33 bytes long, not 0 to 32") as caught:
        decode(ServerHello, server[:34] + b"\x21" + bytes(33) + server[37:])
    assert caught.value.clause == "RFC 9846 §4.2.3"


@pytest.mark.parametrize("suites", [b"\0\0", b"\0\1\x13", b"\0\3\x13\1\x13"])
def test_cipher_suites_are_pairs_and_at_least_one(suites: bytes) -> None:
    """cipher_suites<2..2^16-2> holds whole two-byte suites, one or more (RFC 9846 §4.2.2)."""
    with pytest.raises(DecodeError, match="cipher_suites") as caught:
        decode(ClientHello, b"\3\3" + bytes(32) + b"\0" + suites + b"\1\0")
    assert caught.value.clause == "RFC 9846 §4.2.2"


def test_compression_methods_are_at_least_one() -> None:
    """legacy_compression_methods<1..2^8-1> (RFC 9846 §4.2.2)."""
    with pytest.raises(DecodeError, match="legacy_compression_methods is 0 bytes long, not 1 to 255"):
        decode(ClientHello, b"\3\3" + bytes(32) + b"\0\0\2\x13\1\0")


def test_the_downgrade_marks_spell_their_name() -> None:
    """A server that knows TLS 1.3 and negotiates less ends its random with DOWNGRD (RFC 9846 §4.2.3)."""
    assert bytes.fromhex("44 4F 57 4E 47 52 44 01") == DOWNGRADE_TO_TLS_1_2
    assert bytes.fromhex("44 4F 57 4E 47 52 44 00") == DOWNGRADE_TO_TLS_1_1


def test_a_large_key_share_fits() -> None:
    """A post-quantum share makes a ClientHello longer than a packet, and nothing here minds."""
    share = KeyShareEntry(4589, bytes(1665))
    hello = ClientHello(
        0x0303, bytes(32), b"", (0x1302,), b"\0", Extensions.build("ClientHello", [(ch.KEY_SHARE, (share,))])
    )
    assert decode(ClientHello, hello.body()).extensions.get(ch.KEY_SHARE) == (share,)
