"""Cipher suites of TLS 1.2 and before: what their names say, held against the tables of the RFCs."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Never

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from lucidtls.crypto import suites12
from lucidtls.crypto.aead import AES_128_GCM, CHACHA20_POLY1305
from lucidtls.crypto.hashes import MD5, HashAlgorithm
from lucidtls.crypto.suite_names import SUITE_NAMES
from lucidtls.crypto.suites import SUITES_13
from lucidtls.crypto.suites12 import SUITES_12, CipherSuite12, RecordCipher, suite12_named
from lucidtls.errors import ConfigurationError

REGISTRY = Path(__file__).parents[3] / "scripts" / "iana" / "cipher_suites.csv"

# Typed from the RFCs: code, name, key exchange, certificate, cipher, MAC, PRF of TLS 1.2, first version.
TABLES = {
    "RFC 5246": """
    0001 TLS_RSA_WITH_NULL_MD5                          RSA       RSA   NULL              md5    sha256 1.0
    0002 TLS_RSA_WITH_NULL_SHA                          RSA       RSA   NULL              sha1   sha256 1.0
    003B TLS_RSA_WITH_NULL_SHA256                       RSA       RSA   NULL              sha256 sha256 1.2
    0004 TLS_RSA_WITH_RC4_128_MD5                       RSA       RSA   RC4-128           md5    sha256 1.0
    0005 TLS_RSA_WITH_RC4_128_SHA                       RSA       RSA   RC4-128           sha1   sha256 1.0
    000A TLS_RSA_WITH_3DES_EDE_CBC_SHA                  RSA       RSA   3DES-CBC          sha1   sha256 1.0
    002F TLS_RSA_WITH_AES_128_CBC_SHA                   RSA       RSA   AES-128-CBC       sha1   sha256 1.0
    0035 TLS_RSA_WITH_AES_256_CBC_SHA                   RSA       RSA   AES-256-CBC       sha1   sha256 1.0
    003C TLS_RSA_WITH_AES_128_CBC_SHA256                RSA       RSA   AES-128-CBC       sha256 sha256 1.2
    003D TLS_RSA_WITH_AES_256_CBC_SHA256                RSA       RSA   AES-256-CBC       sha256 sha256 1.2
    0016 TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA              DHE       RSA   3DES-CBC          sha1   sha256 1.0
    0033 TLS_DHE_RSA_WITH_AES_128_CBC_SHA               DHE       RSA   AES-128-CBC       sha1   sha256 1.0
    0039 TLS_DHE_RSA_WITH_AES_256_CBC_SHA               DHE       RSA   AES-256-CBC       sha1   sha256 1.0
    0067 TLS_DHE_RSA_WITH_AES_128_CBC_SHA256            DHE       RSA   AES-128-CBC       sha256 sha256 1.2
    006B TLS_DHE_RSA_WITH_AES_256_CBC_SHA256            DHE       RSA   AES-256-CBC       sha256 sha256 1.2
    0018 TLS_DH_anon_WITH_RC4_128_MD5                   DH_anon   anon  RC4-128           md5    sha256 1.0
    001B TLS_DH_anon_WITH_3DES_EDE_CBC_SHA              DH_anon   anon  3DES-CBC          sha1   sha256 1.0
    0034 TLS_DH_anon_WITH_AES_128_CBC_SHA               DH_anon   anon  AES-128-CBC       sha1   sha256 1.0
    006D TLS_DH_anon_WITH_AES_256_CBC_SHA256            DH_anon   anon  AES-256-CBC       sha256 sha256 1.2
    """,
    "RFC 4279": """
    008A TLS_PSK_WITH_RC4_128_SHA                       PSK       PSK   RC4-128           sha1   sha256 1.0
    008B TLS_PSK_WITH_3DES_EDE_CBC_SHA                  PSK       PSK   3DES-CBC          sha1   sha256 1.0
    0090 TLS_DHE_PSK_WITH_AES_128_CBC_SHA               DHE_PSK   PSK   AES-128-CBC       sha1   sha256 1.0
    0095 TLS_RSA_PSK_WITH_AES_256_CBC_SHA               RSA_PSK   RSA   AES-256-CBC       sha1   sha256 1.0
    """,
    "RFC 4785": """
    002C TLS_PSK_WITH_NULL_SHA                          PSK       PSK   NULL              sha1   sha256 1.0
    002E TLS_RSA_PSK_WITH_NULL_SHA                      RSA_PSK   RSA   NULL              sha1   sha256 1.0
    """,
    "RFC 8422": """
    C006 TLS_ECDHE_ECDSA_WITH_NULL_SHA                  ECDHE     ECDSA NULL              sha1   sha256 1.0
    C008 TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA          ECDHE     ECDSA 3DES-CBC          sha1   sha256 1.0
    C009 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA           ECDHE     ECDSA AES-128-CBC       sha1   sha256 1.0
    C00A TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA           ECDHE     ECDSA AES-256-CBC       sha1   sha256 1.0
    C011 TLS_ECDHE_RSA_WITH_RC4_128_SHA                 ECDHE     RSA   RC4-128           sha1   sha256 1.0
    C013 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA             ECDHE     RSA   AES-128-CBC       sha1   sha256 1.0
    C014 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA             ECDHE     RSA   AES-256-CBC       sha1   sha256 1.0
    C018 TLS_ECDH_anon_WITH_AES_128_CBC_SHA             ECDH_anon anon  AES-128-CBC       sha1   sha256 1.0
    """,
    "RFC 5288": """
    009C TLS_RSA_WITH_AES_128_GCM_SHA256                RSA       RSA   AES-128-GCM       -      sha256 1.2
    009D TLS_RSA_WITH_AES_256_GCM_SHA384                RSA       RSA   AES-256-GCM       -      sha384 1.2
    009E TLS_DHE_RSA_WITH_AES_128_GCM_SHA256            DHE       RSA   AES-128-GCM       -      sha256 1.2
    00A7 TLS_DH_anon_WITH_AES_256_GCM_SHA384            DH_anon   anon  AES-256-GCM       -      sha384 1.2
    """,
    "RFC 5289": """
    C023 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256        ECDHE     ECDSA AES-128-CBC       sha256 sha256 1.2
    C024 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384        ECDHE     ECDSA AES-256-CBC       sha384 sha384 1.2
    C028 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384          ECDHE     RSA   AES-256-CBC       sha384 sha384 1.2
    C02B TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256        ECDHE     ECDSA AES-128-GCM       -      sha256 1.2
    C02C TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384        ECDHE     ECDSA AES-256-GCM       -      sha384 1.2
    C02F TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256          ECDHE     RSA   AES-128-GCM       -      sha256 1.2
    C030 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384          ECDHE     RSA   AES-256-GCM       -      sha384 1.2
    """,
    "RFC 5487": """
    00A8 TLS_PSK_WITH_AES_128_GCM_SHA256                PSK       PSK   AES-128-GCM       -      sha256 1.2
    00AD TLS_RSA_PSK_WITH_AES_256_GCM_SHA384            RSA_PSK   RSA   AES-256-GCM       -      sha384 1.2
    00AE TLS_PSK_WITH_AES_128_CBC_SHA256                PSK       PSK   AES-128-CBC       sha256 sha256 1.0
    00AF TLS_PSK_WITH_AES_256_CBC_SHA384                PSK       PSK   AES-256-CBC       sha384 sha384 1.0
    00B0 TLS_PSK_WITH_NULL_SHA256                       PSK       PSK   NULL              sha256 sha256 1.0
    00B5 TLS_DHE_PSK_WITH_NULL_SHA384                   DHE_PSK   PSK   NULL              sha384 sha384 1.0
    00B6 TLS_RSA_PSK_WITH_AES_128_CBC_SHA256            RSA_PSK   RSA   AES-128-CBC       sha256 sha256 1.0
    """,
    "RFC 5489": """
    C033 TLS_ECDHE_PSK_WITH_RC4_128_SHA                 ECDHE_PSK PSK   RC4-128           sha1   sha256 1.0
    C034 TLS_ECDHE_PSK_WITH_3DES_EDE_CBC_SHA            ECDHE_PSK PSK   3DES-CBC          sha1   sha256 1.0
    C037 TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256          ECDHE_PSK PSK   AES-128-CBC       sha256 sha256 1.0
    C038 TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384          ECDHE_PSK PSK   AES-256-CBC       sha384 sha384 1.0
    C03B TLS_ECDHE_PSK_WITH_NULL_SHA384                 ECDHE_PSK PSK   NULL              sha384 sha384 1.0
    """,
    "RFC 6655": """
    C09C TLS_RSA_WITH_AES_128_CCM                       RSA       RSA   AES-128-CCM       -      sha256 1.2
    C09F TLS_DHE_RSA_WITH_AES_256_CCM                   DHE       RSA   AES-256-CCM       -      sha256 1.2
    C0A1 TLS_RSA_WITH_AES_256_CCM_8                     RSA       RSA   AES-256-CCM-8     -      sha256 1.2
    C0A8 TLS_PSK_WITH_AES_128_CCM_8                     PSK       PSK   AES-128-CCM-8     -      sha256 1.2
    C0AA TLS_PSK_DHE_WITH_AES_128_CCM_8                 DHE_PSK   PSK   AES-128-CCM-8     -      sha256 1.2
    """,
    "RFC 7251": """
    C0AC TLS_ECDHE_ECDSA_WITH_AES_128_CCM               ECDHE     ECDSA AES-128-CCM       -      sha256 1.2
    C0AF TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8             ECDHE     ECDSA AES-256-CCM-8     -      sha256 1.2
    """,
    "RFC 7905": """
    CCA8 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256    ECDHE     RSA   ChaCha20-Poly1305 -      sha256 1.2
    CCA9 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256  ECDHE     ECDSA ChaCha20-Poly1305 -      sha256 1.2
    CCAA TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256      DHE       RSA   ChaCha20-Poly1305 -      sha256 1.2
    CCAE TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256      RSA_PSK   RSA   ChaCha20-Poly1305 -      sha256 1.2
    """,
    "RFC 8442": """
    D001 TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256          ECDHE_PSK PSK   AES-128-GCM       -      sha256 1.2
    D002 TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384          ECDHE_PSK PSK   AES-256-GCM       -      sha384 1.2
    D003 TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256        ECDHE_PSK PSK   AES-128-CCM-8     -      sha256 1.2
    """,
}
LINES = [(source, *line.split()) for source, table in TABLES.items() for line in table.strip().splitlines()]


def parts(suite: CipherSuite12) -> tuple[str, ...]:
    """Write a suite as one line of the tables above."""
    mac = "-" if suite.mac is None else suite.mac.name
    return (
        suite.source,
        f"{suite.code:04X}",
        suite.name,
        suite.key_exchange,
        suite.authentication,
        suite.cipher.name,
        mac,
        suite.prf_hash.name,
        suite.versions[0].removeprefix("TLS "),
    )


@pytest.mark.parametrize("line", LINES, ids=lambda line: str(line[2]))
def test_suites_are_what_the_rfcs_say(line: tuple[str, ...]) -> None:
    """A suite's name, code, parts and first version are those of the RFC that defines it."""
    assert parts(SUITES_12[int(line[1], 16)]) == line
    assert suite12_named(line[2]) is suite12_named(int(line[1], 16))


