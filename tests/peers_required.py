"""What happens when another TLS implementation that a test talks to is not on this machine.

A test that needs a peer says so in one line, before it does anything else:

    require_peer("GnuTLS", shutil.which("gnutls-serv") is not None, "install gnutls-bin")

Without the peer the test is skipped, and the closing summary names the peer and how many tests went
untested for want of it. With `LUCIDTLS_REQUIRE_PEERS=1` in the environment a missing peer fails the
test, so that an automatic run cannot pass by testing nothing.
"""

from __future__ import annotations

import os

import pytest

MISSING = "missing peer: "


def peers_are_required() -> bool:
    """Whether this run treats a missing peer as a failure."""
    return os.environ.get("LUCIDTLS_REQUIRE_PEERS", "0") not in {"", "0"}


def require_peer(name: str, found: bool, hint: str) -> None:
    """Go on when the peer was found; otherwise skip the test, or fail it when peers are required."""
    __tracebackhide__ = True
    if found:
        return
    message = f"{MISSING}{name} ({hint})"
    if peers_are_required():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def peer_in(reason: str) -> str | None:
    """Return `name (hint)` when a skip reason was written by `require_peer`, else None."""
    _, found, peer = reason.partition(MISSING)
    return peer if found else None
