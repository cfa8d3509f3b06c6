"""The server's part in agreeing on a premaster secret before TLS 1.3 (RFC 5246 §7.4.3, §7.4.7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lucidtls.config import ServerConfig
from lucidtls.crypto.agreements import FiniteFieldAgreement
from lucidtls.crypto.dh12 import FieldExchange
from lucidtls.crypto.ffdh import Field
from lucidtls.crypto.groups import Group
from lucidtls.crypto.rsa import PREMASTER_LENGTH, choose_premaster
from lucidtls.events import DecryptionWanted, PreSharedKey, PskWanted, is_psk
from lucidtls.handshake.exchange12 import Terms, with_psk
from lucidtls.trust.credentials import Credential
from lucidtls.wire.messages12 import ClientKeyExchange, DHParameters, ECDHParameters

UNKNOWN_PSK_LENGTH: Final = 32
"""Bytes of the random key that stands in for one that nobody knows."""


@dataclass(slots=True)
class OwnShare:
    """Our share, and what turns the client's into the secret; None where no shares take part."""

    parameters: DHParameters | ECDHParameters | None = None
    group_name: str | None = None
    complete: Callable[[bytes], bytes] | None = field(default=None, repr=False)


def make_share(config: ServerConfig, chosen: Group | Field | None) -> OwnShare:
    """Make a fresh key pair in the curve or field chosen: no key serves two connections (RFC 9846 §4.3.8)."""
    if chosen is None:
        return OwnShare()
    if not isinstance(chosen, Group):
        return _make_field_share(config, chosen)
    if isinstance(chosen.agreement, FiniteFieldAgreement):
        return _make_field_share(config, chosen.agreement.field)
    own = chosen.generate(config.random)
    return OwnShare(ECDHParameters(chosen.code, own.share), chosen.name, own.complete)


def _make_field_share(config: ServerConfig, chosen: Field) -> OwnShare:
    own = FieldExchange(chosen, config.random)
    parameters = DHParameters(
        chosen.prime.to_bytes(chosen.length),
        chosen.generator.to_bytes(-(-chosen.generator.bit_length() // 8)),
        own.public,
    )
    return OwnShare(parameters, chosen.name, own.complete)


async def take_premaster(
    config: ServerConfig,
    terms: Terms,
    credential: Credential | None,
    share: OwnShare,
    message: ClientKeyExchange,
    offered_version: int,
) -> bytes:
    """Find the premaster secret that the client's message leads to.

    `offered_version` is that of the ClientHello. What is wrong with an encrypted premaster secret, or with
    the name of a pre-shared key, is never said: the handshake goes on with a secret that nobody knows, and
    ends at the client's Finished (RFC 5246 §7.4.7.1, RFC 4279 §2).
    """
    exchange = message.exchange or b""
    secret: bytes | None = None
    if terms.method.encrypted:
        assert credential is not None, "a suite that encrypts has a certificate"
        fallback = config.random(PREMASTER_LENGTH)
        try:
            decrypted = await DecryptionWanted(exchange, credential)
        except Exception:  # noqa: BLE001 - whatever it is, to show it would be Bleichenbacher's oracle
            decrypted = None
        secret = choose_premaster(decrypted, fallback, offered_version)
    elif share.complete is not None:
        secret = share.complete(exchange)
    if not terms.method.psk:
        assert secret is not None, "only a PSK can be alone"
        return secret
    stand_in = config.random(UNKNOWN_PSK_LENGTH)
    psk = await PskWanted(message.identity or b"")
    if isinstance(psk, PreSharedKey):
        # A key that is for importing serves for nothing else (RFC 9258 §3).
        psk = None if psk.imported else psk.key
    # What cannot be a key is no key: an empty one would let everybody in, and an error would tell which
    # identities there are.
    return with_psk(secret, psk if is_psk(psk) else stand_in)
