"""The generated tables of code points."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lucidtls import alerts
from lucidtls.wire import codepoint_notes, codepoints
from lucidtls.wire.codepoints import (
    ALERTS,
    CIPHER_SUITES,
    CONTENT_TYPES,
    EXTENSIONS,
    GROUPS,
    HANDSHAKE_TYPES,
    SIGNATURE_SCHEMES,
    ContentType,
    ExtensionType,
    HandshakeType,
    is_grease,
    name_of,
)

ROOT = Path(__file__).parent.parent.parent.parent


def generator() -> ModuleType:
    """Import scripts/generate_codepoints.py, which is in no package."""
    spec = importlib.util.spec_from_file_location(
        "generate_codepoints", ROOT / "scripts" / "generate_codepoints.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_the_modules_are_what_the_tables_say() -> None:
    """The names and codes in use are those of the checked-in tables of IANA's registries."""
    for path, text in generator().generate().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"run {path.name} through scripts/generate_codepoints.py"
        )


def test_the_code_points_of_tls_1_3() -> None:
    """The code points of RFC 9846 Appendix B, RFC 10024 and the ML-KEM and ML-DSA drafts have their names."""
    assert [name_of(CIPHER_SUITES, code) for code in range(0x1301, 0x1306)] == [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    ]
    assert [
        name_of(GROUPS, code) for code in (23, 24, 25, 29, 30, 256, 260, 512, 513, 514, 4587, 4588, 4589)
    ] == [
        "secp256r1",
        "secp384r1",
        "secp521r1",
        "x25519",
        "x448",
        "ffdhe2048",
        "ffdhe8192",
        "MLKEM512",
        "MLKEM768",
        "MLKEM1024",
        "SecP256r1MLKEM768",
        "X25519MLKEM768",
        "SecP384r1MLKEM1024",
    ]
    assert [
        name_of(SIGNATURE_SCHEMES, code) for code in (0x0403, 0x0804, 0x0807, 0x0809, 0x0904, 0x0905, 0x0906)
    ] == [
        "ecdsa_secp256r1_sha256",
        "rsa_pss_rsae_sha256",
        "ed25519",
        "rsa_pss_pss_sha256",
        "mldsa44",
        "mldsa65",
        "mldsa87",
    ]
    assert (ContentType.HANDSHAKE, HandshakeType.CLIENT_HELLO, ExtensionType.KEY_SHARE) == (22, 1, 51)


def test_old_suites_have_names_too() -> None:
    """An explanation of any ClientHello needs the names of all suites ever registered."""
    assert len(CIPHER_SUITES) > 350
    assert name_of(CIPHER_SUITES, 0xC02F) == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert name_of(CIPHER_SUITES, 0x000A) == "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
    assert name_of(CIPHER_SUITES, 0x00FF) == "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"
    assert name_of(CIPHER_SUITES, 0x5600) == "TLS_FALLBACK_SCSV"
    assert name_of(CIPHER_SUITES, 0xCCA9) == "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    assert name_of(CIPHER_SUITES, 0xD005) == "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256"


def test_alerts_agree_with_the_registry() -> None:
    """Each alert we know has the code and the name that IANA registered."""
    for code, alert in alerts.ALERTS.items():
        assert ALERTS[code] == alert.name


def test_grease_is_sixteen_values() -> None:
    """RFC 8701 §2 reserves sixteen two-byte values, 0x0A0A, 0x1A1A, ..., 0xFAFA."""
    found = [code for code in range(0x10000) if is_grease(code)]
    assert found == [0x1010 * high + 0x0A0A for high in range(16)]


@pytest.mark.parametrize("table", [CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, EXTENSIONS])
def test_no_code_point_is_registered_over_grease(table: dict[int, str]) -> None:
    """GREASE values are reserved in every two-byte registry, so none has another name."""
    assert not any(is_grease(code) for code in table)
    assert name_of(table, 0xDADA) == "GREASE(0xdada)"
    assert name_of(table, 0xF00F) == "unknown(0xf00f)"


@pytest.mark.parametrize("table", [ALERTS, HANDSHAKE_TYPES, CONTENT_TYPES])
def test_unknown_one_byte_codes_have_two_digits(table: dict[int, str]) -> None:
    """A code of a one-byte registry that has no name is shown as one byte."""
    assert name_of(table, 0xC8) == "unknown(0xc8)"
    assert name_of(table, 0x63) == "unknown(0x63)"


def test_every_name_has_its_notes() -> None:
    """For each code the notes say whether it is recommended and which document defines it."""
    names = [name for name in vars(codepoint_notes) if name.isupper()]
    assert len(names) == 7
    for name in names:
        notes = getattr(codepoint_notes, name)
        assert notes.keys() == getattr(codepoints, name).keys()
        assert {recommended for recommended, _ in notes.values()} <= {"Y", "N", "D", "-"}


def test_recommendations() -> None:
    """AEAD with ephemeral elliptic curves is recommended, RSA and finite-field key exchange discouraged."""
    suites = codepoint_notes.CIPHER_SUITES
    assert {code for code, (recommended, _) in suites.items() if recommended == "Y"} == {
        0x1301, 0x1302, 0x1303, 0x1304, 0xC02B, 0xC02C, 0xC02F, 0xC030,
        0xCCA8, 0xCCA9, 0xCCAC, 0xD001, 0xD002, 0xD005,
    }  # fmt: skip
    for code, name in CIPHER_SUITES.items():
        if name.startswith(("TLS_RSA_WITH", "TLS_DHE_", "TLS_DH_", "TLS_ECDH_")) and suites[code][0] != "-":
            assert suites[code][0] == "D", name
            assert "RFC 10015" in suites[code][1]
    groups = codepoint_notes.GROUPS
    assert {GROUPS[code] for code, (recommended, _) in groups.items() if recommended == "Y"} == {
        "secp256r1", "secp384r1", "x25519", "x448", "X25519MLKEM768",
    }  # fmt: skip
    assert codepoint_notes.EXTENSIONS[4] == ("D", "RFC 6066; RFC 9847")
