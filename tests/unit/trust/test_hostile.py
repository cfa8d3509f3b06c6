"""Whatever a peer sends as certificates, the outcome is a proof or a refusal, and the work is bounded."""

from __future__ import annotations

import base64
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import CertificateRejected
from lucidtls.trust.certificate import MAX_CERTIFICATE_SIZE, MAX_RSA_BITS
from lucidtls.trust.facts import PROCESSED_EXTENSIONS
from lucidtls.trust.limits import (
    MAX_CANDIDATES,
    MAX_CERTIFICATES,
    MAX_NAME_COMPARISONS,
    MAX_SIGNATURE_CHECKS,
    NAME_PREPARATION,
    Budget,
    TooComplex,
)
from lucidtls.trust.reasons import Reason
from lucidtls.trust.stores import TrustStore
from lucidtls.trust.verify import leaf_public_key
from tests.certificates import (
    DAY,
    NOW,
    SERVER_AUTH,
    Issued,
    chain,
    element,
    make_ca,
    make_chain,
    make_leaf,
    name_of,
    resign,
    resigned_der,
    tbs_contents,
)
from tests.unit.trust.judging import accepted, refused, store

VECTORS = Path(cryptography_vectors.__file__).parent / "x509"
WORDS = {row.word for row in Reason}


def judge(sent: tuple[bytes, ...], trust: TrustStore) -> str:
    """Return `accepted` or the word of the refusal; anything else that is raised fails the test."""
    try:
        accepted(sent, trust)
    except CertificateRejected as refusal:
        assert refusal.reason in WORDS
        assert str(refusal).isprintable()
        return refusal.reason
    return "accepted"


def rich_chain() -> tuple[Issued, Issued, Issued]:
    """Make a chain whose certificates have every extension that is processed."""
    root = make_ca("Rich Root")
    extensions = [
        (x509.PolicyConstraints(3, 2), True),
        (x509.InhibitAnyPolicy(2), True),
        (x509.CertificatePolicies([_policy("2.5.29.32.0"), _policy("1.2.3.4")]), False),
    ]
    issuer = make_ca(
        name_of("Rich Issuer", "Example"),
        root,
        path_length=1,
        permitted=("example.org", "192.0.2.0/24", x509.DirectoryName(name_of(""))),
        excluded=("mail.example.org",),
        extended_key_usage=(SERVER_AUTH,),
        extensions=extensions,
    )
    leaf = make_leaf(
        issuer, "www.example.org", "192.0.2.7", "https://www.example.org/", extensions=extensions[2:]
    )
    return leaf, issuer, root


def _policy(oid: str) -> x509.PolicyInformation:
    return x509.PolicyInformation(x509.ObjectIdentifier(oid), None)


def test_the_rich_chain_is_sound() -> None:
    """The chain that the next tests spoil is valid before."""
    leaf, issuer, root = rich_chain()
    assert judge((leaf.der, issuer.der), store(root)) == "accepted"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_spoiled_certificates_are_refused() -> None:
    """A certificate with altered bytes is refused, wherever they are, and nothing else happens."""
    leaf, issuer, root = rich_chain()
    trust = store(root)
    dice = random.Random(1)
    for turn in range(3000):
        place = turn % 2
        sent = [bytearray(leaf.der), bytearray(issuer.der)]
        for _ in range(dice.choice((1, 1, 1, 2, 5))):
            at = dice.randrange(len(sent[place]))
            sent[place][at] = dice.choice((0, 0x7F, 0x80, 0xFF, dice.randrange(256), sent[place][at] ^ 1))
        spoiled = (bytes(sent[0]), bytes(sent[1]))
        outcome = judge(spoiled, trust)
        assert outcome != "accepted" or spoiled == (leaf.der, issuer.der)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_spoiled_certificates_that_are_signed_again() -> None:
    """An authority that signs nonsense gets a refusal or a valid path for its pains, never anything else."""
    leaf, issuer, root = rich_chain()
    trust = store(root)
    dice = random.Random(2)
    outcomes = set()
    for turn in range(1500):
        one, signer = ((leaf, issuer), (issuer, root))[turn % 2]
        contents = bytearray(tbs_contents(one.certificate))
        for _ in range(dice.choice((1, 1, 2))):
            contents[dice.randrange(len(contents))] = dice.choice(
                (0, 1, 0x30, 0x7F, 0xFF, dice.randrange(256))
            )
        spoiled = resigned_der(bytes(contents), one.certificate, signer.key)
        outcomes.add(judge((spoiled, issuer.der) if one is leaf else (leaf.der, spoiled), trust))
    assert {"malformed", "accepted", "unknown_critical_extension", "name_constraints", "expired"} <= outcomes


