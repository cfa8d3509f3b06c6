"""The server's choice before TLS 1.3: a cipher suite, and all that its key exchange needs, as pure functions.

In these versions a suite names its key exchange and the kind of the certificate too. So suite, credential and
group are chosen together: the first suite in common for which the rest can be found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lucidtls.config import UNCOMPRESSED, ServerConfig
from lucidtls.crypto.ffdh import Field
from lucidtls.crypto.groups import SECP256R1, Group
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.errors import IllegalParameter, InsufficientSecurity, NegotiationFailure, UnrecognizedName
from lucidtls.handshake.authentication12 import KEY_KINDS, SHA1_SCHEMES, own_scheme
from lucidtls.handshake.exchange12 import METHODS
from lucidtls.handshake.negotiate import choose_alpn
from lucidtls.trust.advertised import Fit, fit_of_chain
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codepoints import CIPHER_SUITES, GROUPS, name_of
from lucidtls.wire.extensions import ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.versions import TLS12, VERSION_NAMES

RENEGOTIATION_SCSV = 0x00FF
"""TLS_EMPTY_RENEGOTIATION_INFO_SCSV: a suite that means an empty renegotiation_info (RFC 5746 §3.3)."""

_CURVE_CODES = {name: code for code, name in GROUPS.items()}

FFDHE_CODES = range(0x0100, 0x0200)
"""The codes of finite fields in supported_groups (RFC 7919 §2)."""


@dataclass(slots=True)
class Choice12:
    """What the server makes of a ClientHello; `scheme` is None where nothing is signed."""

    suite: CipherSuite12
    credential: Credential | None
    scheme: int | None
    group: Group | Field | None
    alpn: bytes | None
    server_name: str | None
    extended_master_secret: bool
    encrypt_then_mac: bool
    secure_renegotiation: bool


@dataclass(slots=True)
class ClientOffer:
    """What a ClientHello says to a server before TLS 1.3, in the form the choice needs.

    A hello may list tens of thousands of values, and the choice looks for many: so the lists are turned into
    tables here, once. `suites` and `groups` have each value's place.
    """

    version: int
    suites: Mapping[int, int]
    groups: Mapping[int, int] | None
    fields: frozenset[int]
    schemes: frozenset[int]
    server_name: str | None
    extended_master_secret: bool
    encrypt_then_mac: bool
    secure_renegotiation: bool


def read_offer(hello: ClientHello, version: int) -> ClientOffer:
    """Check what every ClientHello of these versions must be like, and note what it offers."""
    extensions = hello.extensions
    if 0 not in hello.legacy_compression_methods:
        # "This vector MUST contain, and all implementations MUST support, CompressionMethod.null."
        raise IllegalParameter("the client cannot do without compression", clause="RFC 5246 §7.4.1.2")
    formats = extensions.get(ch.EC_POINT_FORMATS)
    if formats is not None and UNCOMPRESSED not in formats:
        raise IllegalParameter("the client cannot read uncompressed points", clause="RFC 8422 §5.1.2")
    info = extensions.get(ch.RENEGOTIATION_INFO)
    if info:
        # "if it is not [empty], MUST abort the handshake" with handshake_failure (RFC 5746 §3.6)
        raise NegotiationFailure(
            "the client renegotiates a connection that does not exist", clause="RFC 5746 §3.6"
        )
    groups = extensions.get(ch.SUPPORTED_GROUPS)
    schemes = extensions.get(ch.SIGNATURE_ALGORITHMS)
    return ClientOffer(
        version=version,
        suites=_places(hello.cipher_suites),
        groups=_places(groups) if groups is not None else None,
        fields=frozenset(code for code in groups or () if code in FFDHE_CODES),
        schemes=frozenset(schemes or SHA1_SCHEMES),
        server_name=extensions.get(ch.SERVER_NAME) or None,
        extended_master_secret=ch.EXTENDED_MASTER_SECRET in extensions,
        encrypt_then_mac=ch.ENCRYPT_THEN_MAC in extensions,
        secure_renegotiation=info is not None or RENEGOTIATION_SCSV in hello.cipher_suites,
    )


def _places(codes: Sequence[int]) -> dict[int, int]:
    """Each code's first place in a list."""
    places: dict[int, int] = {}
    for place, code in enumerate(codes):
        places.setdefault(code, place)
    return places


