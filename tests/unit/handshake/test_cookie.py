"""The cookie of a stateless retry (RFC 9846 §4.3.2)."""

from __future__ import annotations

import pytest

from lucidtls.errors import IllegalParameter
from lucidtls.handshake.cookie import LIFETIME, Cookie, open_cookie

KEY = b"0123456789abcdef0123456789abcdef"
COOKIE = Cookie(issued=1_800_000_000, cipher_suite=0x1302, group=0x1D, first_hello_hash=b"h" * 48)


@pytest.mark.parametrize("age", [0, 1, LIFETIME])
def test_what_was_sealed_comes_back(age: int) -> None:
    """A cookie holds time, suite, group and the hash of the first hello, for a minute."""
    assert open_cookie(KEY, COOKIE.seal(KEY), COOKIE.issued + age) == COOKIE


def test_every_bit_is_authenticated() -> None:
    """A cookie with any bit changed is none of ours."""
    sealed = COOKIE.seal(KEY)
    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IllegalParameter):
            open_cookie(KEY, bytes(altered), COOKIE.issued)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 40, 41])
def test_a_short_cookie_is_none(length: int) -> None:
    """A cookie that cannot hold what it should is refused before anything is read from it."""
    with pytest.raises(IllegalParameter, match="not one of ours"):
        open_cookie(KEY, COOKIE.seal(KEY)[-length:] if length else b"", COOKIE.issued)


def test_another_key_opens_nothing() -> None:
    """Only servers that share the key understand each other's cookies."""
    with pytest.raises(IllegalParameter):
        open_cookie(KEY[::-1], COOKIE.seal(KEY), COOKIE.issued)


@pytest.mark.parametrize("age", [LIFETIME + 1, 3600, -3600, 2**31])
def test_a_cookie_does_not_last(age: int) -> None:
    """A recorded cookie is worth nothing after a minute, nor is one from a far future."""
    with pytest.raises(IllegalParameter, match="too old"):
        open_cookie(KEY, COOKIE.seal(KEY), COOKIE.issued + age)


def test_time_may_wrap_around() -> None:
    """The 32 bits of time overflow in 2106, and a cookie across that moment is good."""
    late = Cookie(2**32 - 10, 0x1301, 0, b"h" * 32)
    assert open_cookie(KEY, late.seal(KEY), 2**32 + 5) == late
