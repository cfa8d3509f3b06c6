"""Choosing, as pure functions (RFC 9846 §4.2.1)."""

from __future__ import annotations

import pytest

from lucidtls.crypto.groups import SECP256R1, X25519, X25519MLKEM768, Group
from lucidtls.crypto.suites import TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384
from lucidtls.errors import NegotiationFailure, NoApplicationProtocol
from lucidtls.handshake.negotiate import choose_alpn, choose_cipher_suite, choose_group, choose_scheme
from tests.flows.parties import credential

SUITES = (TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384)


def test_cipher_suites() -> None:
    """The first in common, in one side's order; none in common is an error."""
    assert choose_cipher_suite(SUITES, (0x1302, 0x1301), client_order=False) is SUITES[0]
    assert choose_cipher_suite(SUITES, (0x1302, 0x1301), client_order=True) is SUITES[1]
    for client_order in (True, False):
        with pytest.raises(NegotiationFailure, match="cipher suite"):
            choose_cipher_suite(SUITES, (0x0A0A, 0x1303), client_order=client_order)


ALL = (X25519MLKEM768, X25519, SECP256R1)


@pytest.mark.parametrize(
    ("offered", "shared", "client_order", "chosen"),
    [
        ((X25519, SECP256R1), (X25519,), False, X25519),
        ((SECP256R1, X25519), (SECP256R1,), False, SECP256R1),
        ((SECP256R1, X25519), (), False, X25519),
        ((SECP256R1, X25519), (), True, SECP256R1),
        ((SECP256R1, X25519), (SECP256R1, X25519), True, SECP256R1),
        ((X25519, X25519MLKEM768), (X25519,), False, X25519MLKEM768),
        ((X25519, X25519MLKEM768), (X25519,), True, X25519MLKEM768),
        ((X25519, X25519MLKEM768), (X25519, X25519MLKEM768), True, X25519MLKEM768),
    ],
)
def test_groups(
    offered: tuple[Group, ...], shared: tuple[Group, ...], client_order: bool, chosen: Group
) -> None:
    """A share saves a round trip, and only resistance to quantum computers is worth one."""
    codes = [group.code for group in offered]
    shares = {group.code for group in shared}
    assert choose_group(ALL, codes, shares, client_order=client_order) is chosen


def test_no_group_in_common() -> None:
    """Without overlap in groups there is no key exchange (RFC 9846 §4.2.1)."""
    with pytest.raises(NegotiationFailure, match="group"):
        choose_group((X25519,), (0x17, 0x2A2A), (), client_order=False)


def test_protocols() -> None:
    """The server's first that the client offers too (RFC 7301 §3.2)."""
    assert choose_alpn((b"h2", b"http/1.1"), (b"http/1.1", b"h2")) == b"h2"
    assert choose_alpn((), (b"h2",)) is None
    assert choose_alpn((b"h2",), None) is None
    with pytest.raises(NoApplicationProtocol):
        choose_alpn((b"h2",), (b"h3",))


def test_schemes() -> None:
    """A credential signs with its first scheme that the peer accepts."""
    rsa = credential("rsa2048")
    assert choose_scheme(rsa, {0x0804, 0x0805, 0x0806}) == 0x0804
    assert choose_scheme(rsa, {0x0806, 0x0403}) == 0x0806
    assert choose_scheme(rsa, {0x0403}) is None
