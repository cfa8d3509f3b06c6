"""Names of servers: what the application asks for, and whether a certificate presents it (RFC 9525)."""

from __future__ import annotations

import importlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lucidtls.errors import ConfigurationError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 1035 §3.1: 255 octets on the wire are 253 characters in text.
MAX_NAME_LENGTH: Final = 253
# Names are read once per connection by both sides; a process meets the same few over and over.
REMEMBERED_NAMES: Final = 512

# Letters, digits and hyphens (RFC 1123 §2.1), and the underscore that real names have.
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# A last label like this makes resolvers read the whole as an IPv4 address: 127.1, 0x7f000001.
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class DNSName:
    """A reference identifier of type DNS-ID: A-labels in lower case, no trailing dot."""

    value: str

    def __str__(self) -> str:
        return self.value

    @property
    def sni(self) -> str | None:
        """What the server_name extension carries (RFC 6066 §3)."""
        return self.value


@dataclass(frozen=True, slots=True)
class IPName:
    """A reference identifier of type IP-ID."""

    value: IPAddress

    def __str__(self) -> str:
        return str(self.value)

    @property
    def sni(self) -> str | None:
        """None: literal addresses are not sent in server_name (RFC 6066 §3)."""
        return None


ReferenceName = DNSName | IPName


@lru_cache(maxsize=REMEMBERED_NAMES)
def parse_server_name(name: str) -> ReferenceName:
    """Read what the application calls the server: a host name or an IP address (RFC 9525 §6.1.1).

    Addresses may stand in brackets and have a zone, which takes no part in the comparison. Names in other
    than ASCII letters need the `idna` extra, because the standard library's codec (IDNA 2003) maps some to
    another host. Raises ConfigurationError.
    """
    address = _address(name)
    if address is not None:
        return IPName(address)
    text = name if name.isascii() else _to_a_labels(name)
    text = text.lower().removesuffix(".")
    if len(text) > MAX_NAME_LENGTH:
        raise ConfigurationError(
            f"the server name is longer than {MAX_NAME_LENGTH} characters: {text[:60]!r}…"
        )
    labels = text.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ConfigurationError(f"{name!r} is not a host name: the label {label!r} is not valid")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        raise ConfigurationError(f"{name!r} is neither a host name nor an IP address in full form")
    return DNSName(text)


def _address(name: str) -> IPAddress | None:
    text = name[1:-1] if name[:1] == "[" and name[-1:] == "]" else name
    if ":" in text:
        text = text.partition("%")[0]
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _to_a_labels(name: str) -> str:
    try:
        idna = importlib.import_module("idna")
    except ImportError:
        message = f"the name {name!r} is not ASCII; install lucidtls[idna], or give it in its xn-- form"
        raise ConfigurationError(message) from None
    try:
        encoded: bytes = idna.encode(name, uts46=True, std3_rules=False)
    except (idna.IDNAError, UnicodeError) as error:
        raise ConfigurationError(f"{name!r} is not a valid internationalized name: {error}") from error
    return encoded.decode("ascii")


def presents_dns(reference: DNSName, presented: Iterable[str]) -> bool:
    """Tell whether one of the dNSName entries matches (RFC 9525 §6.3)."""
    wanted = reference.value
    _, dot, parent = wanted.partition(".")
    # "*.com" would stand for a whole registry, so a wildcard needs two labels to its right.
    wildcard = f"*.{parent}" if dot and "." in parent else None
    # ASCII letters alone are compared without regard to case (RFC 9525 §6.3): lower() would make a "k" of the
    # Kelvin sign.
    return any(name.isascii() and name.lower() in (wanted, wildcard) for name in presented)


def presents_address(reference: IPName, presented: Iterable[object]) -> bool:
    """Tell whether one of the iPAddress entries is the address, bit for bit (RFC 9525 §6.4)."""
    return reference.value in presented
