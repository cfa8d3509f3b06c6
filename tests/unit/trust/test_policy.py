"""Certificate policies: what PKITS does not reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from lucidtls.trust import der
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY
from tests.certificates import Issued, chain, make_ca, make_leaf
from tests.unit.trust.judging import accepted, refused

WIDTH = 60


def policies(*oids: str) -> tuple[x509.ExtensionType, bool]:
    """Assert certificate policies."""
    information = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]
    return x509.CertificatePolicies(information), False


def mappings(*pairs: tuple[str, str]) -> tuple[x509.ExtensionType, bool]:
    """Map policies of the issuer's domain to those of the subject's."""
    encoded = [
        der.encode(0x30, der.object_identifier(one), der.object_identifier(other)) for one, other in pairs
    ]
    value = der.encode(0x30, *encoded)
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), value), False


def explicit() -> Any:
    """The default policy with an explicit certificate policy required."""
    return replace(DEFAULT_CERTIFICATE_POLICY, require_explicit_policy=True)


def test_policies_matter_only_when_required() -> None:
    """Without requirement a path with no policy in common is valid (RFC 5280 §6.1.5)."""
    root = make_ca("Root")
    issuer = make_ca("Issuer", root, extensions=[policies("1.2.3")])
    leaf = make_leaf(issuer, extensions=[policies("1.2.4")])
    accepted(chain(leaf), root)
    assert refused(chain(leaf), root, policy=explicit()).reason == "policy"


@pytest.mark.parametrize(("acceptable", "valid"), [("1.2.3", True), ("1.2.4", False), ("1.2.5", False)])
def test_the_acceptable_policies_are_those_of_the_anchors_domain(acceptable: str, valid: bool) -> None:
    """After a mapping the path is valid for the issuer's name of the policy, not for the subject's."""
    root = make_ca("Root")
    issuer = make_ca("Issuer", root, extensions=[policies("1.2.3"), mappings(("1.2.3", "1.2.4"))])
    leaf = make_leaf(issuer, extensions=[policies("1.2.4")])
    policy = replace(explicit(), acceptable_policies=frozenset({acceptable}))
    if valid:
        accepted(chain(leaf), root, policy=policy)
    else:
        refusal = refused(chain(leaf), root, policy=policy)
        assert (refusal.reason, refusal.fields["acceptable"]) == ("policy", [acceptable])


def test_another_path_may_have_the_policy() -> None:
    """A path that fails only for its policies gives way to one that does not."""
    root = make_ca("Root")
    without = make_ca("Issuer", root, extensions=[policies("1.2.9")])
    having = make_ca("Issuer", root, extensions=[policies("1.2.3")])
    leaf = make_leaf(having, extensions=[policies("1.2.3")])
    for sent in ((leaf.der, without.der, having.der), (leaf.der, having.der, without.der)):
        assert accepted(sent, root, policy=explicit()).path[1] == having.der


def test_mappings_cannot_blow_up() -> None:
    """Mappings of everything to everything, which make a tree grow exponentially, cost little in a graph."""
    names = [f"1.2.{number}" for number in range(1, 1 + WIDTH)]
    pairs = [(one, other) for one in names[:8] for other in names[:15]]
    above: Issued = make_ca("Root")
    root = above
    for depth in range(7):
        above = make_ca(f"Mapping {depth}", above, extensions=[policies(*names), mappings(*pairs)])
    leaf = make_leaf(above, extensions=[policies("1.2.1")])
    accepted(chain(leaf), root, policy=explicit())
    stranger = make_leaf(above, extensions=[policies("1.2.99")])
    assert refused(chain(stranger), root, policy=explicit()).reason == "policy"


@pytest.mark.parametrize(
    "value",
    [
        b"\x30\x00",
        b"\x30\x02\x30\x00",
        b"\x05\x00",
        b"",
        b"\x30\x04\x30\x02\x06\x00",
        b"\x30\x08\x30\x06\x06\x01\x80\x06\x01\x2a",
        b"\x30\x08\x30\x06\x02\x01\x2a\x06\x01\x2a",
        der.encode(0x30, der.encode(0x30, der.encode(0x06, b"\xff" * 60000, b"\x01"), b"\x06\x01\x2a")),
    ],
)
def test_malformed_mappings_refuse_the_authority(value: bytes) -> None:
    """A policyMappings extension that cannot be read makes the certificate malformed."""
    root = make_ca("Root")
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), value)
    issuer = make_ca("Issuer", root, extensions=[(odd, False)])
    assert refused(chain(make_leaf(issuer)), root).reason == "malformed"
