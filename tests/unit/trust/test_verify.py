"""Chains that hold, chains that do not, and the reason each refusal gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from lucidtls import alerts
from lucidtls.crypto.keys import RSAPSSPublicKey
from lucidtls.errors import CertificateRejected, ConfigurationError
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY, SIGNATURE_ALGORITHMS
from lucidtls.trust.certificate import parse_certificate
from lucidtls.trust.reasons import Reason
from lucidtls.trust.verify import VerificationRequest, leaf_public_key
from tests.certificates import (
    CLIENT_AUTH,
    DAY,
    KEY_KINDS,
    NOW,
    SERVER_AUTH,
    Issued,
    chain,
    make_ca,
    make_chain,
    make_leaf,
    name_of,
    resign,
    sequence,
    tbs_contents,
)
from tests.unit.trust.judging import accepted, refused, store

UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


def access_to_issuer(url: str) -> x509.AuthorityInformationAccess:
    """Say where the issuer's certificate is."""
    place = x509.UniformResourceIdentifier(url)
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)]
    )


# Chains that hold


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_every_kind_of_key_can_authenticate(kind: str) -> None:
    """A chain of leaf, intermediate and root is accepted with each signature algorithm of TLS 1.3."""
    leaf, intermediate, root = make_chain(key=kind)
    proof = accepted(chain(leaf), root)
    assert proof.path == (leaf.der, intermediate.der, root.der)
    assert proof.anchor.der == root.der
    assert proof.names == ("www.example.org",)


def test_a_chain_may_mix_algorithms() -> None:
    """A certificate containing a key for one algorithm may be signed using another (RFC 9846 §4.5.1.3)."""
    root = make_ca("Mixed Root", key="rsa4096")
    upper = make_ca("Mixed Upper", root, key="ml-dsa-65")
    lower = make_ca("Mixed Lower", upper, key="ed448")
    leaf = make_leaf(lower, key="p256")
    assert len(accepted(chain(leaf), root).path) == 4


def test_an_rsa_key_may_sign_certificates_with_pss() -> None:
    """A CA with an rsaEncryption key may sign with RSASSA-PSS."""
    root = make_ca("RSA Root", key="rsa2048")
    accepted(chain(make_leaf(root, pss=True)), root)


def test_a_pss_key_is_bound_to_its_parameters() -> None:
    """The parameters of a signature MUST be those of the RSASSA-PSS key, if it has any (RFC 9846 §4.3.3)."""
    leaf, issuer, _ = make_chain(key="rsa-pss")
    certificate = parse_certificate(leaf.der)
    row = SIGNATURE_ALGORITHMS[certificate.signature_algorithm]
    cases = [(None, 0, True), ("sha256", 32, True), ("sha256", 48, False), ("sha384", 0, False)]
    for hash_name, salt, fits in cases:
        key = RSAPSSPublicKey(issuer.key.public_key(), hash_name, salt)
        assert row.verify(key, certificate.signature, certificate.tbs) is fits


@pytest.mark.parametrize("hash_", [hashes.SHA384(), hashes.SHA512()], ids=lambda hash_: hash_.name)
def test_a_certificate_may_be_signed_with_any_strong_hash(hash_: hashes.HashAlgorithm) -> None:
    """In certificates ECDSA binds no hash to the curve: P-256 with SHA-384 or SHA-512 is accepted."""
    root = make_ca("Root")
    accepted(chain(make_leaf(root, hash=hash_)), root)


def test_the_leaf_alone_is_enough_under_a_root() -> None:
    """A leaf directly under a trusted root needs no other certificate."""
    root = make_ca("Root")
    assert len(accepted(chain(make_leaf(root)), root).path) == 2


def test_a_chain_may_include_its_root() -> None:
    """The trust anchor MAY be omitted from the chain (RFC 9846 §4.5.1), and need not be."""
    leaf, _, root = make_chain()
    assert accepted(chain(leaf, root=True), root).path[-1] == root.der


