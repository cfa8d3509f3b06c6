"""Name constraints, form by form (RFC 5280 §4.2.1.10)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.trust.constraints import (
    address_within,
    dns_touches,
    dns_within,
    email_touches,
    email_within,
    read_dns,
    read_mailbox,
    read_uri,
    uri_touches,
    uri_within,
)
from lucidtls.trust.distinguished import canonical_name, is_within
from tests.certificates import Issued, chain, make_ca, make_leaf, name_of, resign, tbs_contents
from tests.unit.trust.judging import accepted, refused


@pytest.mark.parametrize(
    ("name", "base", "within"),
    [
        ("host.example.org", "host.example.org", True),
        ("www.host.example.org", "host.example.org", True),
        ("host1.example.org", "host.example.org", False),
        ("xhost.example.org", "host.example.org", False),
        ("HOST.example.org", "host.EXAMPLE.org", True),
        ("example.org", ".example.org", False),
        ("www.example.org", ".example.org", True),
        ("www.example.org.", "example.org", True),
        ("anything.example", "", True),
        ("*.example.org", "example.org", True),
        ("*.example.org", "www.example.org", False),
    ],
)
def test_dns_subtrees(name: str, base: str, within: bool) -> None:
    """A DNS name is in a subtree if labels were added to its left; a leading dot asks for at least one."""
    assert dns_within(read_dns(name), read_dns(base)) is within


@pytest.mark.parametrize(
    ("name", "base", "touches"),
    [
        ("*.example.org", "www.example.org", True),
        ("*.example.org", ".www.example.org", True),
        ("*.example.org", "example.org", True),
        ("*.example.org", "a.www.example.org", False),
        ("*.example.org", "example.com", False),
        ("www.example.org", "mail.example.org", False),
    ],
)
def test_a_wildcard_may_not_reach_into_an_excluded_subtree(name: str, base: str, touches: bool) -> None:
    """A wildcard that stands for an excluded name, among others, is excluded."""
    assert dns_touches(read_dns(name), read_dns(base)) is touches


@pytest.mark.parametrize(
    ("mailbox", "base", "within"),
    [
        ("root@example.org", "root@example.org", True),
        ("Root@example.org", "root@example.org", False),
        ("root@EXAMPLE.org", "root@example.ORG", True),
        ("root@example.org", "example.org", True),
        ("root@mail.example.org", "example.org", False),
        ("root@mail.example.org", ".example.org", True),
        ("root@example.org", ".example.org", False),
        ("no mailbox", "example.org", False),
        ('"odd@local"@example.org', "example.org", True),
    ],
)
def test_email_subtrees(mailbox: str, base: str, within: bool) -> None:
    """A constraint on mail is a mailbox, a host, or with a leading dot a domain; hosts ignore case.

    Where names are excluded, the local part ignores it too, and what is no mailbox is excluded.
    """
    name, constraint = read_mailbox(mailbox), read_mailbox(base)
    assert email_within(name, constraint) is within
    assert email_touches(name, constraint) is (within or "@" not in mailbox or mailbox.lower() == base)


@pytest.mark.parametrize(
    ("address", "network", "within"),
    [
        ("192.0.2.7", "192.0.2.0/24", True),
        ("192.0.3.7", "192.0.2.0/24", False),
        ("::ffff:192.0.2.7", "192.0.2.0/24", False),
        ("2001:db8::7", "2001:db8::/32", True),
    ],
)
def test_address_subtrees(address: str, network: str, within: bool) -> None:
    """An address is in a network of its own version."""
    assert address_within(ip_address(address), ip_network(network)) is within


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("https://www.example.org/path?query", "www.example.org"),
        ("https://user@WWW.example.org:8443", "www.example.org"),
        ("https://192.0.2.7/", None),
        ("https://[2001:db8::7]/", None),
        ("https://[broken", None),
        ("urn:uuid:1234", None),
        ("https://localhost/", None),
    ],
)
def test_only_uris_with_a_host_name_can_be_constrained(uri: str, host: str | None) -> None:
    """A URI without a fully qualified host name MUST be rejected under a constraint on URIs."""
    assert read_uri(uri) == host
    assert uri_within(host, "www.example.org") is (host is not None)
    assert uri_touches(host, "other.example.org") is (host is None)


def under(
    constraint: str, bases: tuple[object, ...], *names: str | x509.GeneralName
) -> tuple[Issued, Issued]:
    """Make a root whose intermediate has a name constraint, and a leaf below."""
    root = make_ca("Root")
    choices: dict[str, Any] = {constraint: bases}
    issuer = make_ca("Constrained", root, **choices)
    return make_leaf(issuer, "www.example.org", *names), root


def directory(name: str, organization: str) -> x509.DirectoryName:
    """Make a directory name with an organization."""
    return x509.DirectoryName(name_of(name, organization))


EMAIL_HOST = x509.RFC822Name("example.org")
URI_HOST = x509.UniformResourceIdentifier("www.example.org")

ALLOWED = [
    ("permitted", ("example.org",), ()),
    ("permitted", ("192.0.2.0/24",), ("192.0.2.7",)),
    ("permitted", ("192.0.2.0/24",), ()),
    ("permitted", (EMAIL_HOST,), ("root@example.org",)),
    ("permitted", (URI_HOST,), ("https://www.example.org/",)),
    ("permitted", (x509.DirectoryName(name_of("")),), ()),
    ("excluded", ("example.com", "192.0.2.0/24"), ("198.51.100.1",)),
    ("excluded", (directory("Other", "Example"),), ()),
    ("excluded", (x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),), ()),
]
FORBIDDEN = [
    ("permitted", ("example.com",), ()),
    ("permitted", ("192.0.2.0/24",), ("198.51.100.1",)),
    ("permitted", ("192.0.2.0/24",), ("2001:db8::1",)),
    ("permitted", (EMAIL_HOST,), ("root@mail.example.org",)),
    ("permitted", (URI_HOST,), ("https://192.0.2.7/",)),
    ("permitted", (directory("", "Example"),), ()),
    ("excluded", ("www.example.org",), ()),
    ("excluded", (x509.DirectoryName(name_of("leaf")),), ()),
    ("excluded", (x509.DirectoryName(name_of("LEAF ")),), ()),
    ("excluded", (URI_HOST,), ("https://localhost/",)),
    ("permitted", (directory("", "Example"),), (directory("x", "Other"),)),
    (
        "excluded",
        (x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),),
        (x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),),
    ),
]


@pytest.mark.parametrize(("constraint", "bases", "names"), ALLOWED)
def test_names_inside_the_constraints(
    constraint: str, bases: tuple[object, ...], names: tuple[str, ...]
) -> None:
    """A constraint concerns names of its own form; without such a name the certificate is acceptable."""
    leaf, root = under(constraint, bases, *names)
    assert len(accepted(chain(leaf), root).path) == 3


@pytest.mark.parametrize(("constraint", "bases", "names"), FORBIDDEN)
def test_names_outside_the_constraints(
    constraint: str, bases: tuple[object, ...], names: tuple[str, ...]
) -> None:
    """One name outside the permitted or inside the excluded subtrees refuses the path."""
    leaf, root = under(constraint, bases, *names)
    refusal = refused(chain(leaf), root)
    assert refusal.reason == "name_constraints"
    assert refusal.fields["subject"] == "CN=Constrained"


def test_constraints_of_all_authorities_hold_together() -> None:
    """Every authority narrows what those above it left."""
    root = make_ca("Root", permitted=("example.org", "example.com"))
    below = make_ca("Below", root, permitted=("example.org", "example.net"))
    accepted(chain(make_leaf(below, "www.example.org")), root)
    for host in ("www.example.com", "www.example.net"):
        assert refused(chain(make_leaf(below, host)), root, name=host).reason == "name_constraints"


def test_the_order_of_constraints_is_that_excluded_wins() -> None:
    """A name in an excluded subtree is invalid regardless of the permitted ones."""
    root = make_ca("Root", permitted=("example.org",), excluded=("www.example.org",))
    assert refused(chain(make_leaf(root)), root).reason == "name_constraints"


def test_self_issued_intermediates_are_exempt() -> None:
    """Name constraints are not applied to self-issued certificates, the final one apart."""
    root = make_ca("Exempt", number=1, excluded=(x509.DirectoryName(name_of("Exempt")),))
    rolled = make_ca("Exempt", root, number=2)
    accepted(chain(make_leaf(rolled)), root)
    final = make_leaf(root, subject="Exempt")
    assert refused(chain(final), root).reason == "name_constraints"


def test_mail_addresses_in_the_subject_count_without_alternative_names() -> None:
    """The emailAddress attribute is constrained when there is no subjectAltName."""
    subject = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "root@example.com")])
    root = make_ca("Root", permitted=(EMAIL_HOST,))
    bare = make_leaf(root, subject=subject, names=None)
    assert refused(chain(bare), root, name=None).reason == "name_constraints"
    named = make_leaf(root, subject=subject)
    accepted(chain(named), root)


def test_constraints_that_are_not_critical_hold_too() -> None:
    """Known forms are constrained whether or not the extension is critical; unknown ones only if it is."""
    root = make_ca("Loose Root", excluded=("example.org",), constraints_critical=False)
    assert refused(chain(make_leaf(root)), root).reason == "name_constraints"
    identifier = x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))
    other = make_ca("Looser Root", excluded=(identifier,), constraints_critical=False)
    accepted(chain(make_leaf(other, "www.example.org", identifier)), other)


def test_a_minimum_in_a_constraint_is_refused() -> None:
    """Subtrees with minimum or maximum are not processed, so the authority cannot be used."""
    root = make_ca("Root", permitted=("example.org",))
    contents = tbs_contents(root.certificate)
    plain = b"\x30\x0d\x82\x0bexample.org"
    with_minimum = b"\x30\x0d\x82\x08mple.org\x80\x01\x01"
    assert plain in contents
    altered = contents.replace(plain, with_minimum)
    changed = Issued(resign(altered, root.certificate, root.key), root.key, root.kind)
    refusal = refused(chain(make_leaf(changed, "www.mple.org")), changed, name="www.mple.org")
    assert refusal.reason == "malformed"


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(TEXT)
def test_names_equal_themselves_in_any_string_type_and_case(text: str) -> None:
    """Distinguished names are compared with case folded and spaces compressed, in any string type."""
    plain = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])
    spaced = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"  {text} ")])
    assert canonical_name(plain.public_bytes()) == canonical_name(spaced.public_bytes())
    if text.isascii():
        shouted = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text.upper())])
        assert canonical_name(plain.public_bytes()) == canonical_name(shouted.public_bytes())


@given(st.lists(TEXT, max_size=4), st.lists(TEXT, max_size=4))
def test_a_directory_subtree_is_a_prefix(above: list[str], below: list[str]) -> None:
    """A name is within another if it begins with all of its RDNs (RFC 5280 §7.1)."""
    attributes = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, text) for text in above + below]
    base = canonical_name(x509.Name(attributes[: len(above)]).public_bytes())
    name = canonical_name(x509.Name(attributes).public_bytes())
    assert is_within(name, base)
    assert is_within(base, name) == (not below)


def test_names_of_several_attributes_compare_as_sets() -> None:
    """The attributes of one RDN have no order; the RDNs have."""
    one = x509.NameAttribute(NameOID.COMMON_NAME, "a")
    two = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b")
    together = x509.Name([x509.RelativeDistinguishedName([one, two])])
    swapped = x509.Name([x509.RelativeDistinguishedName([two, one])])
    assert canonical_name(together.public_bytes()) == canonical_name(swapped.public_bytes())
    first, second = x509.Name([one, two]), x509.Name([two, one])
    assert canonical_name(first.public_bytes()) != canonical_name(second.public_bytes())


def test_values_that_are_no_text_compare_as_bytes() -> None:
    """An attribute of another ASN.1 type, even one not read here, equals itself alone."""
    odd = bytes.fromhex("300e310c300a0603550403" + "1f81010161")
    other = odd[:-1] + b"b"
    bits = bytes.fromhex("300d310b300906035504030302" + "0061")
    for one in (odd, other, bits):
        assert [canonical_name(one) == canonical_name(two) for two in (odd, other, bits)].count(True) == 1
