"""Whether a chain is signed only with algorithms that a peer says it accepts (RFC 9846 §4.5.1.2)."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from functools import lru_cache

from lucidtls.crypto.signatures import SIGNATURE_SCHEMES
from lucidtls.trust.algorithms import SIGNATURE_ALGORITHMS, SignatureAlgorithm
from lucidtls.trust.certificate import Unreadable, parse_certificate


class Fit(Enum):
    """How a chain's signatures suit a peer, best first."""

    ADVERTISED = "every signature is one the peer accepts"
    OTHER = "the peer may not know one of the signatures"
    SHA1 = "one of the signatures uses SHA-1 or MD5, and the peer does not say that it takes those"


def fit_of_chain(chain: tuple[bytes, ...], accepted: Collection[int]) -> Fit:
    """Compare a chain's signatures with a peer's signature_algorithms_cert (or signature_algorithms).

    "Certificates that are self-signed or certificates that are expected to be trust anchors are not validated
    as part of the chain and therefore MAY be signed with any algorithm." (RFC 9846 §4.5.1.2)
    """
    fit = Fit.ADVERTISED
    for schemes, weak in _signatures_of(chain):
        if not schemes.isdisjoint(accepted):
            continue
        # "This fallback chain MUST NOT use the deprecated SHA-1 hash, unless the client specifically
        # advertises that it is willing to accept SHA-1." (RFC 9846 §4.5.1.2)
        if weak:
            return Fit.SHA1
        fit = Fit.OTHER
    return fit


@lru_cache(maxsize=64)
def _signatures_of(chain: tuple[bytes, ...]) -> tuple[tuple[frozenset[int], bool], ...]:
    """Per certificate that is not self-signed: what its signature may be called, and whether it is weak."""
    found: list[tuple[frozenset[int], bool]] = []
    for data in chain:
        try:
            certificate = parse_certificate(data)
        except Unreadable:
            continue
        row = SIGNATURE_ALGORITHMS.get(certificate.signature_algorithm)
        if row is not None and not certificate.self_issued:
            found.append((_scheme_codes(row), row.hash_name in ("sha1", "md5")))
    return tuple(found)


def _scheme_codes(row: SignatureAlgorithm) -> frozenset[int]:
    """The TLS code points of a certificate signature; for ECDSA by hash alone, not by the issuer's curve."""
    return frozenset(
        scheme.code
        for scheme in SIGNATURE_SCHEMES.values()
        if scheme.key_kind in row.keys
        and (scheme.hash is None or scheme.hash.name == row.hash_name)
        and (row.name.startswith("rsassaPss") == scheme.name.startswith("rsa_pss"))
    )