def choose12(
    config: ServerConfig, hello: ClientHello, version: int, credentials: Sequence[Credential]
) -> Choice12:
    """Choose; raises NegotiationFailure, NoApplicationProtocol or UnrecognizedName."""
    offer = read_offer(hello, version)
    if config.master_secret_mode == "require" and not offer.extended_master_secret:
        raise NegotiationFailure(
            "the client does not know the extended main secret, which this server requires",
            clause="RFC 7627 §5.2",
        )
    without_field = False
    for suite in suites_in_common(config, offer):
        method = METHODS[suite.key_exchange]
        group = choose_parameters(config, offer, method.parameters)
        if method.parameters is not None and group is None:
            without_field = without_field or method.parameters == "dh"
            continue
        shown = choose_older_credential(config, offer, suite, credentials) if method.certificate else None
        if method.certificate and shown is None:
            continue
        credential, scheme = shown if shown is not None else (None, None)
        if config.require_known_name and offer.server_name is not None and credential is not None:
            _require_name(credential, offer.server_name)
        return Choice12(
            suite=suite,
            credential=credential,
            scheme=scheme,
            group=group,
            alpn=choose_alpn(config.alpn_protocols, hello.extensions.get(ch.ALPN)),
            server_name=offer.server_name,
            extended_master_secret=offer.extended_master_secret and config.master_secret_mode != "off",
            encrypt_then_mac=_macs_ciphertext(config, offer, suite),
            secure_renegotiation=offer.secure_renegotiation,
        )
    if without_field and offer.fields:
        # "none of the client's offered groups are acceptable by the server, and none of the client's proposed
        # non-FFDHE cipher suites are acceptable": insufficient_security (RFC 7919 §4)
        raise InsufficientSecurity(
            "the client's finite fields are not ours, and no other key exchange is left",
            offered=[name_of(GROUPS, code) for code in sorted(offer.fields)],
            clause="RFC 7919 §4",
        )
    raise NegotiationFailure(
        f"no cipher suite in common for {VERSION_NAMES[version]} that our certificates and groups can serve",
        offered=[name_of(CIPHER_SUITES, code) for code in offer.suites],
        ours=[suite.name for suite in config.algorithms.older_suites],
        clause="RFC 5246 §7.4.1.3",
    )


def _require_name(credential: Credential, server_name: str) -> None:
    if not credential.matches_name(server_name):
        raise UnrecognizedName(
            "no credential is for this server name", server_name=server_name, clause="RFC 6066 §3"
        )


def suites_in_common(config: ServerConfig, offer: ClientOffer) -> list[CipherSuite12]:
    """The suites both sides have for this version, in our order or the client's."""
    version = VERSION_NAMES[offer.version]
    common = [
        suite
        for suite in config.algorithms.older_suites
        if suite.code in offer.suites and version in suite.versions and _serves(config, offer, suite)
    ]
    if config.prefer_client_order:
        common.sort(key=lambda suite: offer.suites[suite.code])
    return common


def _serves(config: ServerConfig, offer: ClientOffer, suite: CipherSuite12) -> bool:
    """Whether a suite gives what the config insists on: a client's certificate, a MAC over the ciphertext."""
    method = METHODS[suite.key_exchange]
    if config.client_authentication == "require" and (method.psk or not method.certificate):
        return False
    return not (config.mac_mode == "require" and suite.cipher.kind == "block" and not offer.encrypt_then_mac)


def _macs_ciphertext(config: ServerConfig, offer: ClientOffer, suite: CipherSuite12) -> bool:
    return config.mac_mode != "off" and offer.encrypt_then_mac and suite.cipher.kind == "block"


def choose_parameters(config: ServerConfig, offer: ClientOffer, kind: str | None) -> Group | Field | None:
    """The curve or finite field for our share; None when there is none in common, or none is needed."""
    if kind == "ecdh":
        curves = [group for group in config.algorithms.older_groups if group.kind == "ecdhe"]
        # A client without the extension leaves the choice to the server (RFC 8422 §4); P-256 is the curve
        # that every such client knows.
        offered: Mapping[int, int] = {SECP256R1.code: 0} if offer.groups is None else offer.groups
        common = [group for group in curves if group.code in offered]
        if config.prefer_client_order:
            common.sort(key=lambda group: offered[group.code])
        return common[0] if common else None
    if kind != "dh":
        return None
    fields = [group for group in config.algorithms.older_groups if group.kind == "ffdhe"]
    if offer.fields:
        # "If none of the [named] groups are acceptable, the server MUST NOT select an FFDHE cipher suite"
        # (RFC 7919 §4).
        return next((group for group in fields if group.code in offer.fields), None)
    if config.own_field is not None:
        return config.own_field
    return fields[0] if fields else None


def choose_older_credential(
    config: ServerConfig, offer: ClientOffer, suite: CipherSuite12, credentials: Sequence[Credential]
) -> tuple[Credential, int | None] | None:
    """The credential for a suite, and the scheme to sign with; None when no credential fits.

    Among those that fit, the name asked for weighs most, then a chain signed as the client accepts.
    """
    best: tuple[Credential, int | None] | None = None
    best_rank = (False, False)
    method = METHODS[suite.key_exchange]
    for credential in credentials:
        if credential.key_kind not in KEY_KINDS[suite.authentication] or not _on_known_curve(
            credential, offer
        ):
            continue
        scheme: int | None = None
        if method.encrypted:
            if not credential.can_decrypt:
                continue
        else:
            scheme = own_scheme(config, offer.version, credential, offer.schemes)
            if scheme is None:
                continue
        fit = fit_of_chain(credential.chain, offer.schemes) if offer.version >= TLS12 else Fit.ADVERTISED
        if fit is Fit.SHA1:
            continue
        rank = (credential.matches_name(offer.server_name), fit is Fit.ADVERTISED)
        if best is None or rank > best_rank:
            best, best_rank = (credential, scheme), rank
    return best


def _on_known_curve(credential: Credential, offer: ClientOffer) -> bool:
    """Whether the client can use an ECDSA key's curve (RFC 8422 §5.3)."""
    curve = getattr(getattr(credential.public_key, "curve", None), "name", None)
    return curve is None or offer.groups is None or _CURVE_CODES.get(curve) in offer.groups