def test_versions_have_no_holes() -> None:
    """A suite that an old version of TLS has, every later one before TLS 1.3 has too."""
    versions = ("TLS 1.0", "TLS 1.1", "TLS 1.2")
    assert {suite.versions for suite in SUITES_12.values()} == {versions, versions[2:]}


def test_every_suite_of_our_parts_is_there_and_no_other() -> None:
    """Of the registry's suites before TLS 1.3 just those are made that need no part unknown here."""
    key_exchanges = r"((DHE_|ECDHE_)?(RSA|PSK)|ECDHE_ECDSA|RSA_PSK|PSK_DHE|(DH|ECDH)_anon)"
    ciphers = r"(AES_(128|256)_(CBC|GCM|CCM|CCM_8)|3DES_EDE_CBC|RC4_128|NULL|CHACHA20_POLY1305)"
    form = re.compile(rf"TLS_{key_exchanges}_WITH_{ciphers}(_(MD5|SHA|SHA256|SHA384))?")
    with REGISTRY.open(newline="", encoding="ascii") as file:
        wanted = {
            int(row["code"], 0): row["name"] for row in csv.DictReader(file) if form.fullmatch(row["name"])
        }
    assert {code: suite.name for code, suite in SUITES_12.items()} == wanted
    assert len(SUITES_12) == 123
    assert not SUITES_12.keys() & SUITES_13.keys()


