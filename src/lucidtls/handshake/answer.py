"""The server's side of the bargain: what it keeps meanwhile, what it reads in a ClientHello."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lucidtls.config import ServerConfig
from lucidtls.crypto.groups import Group
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import IllegalParameter, MissingExtension, UnsupportedVersion
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.negotiate import choose_alpn, choose_cipher_suite, choose_group
from lucidtls.wire.codepoints import GROUPS, name_of
from lucidtls.wire.extensions import ExtensionForm, ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.versions import TLS12


class ServerHandshake:
    """What a server flow knows beside its own locals."""

    __slots__ = ("channel", "config", "early_data_offered", "retried")

    def __init__(self, config: ServerConfig, channel: Channel) -> None:
        self.config = config
        self.channel = channel
        self.retried = False
        self.early_data_offered = False


@dataclass(slots=True)
class Choice:
    """What the server makes of a ClientHello; without a group, no fresh keys are made (psk_ke)."""

    suite: CipherSuite
    group: Group | None
    share: bytes | None
    alpn: bytes | None
    server_name: str | None
    schemes: Sequence[int]


def accept_hello_form(hello: ClientHello) -> None:
    """Check what every TLS 1.3 ClientHello must be like (RFC 9846 §4.2.2, §9.2)."""
    if hello.legacy_version != TLS12:
        # "A server which receives a legacy_version value not equal to 0x0303 MUST abort the handshake with a
        # "protocol_version" alert." (RFC 9846 §4.2.2)
        raise UnsupportedVersion(
            "a TLS 1.3 ClientHello must carry legacy_version 0x0303",
            version=hello.legacy_version,
            clause="RFC 9846 §4.2.2",
        )
    if hello.legacy_compression_methods != b"\0":
        raise IllegalParameter("a TLS 1.3 ClientHello offers compression", clause="RFC 9846 §4.2.2")
    extensions = hello.extensions
    if ch.PRE_SHARED_KEY in extensions:
        if ch.PSK_KEY_EXCHANGE_MODES not in extensions:
            raise MissingExtension("the hello offers a PSK and no way to use it", clause="RFC 9846 §4.3.9")
    else:
        for form in _WITHOUT_PSK:
            if form not in extensions:
                raise MissingExtension(
                    f"the ClientHello has no {form.name} extension", clause="RFC 9846 §9.2"
                )
    if (ch.SUPPORTED_GROUPS in extensions) != (ch.KEY_SHARE in extensions):
        # "If containing a "supported_groups" extension, it MUST also contain a "key_share" extension, and
        # vice versa." (RFC 9846 §9.2)
        raise MissingExtension("the ClientHello has groups or shares alone", clause="RFC 9846 §9.2")


_WITHOUT_PSK: tuple[ExtensionForm[Any], ...] = (ch.SUPPORTED_GROUPS, ch.SIGNATURE_ALGORITHMS)


def accept_shares(hello: ClientHello) -> dict[int, bytes]:
    """Return the client's key shares by group; refuse two for one group, and one for a group not offered.

    "Servers MAY check for violations of these rules and abort the handshake with an "illegal_parameter" alert
    if one is violated." (RFC 9846 §4.3.8)
    """
    groups = hello.extensions.get(ch.SUPPORTED_GROUPS)
    offered = frozenset(groups or ())
    shares: dict[int, bytes] = {}
    for entry in hello.extensions.get(ch.KEY_SHARE) or ():
        if entry.group in shares or entry.group not in offered:
            raise IllegalParameter(
                "the ClientHello has two key shares for one group, or one for a group it does not offer",
                group=name_of(GROUPS, entry.group),
                clause="RFC 9846 §4.3.8",
            )
        shares[entry.group] = entry.key_exchange
    return shares


def choose(config: ServerConfig, hello: ClientHello, *, fresh_keys: bool = True) -> Choice:
    """Choose suite, group and protocol; raises NegotiationFailure or NoApplicationProtocol.

    Without `fresh_keys` a PSK is to do alone, and no group is chosen.
    """
    accept_hello_form(hello)
    extensions = hello.extensions
    shares = accept_shares(hello)
    algorithms, client_order = config.algorithms, config.prefer_client_order
    suite = choose_cipher_suite(algorithms.cipher_suites, hello.cipher_suites, client_order=client_order)
    groups = extensions.get(ch.SUPPORTED_GROUPS) or ()
    schemes = extensions.get(ch.SIGNATURE_ALGORITHMS) or ()
    group: Group | None = None
    if fresh_keys:
        group = choose_group(algorithms.groups, groups, shares, client_order=client_order)
    return Choice(
        suite=suite,
        group=group,
        share=shares.get(group.code) if group is not None else None,
        alpn=choose_alpn(config.alpn_protocols, extensions.get(ch.ALPN)),
        server_name=extensions.get(ch.SERVER_NAME) or None,
        schemes=schemes,
    )
