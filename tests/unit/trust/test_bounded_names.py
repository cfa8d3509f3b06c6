"""Names made to cost a verifier time, and names made to slip past the constraints on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from lucidtls.trust import der
from lucidtls.trust.certificate import ParsedCertificate
from lucidtls.trust.constraints import constraint_problem, read_dns_base, read_mailbox_base, read_uri
from lucidtls.trust.distinguished import MAX_FOLDED_SIZE, canonical_name, is_readable
from lucidtls.trust.facts import Constraints, GeneralNames
from lucidtls.trust.limits import Budget, TooComplex
from lucidtls.trust.stores import TrustStore
from tests.certificates import Issued, chain, element, make_ca, make_leaf, name_of, resign, tbs_contents
from tests.unit.trust.judging import accepted, refused

COMMON_NAME = bytes.fromhex("550403")
ORGANIZATION = bytes.fromhex("55040a")
EMAIL = bytes.fromhex("2a864886f70d010901")
UTF8, BIT_STRING = 0x0C, 0x03
# A value whose tag takes two bytes: pyca reads it, and `der` does not.
LONG_TAG = element(0x31, element(0x30, element(0x06, COMMON_NAME) + b"\x9f\x81\x01\x01a"))
COMBINING = "\u0344" * 24000 + "\u0323" * 24000


def relative(kind: bytes, tag: int, value: bytes) -> bytes:
    """Encode an RDN of one attribute."""
    return element(0x31, element(0x30, element(0x06, kind) + element(tag, value)))


def name(*parts: bytes) -> bytes:
    """Encode a Name."""
    return element(0x30, b"".join(parts))


def seconds(work: Callable[[], object]) -> float:
    """Measure the processor time of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def leaf_named(
    issuer: Issued, subject: bytes, names: tuple[str, ...] | None = ("www.example.org",)
) -> Issued:
    """Issue a leaf with a subject that no library builds."""
    issued = make_leaf(issuer, subject=x509.Name([]), names=names)
    contents, validity_end = tbs_contents(issued.certificate), issued.certificate.not_valid_after_utc
    # The empty subject stands between the validity and the key.
    before = validity_end.strftime("%y%m%d%H%M%SZ").encode() + b"\x30\x00"
    assert contents.count(before) == 1
    altered = contents.replace(before, before[:-2] + subject)
    return Issued(resign(altered, issued.certificate, issuer.key), issued.key, issued.kind, issuer)


def constrained(permitted: GeneralNames | None = None, excluded: GeneralNames | None = None) -> Constraints:
    """Make constraints of what is given."""
    return Constraints(permitted or GeneralNames(), excluded or GeneralNames(), True)


def judged(constraints: Constraints, leaf: Issued) -> str | None:
    """Apply constraints to a certificate; None when it keeps them."""
    problem = constraint_problem(constraints, ParsedCertificate(leaf.der), Budget())
    return None if problem is None else problem.rejection().reason


def test_a_run_of_combining_characters_costs_little() -> None:
    """A name of 96 KB of combining characters is compared by its bytes, without being normalized."""
    hostile = name(relative(COMMON_NAME, UTF8, COMBINING.encode()))
    assert seconds(lambda: canonical_name(hostile)) < 1
    assert not is_readable(canonical_name(hostile))
    many = name(*[relative(COMMON_NAME, UTF8, COMBINING[23744:24256].encode())] * 90)
    assert seconds(lambda: canonical_name(many)) < 1


def test_values_up_to_the_bound_are_folded() -> None:
    """A value up to the bound equals itself in other case; a longer one, unless ASCII, is not readable."""
    half = MAX_FOLDED_SIZE // 2
    lower, upper, longer = (
        canonical_name(name(relative(COMMON_NAME, UTF8, text.encode())))
        for text in ("é" * half, "É" * half, "É" * (half + 1))
    )
    assert lower == upper
    assert is_readable(lower)
    assert not is_readable(longer)
    assert is_readable(canonical_name(name(relative(COMMON_NAME, UTF8, b"x" * 5000))))