def test_certificates_may_come_in_any_order_and_surplus() -> None:
    """All but the leaf may be in any order, twice, or have nothing to do with it (RFC 9846 §4.5.1)."""
    leaf, *upper = make_chain(intermediates=3)
    root = upper.pop()
    stranger = make_leaf(make_ca("Stranger Root"), "stranger.example")
    sent = (leaf.der, upper[2].der, stranger.der, upper[0].der, root.der, upper[1].der, upper[0].der)
    proof = accepted(sent, root)
    assert proof.path == (leaf.der, *(one.der for one in upper), root.der)


def test_malformed_surplus_does_not_matter() -> None:
    """A certificate that does not parse harms nobody if it is not needed."""
    leaf, intermediate, root = make_chain()
    accepted((leaf.der, b"\x30\x03garbage", intermediate.der), root)


def test_both_ends_of_the_validity_period_count() -> None:
    """A certificate is valid from notBefore to notAfter inclusive (RFC 5280 §4.1.2.5)."""
    root = make_ca("Root")
    leaf = make_leaf(root, not_before=NOW, not_after=NOW)
    accepted(chain(leaf), root)
    assert refused(chain(leaf), root, at=NOW - timedelta(seconds=1)).reason == "not_yet_valid"
    assert refused(chain(leaf), root, at=NOW + timedelta(microseconds=1)).reason == "expired"


def test_a_client_needs_no_name() -> None:
    """Client certificates are accepted without a subjectAltName."""
    root = make_ca("Root")
    leaf = make_leaf(root, extended_key_usage=(CLIENT_AUTH,), names=None)
    assert accepted(chain(leaf), root, name=None, role="client").names == ()


def test_an_ip_address_can_be_the_name() -> None:
    """The names of a proof are the DNS names and the IP addresses of the leaf."""
    root = make_ca("Root")
    leaf = make_leaf(root, "www.example.org", "192.0.2.7", "2001:db8::7")
    proof = accepted(chain(leaf), root, name="2001:db8::7")
    assert proof.names == ("www.example.org", "192.0.2.7", "2001:db8::7")


# Several paths


def test_a_cross_signed_authority_is_followed_to_the_trusted_root() -> None:
    """With two certificates for one authority the path goes through the one that leads to an anchor."""
    old, new = make_ca("Old Root"), make_ca("New Root")
    issuer = make_ca("Issuer", new)
    crossed = make_ca("Issuer", old)
    leaf = make_leaf(issuer)
    for trusted, through in ((old, crossed), (new, issuer)):
        for order in ((issuer, crossed), (crossed, issuer)):
            proof = accepted((leaf.der, *(one.der for one in order)), trusted)
            assert proof.path == (leaf.der, through.der, trusted.der)


def test_an_expired_cross_certificate_is_walked_around() -> None:
    """A path with an expired certificate is no hindrance when another path holds."""
    old, new = make_ca("Old Root", not_after=NOW - DAY), make_ca("New Root")
    crossed = make_ca("New Root", old, not_after=NOW - DAY)
    leaf = make_leaf(new)
    assert accepted((leaf.der, crossed.der, old.der), store(old, new)).path == (leaf.der, new.der)


def test_an_authority_that_was_given_a_new_key_is_found_by_its_signature() -> None:
    """Of two anchors with the same name and no key identifiers, the one whose key signed is used."""
    first = make_ca("Renewed", number=1, subject_key_id=False, authority_key_id=False)
    second = make_ca("Renewed", number=2, subject_key_id=False, authority_key_id=False)
    leaf = make_leaf(second, authority_key_id=False)
    assert accepted(chain(leaf), store(first, second)).anchor.der == second.der


def test_authorities_that_certify_each_other_do_not_loop() -> None:
    """Two authorities that cross-sign each other end in a refusal, not in a circle."""
    one, two = make_ca("Ring One"), make_ca("Ring Two")
    one_by_two, two_by_one = make_ca("Ring One", two), make_ca("Ring Two", one)
    leaf = make_leaf(one)
    assert refused((leaf.der, one_by_two.der, two_by_one.der), make_ca("Root")).reason == "unknown_ca"
    assert accepted((leaf.der, one_by_two.der, two_by_one.der), two).path[-1] == two.der


