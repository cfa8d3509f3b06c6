"""The pseudorandom functions of TLS 1.0 to 1.2 against published vectors and a plain second writing."""

from __future__ import annotations

import hmac

import pytest

from lucidtls.crypto.hashes import HASHES, MD5_SHA1, SHA256, SHA384, HashAlgorithm
from lucidtls.crypto.prf import prf
from lucidtls.crypto.suites12 import suite12_named
from tests.unit.crypto.data import Json, vectors

VECTORS = vectors("tls_prf")
ROWS = HASHES | {MD5_SHA1.name: MD5_SHA1}


def unhex(case: Json) -> dict[str, bytes]:
    """Turn a vector's hexadecimal into bytes."""
    words = {"hash", "source", "label", "suite"}
    return {name: bytes.fromhex(value) for name, value in case.items() if name not in words}


def p_hash(name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    """P_hash as RFC 5246 §5 writes it: A(0) = seed, A(i) = HMAC(secret, A(i-1))."""
    output, chained = b"", seed
    while len(output) < length:
        chained = hmac.digest(secret, chained, name)
        output += hmac.digest(secret, chained + seed, name)
    return output[:length]


@pytest.mark.parametrize("case", VECTORS["prf"], ids=lambda case: str(case["hash"]))
def test_prf_of_tls12(case: Json) -> None:
    """The PRF of TLS 1.2 gives the output that was agreed on when TLS 1.2 was new."""
    values = unhex(case)
    made = prf(
        ROWS[case["hash"]], values["secret"], case["label"].encode(), values["seed"], len(values["output"])
    )
    assert made == values["output"]


@pytest.mark.parametrize("case", VECTORS["key_derivation"], ids=lambda case: str(case["source"]))
def test_master_secret_and_key_block(case: Json) -> None:
    """The premaster secret gives the master secret, and that the key block (RFC 5246 §6.3, §8.1)."""
    values, row = unhex(case), ROWS[case["hash"]]
    if "session_hash" in values:
        label, seed = b"extended master secret", values["session_hash"]
    else:
        label, seed = b"master secret", values["client_hello_random"] + values["server_hello_random"]
    master_secret = prf(row, values["premaster_secret"], label, seed, 48)
    assert master_secret == values["master_secret"]
    seed = values["server_random"] + values["client_random"]
    length = len(values["key_block"])
    assert prf(row, master_secret, b"key expansion", seed, length) == values["key_block"]


def test_keys_of_a_published_handshake() -> None:
    """The key block is cut into MAC keys, keys and IVs, the client's before the server's each time."""
    case = VECTORS["illustrated"]
    values, suite = unhex(case), suite12_named(case["suite"])
    randoms = values["client_random"] + values["server_random"]
    master_secret = prf(suite.prf_hash, values["premaster_secret"], b"master secret", randoms, 48)
    assert master_secret == values["master_secret"]
    assert suite.mac is not None
    parts = {
        "mac_key": suite.mac.digest_size,
        "key": suite.cipher.key_length,
        "iv": suite.cipher.fixed_iv_length,
    }
    randoms = values["server_random"] + values["client_random"]
    block = prf(suite.prf_hash, master_secret, b"key expansion", randoms, 2 * sum(parts.values()))
    at = 0
    for part, length in parts.items():
        for side in ("client", "server"):
            assert block[at : at + length] == values[f"{side}_write_{part}"], (side, part)
            at += length


@pytest.mark.parametrize("row", [SHA256, SHA384, HASHES["sha512"]], ids=lambda row: row.name)
def test_any_length_of_secret_and_output(row: HashAlgorithm) -> None:
    """The PRF takes secrets from none to more than a block and gives any number of bytes."""
    for secret_length in (0, 1, 48, row.block_size - 1, row.block_size, row.block_size + 1, 512):
        secret = bytes(number % 251 for number in range(secret_length))
        for length in (0, 1, 12, row.digest_size, row.digest_size + 1, 48, 260):
            wanted = p_hash(row.name, secret, b"a label and a seed", length)
            assert prf(row, secret, b"a label", b" and a seed", length) == wanted, (secret_length, length)


def test_odd_secrets_share_their_middle_byte() -> None:
    """In TLS 1.0 and 1.1 both halves of an odd secret have its middle byte (RFC 4346 §5)."""
    for secret_length in (0, 1, 2, 3, 47, 48, 49, 127, 128, 129, 255, 512):
        secret = bytes(number % 251 + 1 for number in range(secret_length))
        half = -(-secret_length // 2)
        first, second = secret[:half], secret[secret_length // 2 :]
        assert len(first) == len(second)
        for length in (0, 1, 12, 16, 20, 48, 104, 136):
            md5 = p_hash("md5", first, b"labelseed", length)
            sha1 = p_hash("sha1", second, b"labelseed", length)
            wanted = bytes(left ^ right for left, right in zip(md5, sha1, strict=True))
            assert prf(MD5_SHA1, secret, b"label", b"seed", length) == wanted, (secret_length, length)


def test_label_and_seed_are_one_string() -> None:
    """Only the two strings joined count, so no two labels of TLS may begin alike (RFC 5246 §5)."""
    for row in (SHA256, MD5_SHA1):
        assert prf(row, b"s", b"ab", b"c", 40) == prf(row, b"s", b"a", b"bc", 40)
        assert prf(row, b"s", b"ab", b"c", 40) != prf(row, b"s", b"ab", b"d", 40)
