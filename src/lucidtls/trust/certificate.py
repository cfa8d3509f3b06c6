"""One certificate, read once: its DER slices and its extensions as plain values.

pyca parses; what it refuses is `Unreadable` here. Everything is worked out when first asked for, because a
trust store has hundreds of certificates and a verification looks at two or three.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from lucidtls.crypto.keys import PublicKey, RSAPSSPublicKey, read_public_key
from lucidtls.errors import CertificateRejected
from lucidtls.trust import der
from lucidtls.trust.distinguished import EMPTY_NAME, CanonicalName, canonical_name
from lucidtls.trust.reasons import Problem, Reason

# Real certificates with hundreds of names stay under 16 KiB, SLH-DSA ones near 50 KiB.
MAX_CERTIFICATE_SIZE = 128 * 1024
# Parsed certificates are kept; large ones are not, so that what a peer can make us keep stays small.
MAX_REMEMBERED_SIZE = 8 * 1024
REMEMBERED_CERTIFICATES = 256
# A signature check takes time with the square of the size: 0.3 ms at 8192 bits, and keys may be hostile.
MAX_RSA_BITS = 8192
# pyca's limit; real ones have at most 30 bytes.
MAX_OID_SIZE = 63
# Enough for any CA's practice; each entry costs work in the policy graph.
MAX_CERTIFICATE_POLICIES = 128

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# What pyca raises on bytes that are not a certificate or an extension it can read. `Warning` stands for
# programs that turn warnings (a serial number that is not positive, say) into errors.
PARSE_ERRORS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    InternalError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    Warning,
)

# Extensions whose meaning is enforced here; any other one marked critical refuses the certificate (RFC 5280
# §4.2).
PROCESSED_EXTENSIONS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    }
)

ANY_POLICY = "2.5.29.32.0"

_NAME_CONSTRAINTS = der.object_identifier(ExtensionOID.NAME_CONSTRAINTS.dotted_string)
_KEY_REASONS = {"malformed": Reason.MALFORMED, "unsupported_key": Reason.UNSUPPORTED_KEY}


# Some trusted roots, and peers' certificates, have such a serial number; nobody who connects can mend it.
warnings.filterwarnings(
    "ignore", message="Parsed a serial number which wasn't positive", category=CryptographyDeprecationWarning
)


class Unreadable(Exception):
    """A certificate, or a part of one, cannot be read; `reason` is the kind of fault it is."""

    def __init__(self, message: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(message)
        self.reason = reason

    def problem(self, **fields: object) -> Problem:
        """Make this a reason for refusal."""
        return Problem(self.reason, str(self), fields)


@dataclass(slots=True)
class GeneralNames:
    """The names of a subjectAltName, or one side of a nameConstraints, by their form."""

    dns: tuple[str, ...] = ()
    addresses: tuple[IPAddress | IPNetwork, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    directory: tuple[bytes, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Constraints:
    """A nameConstraints extension (RFC 5280 §4.2.1.10)."""

    permitted: GeneralNames
    excluded: GeneralNames
    critical: bool


@dataclass(slots=True)
class Facts:
    """What the extensions of one certificate say; None where the extension is absent."""

    is_ca: bool | None = None
    path_length: int | None = None
    key_usage: x509.KeyUsage | None = None
    extended_key_usage: frozenset[str] | None = None
    names: GeneralNames | None = None
    name_constraints: Constraints | None = None
    unknown_critical: tuple[str, ...] = ()
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None
    ca_issuers: tuple[str, ...] = ()
    policies: frozenset[str] | None = None
    policy_mappings: tuple[tuple[str, str], ...] = ()
    require_explicit_policy: int | None = None
    inhibit_policy_mapping: int | None = None
    inhibit_any_policy: int | None = None


class ParsedCertificate:
    """One certificate. Compared and hashed by its DER bytes.

    Properties that read more of the certificate raise `Unreadable`.
    """

    __slots__ = (
        "_canonical_issuer",
        "_canonical_subject",
        "_facts",
        "_public_key",
        "_self_issued",
        "der",
        "issuer",
        "not_after",
        "not_before",
        "signature",
        "signature_algorithm",
        "spki",
        "subject",
        "tbs",
        "version",
        "x509",
    )

    def __init__(self, data: bytes, certificate: x509.Certificate | None = None) -> None:
        try:
            self._read(data, certificate)
        except PARSE_ERRORS as error:
            raise Unreadable(f"the certificate cannot be parsed: {first_line(error)}") from error

    def _read(self, data: bytes, certificate: x509.Certificate | None) -> None:
        self.der = data
        self.x509 = certificate or x509.load_der_x509_certificate(data)
        self.not_before: datetime = self.x509.not_valid_before_utc
        self.not_after: datetime = self.x509.not_valid_after_utc
        self.signature: bytes = self.x509.signature
        self._slice(data)
        self._facts: Facts | None = None
        self._public_key: PublicKey | None = None
        self._self_issued: bool | None = None
        self._canonical_subject: CanonicalName | None = None
        self._canonical_issuer: CanonicalName | None = None

    def _slice(self, data: bytes) -> None:
        """Cut out the fields of TBSCertificate that are compared as bytes (RFC 5280 §4.1)."""
        _, start, _ = der.element(data, 0, len(data))
        _, tbs_start, tbs_end = der.element(data, start, len(data))
        self.tbs = data[start:tbs_end]
        fields = [data[at:after] for _, at, _, after in der.elements(data, tbs_start, tbs_end)]
        self.version = 1
        if fields[0][0] == 0xA0:
            self.version = fields[0][-1] + 1
            del fields[0]
        _serial, algorithm, self.issuer, _validity, self.subject, self.spki, *rest = fields
        _, _, algorithm_end = der.element(data, tbs_end, len(data))
        self.signature_algorithm = data[tbs_end:algorithm_end]
        if self.signature_algorithm != algorithm:
            raise ValueError("signatureAlgorithm differs from the signature field (RFC 5280 §4.1.1.2)")
        if self.version != 3 and any(part[0] == 0xA3 for part in rest):
            raise ValueError("extensions need version 3 (RFC 5280 §4.1.2.9)")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParsedCertificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<ParsedCertificate {self.subject_text}>"

    @property
    def facts(self) -> Facts:
        """What the extensions say."""
        if self._facts is None:
            try:
                self._facts = read_facts(self.x509, self.tbs)
            except PARSE_ERRORS as error:
                raise Unreadable(f"an extension cannot be parsed: {first_line(error)}") from error
        return self._facts

    @property
    def public_key(self) -> PublicKey:
        """The subject's key."""
        if self._public_key is None:
            try:
                self._public_key = _bounded(read_public_key(self.spki))
            except CertificateRejected as error:
                raise Unreadable(error.message, _KEY_REASONS[error.reason]) from error
            except PARSE_ERRORS as error:
                raise Unreadable(f"the public key cannot be parsed: {first_line(error)}") from error
        return self._public_key

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer are the same name (RFC 5280 §6.1)."""
        if self._self_issued is None:
            self._self_issued = self.names_as_issuer(self)
        return self._self_issued

    @property
    def canonical_subject(self) -> CanonicalName:
        """The subject in comparable form."""
        if self._canonical_subject is None:
            self._canonical_subject = canonical_name(self.subject)
        return self._canonical_subject

    @property
    def canonical_issuer(self) -> CanonicalName:
        """The issuer in comparable form."""
        if self._canonical_issuer is None:
            self._canonical_issuer = canonical_name(self.issuer)
        return self._canonical_issuer

    def names_as_issuer(self, other: ParsedCertificate) -> bool:
        """Tell whether `other` has the issuer's name; identical bytes, the usual case, need no decoding."""
        return self.issuer == other.subject or self.canonical_issuer == other.canonical_subject

    @property
    def subject_text(self) -> str:
        """The subject for people, shortened; never raises."""
        return name_text(self.subject)

    @property
    def issuer_text(self) -> str:
        """The issuer for people, shortened; never raises."""
        return name_text(self.issuer)