def test_self_issued_certificates_do_not_count_as_path_length() -> None:
    """A key rollover certificate below an authority with path length 0 is allowed (RFC 5280 §6.1.4)."""
    root = make_ca("Rolling", number=1, path_length=0)
    rolled = make_ca("Rolling", root, number=2)
    assert len(accepted(chain(make_leaf(rolled)), root).path) == 3


# Anchors


@pytest.mark.parametrize("ca", [True, False, None])
def test_a_development_certificate_in_the_store_is_trusted(ca: bool | None) -> None:
    """A self-signed leaf that is in the trust store is accepted, whatever it says of being a CA."""
    leaf = make_leaf(None, "localhost", ca=ca)
    assert accepted(chain(leaf), leaf, name="localhost").path == (leaf.der,)


def test_a_version_1_certificate_can_be_trusted() -> None:
    """A certificate of version 1 is accepted only as an anchor: as the leaf itself, or as a root."""
    root = version_1(make_ca("Ancient Root"))
    leaf = make_leaf(root)
    assert accepted(chain(leaf), root).path == (leaf.der, root.der)
    assert accepted((root.der,), root, name=None).path == (root.der,)
    old_leaf = version_1(make_leaf(make_ca("Root")))
    assert refused((old_leaf.der,), make_ca("Root"), name=None).reason == "wrong_version"


def test_a_version_1_certificate_cannot_be_an_intermediate() -> None:
    """What is not in the store can issue only by saying that it is a CA, which version 1 cannot."""
    root = make_ca("Root")
    ancient = version_1(make_ca("Ancient", root))
    refusal = refused(chain(make_leaf(ancient)), root)
    assert (refusal.reason, refusal.fields["index"]) == ("not_a_ca", 1)


def version_1(like: Issued) -> Issued:
    """Make a version 1 certificate of one: no version field, no extensions."""
    contents = tbs_contents(like.certificate)
    without_extensions = contents[: contents.rindex(b"\xa3")] if b"\xa3" in contents else contents
    for at in range(len(contents)):
        if contents[at : at + 1] == b"\xa3" and _ends_there(contents, at):
            without_extensions = contents[:at]
            break
    signer = like.issuer.key if like.issuer else like.key
    return replace(like, certificate=resign(without_extensions[5:], like.certificate, signer))


def _ends_there(contents: bytes, at: int) -> bool:
    size = contents[at + 1]
    if size < 0x80:
        return at + 2 + size == len(contents)
    octets = size & 0x7F
    return octets < 3 and at + 2 + octets + int.from_bytes(contents[at + 2 : at + 2 + octets]) == len(
        contents
    )


def test_a_trusted_leaf_may_not_issue() -> None:
    """A certificate with CA:FALSE in the trust store vouches for itself and for nobody else."""
    pinned = make_leaf(None, "localhost", number=5)
    other = make_leaf(pinned, number=6)
    assert refused(chain(other), pinned).reason == "not_a_ca"


def test_an_intermediate_can_be_the_anchor() -> None:
    """Trust may begin below a root: the path ends at the first certificate that is in the store."""
    leaf, intermediate, _ = make_chain()
    assert accepted(chain(leaf, root=True), intermediate).path == (leaf.der, intermediate.der)


def test_the_signature_of_an_anchor_is_not_checked() -> None:
    """Trust anchors may be signed with any algorithm (RFC 9846 §4.5.1.2), and by anybody."""
    root = make_ca("Root")
    strange = replace(root, certificate=make_ca("Root", make_ca("Nobody"), key="p256").certificate)
    leaf = make_leaf(root)
    accepted(chain(leaf), strange)


