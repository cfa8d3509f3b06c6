"""Hash functions and HMAC."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from lucidtls.crypto.hashes import HASHES, MD5_SHA1, SHA256, HashAlgorithm
from tests.unit.crypto.data import wycheproof

ROWS = list(HASHES.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_sizes_are_those_of_the_function(row: HashAlgorithm) -> None:
    """A hash's digest and block have the sizes its standard gives, and its code is found by its name."""
    reference = hashlib.new(row.name)
    assert (row.digest_size, row.block_size) == (reference.digest_size, reference.block_size)
    assert row.digest(b"abc") == hashlib.new(row.name, b"abc").digest()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_hmac_agrees_with_the_standard_library(row: HashAlgorithm) -> None:
    """HMAC hashes keys longer than a block and pads shorter ones with zeros."""
    near_block = range(row.block_size - 2, row.block_size + 3)
    for length in (0, 1, row.digest_size, *near_block, 2 * row.block_size, 1000):
        key = bytes(number % 251 for number in range(length))
        for data in (b"", b"x", bytes(row.block_size - 1), bytes(3 * row.block_size)):
            assert row.hmac(key, data) == hmac.digest(key, data, row.name), (length, len(data))


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_hmac_wycheproof(name: str) -> None:
    """HMAC gives the published tag, and never an altered one."""
    for case in wycheproof(f"hmac_{name}"):
        agrees = HASHES[name].hmac(case["key"], case["msg"]) == case["tag"]
        assert agrees == (case["result"] == "valid"), case["tcId"]


def test_a_hash_under_way_can_be_copied() -> None:
    """A transcript hash is taken at several points of one handshake without starting over."""
    running = SHA256.new(b"client hello")
    before = running.copy().digest()
    running.update(b"server hello")
    assert before == SHA256.digest(b"client hello")
    assert running.digest() == SHA256.digest(b"client helloserver hello")


def test_md5_and_sha1_side_by_side() -> None:
    """TLS 1.0 and 1.1 hash handshakes with MD5 and SHA-1 and put the digests together (RFC 4346 §7.4.9)."""
    running = MD5_SHA1.new(b"client hello")
    before = running.copy()
    running.update(b"server hello")
    for hasher, data in ((before, b"client hello"), (running, b"client helloserver hello")):
        wanted = hashlib.md5(data).digest() + hashlib.sha1(data).digest()
        assert hasher.digest() == MD5_SHA1.digest(data) == wanted
        assert len(wanted) == MD5_SHA1.digest_size
    before.update(b"server hello")
    assert before.digest() == running.digest()
    assert MD5_SHA1.name not in HASHES