def parse_certificate(data: bytes) -> ParsedCertificate:
    """Parse DER, or return what an earlier call made of the same bytes; raises `Unreadable`."""
    if len(data) > MAX_CERTIFICATE_SIZE:
        raise Unreadable(f"the certificate has {len(data)} bytes, more than {MAX_CERTIFICATE_SIZE}")
    return _parse_remembered(data) if len(data) <= MAX_REMEMBERED_SIZE else ParsedCertificate(data)


_parse_remembered = lru_cache(maxsize=REMEMBERED_CERTIFICATES)(ParsedCertificate)


def leaf_public_key(data: bytes) -> PublicKey:
    """Return the key in a DER certificate; raises CertificateRejected (`malformed`, `unsupported_key`)."""
    try:
        return parse_certificate(bytes(data)).public_key
    except Unreadable as error:
        raise error.problem(index=0).rejection() from error


def first_line(error: BaseException) -> str:
    """Shorten a parser's message to one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def name_text(name: bytes, limit: int = 160) -> str:
    """Write a DER Name as RFC 4514 does, cut at `limit` characters; never raises."""
    if name == EMPTY_NAME:
        return ""
    try:
        text = x509.Name.from_bytes(name).rfc4514_string()
    except PARSE_ERRORS:
        text = ""
    text = text or name.hex()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _bounded(key: PublicKey) -> PublicKey:
    if isinstance(key, (rsa.RSAPublicKey, RSAPSSPublicKey)) and key.key_size > MAX_RSA_BITS:
        message = f"an RSA key of {key.key_size} bits is larger than the {MAX_RSA_BITS} accepted"
        raise Unreadable(message, Reason.UNSUPPORTED_KEY)
    return key


# What each extension adds to the facts. The functions get the extension and the facts under construction.


def _basic_constraints(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.is_ca = extension.value.ca
    facts.path_length = extension.value.path_length


def _key_usage(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.key_usage = extension.value


def _extended_key_usage(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.extended_key_usage = frozenset(oid.dotted_string for oid in extension.value)


def _subject_alternative_name(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.names = general_names(extension.value)


def _name_constraints(extension: x509.Extension[Any], facts: Facts) -> None:
    permitted = general_names(extension.value.permitted_subtrees or ())
    excluded = general_names(extension.value.excluded_subtrees or ())
    facts.name_constraints = Constraints(permitted, excluded, extension.critical)


def _subject_key_identifier(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.subject_key_id = extension.value.digest


def _authority_key_identifier(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.authority_key_id = extension.value.key_identifier


def _authority_information_access(extension: x509.Extension[Any], facts: Facts) -> None:
    wanted = AuthorityInformationAccessOID.CA_ISSUERS
    places = (entry.access_location for entry in extension.value if entry.access_method == wanted)
    facts.ca_issuers = tuple(
        place.value for place in places if isinstance(place, x509.UniformResourceIdentifier)
    )


def _certificate_policies(extension: x509.Extension[Any], facts: Facts) -> None:
    policies = [policy.policy_identifier.dotted_string for policy in extension.value]
    if len(policies) > MAX_CERTIFICATE_POLICIES:
        raise ValueError(f"{len(policies)} certificate policies, more than {MAX_CERTIFICATE_POLICIES}")
    facts.policies = frozenset(policies)


def _policy_constraints(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.require_explicit_policy = extension.value.require_explicit_policy
    facts.inhibit_policy_mapping = extension.value.inhibit_policy_mapping


def _inhibit_any_policy(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.inhibit_any_policy = extension.value.skip_certs


def _policy_mappings(extension: x509.Extension[Any], facts: Facts) -> None:
    """Read policyMappings, which pyca hands out as bytes: SEQUENCE OF SEQUENCE { OID, OID }."""
    mappings = []
    for _, body in der.children(extension.value.public_bytes()):
        pair = [
            oid_text(body[start:end])
            for tag, _, start, end in der.elements(body, 0, len(body))
            if tag == der.OBJECT_IDENTIFIER
        ]
        if len(pair) != 2 or ANY_POLICY in pair:
            raise ValueError("policyMappings maps anyPolicy or is no list of pairs (RFC 5280 §6.1.4)")
        mappings.append((pair[0], pair[1]))
    if not 0 < len(mappings) <= MAX_CERTIFICATE_POLICIES:
        raise ValueError(f"policyMappings has {len(mappings)} entries")
    facts.policy_mappings = tuple(mappings)


_READERS: dict[x509.ObjectIdentifier, Callable[[x509.Extension[Any], Facts], None]] = {
    ExtensionOID.BASIC_CONSTRAINTS: _basic_constraints,
    ExtensionOID.KEY_USAGE: _key_usage,
    ExtensionOID.EXTENDED_KEY_USAGE: _extended_key_usage,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: _subject_alternative_name,
    ExtensionOID.NAME_CONSTRAINTS: _name_constraints,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: _subject_key_identifier,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: _authority_key_identifier,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: _authority_information_access,
    ExtensionOID.CERTIFICATE_POLICIES: _certificate_policies,
    ExtensionOID.POLICY_CONSTRAINTS: _policy_constraints,
    ExtensionOID.INHIBIT_ANY_POLICY: _inhibit_any_policy,
    ExtensionOID.POLICY_MAPPINGS: _policy_mappings,
}


def read_facts(certificate: x509.Certificate, tbs: bytes) -> Facts:
    """Read all extensions; raises one of `PARSE_ERRORS`."""
    facts = Facts()
    for extension in certificate.extensions:
        oid = extension.oid
        if oid == ExtensionOID.NAME_CONSTRAINTS:
            _check_subtrees(tbs)
        if extension.critical and oid not in PROCESSED_EXTENSIONS:
            facts.unknown_critical += (oid.dotted_string,)
        reader = _READERS.get(oid)
        if reader is not None:
            reader(extension, facts)
    return facts


def _check_subtrees(tbs: bytes) -> None:
    """Refuse nameConstraints with a minimum or maximum, which pyca leaves out when it reads them.

    "the minimum MUST be zero, and maximum MUST be absent" (RFC 5280 §4.2.1.10): in DER, both are absent.
    """
    for _, subtrees in der.children(_extension_value(tbs, _NAME_CONSTRAINTS)):
        for _, _, start, end in der.elements(subtrees, 0, len(subtrees)):
            if sum(1 for _ in der.elements(subtrees, start, end)) != 1:
                raise ValueError("nameConstraints with a minimum or maximum")


def _extension_value(tbs: bytes, oid: bytes) -> bytes:
    """Return the DER that the extension of this encoded OID holds."""
    extensions = next(body for tag, body in der.children(tbs) if tag == 0xA3)
    for _, extension in der.children(extensions):
        if extension.startswith(oid):
            *_, (_, _, start, end) = der.elements(extension, 0, len(extension))
            return extension[start:end]
    raise ValueError("the extension is not there")


def general_names(names: Iterable[x509.GeneralName]) -> GeneralNames:
    """Sort general names by form."""
    sorted_names: dict[type, list[Any]] = {}
    for name in names:
        value = name.value if not isinstance(name, x509.DirectoryName) else name.value.public_bytes()
        sorted_names.setdefault(type(name), []).append(value)
    forms = (
        x509.DNSName,
        x509.IPAddress,
        x509.RFC822Name,
        x509.UniformResourceIdentifier,
        x509.DirectoryName,
    )
    dns, addresses, emails, uris, directory = (tuple(sorted_names.pop(form, ())) for form in forms)
    others = tuple(form.__name__ for form, values in sorted_names.items() for _ in values)
    return GeneralNames(dns, addresses, emails, uris, directory, others)


def oid_text(contents: bytes) -> str:
    """Write the contents of an encoded object identifier in dotted form; ValueError when it is none."""
    if not 0 < len(contents) <= MAX_OID_SIZE or contents[-1] & 0x80:
        raise ValueError("an object identifier that is empty, unfinished or too long")
    numbers, number = [], 0
    for septet in contents:
        number = number << 7 | septet & 0x7F
        if not septet & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - first * 40, *numbers[1:])))
