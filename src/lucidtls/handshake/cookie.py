"""The cookie of a stateless HelloRetryRequest: what the client remembers for the server (RFC 9846 §4.3.2).

    version(1) issued(4, seconds) cipher suite(2) group(2, 0 for none) Hash(ClientHello1) HMAC-SHA256(32)

The cookie is authentic, not secret: nothing in it is unknown to the client. It is good for a minute, so
that a recorded one soon is worth nothing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from lucidtls.crypto.hashes import SHA256
from lucidtls.errors import IllegalParameter

LIFETIME: Final = 60
"""Seconds between the HelloRetryRequest and the second ClientHello."""

CLOCK_SKEW: Final = 10
"""Seconds by which the clocks of servers that share a cookie key may differ."""

_VERSION: Final = 1
_FIXED: Final = 1 + 4 + 2 + 2
_TAG: Final = 32


@dataclass(frozen=True, slots=True)
class Cookie:
    """What the server had decided when it asked for a second ClientHello."""

    issued: int
    cipher_suite: int
    group: int
    first_hello_hash: bytes

    def seal(self, key: bytes) -> bytes:
        """Encode and authenticate."""
        body = b"".join(
            (
                bytes((_VERSION,)),
                (self.issued & 0xFFFFFFFF).to_bytes(4),
                self.cipher_suite.to_bytes(2),
                self.group.to_bytes(2),
                self.first_hello_hash,
            )
        )
        return body + SHA256.hmac(key, body)


def open_cookie(key: bytes, sealed: bytes, now: int) -> Cookie:
    """Check and decode a cookie; `now` in seconds. IllegalParameter unless it is ours and fresh."""
    body, tag = sealed[:-_TAG], sealed[-_TAG:]
    if len(sealed) <= _FIXED + _TAG or not hmac.compare_digest(tag, SHA256.hmac(key, body)):
        raise IllegalParameter("the cookie is not one of ours", clause="RFC 9846 §4.3.2")
    cookie = Cookie(
        issued=int.from_bytes(body[1:5]),
        cipher_suite=int.from_bytes(body[5:7]),
        group=int.from_bytes(body[7:9]),
        first_hello_hash=body[_FIXED:],
    )
    # Seconds count modulo 2^32; the difference is small, of either sign.
    age = (now - cookie.issued + 2**31) % 2**32 - 2**31
    if body[0] != _VERSION or not -CLOCK_SKEW <= age <= LIFETIME:
        raise IllegalParameter("the cookie is too old", clause="RFC 9846 §4.3.2", age=age)
    return cookie
