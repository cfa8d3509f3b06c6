"""ClientHello and ServerHello of all ages, and the HelloRetryRequest that is one."""

from __future__ import annotations

import hashlib

import pytest

from lucidtls.errors import DecodeError, IllegalParameter
from lucidtls.wire.codec import decode
from lucidtls.wire.extensions import Extensions, KeyShareEntry, ch, check_solicited, hrr, sh, sh12
from lucidtls.wire.hello import (
    DOWNGRADE_TO_TLS_1_1,
    DOWNGRADE_TO_TLS_1_2,
    HELLO_RETRY_REQUEST_RANDOM,
    ClientHello,
    ServerHello,
)
from tests.wire.recorded12 import CLIENT_HELLO_10, CLIENT_HELLO_12, SERVER_HELLO_10, SERVER_HELLO_12
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


def test_the_hellos_of_tls_1_2() -> None:
    """The hellos of TLS 1.2 read as RFC 5246 §7.4.1 has them, with the extensions of their time."""
    client = decode(ClientHello, CLIENT_HELLO_12)
    assert client.body() == CLIENT_HELLO_12
    assert (client.legacy_version, client.legacy_session_id) == (0x0303, b"")
    assert client.cipher_suites == (0xC02B, 0x00FF)
    assert client.extensions.codes == (0, 11, 10, 35, 16, 22, 23, 13)
    assert client.extensions.get(ch.SERVER_NAME) == "localhost"
    assert client.extensions.get(ch.EC_POINT_FORMATS) == (0, 1, 2)
    assert client.extensions.get(ch.SUPPORTED_GROUPS) == (29, 23, 30, 25, 24)
    assert client.extensions.get(ch.SESSION_TICKET) == b""
    assert client.extensions.get(ch.ENCRYPT_THEN_MAC) is True
    assert client.extensions.get(ch.EXTENDED_MASTER_SECRET) is True
    schemes = client.extensions.get(ch.SIGNATURE_ALGORITHMS) or ()
    # Pairs of hash and signature, DSA (2) and SHA-224 (3) among them, are numbers like those of TLS 1.3.
    assert (schemes[0], schemes[-1], len(schemes)) == (0x0403, 0x0602, 20)
    server = decode(ServerHello, SERVER_HELLO_12)
    assert server.body() == SERVER_HELLO_12
    assert (server.cipher_suite, server.legacy_session_id_echo) == (0xC02B, b"")
    assert server.extensions.codes == (0xFF01, 11, 35, 16, 23)
    assert server.extensions.get(sh12.RENEGOTIATION_INFO) == b""
    assert server.extensions.get(sh12.EC_POINT_FORMATS) == (0, 1, 2)
    assert server.extensions.get(sh12.SESSION_TICKET) is True
    assert server.extensions.get(sh12.ALPN) == (b"h2",)
    assert server.extensions.get(sh12.EXTENDED_MASTER_SECRET) is True
    check_solicited(server.extensions, {*client.extensions.raw, 0xFF01})


def test_the_hellos_of_tls_1_0() -> None:
    """A client of TLS 1.0 that offers no ECC sends neither signature_algorithms nor groups (RFC 8422 §4)."""
    client = decode(ClientHello, CLIENT_HELLO_10)
    assert client.body() == CLIENT_HELLO_10
    assert (client.legacy_version, client.cipher_suites) == (0x0301, (0x002F, 0x00FF))
    assert client.extensions.codes == (0, 35, 16, 22, 23)
    server = decode(ServerHello, SERVER_HELLO_10)
    assert server.body() == SERVER_HELLO_10
    assert (server.legacy_version, server.cipher_suite) == (0x0301, 0x002F)
    assert server.extensions.get(sh12.EXTENDED_MASTER_SECRET) is True


def kind(*extensions: tuple[int, bytes]) -> str:
    """Read a ServerHello with these extensions and say whose forms they were read by."""
    block = Extensions.build("ServerHello", extensions)
    return decode(
        ServerHello, ServerHello(0x0303, bytes(32), b"", 0x1301, 0, block).body()
    ).extensions.message


