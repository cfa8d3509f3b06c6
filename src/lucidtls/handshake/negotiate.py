"""Choosing: pure functions from what both sides offer to what they share (RFC 9846 §4.2.1)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lucidtls.crypto.groups import Group
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import NegotiationFailure, NoApplicationProtocol, UnrecognizedName
from lucidtls.trust.advertised import Fit, fit_of_chain
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codepoints import CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, name_of


def choose_cipher_suite(
    ours: Sequence[CipherSuite], offered: Sequence[int], *, client_order: bool
) -> CipherSuite:
    """The first suite in common, in our order or the client's; raises NegotiationFailure."""
    if client_order:
        by_code = {suite.code: suite for suite in ours}
        for code in offered:
            if code in by_code:
                return by_code[code]
    else:
        for suite in ours:
            if suite.code in offered:
                return suite
    raise NegotiationFailure(
        "no cipher suite in common",
        offered=[name_of(CIPHER_SUITES, code) for code in offered],
        ours=[suite.name for suite in ours],
        clause="RFC 9846 §4.2.1",
    )


def choose_group(
    ours: Sequence[Group], offered: Sequence[int], shared: Collection[int], *, client_order: bool
) -> Group:
    """The group for the key exchange. `shared` are the groups the client sent a share for.

    A group with a share saves a round trip and goes before a better one without; only a group that resists
    quantum computers is worth the round trip when all shares are for groups that do not. Raises
    NegotiationFailure: "If there is no overlap between the received "supported_groups" and the groups
    supported by the server, then the server MUST abort the handshake with a "handshake_failure" or an
    "insufficient_security" alert." (RFC 9846 §4.2.1)
    """
    common = [group for group in ours if group.code in offered]
    if client_order:
        common.sort(key=lambda group: offered.index(group.code))
    if not common:
        raise NegotiationFailure(
            "no key exchange group in common",
            offered=[name_of(GROUPS, code) for code in offered],
            ours=[group.name for group in ours],
            clause="RFC 9846 §4.2.1",
        )
    resistant = [group for group in common if group.post_quantum]
    preferred = resistant or common
    for group in preferred:
        if group.code in shared:
            return group
    return preferred[0]


def choose_alpn(ours: Sequence[bytes], offered: Sequence[bytes] | None) -> bytes | None:
    """The first of our protocols that the client offers too; None when either side does not take part.

    "In the event that the server supports no protocols that the client advertises, then the server SHALL
    respond with a fatal "no_application_protocol" alert." (RFC 7301 §3.2)
    """
    if not ours or not offered:
        return None
    for protocol in ours:
        if protocol in offered:
            return protocol
    raise NoApplicationProtocol(
        "no application protocol in common", offered=list(offered), ours=list(ours), clause="RFC 7301 §3.2"
    )


def choose_scheme(credential: Credential, peers: Collection[int]) -> int | None:
    """The scheme to sign with: the credential's first that the peer accepts."""
    return next((code for code in credential.schemes if code in peers), None)


def choose_credential(
    credentials: Sequence[Credential],
    *,
    peers: Collection[int],
    in_certificates: Collection[int],
    server_name: str | None,
    authorities: Collection[bytes],
    require_known_name: bool = False,
) -> tuple[Credential, int]:
    """The credential to show and the scheme to sign with (RFC 9846 §4.5.1.2).

    Only credentials whose key the peer can verify count. Among them the name asked for weighs most, then
    a chain signed only as the peer accepts `in_certificates`, then one issued by one of the peer's
    authorities, then the order of the list. Raises NegotiationFailure or UnrecognizedName.
    """
    best: tuple[Credential, int] | None = None
    best_rank = (False, False, False)
    for credential in credentials:
        scheme = choose_scheme(credential, peers)
        fit = fit_of_chain(credential.chain, in_certificates)
        if scheme is None or fit is Fit.SHA1:
            continue
        named = server_name is not None and credential.matches_name(server_name)
        issued = not authorities or any(issuer in authorities for issuer in credential.issuers)
        rank = (named, fit is Fit.ADVERTISED, issued)
        if best is None or rank > best_rank:
            best, best_rank = (credential, scheme), rank
    if best is None:
        raise NegotiationFailure(
            "no credential of ours can sign with a scheme the peer accepts",
            offered=[name_of(SIGNATURE_SCHEMES, code) for code in peers],
            clause="RFC 9846 §4.3.3",
        )
    if require_known_name and server_name is not None and not best_rank[0]:
        raise UnrecognizedName(
            "no credential is for this server name", server_name=server_name, clause="RFC 6066 §3"
        )
    return best
