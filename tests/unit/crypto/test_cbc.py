"""CBC, its padding, and MACs that take the same work for every length."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from lucidtls.crypto.aead import InvalidTag
from lucidtls.crypto.cbc import (
    RecordMAC,
    block_decryptor,
    block_encryptor,
    open_mac_then_encrypt,
    padding_for,
    stream_cipher,
    unpad,
)
from lucidtls.crypto.hashes import MD5, SHA1, SHA256, SHA384, HashAlgorithm

HASHES = pytest.mark.parametrize("algorithm", [MD5, SHA1, SHA256, SHA384], ids=lambda row: row.name)
HEADER = b"\0" * 8 + b"\x17\x03\x03\0\0"


def header_for(length: int) -> bytes:
    """Sequence number 0, application data, TLS 1.2."""
    return HEADER[:11] + length.to_bytes(2)


class CountingMAC:
    """An HMAC that counts how often the compression function runs, block by block."""

    def __init__(self, real: Any, block_size: int, log: list[int], pending: int = 0) -> None:
        self.real, self.block_size, self.log, self.pending = real, block_size, log, pending

    def copy(self) -> CountingMAC:
        return CountingMAC(self.real.copy(), self.block_size, self.log, self.pending)

    def update(self, data: Any) -> None:
        self.real.update(data)
        blocks, self.pending = divmod(self.pending + len(data), self.block_size)
        self.log.append(blocks)

    def finalize(self) -> bytes:
        self.log.append(1 if self.pending + 1 + self.block_size // 8 <= self.block_size else 2)
        digest: bytes = self.real.finalize()
        return digest


def counting(algorithm: HashAlgorithm, key: bytes) -> tuple[RecordMAC, list[int]]:
    """A MAC and the log of its compressions."""
    mac, log = RecordMAC(algorithm, key), []  # type: tuple[RecordMAC, list[int]]
    mac._keyed = CountingMAC(mac._keyed, algorithm.block_size, log)
    return mac, log


def test_aes_cbc_gives_the_published_ciphertext() -> None:
    """AES-128-CBC is that of NIST SP 800-38A F.2.1, block after block through one context."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    plaintext = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    ciphertext = bytes.fromhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
    encryptor, decryptor = (make(16, key, bytes(range(16))) for make in (block_encryptor, block_decryptor))
    assert encryptor.update(plaintext[:16]) + encryptor.update(plaintext[16:]) == ciphertext
    assert decryptor.update(ciphertext[:16]) + decryptor.update(ciphertext[16:]) == plaintext


def test_triple_des_cbc_gives_the_published_ciphertext() -> None:
    """3DES is that of NIST SP 800-67 Appendix B, here as the first block of CBC with an IV of zeros."""
    key = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
    assert block_encryptor(8, key, bytes(8)).update(b"The qufc") == bytes.fromhex("a826fd8ce53b855f")
    assert block_decryptor(8, key, bytes(8)).update(bytes.fromhex("a826fd8ce53b855f")) == b"The qufc"


def test_rc4_gives_the_published_stream() -> None:
    """RC4 with a 128-bit key is that of RFC 6229, and goes on where it stopped."""
    stream = stream_cipher(bytes(range(1, 17)))
    assert stream.update(bytes(5)) + stream.update(bytes(11)) == bytes.fromhex(
        "9ac7cc9a609d1ef7b2932899cde41b97"
    )


@HASHES
def test_the_mac_is_hmac(algorithm: HashAlgorithm) -> None:
    """Record MACs are HMAC (RFC 5246 §5), over what stands before the content and the content."""
    for key in (b"k", b"k" * algorithm.digest_size, b"k" * 200):
        mac = RecordMAC(algorithm, key)
        for content in (b"", b"content", bytes(1000)):
            assert mac.compute(HEADER, content) == hmac.digest(key, HEADER + content, algorithm.name)


@HASHES
@pytest.mark.parametrize(
    "longest", [0, 1, 50, 63, 64, 200, 255, 256, 257, 300, 319, 320, 384, 512, 1000, 5000]
)
def test_a_mac_takes_as_much_work_for_every_length(algorithm: HashAlgorithm, longest: int) -> None:
    """The MAC of every possible content is right, and takes the same number of compressions (Lucky 13)."""
    content = memoryview(bytes(number * 7 % 256 for number in range(longest)))
    work = set()
    for length in range(max(0, longest - 255), longest + 1):
        mac, log = counting(algorithm, b"key")
        expected = hmac.digest(b"key", HEADER + bytes(content[:length]), algorithm.name)
        assert mac.compute_uniformly(HEADER, content, length) == expected
        work.add(sum(log))
    assert len(work) == 1


