"""Name constraints: the names an authority may certify (RFC 5280 §4.2.1.10).

RFC 5280 §6.1 carries the intersection of all permitted and the union of all excluded subtrees down the
path. Here each authority's extension is applied to every certificate below it, which comes to the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lucidtls.trust.certificate import ParsedCertificate
from lucidtls.trust.distinguished import (
    EMPTY_NAME,
    CanonicalName,
    attribute_values,
    canonical_name,
    hides_attribute,
    is_readable,
    is_within,
)
from lucidtls.trust.facts import Constraints, GeneralNames
from lucidtls.trust.limits import COMPARED_SIZE, Budget
from lucidtls.trust.reasons import Problem, Reason

# emailAddress in a distinguished name: 1.2.840.113549.1.9.1.
_EMAIL_ATTRIBUTE = bytes.fromhex("2a864886f70d010901")

_LABELS = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
_HOST = re.compile(_LABELS)
# A constraint that is a host or a domain; empty for all.
_BASE = re.compile(rf"(?:\.?{_LABELS})?")
# RFC 3986, as far as all readers of URIs agree on where the host is: no backslash, no percent sign in it.
_URI = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._~!$&'()*+,;=:%-]*@)?([a-z0-9.-]+)(?::[0-9]*)?(?:[/?#][ -~]*)?",
    re.IGNORECASE,
)
_URI_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
# A last label like this makes readers take the whole for an IPv4 address.
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True, eq=False)
class NameForm:
    """How names of one form are compared with constraints on it.

    `read_name` and `read_base` prepare a name and a constraint, once each, for `within` (permitted subtrees)
    and `touches` (excluded ones; wider where it is not sure what a name stands for). What they return None
    for cannot be compared, and is refused. `prepared_size` is how many bytes are prepared in the time of one
    comparison.
    """

    word: str
    names: Callable[[GeneralNames], tuple[Any, ...]]
    read_name: Callable[[Any], Any]
    read_base: Callable[[Any], Any]
    within: Callable[[Any, Any], bool]
    touches: Callable[[Any, Any], bool]
    prepared_size: int = COMPARED_SIZE


def read_dns(name: str) -> str:
    """Bring a DNS name, or a constraint on one, to lower case without a final dot."""
    return name.lower().removesuffix(".")


def read_dns_base(base: str) -> str | None:
    """As `read_dns`, for a constraint; None when it is neither empty nor a host or domain."""
    read = read_dns(base)
    return read if _BASE.fullmatch(read) and base != "." else None


def dns_within(name: str, base: str) -> bool:
    """Tell whether a DNS name is `base` or ends in it, by labels; a leading dot asks for one label more."""
    if not base:
        return True
    return name.endswith(base) if base.startswith(".") else name == base or name.endswith(f".{base}")


def dns_touches(name: str, base: str) -> bool:
    """Tell whether a DNS name, or one that it stands for as a wildcard, is in the subtree `base`."""
    if dns_within(name, base):
        return True
    star, _, parent = name.partition(".")
    return star == "*" and base.lstrip(".").partition(".")[2] == parent


def address_within(address: Any, network: Any) -> bool:
    """Tell whether an IP address is in a network; one of the other version never is."""
    return address in network


# A local part (None for any) and a host.
Mailbox = tuple[str | None, str]


def read_mailbox(mailbox: str) -> Mailbox:
    """Split a mailbox, or a constraint on one; what has no local part is a host alone.

    Only the host ignores case.
    """
    local, _, host = mailbox.rpartition("@")
    return local or None, read_dns(host)


def read_mailbox_name(mailbox: str) -> Mailbox | None:
    """Split a mailbox; None when it is none, or one whose host is no host name."""
    read = read_mailbox(mailbox)
    return read if read[0] is not None and _HOST.fullmatch(read[1]) else None


def read_mailbox_base(base: str) -> Mailbox | None:
    """Split a constraint on mailboxes; None when it is neither mailbox, host, nor domain."""
    local, host = read_mailbox(base)
    well_formed = _HOST.fullmatch(host) if "@" in base else read_dns_base(host) is not None and base != "."
    return (local, host) if well_formed else None


def email_within(mailbox: Mailbox, base: Mailbox) -> bool:
    """Compare a mailbox with a mailbox, a host, or (with a leading dot) a domain."""
    if mailbox[0] is None:
        return False
    return mailbox == base if base[0] is not None else _host_within(mailbox[1], base[1])


def email_touches(mailbox: Mailbox, base: Mailbox) -> bool:
    """As `email_within`; what is no mailbox counts as excluded, and local parts ignore case too.

    Most hosts ignore it, and that of an emailAddress in a subject has been folded.
    """
    if mailbox[0] is None or base[0] is None:
        return mailbox[0] is None or email_within(mailbox, base)
    return mailbox[1] == base[1] and mailbox[0].lower() == base[0].lower()


def read_uri(uri: str) -> str | None:
    """Return the fully qualified host name of a URI; None when it has none, or has an address instead.

    None too when another reader may see another host in it.
    """
    found = _URI.fullmatch(uri)
    host = read_dns(found[1]) if found else ""
    if not _URI_HOST.fullmatch(host) or _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        return None
    return host


def uri_within(host: str | None, base: str) -> bool:
    """Compare the host of a URI with a host or (with a leading dot) a domain."""
    return host is not None and _host_within(host, base)


def uri_touches(host: str | None, base: str) -> bool:
    """As `uri_within`; a URI without a host name counts as excluded, since it MUST be rejected."""
    return host is None or _host_within(host, base)


def _host_within(host: str, base: str) -> bool:
    return not base or (host.endswith(base) if base.startswith(".") else host == base)


def read_directory(name: bytes) -> CanonicalName | None:
    """Bring a DER Name into comparable form; None when it has something that cannot be compared."""
    read = canonical_name(name)
    return read if is_readable(read) else None


def _same(value: Any) -> Any:
    return value


NAME_FORMS: tuple[NameForm, ...] = (
    NameForm("dNSName", lambda names: names.dns, read_dns, read_dns_base, dns_within, dns_touches),
    NameForm("iPAddress", lambda names: names.addresses, _same, _same, address_within, address_within),
    NameForm(
        "rfc822Name",
        lambda names: names.emails,
        read_mailbox_name,
        read_mailbox_base,
        email_within,
        email_touches,
        prepared_size=16,
    ),
    NameForm(
        "uniformResourceIdentifier",
        lambda names: names.uris,
        read_uri,
        read_dns_base,
        uri_within,
        uri_touches,
        prepared_size=16,
    ),
    NameForm(
        "directoryName",
        lambda names: names.directory,
        read_directory,
        read_directory,
        is_within,
        is_within,
        prepared_size=1,
    ),
)


def constrained_names(certificate: ParsedCertificate) -> GeneralNames:
    """Collect the names of a certificate that constraints apply to: subjectAltName and the subject."""
    presented = certificate.facts.names
    names = presented or GeneralNames()
    emails = names.emails
    if presented is None:
        found = attribute_values(certificate.canonical_subject, _EMAIL_ATTRIBUTE)
        # A subject that may have an address that cannot be read has one that is no mailbox.
        hidden = hides_attribute(certificate.canonical_subject, _EMAIL_ATTRIBUTE)
        emails = (*found, "") if hidden else tuple(found)
    subject = () if certificate.subject == EMPTY_NAME else (certificate.subject,)
    return GeneralNames(
        names.dns, names.addresses, emails, names.uris, names.directory + subject, names.others
    )


def constraint_problem(
    constraints: Constraints, certificate: ParsedCertificate, budget: Budget
) -> Problem | None:
    """Say which name of a certificate below an authority breaks the authority's constraints; None is none.

    The budget is that of one search, which pays once for the same question. Raises TooComplex when it is
    spent.
    """
    # The constraints are kept with the answer, so that no others get their id.
    key = id(constraints), certificate
    if key not in budget.remembered:
        budget.remembered[key] = constraints, _first_problem(constraints, certificate, budget)
    problem: Problem | None = budget.remembered[key][1]
    return problem


def _first_problem(
    constraints: Constraints, certificate: ParsedCertificate, budget: Budget
) -> Problem | None:
    if certificate not in budget.remembered:
        budget.remembered[certificate] = constrained_names(certificate)
    names: GeneralNames = budget.remembered[certificate]
    for form in NAME_FORMS:
        presented = form.names(names)
        permitted, excluded = form.names(constraints.permitted), form.names(constraints.excluded)
        if presented and (permitted or excluded):
            budget.compare_names(len(presented), len(permitted) + len(excluded))
            problem = _form_problem(
                form,
                _prepared(form, form.read_name, presented, budget),
                _prepared(form, form.read_base, permitted, budget),
                _prepared(form, form.read_base, excluded, budget),
                budget,
            )
            if problem is not None:
                return problem
    return _unprocessed_problem(constraints, names)


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """Names, or constraints on them, of one form: as they are, ready for comparison, and what they weigh.

    `weight` is in comparisons, beyond the one that a short name costs.
    """

    values: tuple[Any, ...]
    read: tuple[Any, ...]
    weight: int


def _prepared(
    form: NameForm, read: Callable[[Any], Any], values: tuple[Any, ...], budget: Budget
) -> _Prepared:
    """Prepare names or constraints, once for each search; raises TooComplex before the work is done."""
    key = id(values), form.word, read
    if key not in budget.remembered:
        sizes = [len(value) for value in values if isinstance(value, (str, bytes))]
        budget.charge_names(sum(size // form.prepared_size for size in sizes))
        weight = sum(size // COMPARED_SIZE for size in sizes)
        budget.remembered[key] = _Prepared(values, tuple(map(read, values)), weight)
    found: _Prepared = budget.remembered[key]
    return found


def _form_problem(
    form: NameForm, presented: _Prepared, permitted: _Prepared, excluded: _Prepared, budget: Budget
) -> Problem | None:
    bases = len(permitted.read) + len(excluded.read)
    budget.charge_names(presented.weight * bases + (permitted.weight + excluded.weight) * len(presented.read))
    if None in permitted.read or None in excluded.read:
        unreadable = _first_unreadable(permitted) or _first_unreadable(excluded)
        return _problem(form, unreadable, "is constrained in a way that cannot be read")
    for one, name in zip(presented.values, presented.read, strict=True):
        if name is None:
            return _problem(form, one, "is constrained, and cannot be read")
        if any(form.touches(name, base) for base in excluded.read):
            return _problem(form, one, "is in a subtree that its authority is excluded from")
        if permitted.read and not any(form.within(name, base) for base in permitted.read):
            return _problem(form, one, "is in none of the subtrees that its authority is permitted")
    return None


def _first_unreadable(bases: _Prepared) -> object:
    return next((value for value, read in zip(bases.values, bases.read, strict=True) if read is None), None)


def _problem(form: NameForm, name: object, what: str) -> Problem:
    text = name.hex() if isinstance(name, bytes) else str(name)
    return Problem(Reason.NAME_CONSTRAINTS, f"a {form.word} {what}", {"form": form.word, "name": text[:200]})


def _unprocessed_problem(constraints: Constraints, names: GeneralNames) -> Problem | None:
    """Refuse a name whose form is constrained in a way not processed here, if the extension is critical."""
    if not names.others or not constraints.critical:
        return None
    limited = {*constraints.permitted.others, *constraints.excluded.others}
    both = sorted(limited.intersection(names.others))
    if both:
        message = f"constraints on names of the form {both[0]} are not processed here"
        return Problem(Reason.NAME_CONSTRAINTS, message, {"form": both[0]})
    return None
