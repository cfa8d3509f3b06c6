"""AEADs and the cipher suites made with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from lucidtls.crypto import aead, suites
from lucidtls.crypto.aead import AEADAlgorithm, AEADKey, InvalidTag
from lucidtls.crypto.hashes import SHA384
from lucidtls.errors import ConfigurationError
from tests.unit.crypto.data import wycheproof

ROWS = [
    aead.AES_128_GCM,
    aead.AES_256_GCM,
    aead.CHACHA20_POLY1305,
    aead.AES_128_CCM,
    aead.AES_128_CCM_8,
]


@pytest.mark.parametrize("name", ["aes_gcm", "aes_ccm", "chacha20_poly1305"])
def test_wycheproof(name: str) -> None:
    """An AEAD gives the published ciphertext and tag, and refuses every altered tag."""
    for case in wycheproof(name):
        family = "chacha" if name.startswith("chacha") else name[4:]
        rows = [row for row in ROWS if family in row.name.lower()]
        sizes = (case["keySize"] // 8, case["tagSize"] // 8)
        (row,) = (row for row in rows if (row.key_length, row.tag_length) == sizes)
        key = row.new(case["key"])
        sealed = case["ct"] + case["tag"]
        if case["result"] == "valid":
            assert key.encrypt(case["iv"], case["msg"], case["aad"]) == sealed, case["tcId"]
            assert key.decrypt(case["iv"], sealed, case["aad"]) == case["msg"], case["tcId"]
        else:
            with pytest.raises(InvalidTag):
                key.decrypt(case["iv"], sealed, case["aad"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_lengths_and_buffers(row: AEADAlgorithm) -> None:
    """A sealed record is longer than its content by the tag, in a new buffer as in a given one."""
    key: AEADKey = row.new(bytes(row.key_length))
    nonce, header = bytes(row.nonce_length), b"\x17\x03\x03\x00\x00"
    sealed = key.encrypt(nonce, b"content", header)
    assert len(sealed) == len(b"content") + row.tag_length
    room = bytearray(len(sealed))
    assert key.encrypt_into(nonce, b"content", header, room) == len(sealed)
    assert room == sealed
    content = bytearray(len(b"content"))
    assert key.decrypt_into(nonce, sealed, header, content) == len(content)
    assert content == b"content"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_associated_data_and_nonce_are_authenticated(row: AEADAlgorithm) -> None:
    """A record opens only with the header and the sequence number it was sealed with."""
    key = row.new(bytes(row.key_length))
    sealed = key.encrypt(bytes(12), b"content", b"header")
    with pytest.raises(InvalidTag):
        key.decrypt(bytes(12), sealed, b"Header")
    with pytest.raises(InvalidTag):
        key.decrypt(bytes(11) + b"\1", sealed, b"header")


def test_record_limits() -> None:
    """AES-GCM protects 2^24.5 full records with one key, ChaCha20-Poly1305 as many as there are numbers."""
    assert aead.AES_128_GCM.record_limit == aead.AES_256_GCM.record_limit == int(2**24.5)
    assert aead.CHACHA20_POLY1305.record_limit == 2**64 - 1
    assert aead.AES_128_CCM.record_limit == aead.AES_128_CCM_8.record_limit == 2**23


def test_availability_is_found_out_by_trying() -> None:
    """An AEAD that the library under us lacks is not available, and is not offered."""

    def missing(key: bytes) -> AEADKey:
        raise UnsupportedAlgorithm("not in this build")

    assert not replace(aead.AES_128_CCM, new=missing).available()
    assert all(row.available() for row in ROWS)


def test_suites_are_those_of_the_rfc() -> None:
    """TLS 1.3 has five cipher suites, with these codes (RFC 9846 Appendix B.4)."""
    assert {code: row.name for code, row in suites.SUITES_13.items()} == {
        0x1301: "TLS_AES_128_GCM_SHA256",
        0x1302: "TLS_AES_256_GCM_SHA384",
        0x1303: "TLS_CHACHA20_POLY1305_SHA256",
        0x1304: "TLS_AES_128_CCM_SHA256",
        0x1305: "TLS_AES_128_CCM_8_SHA256",
    }


@pytest.mark.parametrize("suite", suites.SUITES_13.values(), ids=lambda suite: suite.name)
def test_a_suites_name_says_what_it_is_made_of(suite: suites.CipherSuite) -> None:
    """A TLS 1.3 suite's name is TLS, its AEAD and its hash."""
    middle = suite.aead.name.upper().replace("-", "_")
    assert suite.name == f"TLS_{middle}_{suite.hash.name.upper()}"
    assert suite.available()
    assert suite.versions == ("TLS 1.3",)


def test_suite_named() -> None:
    """A suite is found by its registered name and by its code, and nothing else has one."""
    assert suites.suite_named("TLS_AES_256_GCM_SHA384").hash is SHA384
    assert suites.suite_named(0x1302) is suites.TLS_AES_256_GCM_SHA384
    for wrong in ("AES256-GCM-SHA384", 0xC02F):
        with pytest.raises(ConfigurationError, match=r"no TLS 1\.3 cipher suite"):
            suites.suite_named(wrong)
