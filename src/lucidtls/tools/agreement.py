"""What the two hellos and the messages after them settled, read from what a connection's tracer kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lucidtls.crypto.suites12 import SUITES_12, CipherSuite12
from lucidtls.events import Negotiated
from lucidtls.tools.watch import Watcher
from lucidtls.trace import Direction
from lucidtls.wire.codepoints import CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, name_of
from lucidtls.wire.extensions import sh, sh12
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages12 import DHParameters, ECDHParameters
from lucidtls.wire.versions import TLS12, TLS13, version_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What is settled so far. None is what is not known yet, or has no meaning in this version.

    `group` and `signature` are those of the server's key exchange, by name. `weaknesses` are plain words.
    """

    version: int
    cipher_suite: str
    key_exchange: str | None = None
    group: str | None = None
    signature: str | None = None
    extended_master_secret: bool | None = None
    encrypt_then_mac: bool | None = None
    secure_renegotiation: bool | None = None
    weaknesses: tuple[str, ...] = ()

    @property
    def version_name(self) -> str:
        """The version as people write it."""
        return version_name(self.version)

    def as_json(self) -> dict[str, Any]:
        """What only older versions have, for JSON; null and empty in TLS 1.3."""
        return {
            "key_exchange": self.key_exchange,
            "ems": self.extended_master_secret,
            "etm": self.encrypt_then_mac,
            "secure_renegotiation": self.secure_renegotiation,
            "weaknesses": list(self.weaknesses),
        }


def agreement_of(watcher: Watcher, negotiated: Negotiated | None = None) -> Agreement | None:
    """Read what a client received, or a server sent; None before there is a ServerHello."""
    way: Direction = "received" if watcher.role == "client" else "sent"
    hello = watcher.find(way, "ServerHello")
    if hello is None:
        return None
    if sh.SUPPORTED_VERSIONS.code in hello.extensions:
        return _newer(watcher, way, hello)
    return _older(watcher, way, hello, negotiated)


def _newer(watcher: Watcher, way: Direction, hello: ServerHello) -> Agreement:
    share = hello.extensions.get(sh.KEY_SHARE)
    verify = watcher.find(way, "CertificateVerify")
    return Agreement(
        version=TLS13,
        cipher_suite=name_of(CIPHER_SUITES, hello.cipher_suite),
        group=name_of(GROUPS, share.group) if share is not None else None,
        signature=name_of(SIGNATURE_SCHEMES, verify.scheme) if verify is not None else None,
    )


def _older(watcher: Watcher, way: Direction, hello: ServerHello, negotiated: Negotiated | None) -> Agreement:
    extensions, suite = hello.extensions, SUITES_12.get(hello.cipher_suite)
    exchange = watcher.find(way, "ServerKeyExchange")
    signature = name_of(SIGNATURE_SCHEMES, exchange.scheme) if exchange and exchange.scheme else None
    if negotiated is not None and watcher.role == "client":
        # Before TLS 1.2 no message names the scheme.
        signature = negotiated.signature_scheme
    agreed = Agreement(
        version=hello.legacy_version,
        cipher_suite=name_of(CIPHER_SUITES, hello.cipher_suite),
        key_exchange=suite.key_exchange if suite is not None else None,
        group=negotiated.group if negotiated is not None else _group_text(exchange),
        signature=signature,
        extended_master_secret=sh12.EXTENDED_MASTER_SECRET in extensions,
        encrypt_then_mac=_macs_ciphertext(suite, hello),
        secure_renegotiation=sh12.RENEGOTIATION_INFO in extensions,
    )
    return replace(agreed, weaknesses=tuple(_weaknesses(agreed, suite)))


def _group_text(exchange: Any) -> str | None:
    match exchange.parameters if exchange is not None else None:
        case ECDHParameters(group=code):
            return name_of(GROUPS, code)
        case DHParameters(p=p):
            return f"a field of {int.from_bytes(p).bit_length()} bits"
        case _:
            return None


def _macs_ciphertext(suite: CipherSuite12 | None, hello: ServerHello) -> bool | None:
    """Only a CBC suite has a choice of what its MAC covers (RFC 7366 §1)."""
    if suite is None or suite.cipher.kind != "block":
        return None
    return sh12.ENCRYPT_THEN_MAC in hello.extensions


def _weaknesses(agreed: Agreement, suite: CipherSuite12 | None) -> Iterator[str]:
    if agreed.version < TLS12:
        yield f"{agreed.version_name} is withdrawn"
    yield from suite.weaknesses if suite is not None else ()
    if not agreed.extended_master_secret:
        yield "no extended main secret"
    if agreed.encrypt_then_mac is False:
        yield "the MAC is not over the ciphertext"
    if not agreed.secure_renegotiation:
        yield "no secure renegotiation"
