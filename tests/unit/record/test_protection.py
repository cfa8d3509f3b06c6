"""The protections of TLS 1.2 and before, against published records and a second implementation."""

from __future__ import annotations

import random
import struct

import pytest

from lucidtls.crypto.aead import InvalidTag
from lucidtls.crypto.suites12 import suite12_named
from lucidtls.record.protection import protection_for
from tests.unit.record.older import (
    AEADS,
    ALL,
    CBC_SHA,
    CHACHA,
    ENCRYPT_THEN_MAC,
    GCM,
    MAC_THEN_ENCRYPT,
    RC4_SHA,
    STREAMS,
    TLS10,
    TLS11,
    TLS12,
    Setting,
    fragments,
    header,
    mac_of,
    seal_aead,
    seal_block,
    seal_streams,
)

CONTENTS = [b"", b"x", bytes(15), b"hello, world" * 3, bytes(range(256)) * 64]


def of(settings: list[Setting]) -> pytest.MarkDecorator:
    """Run a test with each of these."""
    return pytest.mark.parametrize("setting", settings, ids=str)


# (suite, key, MAC key, IV, sequence number, content type, fragment, content). The first three are records of
# The Illustrated TLS 1.2 Connection (https://tls12.xargs.org), the others test vectors of miTLS.
_GET = b"GET / HTTP/1.1\r\nHost: undefined\r\n\r\n"
_CLIENT = "f656d037b173ef3e11169f27231a84b6", "1b7d117c7d5f690bc263cae8ef60af0f1878acc2", ""
_SERVER = "752a18e7a9fcb7cbcdd8f98dd8f769eb", "2ad8bdd8c601a617126f63540eb20906f781fad2", ""
_GCM = "152300c2dc44c8f695d4fb1471791659", "", "b56bf932"
PUBLISHED = [
    (CBC_SHA, *_CLIENT, 0, 22,
     "404142434445464748494a4b4c4d4e4f227bc9ba81ef30f2a8a78ff1df50844d5804b7eeb2e214c32b6892aca3db7b78"
     "077fdd90067c516bacb3ba90dedf720f",
     bytes.fromhex("1400000ccf919626f1360c536aaad73a")),
    (CBC_SHA, *_CLIENT, 1, 23,
     "000102030405060708090a0b0c0d0e0f6c421c71c42b183bfa06195d133d0a09d00fc7cb4e0f5d1cda59d147ec790c99",
     b"ping"),
    (CBC_SHA, *_SERVER, 1, 23,
     "6162636465666768696a6b6c6d6e6f709783488af5fa20bf7a2ef69debb534db9fb07a8c2721dee5409f77af0c3dde56",
     b"pong"),
    (GCM, *_GCM, 0, 23,
     "0000000000000000ed3ca96c8bd2fbb376c2dc417f3ec249e8ab550dab1c421293f0e642a0c152b43a546a"
     "a26bbe62e8651214d28ab90e70217b3d", _GET),
    (GCM, *_GCM, 1, 23,
     "0000000000000000ed3ca96c8bd2fbb376c2dc417f3ec249e8ab550dab1c421293f0e642a0c152b43a546a"
     "8b49b6128ee6e23454b7e580423ba985", _GET),
    (CBC_SHA, "e77f6871e1697b2286416f973aee9ff6", "431ad4d620ea0c63bf9afc8124afcae6729593f1", "", 1, 23,
     "0000000000000000000000000000000028cf3b38da8358b78aae63e5fcc334c1eac5278a283fa709cb274df85a2a7fa2"
     "1b767111bc7f73f37cb2697dbb41f903dd2a3e4470767f3cc5e2db1a2e781213", _GET),
]  # fmt: skip


@pytest.mark.parametrize("row", PUBLISHED, ids=range(len(PUBLISHED)))
def test_published_records_open(row: tuple[str, str, str, str, int, int, str, bytes]) -> None:
    """Records that others have published, with their keys, open to what they say."""
    name, key, mac_key, iv, sequence, content_type, fragment, content = row
    protection = protection_for(
        suite12_named(name), TLS12, *(bytes.fromhex(text) for text in (key, mac_key, iv)),
        encrypt_then_mac=False, random=bytes,
    )  # fmt: skip
    assert protection.open(sequence, content_type, memoryview(bytes.fromhex(fragment))) == content


