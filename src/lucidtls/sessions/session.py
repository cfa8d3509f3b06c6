"""A session as its client keeps it: all that a later connection needs to go on where this one began."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, fields
from typing import Any, Final

from lucidtls.errors import ConfigurationError

FORMAT: Final = "lucidtls session 1"
"""The first field of a serialised session. What has another is of another version, or something else."""

MAX_SERIALISED: Final = 1_000_000
"""Bytes of a serialised session: a ticket of 64 KiB and the longest chain that is accepted by default fit."""

MAX_SESSION_AGE: Final = 604_800
"""Seconds after the full handshake at which every session ends: "Clients MUST NOT use tickets for longer than
7 days after issuance" (RFC 9846 §4.7.1), and renewing them must not stretch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a client remembers of a connection to resume it.

    `ticket` is what the server gave; in TLS 1.2 and before it may be empty, and `session_id` then says which
    session is meant. `secret` is the ticket's PSK in TLS 1.3 (RFC 9846 §4.7.1), the main secret before (48
    bytes). `lifetime` is in seconds; `received_at` and `authenticated_at` come from the config's clock, as
    seconds since the epoch: when the ticket came, and when a full handshake last showed who the server is.

    `scope` is the config's (`session_scope`), and `peer_chain` what the server showed then (DER, leaf first).
    `not_after` is when the certificate ends that was verified, or None.
    """

    version: str
    cipher_suite: str
    secret: bytes = field(repr=False)
    ticket: bytes = field(repr=False)
    lifetime: int
    received_at: float
    authenticated_at: float
    server_name: str | None
    scope: str = ""
    session_id: bytes = b""
    age_add: int = field(default=0, repr=False)
    max_early_data: int = 0
    alpn: str | None = None
    extended_master_secret: bool = True
    peer_chain: tuple[bytes, ...] = field(default=(), repr=False)
    not_after: float | None = None

    @property
    def single_use(self) -> bool:
        """Whether it serves one connection only: "Clients SHOULD NOT reuse a ticket" (RFC 9846 §C.4)."""
        return self.version == "TLS 1.3"

    @property
    def expires_at(self) -> float:
        """The end of the ticket, of the certificate, or of 7 days: whichever is first."""
        end = min(self.received_at + self.lifetime, self.authenticated_at + MAX_SESSION_AGE)
        return end if self.not_after is None else min(end, self.not_after)

    def usable_at(self, now: float) -> bool:
        """Whether it may be offered at this moment; not before it was received, should a clock go back."""
        return self.received_at <= now < self.expires_at

    def serialise(self) -> bytes:
        """The session as JSON, secret included: whoever reads it can take the client's place."""
        values = {row.name: _to_json(getattr(self, row.name)) for row in fields(self)}
        return json.dumps({"format": FORMAT, **values}, separators=(",", ":")).encode()

    @classmethod
    def deserialise(cls, data: bytes) -> Session:
        """Read what `serialise` wrote; raises ConfigurationError for anything else."""
        try:
            if len(data) > MAX_SERIALISED:
                raise ValueError("it is too long")
            values = json.loads(data)
            if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
                raise ValueError("it is of another format or version")
            return cls(**{name: _from_json(name, value) for name, value in values.items()})
        except (ValueError, TypeError, RecursionError) as error:
            raise ConfigurationError(f"this is no session that can be used: {error}") from None

    def describe(self) -> dict[str, Any]:
        """What a person may see of it: everything but the secret, the ticket and the certificates."""
        return {
            "version": self.version,
            "cipher_suite": self.cipher_suite,
            "server_name": self.server_name,
            "alpn": self.alpn,
            "lifetime": self.lifetime,
            "received_at": self.received_at,
            "authenticated_at": self.authenticated_at,
            "expires_at": self.expires_at,
            "max_early_data": self.max_early_data,
            "extended_master_secret": self.extended_master_secret,
            "ticket_length": len(self.ticket),
            "certificates": len(self.peer_chain),
            "scope": self.scope,
        }


_BYTES: Final = {"secret": (1, 255), "ticket": (0, 2**16 - 1), "session_id": (0, 32)}
_VERSIONS: Final[frozenset[Any]] = frozenset(("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"))
_TEXTS: Final = ("version", "cipher_suite", "scope")
_NUMBERS: Final = {"lifetime": MAX_SESSION_AGE, "age_add": 2**32 - 1, "max_early_data": 2**32 - 1}
_MOMENTS: Final = ("received_at", "authenticated_at", "not_after")


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return [b64encode(der).decode() for der in value] if isinstance(value, tuple) else value


def _from_json(name: str, value: Any) -> Any:
    """Check one field; ValueError or TypeError when it cannot be."""
    if name in _BYTES:
        data = b64decode(value, validate=True)
        if not _BYTES[name][0] <= len(data) <= _BYTES[name][1]:
            raise ValueError(f"{name} is of an impossible length")
        return data
    if name == "peer_chain":
        return tuple(b64decode(der, validate=True) for der in value)
    optional = name in ("server_name", "alpn", "not_after")
    if optional and value is None:
        return None
    if name in (*_TEXTS, "server_name", "alpn"):
        kind: Any = str
    elif name == "extended_master_secret":
        kind = bool
    else:
        kind = (int, float) if name in _MOMENTS else int
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} is of the wrong kind")
    _check_range(name, value)
    return value


def _check_range(name: str, value: Any) -> None:
    """Check a field of the right kind; raises ValueError."""
    if name == "version" and value not in _VERSIONS:
        raise ValueError("it is of an unknown version")
    if name in (*_TEXTS, "server_name", "alpn"):
        value.encode()  # What JSON can escape and no name has raises a ValueError.
    if name in _NUMBERS and not 0 <= value <= _NUMBERS[name]:
        raise ValueError(f"{name} is out of range")
    if name in _MOMENTS and not 0 <= value < 2**40:
        raise ValueError(f"{name} is no moment")
