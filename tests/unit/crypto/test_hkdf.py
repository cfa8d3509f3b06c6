"""HKDF and HKDF-Expand-Label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.crypto.hashes import HASHES, SHA256, SHA384, HashAlgorithm
from lucidtls.crypto.hkdf import hkdf_expand, hkdf_expand_label, hkdf_extract
from tests.unit.crypto.data import Json, vectors, wycheproof

TRACE = vectors("rfc8448")


def in_bytes(case: Json, *names: str) -> list[bytes]:
    """Turn fields of a case from hexadecimal into bytes."""
    return [bytes.fromhex(case[name]) for name in names]


@pytest.mark.parametrize("case", vectors("rfc5869")["cases"], ids=lambda case: str(case["hash"]))
def test_rfc5869(case: Json) -> None:
    """HKDF extracts and expands as in RFC 5869 Appendix A."""
    row = HASHES[case["hash"]]
    ikm, salt, info, prk, okm = in_bytes(case, "ikm", "salt", "info", "prk", "okm")
    assert hkdf_extract(row, salt, ikm) == prk
    assert hkdf_expand(row, prk, info, case["length"]) == okm


@pytest.mark.parametrize("row", [SHA256, SHA384], ids=lambda row: row.name)
def test_wycheproof(row: HashAlgorithm) -> None:
    """HKDF makes up to 255 digests of output and refuses more."""
    for case in wycheproof(f"hkdf_{row.name}"):
        prk = hkdf_extract(row, case["salt"], case["ikm"])
        if case["result"] == "valid":
            assert hkdf_expand(row, prk, case["info"], case["size"]) == case["okm"], case["tcId"]
        else:
            with pytest.raises(ValueError, match="cannot make"):
                hkdf_expand(row, prk, case["info"], case["size"])


def test_output_ends_at_255_blocks() -> None:
    """HKDF-Expand numbers its blocks in one byte, so 255 digests are the most it makes."""
    assert len(hkdf_expand(SHA256, bytes(32), b"", 255 * 32)) == 255 * 32
    with pytest.raises(ValueError, match="cannot make"):
        hkdf_expand(SHA256, bytes(32), b"", 255 * 32 + 1)


def test_shorter_output_is_a_prefix() -> None:
    """HKDF-Expand makes a stream: asking for less gives its beginning."""
    longest = hkdf_expand(SHA384, b"k" * 48, b"info", 200)
    assert all(hkdf_expand(SHA384, b"k" * 48, b"info", size) == longest[:size] for size in range(201))


@pytest.mark.parametrize("case", TRACE["extractions"], ids=lambda case: str(case["step"]))
def test_extractions_of_the_traces(case: Json) -> None:
    """Early, handshake and main secrets come out of HKDF-Extract as in RFC 8448."""
    salt, ikm, secret = in_bytes(case, "salt", "ikm", "secret")
    assert hkdf_extract(SHA256, salt, ikm) == secret


def test_expansions_of_the_traces() -> None:
    """All secrets, keys and IVs of RFC 8448 come out of HKDF-Expand-Label."""
    labels = set()
    for case in TRACE["expansions"]:
        prk, info, expanded = in_bytes(case, "prk", "info", "expanded")
        end = 3 + info[2]
        label, context = info[3:end].decode().removeprefix("tls13 "), info[end + 1 :]
        assert hkdf_expand_label(SHA256, prk, label, context, len(expanded)) == expanded, case["step"]
        labels.add(label)
    used = "derived, c hs traffic, s hs traffic, c ap traffic, s ap traffic, c e traffic, key, iv, finished"
    assert labels == {*used.split(", "), "e exp master", "exp master", "res master", "resumption"}


def test_binder_of_the_traces() -> None:
    """A PSK binder is an HMAC under the key derived with the label "finished" (RFC 9846 §4.3.11.2)."""
    for case in TRACE["binders"]:
        key, transcript_hash, binder = in_bytes(case, "key", "hash", "binder")
        assert SHA256.hmac(key, transcript_hash) == binder


@given(
    secret=st.binary(min_size=1, max_size=64),
    label=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=249),
    context=st.binary(max_size=255),
    length=st.integers(0, 300),
)
def test_label_is_encoded_as_the_rfc_says(secret: bytes, label: str, context: bytes, length: int) -> None:
    """HkdfLabel is length, "tls13 " + label and context, each vector with one length byte (RFC 9846 §7.1)."""
    full = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context
    assert hkdf_expand_label(SHA384, secret, label, context, length) == hkdf_expand(
        SHA384, secret, info, length
    )


@pytest.mark.parametrize(
    ("label", "context"), [("", b""), ("x" * 250, b""), ("x", bytes(256)), ("clé", b"")], ids=repr
)
def test_label_out_of_range(label: str, context: bytes) -> None:
    """A label has 7 to 255 bytes of ASCII with its prefix, a context up to 255."""
    with pytest.raises(ValueError, match=r"HKDF-Expand-Label|ascii"):
        hkdf_expand_label(SHA256, bytes(32), label, context, 32)