def test_anchors_expire_unless_the_policy_says_otherwise() -> None:
    """The validity of an anchor counts by default; a policy can look past it."""
    root = make_ca("Expired Root", not_after=NOW - DAY)
    leaf = make_leaf(root)
    refusal = refused(chain(leaf), root)
    assert (refusal.reason, refusal.fields["index"]) == ("expired", None)
    lenient = replace(DEFAULT_CERTIFICATE_POLICY, anchors_expire=False)
    accepted(chain(leaf), root, policy=lenient)


def test_an_anchor_limits_what_is_believed_through_it() -> None:
    """Name constraints and path length of an anchor hold, though nobody signed them."""
    root = make_ca("Narrow Root", permitted=("example.com",))
    assert refused(chain(make_leaf(root)), root).reason == "name_constraints"
    flat = make_ca("Flat Root", path_length=0)
    assert refused(chain(make_leaf(make_ca("Below", flat))), flat).reason == "path_too_long"


# Refusals


def with_defect(**choices: object) -> Callable[[], tuple[tuple[bytes, ...], Issued]]:
    """Make a chain whose leaf has a defect."""

    def build() -> tuple[tuple[bytes, ...], Issued]:
        root = make_ca("Root")
        return chain(make_leaf(root, **choices)), root  # type: ignore[arg-type]

    return build


def with_issuer(**choices: object) -> Callable[[], tuple[tuple[bytes, ...], Issued]]:
    """Make a chain whose intermediate has a defect."""

    def build() -> tuple[tuple[bytes, ...], Issued]:
        root = make_ca("Root")
        return chain(make_leaf(make_ca("Defective Issuer", root, **choices))), root  # type: ignore[arg-type]

    return build


LEAF_DEFECTS = {
    "expired": with_defect(not_after=NOW - DAY),
    "not_yet_valid": with_defect(not_before=NOW + DAY),
    "wrong_name": with_defect(names=("mail.example.org",)),
    "no_names": with_defect(names=("root@example.org",)),
    "wrong_usage": with_defect(extended_key_usage=(CLIENT_AUTH,)),
    "weak_key": with_defect(key="rsa1024"),
    "unsupported_key": with_defect(key="secp256k1"),
    "unknown_critical_extension": with_defect(extensions=[(UNKNOWN_EXTENSION, True)]),
    "unsupported_signature": with_defect(hash=hashes.SHA3_256()),
    "weak_signature": with_defect(hash=hashes.SHA224()),
}
ISSUER_DEFECTS = {
    "expired": with_issuer(not_after=NOW - DAY),
    "not_yet_valid": with_issuer(not_before=NOW + DAY),
    "not_a_ca": with_issuer(ca=False),
    "wrong_usage": with_issuer(extended_key_usage=(ExtendedKeyUsageOID.CODE_SIGNING,)),
    "weak_key": with_issuer(key="rsa1024"),
    "unsupported_key": with_issuer(key="secp256k1"),
    "unknown_critical_extension": with_issuer(extensions=[(UNKNOWN_EXTENSION, True)]),
    "name_constraints": with_issuer(excluded=("example.org",)),
    "weak_signature": with_issuer(hash=hashes.SHA224()),
}
ALERTS = {
    "expired": alerts.CERTIFICATE_EXPIRED,
    "not_yet_valid": alerts.CERTIFICATE_EXPIRED,
    "wrong_usage": alerts.UNSUPPORTED_CERTIFICATE,
    "unsupported_key": alerts.UNSUPPORTED_CERTIFICATE,
    "unsupported_signature": alerts.UNSUPPORTED_CERTIFICATE,
    "unknown_critical_extension": alerts.UNSUPPORTED_CERTIFICATE,
}


@pytest.mark.parametrize("word", LEAF_DEFECTS)
def test_a_defect_of_the_leaf_is_the_reason(word: str) -> None:
    """Each defect of a leaf has its own reason, and the refusal says that it is the leaf's."""
    sent, root = LEAF_DEFECTS[word]()
    refusal = refused(sent, root)
    assert refusal.reason == word
    assert refusal.fields["index"] == 0
    assert refusal.alert == ALERTS.get(word, alerts.BAD_CERTIFICATE)


