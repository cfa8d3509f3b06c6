"""As much HTTP as the commands need."""

from __future__ import annotations

import pytest

from lucidtls.tools.connect import unescape
from lucidtls.tools.http import is_complete, read_head, request_for


def test_a_request_names_its_host() -> None:
    """A request has a Host field, with brackets around an IPv6 address, and asks for the connection to be
    closed.
    """
    assert request_for("example.org", "/a").startswith(b"GET /a HTTP/1.1\r\nHost: example.org\r\n")
    assert b"Host: [::1]\r\n" in request_for("::1", "/")
    assert request_for("x", "/").endswith(b"\r\nConnection: close\r\n\r\n")


def test_a_head_is_read() -> None:
    """Field names are compared without regard to case, and the body begins after an empty line (RFC 9112
    §2).
    """
    head = read_head(b"HTTP/1.1 200 OK\r\nContent-LENGTH:  5 \r\nbroken\r\n\r\nhello")
    assert head is not None
    assert (head.start, head.fields, head.length) == ("HTTP/1.1 200 OK", {"content-length": "5"}, 48)
    assert read_head(b"HTTP/1.1 200 OK\r\n") is None


@pytest.mark.parametrize(
    ("answer", "complete"),
    [
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello", None),
    ],
)
def test_an_answer_says_whether_it_is_complete(answer: bytes, complete: bool | None) -> None:
    """A length or a last chunk marks the end; without either only the end of the connection does (RFC 9112
    §6.3).
    """
    assert is_complete(answer) is complete


def test_escapes_in_requests() -> None:
    """Control characters can be written in a request on the command line; everything else stays as it is."""
    assert unescape(r"a\r\n\t\0\x7f\\b\q\x4") == b"a\r\n\t\x00\x7f\\b\\q\\x4"
    assert unescape("grüße") == "grüße".encode()