def test_a_published_record_is_sealed_again() -> None:
    """Key, salt and sequence number make an AES-GCM record: the published one (RFC 5288 §3)."""
    name, key, _, iv, sequence, content_type, fragment, content = PUBLISHED[3]
    protection = protection_for(
        suite12_named(name), TLS12, bytes.fromhex(key), b"", bytes.fromhex(iv),
        encrypt_then_mac=False, random=bytes,
    )  # fmt: skip
    assert b"".join(protection.seal(sequence, content_type, content)) == bytes.fromhex(fragment)


@of(ALL)
def test_what_is_sealed_opens(setting: Setting) -> None:
    """Contents of any length come back, in order, and no fragment is longer than announced."""
    sender, receiver = setting.protection(), setting.protection()
    for sequence, content in enumerate(CONTENTS):
        fragment = b"".join(sender.seal(sequence, 23, content))
        assert len(fragment) <= len(content) + sender.max_expansion
        assert receiver.open(sequence, 23, memoryview(fragment)) == content


@of(AEADS)
def test_an_explicit_nonce_may_be_anything(setting: Setting) -> None:
    """The receiver takes the explicit nonce that came, whatever made it (RFC 5288 §3, RFC 6655 §3)."""
    for sequence, content in enumerate(CONTENTS):
        fragment = seal_aead(setting, sequence, content)
        assert setting.protection().open(sequence, 23, memoryview(fragment)) == content


@of(AEADS)
def test_our_explicit_nonce_is_the_sequence_number(setting: Setting) -> None:
    """We send the sequence number, which no key sees twice; ChaCha20 sends nothing (RFC 7905 §2)."""
    for sequence in (0, 1, 255, 2**32, 2**64 - 1):
        ours = b"".join(setting.protection().seal(sequence, 23, b"content"))
        assert ours == seal_aead(setting, sequence, b"content", explicit=sequence.to_bytes(8))


@of(ALL)
def test_a_sequence_number_does_not_wrap(setting: Setting) -> None:
    """Sequence numbers "may not exceed 2^64-1" and "do not wrap" (RFC 5246 §6.1)."""
    protection = setting.protection()
    assert protection.record_limit < 2**64
    with pytest.raises((struct.error, OverflowError)):
        protection.seal(2**64, 23, b"one too many")


@of(STREAMS)
def test_streams_run_on(setting: Setting) -> None:
    """A stream cipher's state at the end of a record is used for the next (RFC 5246 §6.2.3.1)."""
    contents = [b"one", b"", b"three" * 100]
    sender, receiver = setting.protection(), setting.protection()
    for sequence, fragment in enumerate(seal_streams(setting, contents)):
        assert b"".join(sender.seal(sequence, 23, contents[sequence])) == fragment
        assert receiver.open(sequence, 23, memoryview(fragment)) == contents[sequence]