@pytest.mark.parametrize("word", ISSUER_DEFECTS)
def test_a_defect_of_an_issuer_is_the_reason(word: str) -> None:
    """Each defect of an intermediate has its own reason, and the refusal says where the certificate is."""
    sent, root = ISSUER_DEFECTS[word]()
    refusal = refused(sent, root)
    assert (refusal.reason, refusal.fields["index"]) == (word, 1)
    assert refusal.fields["subject"] == "CN=Defective Issuer"


def test_every_reason_has_word_alert_clause_and_sentence() -> None:
    """Reasons are rows: the words are distinct, the clauses name a section."""
    assert len({row.word for row in Reason}) == len(Reason)
    for row in Reason:
        assert row.clause.startswith("RFC ") and " §" in row.clause and row.sentence
        assert row.alert.code >= 42


def test_values_that_show_the_defect_are_in_the_fields() -> None:
    """A refusal carries its evidence: dates, bits, algorithms, names."""
    assert refused(*LEAF_DEFECTS["expired"]()).fields["not_after"] == (NOW - DAY).isoformat()
    assert refused(*LEAF_DEFECTS["weak_key"]()).fields["bits"] == 1024
    assert refused(*LEAF_DEFECTS["weak_signature"]()).fields["algorithm"] == "ecdsa-with-SHA224"
    named = refused(*LEAF_DEFECTS["wrong_name"]()).fields
    assert (named["reference"], named["presented"]) == ("www.example.org", ("mail.example.org",))


def test_sha1_signatures_are_weak() -> None:
    """A SHA-1 signature that would need validation is refused with bad_certificate (RFC 9846 §4.5.1.3)."""
    root = make_ca("Root")
    leaf = signed_with(root, make_leaf(root), "1.2.840.10045.4.1", hashes.SHA1())
    refusal = refused((leaf,), root)
    assert (refusal.reason, refusal.alert) == ("weak_signature", alerts.BAD_CERTIFICATE)


def signed_with(issuer: Issued, leaf: Issued, oid: str, hash_: hashes.HashAlgorithm) -> bytes:
    """Sign a leaf again with an algorithm that pyca will not sign certificates with."""
    from cryptography.hazmat.primitives.asymmetric import ec

    from lucidtls.trust import der

    old = der.encode(der.SEQUENCE, der.object_identifier("1.2.840.10045.4.3.2"))
    new = der.encode(der.SEQUENCE, der.object_identifier(oid))
    tbs = sequence(tbs_contents(leaf.certificate).replace(old, new, 1))
    signature = issuer.key.sign(tbs, ec.ECDSA(hash_))
    return sequence(tbs + new + der.encode(0x03, b"\0", signature))


def test_a_critical_extension_that_cannot_be_processed_refuses() -> None:
    """A certificate-using system rejects unknown critical extensions, and ignores others (RFC 5280 §4.2)."""
    root = make_ca("Root")
    accepted(chain(make_leaf(root, extensions=[(UNKNOWN_EXTENSION, False)])), root)
    poison = make_leaf(root, extensions=[(x509.PrecertPoison(), True)])
    assert refused(chain(poison), root).reason == "unknown_critical_extension"


def test_the_key_usage_depends_on_what_the_key_is_for() -> None:
    """A key that may only encrypt is refused in TLS 1.3 and fit for RSA key exchange."""
    root = make_ca("Root")
    leaf = make_leaf(root, key="rsa2048", key_usage=("key_encipherment",))
    assert refused(chain(leaf), root).reason == "wrong_usage"
    accepted(chain(leaf), root, key_usage="key_encipherment")


def test_a_server_certificate_is_not_for_clients() -> None:
    """The extended key usage is that of the role."""
    root = make_ca("Root")
    leaf = make_leaf(root, extended_key_usage=(SERVER_AUTH,))
    accepted(chain(leaf), root)
    assert refused(chain(leaf), root, name=None, role="client").reason == "wrong_usage"


def test_no_certificate_at_all() -> None:
    """An empty certificate list of a server is a decode_error (RFC 9846 §4.5.1.3)."""
    refusal = refused((), make_ca("Root"))
    assert (refusal.reason, refusal.alert) == ("empty_chain", alerts.DECODE_ERROR)


