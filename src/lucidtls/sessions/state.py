"""A session as its server keeps it, in a ticket or in a cache: the state that resumption needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lucidtls.errors import DecodeError
from lucidtls.wire.codec import Reader, u8, u16, u32, vector8, vector16, vector24

FORMAT: Final = 1
"""Of `SessionState.body`. A state of another format is no session."""

MAX_CHAIN: Final = 16_384
"""Bytes of a client's chain that a state carries: with more there is no ticket, which has to fit a hello."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """What the server remembers of a connection.

    `secret` is the ticket's PSK in TLS 1.3, the main secret before. `issued_at` and `authenticated_at` are
    seconds since the epoch: when the ticket was made, and when the last full handshake took place.
    `peer_chain` is the client's certificate chain, if it showed one (DER, leaf first).
    """

    version: int
    cipher_suite: int
    secret: bytes = field(repr=False)
    issued_at: float
    authenticated_at: float
    lifetime: int
    scope: str
    server_name: str | None
    alpn: bytes | None
    age_add: int = field(default=0, repr=False)
    max_early_data: int = 0
    extended_master_secret: bool = True
    peer_chain: tuple[bytes, ...] = ()

    def body(self) -> bytes:
        """Encode; times are kept to the millisecond."""
        name = b"" if self.server_name is None else self.server_name.encode("ascii")
        return b"".join(
            (
                u8(FORMAT),
                u16(self.version),
                u16(self.cipher_suite),
                vector8(self.secret),
                int(self.issued_at * 1000).to_bytes(8),
                int(self.authenticated_at * 1000).to_bytes(8),
                u32(self.lifetime),
                u32(self.age_add),
                u32(self.max_early_data),
                u8(self.extended_master_secret),
                vector8(self.scope.encode()),
                vector16(name),
                vector8(self.alpn or b""),
                vector24(b"".join([vector24(der) for der in self.peer_chain])),
            )
        )

    @classmethod
    def read(cls, data: bytes) -> SessionState | None:
        """Decode; None for anything but a state of this format."""
        reader = Reader(data, "SessionState")
        try:
            if reader.u8("format") != FORMAT:
                return None
            return _read(reader)
        except DecodeError:
            return None


def _read(reader: Reader) -> SessionState:
    version, suite = reader.u16("version"), reader.u16("cipher_suite")
    secret = reader.vector8("secret", 1)
    issued_at = int.from_bytes(reader.take(8, "issued_at")) / 1000
    authenticated_at = int.from_bytes(reader.take(8, "authenticated_at")) / 1000
    lifetime, age_add = reader.u32("lifetime"), reader.u32("age_add")
    max_early_data, extended = reader.u32("max_early_data"), reader.u8("extended_master_secret")
    scope, name, alpn = reader.vector8("scope"), reader.vector16("server_name"), reader.vector8("alpn")
    listed = reader.reader24("peer_chain")
    chain: list[bytes] = []
    while listed.position < listed.end:
        chain.append(listed.vector24("certificate", 1))
    reader.finish()
    return SessionState(
        version=version,
        cipher_suite=suite,
        secret=secret,
        issued_at=issued_at,
        authenticated_at=authenticated_at,
        lifetime=lifetime,
        age_add=age_add,
        max_early_data=max_early_data,
        extended_master_secret=bool(extended),
        scope=scope.decode("utf-8", "replace"),
        server_name=name.decode("ascii", "replace") or None,
        alpn=alpn or None,
        peer_chain=tuple(chain),
    )