def test_certificates_cut_anywhere_are_malformed() -> None:
    """A certificate that ends early, or goes on after its end, is malformed."""
    leaf, issuer, root = rich_chain()
    trust = store(root)
    for length in range(len(leaf.der)):
        assert judge((leaf.der[:length], issuer.der), trust) == "malformed"
    assert judge((leaf.der + b"\0", issuer.der), trust) == "malformed"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_any_bytes_are_refused(sent: list[bytes]) -> None:
    """Random bytes are no certificates."""
    assert judge(tuple(sent), TrustStore()) == "malformed"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize(
    "path",
    sorted([*VECTORS.glob("*.*"), *VECTORS.glob("custom/*.*"), *VECTORS.glob("ed*/*.*")]),
    ids=lambda path: path.name,
)
def test_odd_certificates_of_the_world(path: Path) -> None:
    """The odd certificates that pyca collects are judged: nothing but a refusal is raised."""
    data = path.read_bytes()
    block = re.search(rb"-----BEGIN [A-Z ]+-----(.*?)-----END", data, re.DOTALL)
    found = [base64.b64decode(block[1]) if block else data]
    leaf, _, root = make_chain()
    assert judge((*found, leaf.der), store(root)) != "accepted"
    judge((leaf.der, *found), store(root))
    try:
        leaf_public_key(found[0])
    except CertificateRejected as refusal:
        assert refusal.reason in WORDS


SMALL_DER = st.recursive(
    st.builds(element, st.integers(0, 255), st.binary(max_size=12)),
    lambda inner: st.builds(element, st.integers(0, 255), st.lists(inner, max_size=4).map(b"".join)),
    max_leaves=8,
)


@pytest.mark.parametrize("oid", sorted(PROCESSED_EXTENSIONS, key=str), ids=lambda oid: str(oid._name))
@given(value=st.one_of(st.binary(max_size=40), SMALL_DER))
def test_any_contents_of_an_extension_are_judged(oid: x509.ObjectIdentifier, value: bytes) -> None:
    """An extension that is processed may hold any bytes, in the leaf and in its issuer: nothing is raised."""
    odd = [(x509.UnrecognizedExtension(oid, value), True)]
    bare: dict[str, Any] = {
        "ca": None,
        "key_usage": None,
        "extended_key_usage": None,
        "subject_key_id": False,
        "authority_key_id": False,
        "names": None,
    }
    root = make_ca("Root")
    issuer = make_ca("Odd Issuer", root, **{**bare, "extensions": odd})
    leaf = make_leaf(issuer, **{**bare, "extensions": odd})
    judge((leaf.der, issuer.der), store(root))
    judge((make_leaf(issuer).der, issuer.der), store(root))
    judge((make_leaf(issuer).der,), store(issuer))


def test_a_log_with_an_odd_hash_makes_the_certificate_malformed() -> None:
    """An extension that pyca cannot read refuses the leaf; it is not skipped."""
    data = (VECTORS / "badssl-sct-none-hash.der").read_bytes()
    assert judge((data,), TrustStore()) == "malformed"


