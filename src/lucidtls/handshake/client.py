"""The client's side until the version is known: send the offer, see which version answers it."""

from __future__ import annotations

from typing import Final

from lucidtls.errors import IllegalParameter, UnsupportedVersion
from lucidtls.handshake import client13
from lucidtls.handshake.offer import ClientHandshake
from lucidtls.handshake.post import Connected
from lucidtls.handshake.states import WAIT_SH
from lucidtls.handshake.versions import TLS13
from lucidtls.wire.extensions import check_solicited, sh
from lucidtls.wire.hello import ServerHello

DOWNGRADE_SENTINELS: Final = (b"DOWNGRD\x01", b"DOWNGRD\x00")
"""The last eight bytes of a TLS 1.3 server's random when it negotiates less (RFC 9846 §4.2.3)."""


async def run(hs: ClientHandshake) -> Connected:
    """Take the client from START to CONNECTED."""
    hs.send_hello()
    server_hello = await WAIT_SH
    accept_version(hs, server_hello)
    return await client13.run(hs, server_hello)


def accept_version(hs: ClientHandshake, server_hello: ServerHello) -> None:
    """Find the version the server chose; today that must be TLS 1.3 (RFC 9846 §4.3.1)."""
    extensions = server_hello.extensions
    if sh.SUPPORTED_VERSIONS.code not in extensions:
        refuse_older_version(server_hello)
    check_solicited(extensions, hs.offered)
    version = extensions.get(client13.SELECTED_VERSION[extensions.message])
    # "If the "supported_versions" extension in the ServerHello contains a version not offered by the client
    # or contains a version prior to TLS 1.3, the client MUST abort the handshake with an "illegal_parameter"
    # alert." (RFC 9846 §4.3.1)
    if version != TLS13:
        raise IllegalParameter(
            "the server chose a version we did not offer", version=version, clause="RFC 9846 §4.3.1"
        )


def refuse_older_version(server_hello: ServerHello) -> None:
    """Refuse TLS 1.2 or older, and say so when a TLS 1.3 server was made to choose it (RFC 9846 §4.2.3)."""
    if server_hello.random[-8:] in DOWNGRADE_SENTINELS:
        raise IllegalParameter(
            "downgrade detected: the server speaks TLS 1.3 but was made to choose less",
            version=server_hello.legacy_version,
            clause="RFC 9846 §4.2.3",
        )
    raise UnsupportedVersion(
        "the server chose TLS 1.2 or older, which we did not offer",
        version=server_hello.legacy_version,
        clause="RFC 9846 §4.3.1",
    )