@pytest.mark.parametrize(
    "name",
    [
        "TLS_RSA_EXPORT_WITH_RC4_40_MD5",
        "TLS_RSA_WITH_DES_CBC_SHA",
        "TLS_DHE_DSS_WITH_AES_128_CBC_SHA",
        "TLS_DH_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA",
        "TLS_RSA_WITH_SEED_CBC_SHA",
        "TLS_RSA_WITH_ARIA_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_OLD",
        "TLS_NULL_WITH_NULL_NULL",
    ],
)
def test_export_and_other_suites_are_unknown(name: str) -> None:
    """Export, single-DES and static DH suites cannot be asked for at all, by whatever policy."""
    assert name in {known for known, _ in SUITE_NAMES.values()}
    with pytest.raises(ConfigurationError, match=r"no cipher suite of TLS 1\.2 or before is called"):
        suite12_named(name)


def test_codes_without_a_suite() -> None:
    """A signalling value and a suite of TLS 1.3 are no suites of TLS 1.2."""
    for code in (0x00FF, 0x5600, 0x1301, 0x0000):
        with pytest.raises(ConfigurationError):
            suite12_named(code)


# RFC 5246 Appendix C: key material, IV and block size; MACs' lengths are the hashes'. The AEADs are from
# RFC 5288 §3, RFC 6655 §3 and RFC 7905 §2: fixed and explicit parts of the nonce, and the tag.
LENGTHS = {
    "NULL": ("stream", 0, 0, 0, 0),
    "RC4-128": ("stream", 16, 0, 0, 0),
    "3DES-CBC": ("block", 24, 8, 0, 8),
    "AES-128-CBC": ("block", 16, 16, 0, 16),
    "AES-256-CBC": ("block", 32, 16, 0, 16),
    "AES-128-GCM": ("aead", 16, 4, 8, 0),
    "AES-256-GCM": ("aead", 32, 4, 8, 0),
    "AES-128-CCM": ("aead", 16, 4, 8, 0),
    "AES-256-CCM": ("aead", 32, 4, 8, 0),
    "AES-128-CCM-8": ("aead", 16, 4, 8, 0),
    "AES-256-CCM-8": ("aead", 32, 4, 8, 0),
    "ChaCha20-Poly1305": ("aead", 32, 12, 0, 0),
}
CIPHERS = {suite.cipher.name: suite.cipher for suite in SUITES_12.values()}


