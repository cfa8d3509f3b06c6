"""The cipher suites of TLS 1.2 and before, read from their IANA names, and each library's name for them.

Only the key exchanges, ciphers and MACs that lucidtls has: no EXPORT, DES, IDEA, SEED, Camellia, ARIA, DSS,
static (EC)DH, Kerberos or SRP. Nothing here comes from lucidtls's own table of suites, so that a wrong row
there cannot be tested with itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lucidtls.wire.codepoints import CIPHER_SUITES

TLS_10, TLS_11, TLS_12 = "TLS 1.0", "TLS 1.1", "TLS 1.2"
OLDER_VERSIONS = (TLS_10, TLS_11, TLS_12)

CERTIFICATE_EXCHANGES = ("RSA", "DHE_RSA", "ECDHE_RSA", "ECDHE_ECDSA", "RSA_PSK")
PSK_EXCHANGES = ("PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK")
ANONYMOUS_EXCHANGES = ("DH_anon", "ECDH_anon")
SIGNED_EXCHANGES = ("DHE_RSA", "ECDHE_RSA", "ECDHE_ECDSA")
KEY_EXCHANGES = ("RSA", "DHE_RSA", "ECDHE_RSA", "ECDHE_ECDSA", *PSK_EXCHANGES, *ANONYMOUS_EXCHANGES)

NAME = re.compile(
    rf"TLS_(?P<exchange>{'|'.join(KEY_EXCHANGES)}|PSK_DHE)_WITH_"
    r"(?P<cipher>AES_(?:128|256)_(?:CBC|GCM|CCM_8|CCM)|CHACHA20_POLY1305|3DES_EDE_CBC|RC4_128|NULL)"
    r"(?:_(?P<hash>MD5|SHA|SHA256|SHA384))?"
)
OPENSSL_EXCHANGES = {"RSA": "", "DH_anon": "ADH-", "ECDH_anon": "AECDH-"}
GNUTLS_EXCHANGES = {"DH_anon": "ANON-DH", "ECDH_anon": "ANON-ECDH"}
GNUTLS_CIPHERS = {"3DES_EDE_CBC": "3DES-CBC", "RC4_128": "ARCFOUR-128"}
GNUTLS_MACS = {"SHA": "SHA1", None: "AEAD"}


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite's parts, in the words of its IANA name."""

    code: int
    name: str
    exchange: str
    cipher: str
    hash: str | None  # as the name ends: the MAC of a CBC, stream or NULL suite, the PRF's hash of an AEAD

    @property
    def aead(self) -> bool:
        """Whether encryption and integrity are one algorithm."""
        return self.cipher.endswith(("GCM", "CCM", "CCM_8", "POLY1305"))

    @property
    def cbc(self) -> bool:
        """Whether encrypt-then-MAC means something for it (RFC 7366 §3)."""
        return self.cipher.endswith("CBC")

    @property
    def finite_field(self) -> bool:
        """Whether the key exchange is ephemeral Diffie-Hellman modulo a prime."""
        return self.exchange.startswith("DH")

    @property
    def elliptic_curve(self) -> bool:
        """Whether the key exchange is ephemeral Diffie-Hellman on a curve."""
        return self.exchange.startswith("ECDH")

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that may negotiate it.

        The SHA-256 and SHA-384 suites with a pre-shared key are for every version (RFC 5487 §3.1,
        RFC 5489 §2), the others of these hashes for TLS 1.2 alone (RFC 5246 §A.5, RFC 5289 §3.1).
        """
        if self.aead or (self.hash in {"SHA256", "SHA384"} and "PSK" not in self.exchange):
            return (TLS_12,)
        return OLDER_VERSIONS

    @property
    def openssl(self) -> str:
        """OpenSSL's name."""
        prefix = OPENSSL_EXCHANGES.get(self.exchange, self.exchange.replace("_", "-") + "-")
        if self.cipher == "CHACHA20_POLY1305":
            return prefix + "CHACHA20-POLY1305"
        if self.cipher == "3DES_EDE_CBC":
            return prefix + ("3DES-EDE-CBC-" if "PSK" in self.exchange else "DES-CBC3-") + str(self.hash)
        if not self.cipher.startswith("AES"):
            return f"{prefix}{self.cipher.replace('_128', '')}-{self.hash}"
        _, size, mode = self.cipher.split("_", 2)
        if mode != "CBC":
            ending = {"GCM": f"GCM-{self.hash}", "CCM": "CCM", "CCM_8": "CCM8"}[mode]
            return f"{prefix}AES{size}-{ending}"
        return f"{prefix}AES{size}-{'CBC-' if 'PSK' in self.exchange else ''}{self.hash}"

    @property
    def gnutls(self) -> tuple[str, str, str]:
        """GnuTLS's key exchange, cipher and MAC."""
        exchange = GNUTLS_EXCHANGES.get(self.exchange, self.exchange.replace("_", "-"))
        cipher = GNUTLS_CIPHERS.get(self.cipher, self.cipher.replace("_", "-"))
        mac = "AEAD" if self.aead else GNUTLS_MACS.get(self.hash, str(self.hash))
        return exchange, cipher, mac

    @property
    def java(self) -> str:
        """JSSE's name: suites as old as SSL 3.0 kept the prefix they had then."""
        old = self.cipher in {"3DES_EDE_CBC", "RC4_128", "NULL"} and self.hash in {"SHA", "MD5"}
        if old and not self.elliptic_curve and "PSK" not in self.exchange:
            return self.name.replace("TLS_", "SSL_", 1)
        return self.name

    @property
    def nss(self) -> str:
        """NSS's notation for its command lines."""
        return f":{self.code:04X}"


def _read(code: int, name: str) -> Suite | None:
    found = NAME.fullmatch(name)
    if found is None:
        return None
    exchange = found["exchange"].replace("PSK_DHE", "DHE_PSK")  # as IANA writes two of RFC 6655's
    return Suite(code, name, exchange, found["cipher"], found["hash"])


SUITES: Final = {
    suite.name: suite for suite in (_read(code, name) for code, name in CIPHER_SUITES.items()) if suite
}
BY_OPENSSL_NAME: Final = {suite.openssl: suite.name for suite in SUITES.values()}
BY_JAVA_NAME: Final = {suite.java: suite.name for suite in SUITES.values()}


def names_where(condition: Callable[[Suite], bool]) -> tuple[str, ...]:
    """Return the names of the suites for which a condition holds."""
    return tuple(suite.name for suite in SUITES.values() if condition(suite))
