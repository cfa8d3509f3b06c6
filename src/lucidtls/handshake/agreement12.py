"""The client's part in agreeing on a premaster secret before TLS 1.3 (RFC 5246 §7.4.3, §7.4.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from lucidtls.config import ClientConfig
from lucidtls.crypto.dh12 import CheckedParameters, check_parameters, respond_to_parameters
from lucidtls.crypto.groups import Group
from lucidtls.crypto.keys import describe_key, key_kind_of
from lucidtls.crypto.rsa import encrypt_premaster, make_premaster
from lucidtls.errors import IllegalParameter, InsufficientSecurity, NegotiationFailure
from lucidtls.events import PskIdentityWanted
from lucidtls.handshake.exchange12 import Terms, with_psk
from lucidtls.trust.certificate import leaf_public_key
from lucidtls.wire.codepoints import GROUPS as GROUP_NAMES
from lucidtls.wire.codepoints import name_of
from lucidtls.wire.messages12 import ClientKeyExchange, DHParameters, ECDHParameters, ServerKeyExchange

SMALLEST_RSA: Final = 1024
"""Bits of the smallest RSA key a premaster secret is encrypted with; verifiers usually want 2048."""


@dataclass(slots=True)
class ServerShare:
    """What a ServerKeyExchange brought, checked: a share in a curve or a finite field, and a PSK hint."""

    group_name: str | None
    group: Group | None = None
    parameters: CheckedParameters | None = None
    public: bytes = b""
    hint: bytes | None = None


@dataclass(slots=True)
class Answer:
    """Our ClientKeyExchange, and the secret it leads to."""

    message: ClientKeyExchange
    premaster: bytes = field(repr=False)
    psk_identity: bytes | None = None


def accept_server_share(config: ClientConfig, message: ServerKeyExchange) -> ServerShare:
    """Check a share: the curve was offered; the field is strong enough and the value in range.

    A server that was made to choose a small field (Logjam, CVE-2015-4000) is refused here.
    """
    parameters, hint = message.parameters, message.identity_hint
    match parameters:
        case ECDHParameters(group=code, public=public):
            for group in config.algorithms.older_groups:
                if group.code == code and group.kind == "ecdhe":
                    return ServerShare(group.name, group=group, public=public, hint=hint)
            raise IllegalParameter(
                "the server uses a curve that we did not offer",
                group=name_of(GROUP_NAMES, code),
                clause="RFC 8422 §5.4",
            )
        case DHParameters(p=p, g=g, public=public):
            found = check_parameters(p, g, public, config.minimum_dh_bits)
            return ServerShare(found.field.name, parameters=found, public=public, hint=hint)
        case None:
            return ServerShare(None, hint=hint)


async def answer_share(
    config: ClientConfig,
    terms: Terms,
    chain: tuple[bytes, ...],
    share: ServerShare | None,
    offered_version: int,
) -> Answer:
    """Make our ClientKeyExchange and the premaster secret.

    `offered_version` is that of our ClientHello: it goes into an RSA premaster secret, so that nobody can
    lower the version on the way unseen (RFC 5246 §7.4.7.1).
    """
    secret, exchange = _own_share(config, terms, chain, share, offered_version)
    kind = terms.client_key_exchange.exchange
    if not terms.method.psk:
        assert secret is not None, "only a PSK can be alone"
        return Answer(ClientKeyExchange(None, exchange, kind), secret)
    psk = await PskIdentityWanted(share.hint if share is not None else None)
    if psk is None or psk.imported:
        # A key that is for importing serves for nothing else (RFC 9258 §4).
        raise NegotiationFailure(
            "there is no pre-shared key for this server", hint=share and share.hint, clause="RFC 4279 §2"
        )
    premaster = with_psk(secret, psk.key)
    return Answer(ClientKeyExchange(psk.identity, exchange, kind), premaster, psk.identity)


def _own_share(
    config: ClientConfig,
    terms: Terms,
    chain: tuple[bytes, ...],
    share: ServerShare | None,
    offered_version: int,
) -> tuple[bytes | None, bytes | None]:
    """The secret and what the server needs to find it too; nothing and nothing with plain PSK."""
    if terms.method.encrypted:
        premaster = make_premaster(offered_version, config.random)
        key: Any = leaf_public_key(chain[0])
        if key_kind_of(key) != "rsa":
            # A key for id-RSASSA-PSS signs and does nothing else (RFC 4055 §1.2).
            raise IllegalParameter(
                "the certificate's key cannot encrypt", key=describe_key(key), clause="RFC 5246 §7.4.2"
            )
        if key.key_size < SMALLEST_RSA:
            # An export-grade key, factored in hours (FREAK, CVE-2015-0204), whatever a verifier says of it.
            raise InsufficientSecurity(
                "the server's RSA key is too short to keep a secret",
                key=describe_key(key),
                clause="RFC 5246 §7.4.2",
            )
        try:
            return premaster, encrypt_premaster(key, premaster)
        except ValueError:
            raise IllegalParameter(
                "nothing can be encrypted with the server's RSA key",
                key=describe_key(key),
                clause="RFC 5246 §7.4.7.1",
            ) from None
    if share is None or not share.public:
        return None, None
    if share.group is not None:
        own = share.group.generate(config.random)
        return own.complete(share.public), own.share
    assert share.parameters is not None, "a share is in a curve or in a field"
    public, secret = respond_to_parameters(share.parameters.field, share.public, config.random)
    return secret, public