@HASHES
def test_long_contents_take_the_same_calls_too(algorithm: HashAlgorithm) -> None:
    """Where there is content enough, each length gives whole blocks to the same calls, never none."""
    calls = set()
    for longest in (512, 600, 700):
        for length in range(longest - 255, longest + 1):
            mac, log = counting(algorithm, b"key")
            mac.compute_uniformly(HEADER, memoryview(bytes(longest)), length)
            calls.add(tuple(blocks > 0 for blocks in log))
    assert calls == {(False, True, True, True, True)}


@pytest.mark.parametrize("block_length", [8, 16])
def test_our_padding_is_the_shortest(block_length: int) -> None:
    """Padding fills up the block, has one byte at least, and each of its bytes tells its length."""
    for length in range(64):
        padding = padding_for(length, block_length)
        assert (length + len(padding)) % block_length == 0 and 1 <= len(padding) <= block_length
        assert set(padding) == {len(padding) - 1}


@HASHES
def test_every_padding_is_judged_right(algorithm: HashAlgorithm) -> None:
    """Good padding of every length opens; with any of its bytes wrong, or a wrong MAC, nothing does."""
    mac = RecordMAC(algorithm, b"key")
    for content in (b"", b"x" * 20, b"y" * 300):
        authentic = content + mac.compute(header_for(len(content)), content)
        for length in range(256):
            padding = bytes((length,)) * (length + 1)
            good = authentic + padding
            assert open_mac_then_encrypt(memoryview(good), mac, header_for) == len(content)
            assert unpad(memoryview(good)) == len(authentic)
            for at in {0, length // 2, length - 1} - {length, -1}:
                wrong = bytearray(good)
                wrong[len(authentic) + at] ^= 0x80
                with pytest.raises(InvalidTag):
                    open_mac_then_encrypt(memoryview(wrong), mac, header_for)
                with pytest.raises(InvalidTag):
                    unpad(memoryview(wrong))
            forged = bytearray(good)
            forged[len(content)] ^= 1
            with pytest.raises(InvalidTag):
                open_mac_then_encrypt(memoryview(forged), mac, header_for)


@HASHES
def test_a_good_mac_does_not_excuse_bad_padding(algorithm: HashAlgorithm) -> None:
    """Where padding is taken as empty because it is wrong, a MAC that then fits is refused all the same."""
    mac = RecordMAC(algorithm, b"key")
    for content in (b"", b"x" * 20, b"y" * 300):
        authentic = content + mac.compute(header_for(len(content)), content)
        assert open_mac_then_encrypt(memoryview(authentic + b"\0"), mac, header_for) == len(content)
        for last in set(range(1, 256)) - {authentic[-1]}:
            with pytest.raises(InvalidTag):
                open_mac_then_encrypt(memoryview(authentic + bytes((last,))), mac, header_for)


@HASHES
def test_padding_that_leaves_no_room_is_wrong(algorithm: HashAlgorithm) -> None:
    """Padding cannot reach into where the MAC must be, nor be longer than all there is."""
    mac = RecordMAC(algorithm, b"key")
    for size in range(300):
        for last in {0, size, min(255, size + 1), 255} & set(range(256)):
            plaintext = memoryview(bytes((last,)) * size)
            with pytest.raises(InvalidTag):
                open_mac_then_encrypt(plaintext, mac, header_for)
            if size <= last:
                with pytest.raises(InvalidTag):
                    unpad(plaintext)


@HASHES
def test_good_and_bad_padding_take_the_same_work(algorithm: HashAlgorithm) -> None:
    """Whatever is wrong with a fragment of one length, compressions are as many (RFC 5246 §6.2.3.2)."""
    work = set()
    for last in range(256):
        for wrong in (False, True):
            plaintext = bytearray(512 - 1 - last) + bytes((last,)) * (last + 1)
            if wrong and last:
                plaintext[-1 - last] ^= 1
            mac, log = counting(algorithm, b"key")
            with pytest.raises(InvalidTag):
                open_mac_then_encrypt(memoryview(plaintext), mac, header_for)
            work.add(sum(log))
    assert len(work) == 1