@of([*MAC_THEN_ENCRYPT, *ENCRYPT_THEN_MAC])
def test_any_legal_amount_of_padding_is_taken(setting: Setting) -> None:
    """Padding "MAY be any length up to 255 bytes" (RFC 5246 §6.2.3.2), whatever the order of the MAC."""
    size = setting.suite.cipher.block_length
    receiver, iv = setting.protection(), setting.iv or b"\x5a" * size
    tag = setting.mac_key if setting.encrypt_then_mac else b""
    sequence = 0
    for content in (b"", b"x", bytes(255), bytes(range(256)) * 2):
        for extra in range(256 // size):
            fragment = seal_block(setting, sequence, content, iv=iv, extra_blocks=extra)
            assert receiver.open(sequence, 23, memoryview(fragment)) == content
            if setting.version == TLS10:
                iv = fragment[: len(fragment) - len(tag)][-size:]
            sequence += 1


@of([row for row in [*MAC_THEN_ENCRYPT, *ENCRYPT_THEN_MAC] if row.version == TLS10])
def test_tls_1_0_chains_its_ivs(setting: Setting) -> None:
    """In TLS 1.0 a record's IV is the last ciphertext block of the one before; the first is a key's."""
    size, iv, sender = setting.suite.cipher.block_length, setting.iv, setting.protection()
    for sequence, content in enumerate(CONTENTS):
        fragment = b"".join(sender.seal(sequence, 23, content))
        assert fragment == seal_block(setting, sequence, content, iv=iv)
        tag = len(setting.mac_key) if setting.encrypt_then_mac else 0
        iv = fragment[: len(fragment) - tag][-size:]


@of([row for row in [*MAC_THEN_ENCRYPT, *ENCRYPT_THEN_MAC] if row.version > TLS10])
def test_every_record_has_an_iv_of_its_own(setting: Setting) -> None:
    """From TLS 1.1 on records start with an IV, and a receiver that starts afresh for each reads them."""
    size, sender, ivs = setting.suite.cipher.block_length, setting.protection(), set()
    for sequence, content in enumerate(CONTENTS):
        fragment = b"".join(sender.seal(sequence, 23, content))
        ivs.add(fragment[:size])
        assert fragment == seal_block(setting, sequence, content, iv=fragment[:size])
    assert len(ivs) == len(CONTENTS)
    assert b"".join(setting.protection().seal(0, 23, b"x"))[:size] in ivs  # all that is random is `random`


@of(ALL)
def test_everything_is_authenticated(setting: Setting) -> None:
    """Sequence number, type, length and every byte of a fragment are covered (RFC 5246 §6.2.3)."""
    fragment = b"".join(setting.protection().seal(5, 23, b"some content"))
    wrong = [(4, 23, fragment), (5, 22, fragment), (5, 23, fragment[:-1]), (5, 23, fragment + b"\0")]
    for at in range(len(fragment)):
        altered = bytearray(fragment)
        altered[at] ^= 1
        wrong.append((5, 23, bytes(altered)))
    for sequence, content_type, data in wrong:
        with pytest.raises(InvalidTag):
            setting.protection().open(sequence, content_type, memoryview(data))


@of([row for row in ALL if row.suite.cipher.kind != "aead" and row.version != TLS10])
def test_the_version_is_authenticated(setting: Setting) -> None:
    """The version is part of what the MAC covers: a record of another version does not open."""
    other = Setting(setting.name, TLS11 if setting.version == TLS12 else TLS12, setting.encrypt_then_mac)
    fragment = b"".join(setting.protection().seal(0, 23, b"some content"))
    with pytest.raises(InvalidTag):
        other.protection().open(0, 23, memoryview(fragment))


@of(ALL)
def test_whatever_comes_is_refused_in_one_way(setting: Setting) -> None:
    """A fragment of any length, even none, that is not a record is refused as any forgery is."""
    noise = random.Random(1)
    for length in (*range(120), 250, 300, 512, 1000, 2**14 + 2048):
        with pytest.raises(InvalidTag):
            setting.protection().open(0, 23, memoryview(noise.randbytes(length)))


@of(MAC_THEN_ENCRYPT)
def test_wrong_padding_is_refused_wherever_it_is_wrong(setting: Setting) -> None:
    """Each byte of padding counts, and so does that there is room for it (RFC 5246 §6.2.3.2)."""
    size = setting.suite.cipher.block_length
    iv, content = setting.iv or bytes(size), bytes(7)
    least = size - 1 - (len(content) + len(setting.mac_key)) % size
    length = least + (240 - least) // size * size
    right = bytes((length,)) * (length + 1)
    fragment = seal_block(setting, 0, content, iv=iv, padding=right)
    assert setting.protection().open(0, 23, memoryview(fragment)) == content
    for at in range(len(right)):
        wrong = bytearray(right)
        wrong[at] ^= 0x10
        fragment = seal_block(setting, 0, content, iv=iv, padding=bytes(wrong))
        with pytest.raises(InvalidTag):
            setting.protection().open(0, 23, memoryview(fragment))
    for told in (least + 1, least + size, 255):
        fragment = seal_block(setting, 0, content, iv=iv, padding=bytes((told,)) * (least + 1))
        with pytest.raises(InvalidTag):
            setting.protection().open(0, 23, memoryview(fragment))


@of(ENCRYPT_THEN_MAC)
def test_authentic_nonsense_is_refused(setting: Setting) -> None:
    """A good MAC around no IV, no block, half a block or bad padding does not help (RFC 7366 §3)."""
    size, iv = setting.suite.cipher.block_length, setting.iv or bytes(setting.suite.cipher.block_length)
    nothing = seal_block(setting, 0, b"", iv=iv, padding=b"")
    bad_padding = seal_block(setting, 0, b"x" * size, iv=iv, padding=b"\x01" * (size - 1) + b"\x02")
    too_long = seal_block(setting, 0, b"", iv=iv, padding=bytes((size,)) * size)
    for fragment in (nothing, bad_padding, too_long, *_authentic_pieces(setting)):
        with pytest.raises(InvalidTag):
            setting.protection().open(0, 23, memoryview(fragment))


def _authentic_pieces(setting: Setting) -> list[bytes]:
    pieces = [bytes(length) for length in (0, 1, 7, 8, 15, 17, 31, 33)]
    return [piece + mac_of(setting, header(setting, 0, 23, len(piece)) + piece) for piece in pieces]


@of([row for row in ENCRYPT_THEN_MAC if row.version == TLS10])
def test_nothing_is_decrypted_before_the_mac_is_right(setting: Setting) -> None:
    """"The MAC SHALL be evaluated before any further processing such as decryption" (RFC 7366 §3): after a
    forgery the chain of IVs stands where it stood."""  # fmt: skip
    sender, receiver = setting.protection(), setting.protection()
    fragment = b"".join(sender.seal(0, 23, b"content"))
    with pytest.raises(InvalidTag):
        receiver.open(0, 23, memoryview(bytes(len(fragment))))
    assert receiver.open(0, 23, memoryview(fragment)) == b"content"


@of([*MAC_THEN_ENCRYPT, *(row for row in STREAMS if row.key)])
def test_what_did_not_authenticate_is_wiped(setting: Setting) -> None:
    """Plaintext that fails the MAC is not left in memory, not even in the frames of the error."""
    fragment = bytearray(b"".join(setting.protection().seal(0, 23, b"secret secret secret " * 20)))
    fragment[-1] ^= 1
    with pytest.raises(InvalidTag) as caught:
        setting.protection().open(0, 23, memoryview(fragment))
    frames, trace = [], caught.value.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    kept = [
        bytes(value)
        for frame in frames
        for value in frame.f_locals.values()
        if isinstance(value, bytes | bytearray | memoryview)
    ]
    assert kept and not any(b"secret" in value for value in kept)


def test_only_chained_ivs_need_the_first_byte_apart() -> None:
    """Where the next IV is known before the data is chosen, a one-byte record goes first: TLS 1.0's CBC."""
    splitting = {str(row) for row in ALL if row.protection().splits_first_byte}
    assert splitting == {str(row) for row in ALL if row.version == TLS10 and row.suite.cipher.kind == "block"}
    assert not Setting(RC4_SHA, TLS10).protection().splits_first_byte
    assert not Setting(CHACHA, TLS12).protection().splits_first_byte


def test_the_record_of_a_writer_is_the_fragment_with_a_header() -> None:
    """What the writer sends is type, version, length and fragment (RFC 5246 §6.2.3)."""
    for setting in ALL:
        writer = setting.writer()
        writer.write(22, b"message")
        data = writer.take()
        ((content_type, fragment),) = fragments(data)
        assert (content_type, data[1:3]) == (22, setting.version.to_bytes(2))
        assert setting.protection().open(0, 22, memoryview(fragment)) == b"message"