@pytest.mark.parametrize("value", [b"A" * 14, "\u0344".encode() * 500], ids=["many", "combining"])
def test_constraints_on_large_names_are_prepared_once(value: bytes) -> None:
    """A budget that many authorities' constraints on large names exhaust is exhausted in a moment."""
    base = name(*[relative(COMMON_NAME, UTF8, value)] * (80000 // (len(value) + 12)))
    root = make_ca("Root")
    leaves = [ParsedCertificate(make_leaf(root, number=number).der) for number in range(20)]
    authorities = [constrained(excluded=GeneralNames(directory=(base,))) for _ in range(20)]
    budget = Budget()

    def judge() -> None:
        with pytest.raises(TooComplex):
            for authority in authorities:
                for leaf in leaves:
                    constraint_problem(authority, leaf, budget)

    assert seconds(judge) < 1


def test_a_chain_with_a_large_constraint_is_judged_in_a_moment() -> None:
    """Authorities that certify each other, two with a 36 KB constraint, cost less than a second."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, "A")] * 3000
    large = (x509.DirectoryName(x509.Name(attributes)),)
    words = ("abcdefgh", "ijklmnop")
    sent = []
    for number in range(14):
        # Equal names written differently, with one key: each of one word may have issued each of the other.
        own, other = words[number % 2], words[(number + 1) % 2]
        subject = "".join(
            letter.upper() if number >> place & 1 else letter for place, letter in enumerate(own)
        )
        # The first two have another key: they are asked about on every path, and are on none.
        key, excluded = (2, large) if number < 2 else (1, None)
        sent.append(make_ca(subject, make_ca(other, number=1), number=key, excluded=excluded))
    signer = make_ca(words[0], number=1)
    everything = (make_leaf(signer).der, *(one.der for one in sent))
    assert sum(map(len, everything)) > 70000
    assert seconds(lambda: refused(everything, make_ca("Root"))) < 1


@pytest.mark.parametrize("form", ["dns", "uris", "emails"])
def test_long_names_cost_more_of_the_budget(form: str) -> None:
    """Comparing names of kilobytes with constraints of kilobytes is bounded by their length."""
    text = {"dns": "{}", "uris": "https://{}/", "emails": "a@{}"}[form]
    host = ".".join(["x" * 50] * 40)
    names = {form: tuple(text.format(f"h{number}.{host}") for number in range(100))}
    bases = {form: tuple(f"c{number}.{host}" for number in range(100))}
    presented = GeneralNames(**names)  # type: ignore[arg-type]
    certificate = ParsedCertificate(make_leaf(make_ca("Root")).der)
    certificate.facts.names = presented
    with pytest.raises(TooComplex):
        constraint_problem(constrained(excluded=GeneralNames(**bases)), certificate, Budget())  # type: ignore[arg-type]


def test_a_question_is_paid_for_once_in_a_search() -> None:
    """The same constraints on the same certificate, met on another path, cost nothing more."""
    certificate = ParsedCertificate(make_leaf(make_ca("Root")).der)
    constraints, budget = constrained(excluded=GeneralNames(dns=("example.org",))), Budget()
    first = constraint_problem(constraints, certificate, budget)
    left = budget.name_comparisons
    assert first is not None
    assert constraint_problem(constraints, certificate, budget) is first
    assert budget.name_comparisons == left


FOO = [
    (UTF8, "fOO"),
    (0x12, "Foo"),
    (0x1A, "Foo"),
    (0x1B, "Foo"),
    (0x19, "Foo"),
    (UTF8, "F\u200boo"),
    (UTF8, "F\u00adoo"),
    (UTF8, "F\u034foo"),
    (UTF8, "Foo\ufe0f"),
    (UTF8, "Foo\0"),
    (UTF8, "\x1fFoo\t"),
]


@pytest.mark.parametrize(("tag", "text"), FOO)
def test_excluded_names_are_found_in_any_writing(tag: int, text: str) -> None:
    """String types and characters that RFC 4518 §2.2 maps to nothing do not hide an excluded name."""
    excluded = constrained(excluded=GeneralNames(directory=(name(relative(ORGANIZATION, UTF8, b"Foo")),)))
    root = make_ca("Root")
    subject = name(relative(ORGANIZATION, tag, text.encode()), relative(COMMON_NAME, UTF8, b"x"))
    assert judged(excluded, leaf_named(root, subject)) == "name_constraints"
    other = name(relative(ORGANIZATION, tag, b"Bar"))
    assert judged(excluded, leaf_named(root, other)) is None


UNREADABLE = [
    LONG_TAG,
    relative(COMMON_NAME, UTF8, b"\xff"),
    relative(COMMON_NAME, 0x15, b"Foo"),
    relative(COMMON_NAME, UTF8, ("é" * MAX_FOLDED_SIZE).encode()),
]


@pytest.mark.parametrize("part", UNREADABLE)
@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_a_subject_that_cannot_be_compared_is_refused_under_a_constraint(part: bytes) -> None:
    """A name of which a part was not understood may be any: a constraint on directory names refuses it."""
    root = make_ca("Root", excluded=(x509.DirectoryName(name_of("Other")),))
    leaf = leaf_named(root, name(relative(ORGANIZATION, UTF8, b"Foo"), part))
    assert refused(chain(leaf), root).reason == "name_constraints"
    free = make_ca("Free Root")
    accepted(chain(leaf_named(free, name(part))), free)


def test_a_constraint_that_cannot_be_compared_refuses() -> None:
    """What an unreadable directory constraint excludes is unknown, so that nothing below is accepted."""
    leaf = make_leaf(make_ca("Root"))
    for part in UNREADABLE:
        unreadable = GeneralNames(directory=(name(part),))
        assert judged(constrained(excluded=unreadable), leaf) == "name_constraints"
        assert judged(constrained(permitted=unreadable), leaf) == "name_constraints"


def test_values_of_types_that_are_no_text_are_readable() -> None:
    """A unique identifier, which is a BIT STRING, does not make a name unreadable."""
    excluded = constrained(excluded=GeneralNames(directory=(name_of("Other").public_bytes(),)))
    subject = name(relative(bytes.fromhex("55042d"), BIT_STRING, b"\0abc"))
    assert judged(excluded, leaf_named(make_ca("Root"), subject)) is None


EMAILS = [
    relative(EMAIL, 0x16, b"a@example.org"),
    relative(EMAIL, 0x1A, b"a@example.org"),
    relative(EMAIL, 0x16, b"a@example.org\0"),
    relative(EMAIL, UTF8, b"a@example.org\xff"),
    relative(EMAIL, 0x16, b"a@example.com") + LONG_TAG,
]


@pytest.mark.parametrize("subject", EMAILS)
def test_mail_addresses_in_a_subject_do_not_escape_an_exclusion(subject: bytes) -> None:
    """An emailAddress of any string type is found; one that cannot be read is refused."""
    excluded = constrained(excluded=GeneralNames(emails=("example.org",)))
    root = make_ca("Root")
    assert judged(excluded, leaf_named(root, name(subject), names=None)) == "name_constraints"
    other = name(relative(EMAIL, 0x16, b"a@example.com"))
    assert judged(excluded, leaf_named(root, other, names=None)) is None


def test_an_excluded_mailbox_is_excluded_in_any_case() -> None:
    """The emailAddress of a subject is not case sensitive, so an excluded mailbox is found in other case."""
    excluded = constrained(excluded=GeneralNames(emails=("Root@example.org",)))
    subject = name(relative(EMAIL, 0x16, b"Root@example.org"))
    assert judged(excluded, leaf_named(make_ca("Root"), subject, names=None)) == "name_constraints"


def test_a_constraint_with_an_empty_local_part_is_on_the_host() -> None:
    """`@example.org` as a constraint stands for all mailboxes of the host."""
    assert read_mailbox_base("@Example.org") == (None, "example.org") == read_mailbox_base("example.org")
    root = make_ca("Root", excluded=(x509.RFC822Name("@example.org"),))
    leaf = make_leaf(root, "www.example.org", x509.RFC822Name("a@example.org"))
    assert refused(chain(leaf), root).reason == "name_constraints"


@pytest.mark.parametrize("base", [" example.org", ".", "..", "example..org", "*.example.org", "a/b"])
def test_a_constraint_that_is_no_host_refuses(base: str) -> None:
    """A constraint on hosts that is neither host nor domain excludes nobody knows what."""
    assert read_dns_base(base) is None
    assert read_mailbox_base(base) is None
    excluded = constrained(excluded=GeneralNames(dns=(base,)))
    assert judged(excluded, make_leaf(make_ca("Root"))) == "name_constraints"


@pytest.mark.parametrize(
    "uri",
    [
        "http://a.example.org..",
        "http://a.example.org%2e/",
        "http://a.example.org;x",
        "http://a.example.org\\@evil.example/",
        "http://evil.example\\@a.example.org/",
        "http://a.exa\tmple.org/",
        " http://a.example.org/",
        "//a.example.org/",
        "http://a@b@a.example.org/",
        "http://127.1/",
        "http://evil.0x7f/",
    ],
)
def test_uris_that_readers_take_differently_are_refused(uri: str) -> None:
    """The host of a URI is labels of letters, digits and hyphens, or it has none to compare."""
    assert read_uri(uri) is None
    assert read_uri("http://x:y@A.example.org.:80/?@evil.example") == "a.example.org"


def test_a_long_uri_is_read_in_linear_time() -> None:
    """A URI of 100 KB costs no more than its length, wherever it stops being one."""
    for part in ("a", "a.", "a:", "%", "a@", "-"):
        assert seconds(lambda part=part: read_uri("http://" + part * 50000 + "\\")) < 0.5  # type: ignore[misc]


def test_a_file_overwritten_in_a_trusted_directory_is_noticed(tmp_path: Path) -> None:
    """An anchor that is replaced in place, the directory unchanged, is trusted no longer."""
    one, two = make_ca("First Root"), make_ca("Second Root")
    file = tmp_path / "anchor.pem"
    file.write_bytes(one.pem)
    assert [anchor.subject_text for anchor in TrustStore.from_directory(tmp_path)] == ["CN=First Root"]
    file.write_bytes(two.pem + b"\n")
    assert [anchor.subject_text for anchor in TrustStore.from_directory(tmp_path)] == ["CN=Second Root"]


def test_der_of_any_length_is_split() -> None:
    """A Name of more than 64 KiB is taken apart like a short one."""
    large = name(*[relative(COMMON_NAME, UTF8, b"x")] * 7000)
    assert len(der.children(large)) == len(canonical_name(large)) == 7000