def test_negative_serial_numbers_are_borne() -> None:
    """Serial numbers that are not positive occur; users SHOULD handle them gracefully (RFC 5280 §4.1.2.2)."""
    root = make_ca("Root")
    leaf = make_leaf(root, serial=0x7FFF)
    contents = tbs_contents(leaf.certificate).replace(b"\x02\x02\x7f\xff", b"\x02\x02\xff\x7f", 1)
    negative = resigned_der(contents, leaf.certificate, root.key)
    with pytest.warns(match="serial number"):
        accepted((negative,), root)


def test_warnings_made_errors_are_refusals() -> None:
    """Where a program turns warnings into errors, a certificate that causes one is malformed."""
    root = make_ca("Root")
    leaf = make_leaf(root, serial=0x7EFF)
    contents = tbs_contents(leaf.certificate).replace(b"\x02\x02\x7e\xff", b"\x02\x02\xfe\xff", 1)
    assert judge((resigned_der(contents, leaf.certificate, root.key),), store(root)) == "malformed"


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [
        (datetime(1950, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (datetime(2049, 12, 31, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)),
        (NOW + DAY, NOW - DAY),
    ],
)
def test_unusual_validity_periods(not_before: datetime, not_after: datetime) -> None:
    """Times from 1950 to 9999 are read; a period that ends before it begins never contains a time."""
    root = make_ca("Root")
    leaf = make_leaf(root)
    old, new = (
        _validity(leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc),
        _validity(not_before, not_after),
    )
    contents = tbs_contents(leaf.certificate)
    assert old in contents
    changed = resign(contents.replace(old, new), leaf.certificate, root.key)
    outcome = judge((changed.public_bytes(Encoding.DER),), store(root))
    assert outcome == ("accepted" if not_before <= NOW <= not_after else outcome)
    assert outcome in {"accepted", "expired", "not_yet_valid"}


def _validity(*times: datetime) -> bytes:
    encoded = b""
    for time in times:
        if time.year < 2050:
            encoded += element(0x17, f"{time:%y%m%d%H%M%S}Z".encode())
        else:
            encoded += element(0x18, f"{time:%Y%m%d%H%M%S}Z".encode())
    return element(0x30, encoded)


def test_extensions_in_a_version_1_certificate_are_malformed() -> None:
    """Extensions MUST only appear in version 3 (RFC 5280 §4.1.2.9)."""
    root = make_ca("Root")
    leaf = make_leaf(root)
    contents = tbs_contents(leaf.certificate)
    assert contents.startswith(b"\xa0\x03\x02\x01\x02")
    data = resigned_der(contents[5:], leaf.certificate, root.key)
    assert judge((data,), store(root)) == "malformed"


def test_the_two_signature_algorithms_must_be_the_same() -> None:
    """The algorithm outside MUST be the one that is signed (RFC 5280 §4.1.1.2)."""
    root = make_ca("Root")
    leaf = make_leaf(root)
    oid = bytes.fromhex("2a8648ce3d040302")
    at = leaf.der.rindex(oid)
    changed = leaf.der[:at] + bytes.fromhex("2a8648ce3d040303") + leaf.der[at + len(oid) :]
    assert judge((changed,), store(root)) == "malformed"


def test_keys_that_are_too_large_cost_nothing() -> None:
    """An RSA key above the limit is refused before any signature is checked with it."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << (2 * MAX_RSA_BITS)) - 1)
    root = make_ca("Root")
    huge = (
        x509.CertificateBuilder()
        .subject_name(name_of("leaf"))
        .issuer_name(root.name)
        .public_key(numbers.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(root.key, hashes.SHA256())
    )
    assert judge((huge.public_bytes(Encoding.DER),), store(root)) == "unsupported_key"


# Bounds


def test_the_number_of_certificates_is_bounded() -> None:
    """More certificates than the limit are not looked at."""
    leaf, intermediate, root = make_chain()
    sent = (leaf.der, *[intermediate.der] * (MAX_CERTIFICATES - 1))
    accepted(sent, root)
    assert refused((*sent, root.der), root).reason == "too_complex"


def test_the_size_of_a_certificate_is_bounded() -> None:
    """A certificate above the limit is not parsed; thousands of names below it are."""
    root = make_ca("Root")
    many = make_leaf(root, *(f"host{number}.example.org" for number in range(3000)), "www.example.org")
    accepted(chain(many), root)
    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(MAX_CERTIFICATE_SIZE))
    assert refused(chain(make_leaf(root, extensions=[(padding, False)])), root).reason == "malformed"


def test_the_number_of_signature_checks_is_bounded() -> None:
    """Namesakes whose keys must be tried one after the other end in too_complex."""
    nameless: dict[str, Any] = {"subject_key_id": False, "authority_key_id": False}
    roots = [make_ca("Namesake", number=number, **nameless) for number in range(20)]
    sent = [make_ca("Namesake", roots[at + 1], number=at, **nameless).der for at in range(19)]
    leaf = make_leaf(roots[0], authority_key_id=False)
    sent.reverse()
    refusal = refused((leaf.der, *sent), make_ca("Root"))
    assert (refusal.reason, refusal.alert.name) == ("too_complex", "certificate_unknown")
    assert str(MAX_SIGNATURE_CHECKS) in refusal.message


def test_the_number_of_paths_is_bounded() -> None:
    """Authorities of different names that all certify each other end in too_complex as well."""
    numbers = range(6)
    roots = {number: make_ca(f"Mesh {number}", number=number) for number in numbers}
    sent = [
        make_ca(f"Mesh {number}", roots[signer], number=number).der
        for number in numbers
        for signer in numbers
        if signer != number
    ]
    refusal = refused((make_leaf(roots[0]).der, *sent), make_ca("Root"))
    assert refusal.reason == "too_complex"
    assert str(MAX_CANDIDATES) in refusal.message


def test_the_length_of_a_path_is_bounded() -> None:
    """A path of more certificates than the policy allows is refused, though each step is sound."""
    leaf, *upper, root = make_chain(intermediates=8)
    accepted((leaf.der, *(one.der for one in upper)), root)
    leaf, *upper, root = make_chain(intermediates=9)
    refusal = refused((leaf.der, *(one.der for one in upper)), root)
    assert (refusal.reason, refusal.fields["limit"]) == ("path_too_long", 10)


def test_the_number_of_name_comparisons_is_bounded() -> None:
    """Many names under many constraints end in too_complex."""
    constraints = [f"c{number}.example" for number in range(200)]
    root = make_ca("Root", excluded=constraints)
    limit = MAX_NAME_COMPARISONS // (len(constraints) + NAME_PREPARATION)
    names = [f"h{number}.example.org" for number in range(limit)]
    accepted(chain(make_leaf(root, *names[1:], "www.example.org")), root)
    refusal = refused(chain(make_leaf(root, *names, "www.example.org")), root)
    assert refusal.reason == "too_complex"


def test_a_budget_counts_down_to_nothing() -> None:
    """Each kind of work has its own limit."""
    budget = Budget()
    for spend, limit in (
        (budget.check_signature, MAX_SIGNATURE_CHECKS),
        (budget.try_candidate, MAX_CANDIDATES),
    ):
        for _ in range(limit):
            spend()
        with pytest.raises(TooComplex):
            spend()
    budget.compare_names(MAX_NAME_COMPARISONS // (NAME_PREPARATION + 1), 1)
    with pytest.raises(TooComplex):
        budget.compare_names(NAME_PREPARATION, 1)


def test_many_certificate_policies_are_malformed() -> None:
    """More policies than any authority has are refused before a graph is made of them."""
    policies = x509.CertificatePolicies([_policy(f"1.2.3.{number}") for number in range(200)])
    root = make_ca("Root")
    assert refused(chain(make_leaf(root, extensions=[(policies, False)])), root).reason == "malformed"