def test_bytes_that_are_no_certificate() -> None:
    """A leaf that does not parse is malformed, with bad_certificate."""
    refusal = refused((b"\x30\x00",), make_ca("Root"))
    assert (refusal.reason, refusal.alert, refusal.fields["index"]) == (
        "malformed",
        alerts.BAD_CERTIFICATE,
        0,
    )


def test_a_malformed_intermediate_is_named_when_it_may_be_the_cause() -> None:
    """When no path is found, a certificate that did not parse is the reason."""
    leaf, intermediate, root = make_chain()
    broken = intermediate.der[:-1]
    refusal = refused((leaf.der, broken), root)
    assert (refusal.reason, refusal.fields["index"]) == ("malformed", 1)


# Why there is no path


def test_an_altered_certificate_has_a_bad_signature() -> None:
    """A certificate whose contents were changed after signing is refused as such."""
    root = make_ca("Root")
    leaf = make_leaf(root)
    altered = leaf.der.replace(b"www.example.org", b"www.example.com")
    refusal = refused((altered,), root, name="www.example.com")
    assert (refusal.reason, refusal.fields["index"]) == ("bad_signature", 0)


def test_an_unknown_authority() -> None:
    """A leaf of an authority that nobody here trusts is refused with unknown_ca."""
    leaf = make_leaf(make_ca("Private Root"))
    refusal = refused(chain(leaf), make_ca("Root"))
    assert (refusal.reason, refusal.alert) == ("unknown_ca", alerts.UNKNOWN_CA)
    assert refusal.fields["issuer"] == "CN=Private Root"


def test_a_root_in_the_chain_proves_nothing() -> None:
    """A chain that brings its own root is complete, and the root is not trusted for that."""
    leaf, intermediate, root = make_chain()
    refusal = refused((leaf.der, intermediate.der, root.der), make_ca("Other Root"))
    assert (refusal.reason, refusal.fields["index"]) == ("unknown_ca", 2)


def test_a_self_signed_leaf_is_told_apart() -> None:
    """A leaf signed by its own key and not in the store is self_signed, even beside a namesake in it."""
    leaf = make_leaf(None, number=5)
    assert refused(chain(leaf), make_ca("Root")).reason == "self_signed"
    namesake = make_leaf(None, number=6)
    refusal = refused(chain(leaf), namesake)
    assert (refusal.reason, refusal.alert) == ("self_signed", alerts.UNKNOWN_CA)


def test_a_namesake_with_another_key_is_another_authority() -> None:
    """A development CA that was made anew is unknown; key identifiers show it."""
    old, new = make_ca("Development CA", number=1), make_ca("Development CA", number=2)
    refusal = refused(chain(make_leaf(new)), old)
    assert refusal.reason == "unknown_ca"
    assert refusal.fields["authority_key_id"] != refusal.fields["subject_key_id"]


def test_a_missing_intermediate_is_told_apart_by_its_address() -> None:
    """A leaf that says where its issuer's certificate is, and comes without it, lacks an intermediate."""
    root = make_ca("Root")
    url = "http://ca.example/issuer.cer"
    leaf = make_leaf(make_ca("Absent", root), extensions=[(access_to_issuer(url), False)])
    refusal = refused((leaf.der,), root)
    assert refusal.reason == "missing_intermediate"
    assert refusal.fields["ca_issuers"] == (url,)


def test_a_missing_intermediate_is_told_apart_by_the_organization() -> None:
    """An issuer of an organization that has a trusted authority is an intermediate that was not sent."""
    root = make_ca(name_of("Root", "Example Trust"))
    absent = make_ca(name_of("Absent", "Example Trust"), root)
    assert refused((make_leaf(absent).der,), root).reason == "missing_intermediate"


def test_a_missing_intermediate_is_told_apart_by_its_neighbour() -> None:
    """When the next higher certificate was sent, the one between is missing."""
    leaf, _, upper, root = make_chain(intermediates=2)
    assert refused((leaf.der, upper.der), root).reason == "missing_intermediate"


