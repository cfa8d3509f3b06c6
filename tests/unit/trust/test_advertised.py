"""Whether our chain's signatures suit the peer (RFC 9846 §4.5.1.2)."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from lucidtls.crypto.signatures import scheme_named
from lucidtls.trust.advertised import Fit, fit_of_chain
from tests.certificates import chain, make_ca, make_leaf


def codes(*names: str) -> list[int]:
    """Return the code points of signature schemes."""
    return [scheme_named(name).code for name in names]


def test_every_signature_of_the_chain_counts() -> None:
    """A chain is advertised if the peer lists the algorithm of each signature in it."""
    root = make_ca("Root", key="rsa2048")
    issuer = make_ca("Issuer", root, key="p256")
    sent = chain(make_leaf(issuer, key="ed25519"))
    assert fit_of_chain(sent, codes("rsa_pkcs1_sha256", "ecdsa_secp256r1_sha256")) is Fit.ADVERTISED
    assert fit_of_chain(sent, codes("ecdsa_secp256r1_sha256", "ed25519")) is Fit.OTHER
    assert fit_of_chain(sent, codes("rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256")) is Fit.OTHER


def test_the_key_of_the_leaf_does_not_count() -> None:
    """What the leaf's key signs with is another question than what signed the leaf."""
    root = make_ca("Root", key="ed448")
    assert fit_of_chain(chain(make_leaf(root, key="p256")), codes("ed448")) is Fit.ADVERTISED


def test_self_signed_certificates_may_be_signed_with_anything() -> None:
    """A root in the chain, or a self-signed leaf, is not validated as part of it."""
    root = make_ca("Root", key="p384")
    issuer = make_ca("Issuer", root, key="p256", hash=hashes.SHA256())
    sent = chain(make_leaf(issuer), root=True)
    assert fit_of_chain(sent, codes("ecdsa_secp256r1_sha256")) is Fit.ADVERTISED
    assert fit_of_chain(chain(make_leaf(None, key="ed448")), []) is Fit.ADVERTISED


def test_certificates_that_cannot_be_read_are_passed_over() -> None:
    """Bytes that are no certificate have no signature to compare."""
    assert fit_of_chain((b"\x30\x00",), []) is Fit.ADVERTISED
