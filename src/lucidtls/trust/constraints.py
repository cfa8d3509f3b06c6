"""Name constraints: the names an authority may certify (RFC 5280 §4.2.1.10).

RFC 5280 §6.1 carries the intersection of all permitted and the union of all excluded subtrees down the
path. Here each authority's extension is applied to every certificate below it, which comes to the same.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lucidtls.trust.certificate import ParsedCertificate
from lucidtls.trust.distinguished import EMPTY_NAME, attribute_values, canonical_name, is_within
from lucidtls.trust.facts import Constraints, GeneralNames
from lucidtls.trust.limits import Budget
from lucidtls.trust.reasons import Problem, Reason

# emailAddress in a distinguished name: 1.2.840.113549.1.9.1.
_EMAIL_ATTRIBUTE = bytes.fromhex("2a864886f70d010901")


@dataclass(frozen=True, slots=True, eq=False)
class NameForm:
    """How names of one form are compared with constraints on it.

    `read_name` and `read_base` prepare a name and a constraint, once each, for `within` (permitted subtrees)
    and `touches` (excluded ones; wider where it is not sure what a name stands for).
    """

    word: str
    names: Callable[[GeneralNames], tuple[Any, ...]]
    read_name: Callable[[Any], Any]
    read_base: Callable[[Any], Any]
    within: Callable[[Any, Any], bool]
    touches: Callable[[Any, Any], bool]


def read_dns(name: str) -> str:
    """Bring a DNS name, or a constraint on one, to lower case without a final dot."""
    return name.lower().removesuffix(".")


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
    """Split a mailbox, or a constraint on one; what has no @ is a host alone. Only the host ignores case."""
    local, at, host = mailbox.rpartition("@")
    return local if at else None, read_dns(host)


def email_within(mailbox: Mailbox, base: Mailbox) -> bool:
    """Compare a mailbox with a mailbox, a host, or (with a leading dot) a domain."""
    if mailbox[0] is None:
        return False
    return mailbox == base if base[0] is not None else _host_within(mailbox[1], base[1])


def email_touches(mailbox: Mailbox, base: Mailbox) -> bool:
    """As `email_within`; what is no mailbox counts as excluded."""
    return mailbox[0] is None or email_within(mailbox, base)


def read_uri(uri: str) -> str | None:
    """Return the fully qualified host name of a URI; None when it has none, or has an address instead."""
    try:
        host = urlsplit(uri).hostname
        if host is None or "." not in host:
            return None
    except ValueError:
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return read_dns(host)
    return None


def uri_within(host: str | None, base: str) -> bool:
    """Compare the host of a URI with a host or (with a leading dot) a domain."""
    return host is not None and _host_within(host, base)


def uri_touches(host: str | None, base: str) -> bool:
    """As `uri_within`; a URI without a host name counts as excluded, since it MUST be rejected."""
    return host is None or _host_within(host, base)


def _host_within(host: str, base: str) -> bool:
    return not base or (host.endswith(base) if base.startswith(".") else host == base)


def _same(value: Any) -> Any:
    return value


NAME_FORMS: tuple[NameForm, ...] = (
    NameForm("dNSName", lambda names: names.dns, read_dns, read_dns, dns_within, dns_touches),
    NameForm("iPAddress", lambda names: names.addresses, _same, _same, address_within, address_within),
    NameForm(
        "rfc822Name", lambda names: names.emails, read_mailbox, read_mailbox, email_within, email_touches
    ),
    NameForm(
        "uniformResourceIdentifier", lambda names: names.uris, read_uri, read_dns, uri_within, uri_touches
    ),
    NameForm(
        "directoryName", lambda names: names.directory, canonical_name, canonical_name, is_within, is_within
    ),
)


def constrained_names(certificate: ParsedCertificate) -> GeneralNames:
    """Collect the names of a certificate that constraints apply to: subjectAltName and the subject."""
    presented = certificate.facts.names
    names = presented or GeneralNames()
    emails = names.emails
    if presented is None:
        emails = tuple(attribute_values(certificate.canonical_subject, _EMAIL_ATTRIBUTE))
    subject = () if certificate.subject == EMPTY_NAME else (certificate.subject,)
    return GeneralNames(
        names.dns, names.addresses, emails, names.uris, names.directory + subject, names.others
    )


def constraint_problem(
    constraints: Constraints, certificate: ParsedCertificate, budget: Budget
) -> Problem | None:
    """Say which name of a certificate below an authority breaks the authority's constraints; None is none.

    Raises TooComplex when the budget is spent.
    """
    names = constrained_names(certificate)
    for form in NAME_FORMS:
        presented = form.names(names)
        permitted, excluded = form.names(constraints.permitted), form.names(constraints.excluded)
        if presented and (permitted or excluded):
            budget.compare_names(len(presented), len(permitted) + len(excluded))
            problem = _form_problem(form, presented, permitted, excluded)
            if problem is not None:
                return problem
    return _unprocessed_problem(constraints, names)


def _form_problem(
    form: NameForm, presented: tuple[Any, ...], permitted: tuple[Any, ...], excluded: tuple[Any, ...]
) -> Problem | None:
    permitted_bases = [form.read_base(base) for base in permitted]
    excluded_bases = [form.read_base(base) for base in excluded]
    for one in presented:
        name = form.read_name(one)
        if any(form.touches(name, base) for base in excluded_bases):
            return _problem(form, one, "is in a subtree that its authority is excluded from")
        if permitted and not any(form.within(name, base) for base in permitted_bases):
            return _problem(form, one, "is in none of the subtrees that its authority is permitted")
    return None


def _problem(form: NameForm, name: object, what: str) -> Problem:
    text = name.hex() if isinstance(name, bytes) else str(name)
    return Problem(Reason.NAME_CONSTRAINTS, f"a {form.word} {what}", {"form": form.word, "name": text[:200]})


def _unprocessed_problem(constraints: Constraints, names: GeneralNames) -> Problem | None:
    """Refuse a name whose form is constrained in a way not processed here, if the extension is critical."""
    limited = {*constraints.permitted.others, *constraints.excluded.others}
    both = sorted(limited.intersection(names.others))
    if both and constraints.critical:
        message = f"constraints on names of the form {both[0]} are not processed here"
        return Problem(Reason.NAME_CONSTRAINTS, message, {"form": both[0]})
    return None
