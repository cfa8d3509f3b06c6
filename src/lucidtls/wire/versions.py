"""Protocol versions by code point, and their names."""

from typing import Final

SSL30: Final = 0x0300
TLS10: Final = 0x0301
TLS11: Final = 0x0302
TLS12: Final = 0x0303
"""Also the legacy_version of every TLS 1.3 hello (RFC 9846 §4.2.2)."""

TLS13: Final = 0x0304

VERSION_NAMES: Final = {
    SSL30: "SSL 3.0",
    TLS10: "TLS 1.0",
    TLS11: "TLS 1.1",
    TLS12: "TLS 1.2",
    TLS13: "TLS 1.3",
}


def version_name(version: int) -> str:
    """A version's name, or its number when it has none."""
    return VERSION_NAMES.get(version) or f"unknown(0x{version:04x})"
