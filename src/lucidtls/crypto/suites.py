"""Cipher suites of TLS 1.3: an AEAD for records and a hash for the key schedule (RFC 9846 Appendix B.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lucidtls.crypto import aead
from lucidtls.crypto.aead import AEADAlgorithm
from lucidtls.crypto.hashes import SHA256, SHA384, HashAlgorithm
from lucidtls.errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False)
class CipherSuite:
    """One cipher suite: its IANA code and name, its parts and the versions that may use it."""

    code: int
    name: str
    aead: AEADAlgorithm
    hash: HashAlgorithm
    versions: tuple[str, ...]
    source: str

    def available(self) -> bool:
        """Tell whether the cryptography library here can do it."""
        return self.aead.available()


_TLS13: Final = ("TLS 1.3",)

TLS_AES_128_GCM_SHA256 = CipherSuite(
    0x1301, "TLS_AES_128_GCM_SHA256", aead.AES_128_GCM, SHA256, _TLS13, "RFC 9846 Appendix B.4"
)
TLS_AES_256_GCM_SHA384 = CipherSuite(
    0x1302, "TLS_AES_256_GCM_SHA384", aead.AES_256_GCM, SHA384, _TLS13, "RFC 9846 Appendix B.4"
)
TLS_CHACHA20_POLY1305_SHA256 = CipherSuite(
    0x1303, "TLS_CHACHA20_POLY1305_SHA256", aead.CHACHA20_POLY1305, SHA256, _TLS13, "RFC 9846 Appendix B.4"
)
TLS_AES_128_CCM_SHA256 = CipherSuite(
    0x1304, "TLS_AES_128_CCM_SHA256", aead.AES_128_CCM, SHA256, _TLS13, "RFC 9846 Appendix B.4"
)
TLS_AES_128_CCM_8_SHA256 = CipherSuite(
    0x1305, "TLS_AES_128_CCM_8_SHA256", aead.AES_128_CCM_8, SHA256, _TLS13, "RFC 9846 Appendix B.4"
)

SUITES_13: Final[dict[int, CipherSuite]] = {
    row.code: row
    for row in (
        TLS_AES_128_GCM_SHA256,
        TLS_AES_256_GCM_SHA384,
        TLS_CHACHA20_POLY1305_SHA256,
        TLS_AES_128_CCM_SHA256,
        TLS_AES_128_CCM_8_SHA256,
    )
}

_BY_NAME: Final = {row.name: row for row in SUITES_13.values()}


def suite_named(name: str | int) -> CipherSuite:
    """Find a suite by its IANA name or its code; ConfigurationError when there is none."""
    row = SUITES_13.get(name) if isinstance(name, int) else _BY_NAME.get(name)
    if row is None:
        known = ", ".join(_BY_NAME)
        raise ConfigurationError(f"no TLS 1.3 cipher suite is called {name!r}; there are {known}")
    return row
