"""Which names a certificate presents to whom (RFC 9525)."""

from __future__ import annotations

import importlib
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import ConfigurationError
from lucidtls.trust.names import (
    DNSName,
    IPName,
    parse_server_name,
    presents_address,
    presents_dns,
)

LABELS = st.from_regex(r"\A[a-z]([a-z0-9-]{0,10}[a-z0-9])?\Z")
HOSTS = st.lists(LABELS, min_size=2, max_size=5).map(".".join)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("www.example.org", "www.example.org"),
        ("WWW.Example.ORG", "www.example.org"),
        ("www.example.org.", "www.example.org"),
        ("localhost", "localhost"),
        ("xn--fa-hia.de", "xn--fa-hia.de"),
        ("_service.example.org", "_service.example.org"),
        ("4.example.org", "4.example.org"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_host_names_are_compared_in_lower_case_without_the_last_dot(text: str, value: str) -> None:
    """Matching ignores case (RFC 9525 §6.3); the dot of an absolute name is no part of it."""
    assert parse_server_name(text) == DNSName(value)
    assert parse_server_name(text).sni == value


@pytest.mark.parametrize("text", ["192.0.2.7", "2001:db8::7", "[2001:db8::7]", "fe80::1%eth0", "::1"])
def test_addresses_are_not_sent_as_server_name(text: str) -> None:
    """Literal addresses are IP-IDs, and not permitted in the server_name extension (RFC 6066 §3)."""
    name = parse_server_name(text)
    assert isinstance(name, IPName)
    assert name.value == ip_address(text.strip("[]").partition("%")[0])
    assert name.sni is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".example.org",
        "www..example.org",
        "www.example.org..",
        "-www.example.org",
        "www-.example.org",
        "*.example.org",
        "www.example.org\0.evil.example",
        "www example.org",
        "www.example.org\n",
        "https://www.example.org",
        "www.example.org:443",
        "user@example.org",
        "a" * 64 + ".example",
        ".".join(["a" * 63] * 4) + ".example",
        "127.1",
        "1.2.3.4.5",
        "0x7f000001",
        "1.2.3.4.",
        "[192.0.2.7",
        "192.0.2.256",
    ],
)
def test_what_is_no_host_name_is_refused_before_any_connection(text: str) -> None:
    """A name that is neither a host name nor an address is the program's mistake."""
    with pytest.raises(ConfigurationError):
        parse_server_name(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        # IDNA 2003, which the standard library has, makes another host of this one: fass.de.
        ("faß.de", "xn--fa-hia.de"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_other_alphabets_become_a_labels(text: str, value: str) -> None:
    """Internationalized names are compared as A-labels (RFC 9525 §6.3), by IDNA 2008."""
    assert parse_server_name(text) == DNSName(value)


def test_other_alphabets_need_the_idna_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the `idna` package a name that is not ASCII is refused rather than guessed."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    parse_server_name.cache_clear()
    with pytest.raises(ConfigurationError, match="idna"):
        parse_server_name("straße.example")


@pytest.mark.parametrize("text", ["a\u0378.example", "\u2488com", "☃" * 300, "ex\udc80mple.org"])
def test_names_that_idna_refuses_are_refused(text: str) -> None:
    """What IDNA does not allow is no name."""
    with pytest.raises(ConfigurationError):
        parse_server_name(text)


@pytest.mark.parametrize(
    ("presented", "asked"),
    [
        ("www.example.org", "www.example.org"),
        ("WWW.EXAMPLE.org", "www.example.org"),
        ("*.example.org", "www.example.org"),
        ("*.EXAMPLE.org", "www.example.org"),
        ("*.example.org", "xn--bcher-kva.example.org"),
        ("localhost", "localhost"),
    ],
)
def test_names_that_match(presented: str, asked: str) -> None:
    """A DNS-ID matches without regard to case; a wildcard stands for one whole left-most label."""
    assert presents_dns(DNSName(asked), ["other.example", presented])


@pytest.mark.parametrize(
    ("presented", "asked"),
    [
        ("www.example.org", "example.org"),
        ("example.org", "www.example.org"),
        ("www.example.org", "www.example.org.evil.example"),
        ("*.example.org", "example.org"),
        ("*.example.org", "a.b.example.org"),
        ("*.*.example.org", "a.b.example.org"),
        ("www.*.org", "www.example.org"),
        ("w*.example.org", "www.example.org"),
        ("*w.example.org", "www.example.org"),
        ("w*w.example.org", "www.example.org"),
        ("xn--*.example.org", "xn--bcher-kva.example.org"),
        ("*.org", "example.org"),
        ("*", "localhost"),
        ("*.", "localhost"),
        ("www.example.org.", "www.example.org"),
        (".example.org", "www.example.org"),
        ("", "www.example.org"),
        ("192.0.2.7", "192.0.2.7.example.org"),
    ],
)
def test_names_that_do_not_match(presented: str, asked: str) -> None:
    """A wildcard is the complete left-most label of a name or nothing (RFC 9525 §6.3), never a registry."""
    assert not presents_dns(DNSName(asked), [presented])


def test_addresses_match_bit_for_bit() -> None:
    """An IP-ID matches the same address only (RFC 9525 §6.4), not a mapped one nor one in a DNS name."""
    presented = [ip_address("192.0.2.7"), ip_address("2001:db8::7")]
    assert presents_address(IPName(ip_address("2001:db8:0::7")), presented)
    assert not presents_address(IPName(ip_address("::ffff:192.0.2.7")), presented)
    assert not presents_address(IPName(ip_address("192.0.2.8")), presented)
    assert not presents_address(IPName(ip_address("192.0.2.7")), ["192.0.2.7"])


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_a_configuration_error(text: str) -> None:
    """Whatever is given as a server name, it is read or refused as a mistake of the program."""
    try:
        name = parse_server_name(text)
    except ConfigurationError:
        return
    assert str(name).isascii()
    assert parse_server_name(str(name)) == name


@given(HOSTS, st.lists(st.text(max_size=30), max_size=5))
def test_a_host_matches_itself_among_anything(host: str, others: list[str]) -> None:
    """The name asked for is found wherever it stands, in any case."""
    name = parse_server_name(host)
    assert isinstance(name, DNSName)
    assert presents_dns(name, [*others, host.upper(), *others])


@given(HOSTS, HOSTS)
def test_only_equal_names_and_their_wildcards_match(host: str, other: str) -> None:
    """Names match if they are equal, or are so with the wildcard's label replaced."""
    name = DNSName(host)
    assert presents_dns(name, [other]) == (host == other)
    same_parent = host.partition(".")[2] == other.partition(".")[2]
    wildcard = "*." + other.partition(".")[2]
    assert presents_dns(name, [wildcard]) == (same_parent and other.count(".") >= 2)