def test_lengths_of_keys_and_nonces() -> None:
    """The key block is cut by the lengths that RFC 5246 Appendix C and the AEADs' RFCs give."""
    assert {
        name: (
            row.kind,
            row.key_length,
            row.fixed_iv_length,
            row.explicit_nonce_length,
            row.block_length,
        )
        for name, row in CIPHERS.items()
    } == LENGTHS
    macs = {suite.mac for suite in SUITES_12.values() if suite.mac is not None}
    assert {row.name: row.digest_size for row in macs} == {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}


@pytest.mark.parametrize("row", CIPHERS.values(), ids=lambda row: row.name)
def test_an_aead_has_its_algorithm_and_nothing_else_has(row: RecordCipher) -> None:
    """Every suite has a MAC or an AEAD, and an AEAD works with the key and nonce lengths of its row."""
    macs = {suite.mac is None for suite in SUITES_12.values() if suite.cipher is row}
    assert macs == {row.kind == "aead"}
    assert row.available()
    if row.aead is None:
        return
    assert row.fixed_iv_length + row.explicit_nonce_length == row.aead.nonce_length
    assert (row.key_length, row.record_limit) == (row.aead.key_length, row.aead.record_limit)
    sealed = row.aead.new(bytes(row.key_length)).encrypt(bytes(12), b"data", b"")
    assert len(sealed) == 4 + row.aead.tag_length == 4 + (8 if row.name.endswith("-8") else 16)


def test_known_answer_of_aes_256_ccm() -> None:
    """AES-256-CCM, which TLS 1.3 does not have, gives NIST's answer (CAVP VNT256, Nlen 12, count 50)."""
    algorithm = CIPHERS["AES-256-CCM"].aead
    assert algorithm is not None
    key = algorithm.new(bytes.fromhex("d6ff67379a2ead2ca87aa4f29536258f9fb9fc2e91b0ed18e7b9f5df332dd1dc"))
    nonce = bytes.fromhex("2f1d0717a822e20c7cd28f0a")
    aad = bytes.fromhex("d50741d34c8564d92f396b97be782923ff3c855ea9757bde419f632c83997630")
    plaintext = bytes.fromhex("98626ffc6c44f13c964e7fcb7d16e988990d6d063d012d33")
    tag = "481dcb9fefb85c05"
    wanted = bytes.fromhex("50e22db70ac2bab6d6af7059c90d00fbf0fb52eee5eb650e08aca7dec636170f" + tag)
    assert key.encrypt(nonce, plaintext, aad) == wanted
    assert key.decrypt(nonce, wanted, aad) == plaintext