# Which reason is reported


def test_of_several_paths_the_one_closest_to_valid_gives_the_reason() -> None:
    """A path with one defect explains more than a path with three or one that reaches no anchor."""
    root = make_ca("Root")
    sound = make_ca("Issuer", root, not_after=NOW - DAY)
    worse = make_ca("Issuer", root, ca=False, not_after=NOW - DAY, extended_key_usage=(CLIENT_AUTH,))
    astray = make_ca("Issuer", make_ca("Elsewhere"))
    leaf = make_leaf(sound, names=("mail.example.org",))
    refusal = refused((leaf.der, astray.der, worse.der, sound.der), root)
    assert (refusal.reason, refusal.fields["index"]) == ("expired", 3)


def test_trust_is_reported_before_dates_and_names() -> None:
    """An expired leaf of an unknown authority is refused for the authority: its dates prove nothing."""
    leaf = make_leaf(make_ca("Private Root"), "other.example", not_after=NOW - DAY)
    assert refused(chain(leaf), make_ca("Root")).reason == "unknown_ca"


def test_dates_are_reported_before_names() -> None:
    """An expired certificate for another name is refused for its date."""
    root = make_ca("Root")
    leaf = make_leaf(root, "other.example", not_after=NOW - DAY)
    assert refused(chain(leaf), root).reason == "expired"


# The proof and the request


def test_the_checks_that_were_passed_can_be_listed() -> None:
    """A proof lists what was checked of each certificate, and last the anchor and the name."""
    leaf, _, root = make_chain()
    checks = accepted(chain(leaf), root).checks
    words = [(check.word, check.place) for check in checks]
    assert words[:5] == [
        ("validity", 0),
        ("key", 0),
        ("signature", 0),
        ("key_usage", 0),
        ("extended_key_usage", 0),
    ]
    assert ("authority", 1) in words and ("signature", 1) in words and ("signature", 2) not in words
    assert words[-2:] == [("anchor", 2), ("name", 0)]
    assert all(check.sentence and check.clause.startswith("RFC ") for check in checks)


def test_the_checks_say_what_limits_an_authority() -> None:
    """Path length and name constraints are listed where they are, an anchor's validity where it counts."""
    root = make_ca("Root", path_length=2)
    issuer = make_ca("Issuer", root, permitted=("example.org",))
    bare = make_leaf(issuer, key_usage=None, extended_key_usage=None)
    policy = replace(DEFAULT_CERTIFICATE_POLICY, anchors_expire=False)
    proof = accepted(chain(bare), root, name=None, policy=policy)
    words = {(check.word, check.place) for check in proof.checks}
    assert {("name_constraints", 1), ("path_length", 2), ("anchor", 2)} <= words
    assert not {("validity", 2), ("key_usage", 0), ("extended_key_usage", 0), ("name", 0)} & words
    trusted = make_leaf(None, ca=None)
    alone = accepted(chain(trusted), trusted).checks
    assert ("signature", 0) not in {(check.word, check.place) for check in alone}


def test_a_request_without_sense_is_refused_when_made() -> None:
    """A time without zone, an unknown role or key usage is the program's mistake, not the peer's."""
    for wrong in ({"at": datetime(2026, 1, 1)}, {"role": "proxy"}, {"key_usage": "encipher_only"}):  # noqa: DTZ001
        with pytest.raises(ConfigurationError):
            VerificationRequest(**{"chain": (b"",), "at": NOW, **wrong})  # type: ignore[arg-type]


def test_the_leaf_key_can_be_read_alone() -> None:
    """The key of a leaf is read without judging it; what is no certificate is malformed."""
    leaf = make_leaf(make_ca("Root"))
    assert leaf_public_key(leaf.der) == leaf.key.public_key()
    with pytest.raises(CertificateRejected) as caught:
        leaf_public_key(b"no certificate")
    assert caught.value.reason == "malformed"
