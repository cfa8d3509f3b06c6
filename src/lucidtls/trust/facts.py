"""What the extensions of a certificate say, as plain values.

pyca reads the extensions; one that it cannot read, or that is contradictory, raises one of `PARSE_ERRORS`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from lucidtls.trust import der

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
    LookupError,
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


# What each extension adds to the facts. The functions get the extension and the facts under construction.


def _basic_constraints(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.is_ca = extension.value.ca
    facts.path_length = extension.value.path_length


def _key_usage(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.key_usage = extension.value


def _extended_key_usage(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.extended_key_usage = frozenset(oid.dotted_string for oid in extension.value)


def _subject_alternative_name(extension: x509.Extension[Any], facts: Facts) -> None:
    facts.names = _in_ascii(general_names(extension.value))
    if any(not isinstance(address, IPAddress) for address in facts.names.addresses):
        raise ValueError("subjectAltName holds a network in the place of an address")


def _in_ascii(names: GeneralNames) -> GeneralNames:
    """Refuse names that are IA5String by definition and hold something else (RFC 5280 §4.2.1.6).

    pyca reads them as UTF-8, where a letter such as the Kelvin sign becomes an ASCII one in lower case.
    """
    for value in (*names.dns, *names.emails, *names.uris):
        if not value.isascii():
            raise ValueError(f"a name that must be ASCII is not: {value[:60]!r}")
    return names


def _name_constraints(extension: x509.Extension[Any], facts: Facts) -> None:
    permitted = _in_ascii(general_names(extension.value.permitted_subtrees or ()))
    excluded = _in_ascii(general_names(extension.value.excluded_subtrees or ()))
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
