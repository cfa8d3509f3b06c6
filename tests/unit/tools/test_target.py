"""How a target is written on the command line."""

from __future__ import annotations

import pytest

from lucidtls.tools.target import Target, parse_target


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("example.org", "example.org", 443, "/"),
        ("example.org:8443", "example.org", 8443, "/"),
        ("[::1]", "::1", 443, "/"),
        ("[::1]:8443", "::1", 8443, "/"),
        ("::1", "::1", 443, "/"),
        ("2001:db8::1", "2001:db8::1", 443, "/"),
        ("https://example.org", "example.org", 443, "/"),
        ("https://example.org:8443/a/b?c=d", "example.org", 8443, "/a/b?c=d"),
        ("HTTPS://[::1]:1/x", "::1", 1, "/x"),
        ("https://user:secret@example.org/", "example.org", 443, "/"),
        ("smtps://mail.example.org", "mail.example.org", 465, "/"),
        ("tls://example.org:99", "example.org", 99, "/"),
        ("bücher.example", "bücher.example", 443, "/"),
    ],
)
def test_a_target_names_a_host_and_a_port(text: str, host: str, port: int, path: str) -> None:
    """A host, with or without a port, an address in brackets, or a URL; the port of TLS is 443 by default."""
    target = parse_target(text)
    assert (target.host, target.port, target.path) == (host, port, path)


def test_a_local_socket_is_named_by_its_path() -> None:
    """TLS can run over a local socket, which has a path instead of a host."""
    target = parse_target("unix:/run/x.sock")
    assert target.local_path == "/run/x.sock"
    assert str(target) == "unix:/run/x.sock"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":443",
        "host:",
        "host:0",
        "host:65536",
        "host:https",
        "[::1",
        "[::1]x",
        "http://x",
        "gopher://x",
        "unix:",
        "https://",
    ],
)
def test_what_is_no_target(text: str) -> None:
    """A target that cannot be meant is refused with a reason, except that an empty port is the usual one."""
    if text == "host:":
        assert parse_target(text).port == 443
        return
    with pytest.raises(ValueError, match=r".+"):
        parse_target(text)


def test_what_to_expect_of_a_target() -> None:
    """HTTP is expected on 443 and of https URLs; some schemes begin in the clear."""
    assert parse_target("example.org").speaks_http
    assert parse_target("https://example.org:8443").speaks_http
    assert not parse_target("example.org:8443").speaks_http
    assert not parse_target("imaps://example.org").speaks_http
    assert parse_target("imap://example.org").starttls
    assert str(Target("::1", 443)) == "[::1]:443"