def test_supported_versions_makes_a_server_hello_of_tls_1_3() -> None:
    """Only a server that chooses TLS 1.3 or later sends supported_versions (RFC 9846 §4.3.1)."""
    version = (43, b"\3\4")
    share = (51, sh.KEY_SHARE.write(KeyShareEntry(29, bytes(32))))
    assert kind(version) == kind(share, version) == kind((0x2B00, b""), version) == "ServerHello"
    # The code has to stand where codes stand; 43 as a length, in a body or as half of a code says nothing.
    for others in ((), ((0x2B00, b""),), ((0x002A, b"\0\x2b\0\2\3\4"),), ((0x012B, b"\0\x2b"),)):
        assert kind(*others) == "ServerHello12"
    assert kind((0xABCD, bytes(43))) == "ServerHello12"
    assert decode(ServerHello, OLD_SERVER_HELLO.body()).extensions.message == "ServerHello12"


def test_extensions_of_one_version_are_out_of_place_in_the_other() -> None:
    """What TLS 1.2 answers in its ServerHello has no place in that of TLS 1.3, and the reverse."""
    old = decode(ServerHello, ServerHello(
        0x0303, bytes(32), b"", 0xC02F, 0, Extensions.build("ServerHello12", [(51, b"any"), (23, b"")])
    ).body()).extensions  # fmt: skip
    assert (old.message, old.misplaced) == ("ServerHello12", (51,))
    with pytest.raises(IllegalParameter, match=r"^key_share has no place in a ServerHello ") as caught:
        check_solicited(old, {51, 23})
    assert caught.value.clause == "RFC 9846 §4.3"
    new = decode(ServerHello, ServerHello(
        0x0303, bytes(32), b"", 0x1301, 0, Extensions.build("ServerHello", [(43, b"\3\4"), (23, b"")])
    ).body()).extensions  # fmt: skip
    assert (new.message, new.misplaced) == ("ServerHello", (23,))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\0\4\0\x17\0\1", "ServerHello.extensions.extension_data is cut short"),
        (b"\0\5\0\x17\0\1x", "1 byte left over after ServerHello.extended_master_secret"),
        (b"\0\4\0\x17\0\0" + b"\0", "1 byte left over after ServerHello"),
        (b"\0\x0a\0\x17\0\0\0\x17\0\0", "ServerHello.extensions is cut short"),
        (b"\0\x08\0\x17\0\0\0\x17\0\0", "ServerHello carries extended_master_secret twice"),
        (b"\0\x05\0\x0b\0\1\0", "ServerHello.ec_point_formats.list is 0 bytes long, not 1 to 255"),
        (b"\0\x06\0\x10\0\2\0\0", "protocol_name_list is 0 bytes long, not 2"),
    ],
)
def test_errors_in_an_old_server_hello_name_it(body: bytes, problem: str) -> None:
    """An error in a ServerHello of TLS 1.2 speaks of a ServerHello: that is its name on the wire."""
    with pytest.raises(DecodeError) as caught:
        decode(ServerHello, OLD_SERVER_HELLO.body() + body)
    assert problem in str(caught.value)
    assert "12" not in str(caught.value)


def test_an_old_ticket_is_any_bytes() -> None:
    """session_ticket is the ticket itself, empty for none; those who gave it a length are read, too."""
    for body in (b"", b"\0\0", b"\0\6ticket"):
        hello = ClientHello(
            0x0303, bytes(32), b"", (0xC02F,), b"\0", Extensions.build("ClientHello", [(35, body)])
        )
        assert decode(ClientHello, hello.body()).extensions.get(ch.SESSION_TICKET) == body


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x7F1C])
def test_any_version_can_be_read(version: int) -> None:
    """Whether a version will do is for the handshake to say: hellos of all versions are read alike."""
    start = version.to_bytes(2, "big")
    assert decode(ClientHello, start + OLD_CLIENT_HELLO.body()[2:]).legacy_version == version
    assert decode(ServerHello, start + OLD_SERVER_HELLO.body()[2:]).legacy_version == version


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