def test_how_much_one_key_protects() -> None:
    """A key is given up before equal blocks become likely (CBC) or its stream can be told apart (RC4)."""
    record = 2**14
    for name, row in CIPHERS.items():
        if row.block_length:
            blocks, bits = row.record_limit * record // row.block_length, 8 * row.block_length
            margin = bits + 1 - 2 * (blocks.bit_length() - 1)
            assert margin == (11 if name == "3DES-CBC" else 57), name
    assert CIPHERS["RC4-128"].record_limit * record == 2**30
    assert CIPHERS["3DES-CBC"].record_limit * record == 2**30
    assert CIPHERS["AES-128-GCM"].record_limit == AES_128_GCM.record_limit
    assert CIPHERS["ChaCha20-Poly1305"].record_limit == CHACHA20_POLY1305.record_limit == 2**64 - 1
    assert CIPHERS["NULL"].record_limit == 2**64 - 1


def test_suites_without_weakness() -> None:
    """Only ephemeral elliptic curves with an AEAD have nothing against them."""
    assert {suite.name for suite in SUITES_12.values() if not suite.weaknesses} == {
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256",
        "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
    }


WEAKNESSES = {
    "TLS_RSA_WITH_AES_128_GCM_SHA256": ("RSA key exchange", "no forward secrecy"),
    "TLS_RSA_WITH_RC4_128_MD5": ("RSA key exchange", "no forward secrecy", "RC4", "MD5"),
    "TLS_RSA_PSK_WITH_NULL_SHA": ("RSA key exchange", "no forward secrecy", "no encryption"),
    "TLS_PSK_WITH_AES_128_GCM_SHA256": ("no forward secrecy",),
    "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256": ("finite-field DHE",),
    "TLS_DHE_PSK_WITH_AES_128_CBC_SHA": ("finite-field DHE", "CBC"),
    "TLS_DH_anon_WITH_AES_128_GCM_SHA256": ("nobody is authenticated", "finite-field DHE"),
    "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA": ("nobody is authenticated", "CBC", "64-bit blocks"),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": ("CBC",),
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8": ("64-bit tag",),
}


@pytest.mark.parametrize(("name", "wanted"), WEAKNESSES.items())
def test_weaknesses_are_named(name: str, wanted: tuple[str, ...]) -> None:
    """What is wrong with a suite is said in words: its key exchange first, then cipher and MAC."""
    suite = suite12_named(name)
    assert suite.weaknesses == wanted
    assert suite.forward_secret == ("no forward secrecy" not in wanted)


def test_forward_secrecy_is_that_of_the_key_exchange() -> None:
    """Ephemeral Diffie-Hellman keeps old sessions secret; RSA and plain PSK do not."""
    secret = {suite.key_exchange for suite in SUITES_12.values() if suite.forward_secret}
    assert secret == {"DHE", "ECDHE", "DHE_PSK", "ECDHE_PSK", "DH_anon", "ECDH_anon"}
    others = {suite.key_exchange for suite in SUITES_12.values() if not suite.forward_secret}
    assert others == {"RSA", "PSK", "RSA_PSK"}


def test_what_the_libraries_lack_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """RC4 and 3DES are offered only where OpenSSL still has them, and MD5 not in FIPS mode."""

    def missing(*_: object) -> Never:
        raise UnsupportedAlgorithm("not in this build")

    def forbidden(data: bytes) -> Never:
        raise ValueError("disabled for FIPS")

    assert all(suite.available() for suite in SUITES_12.values())
    suite = suite12_named("TLS_RSA_WITH_RC4_128_MD5")
    monkeypatch.setitem(suites12._DECREPIT, "RC4-128", missing)
    assert not replace(suite.cipher).available()
    assert not replace(suite, cipher=replace(suite.cipher)).available()
    aead = replace(AES_128_GCM, new=missing)
    assert not replace(CIPHERS["AES-128-GCM"], aead=aead).available()
    fips: HashAlgorithm = replace(MD5, new=forbidden)
    assert not replace(suite, mac=fips).available()
