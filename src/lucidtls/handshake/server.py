"""The server's side until the version is known: read the ClientHello, see which version answers it."""

from __future__ import annotations

from lucidtls.errors import UnsupportedVersion
from lucidtls.handshake import server13
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.post import Connected
from lucidtls.handshake.states import START
from lucidtls.handshake.versions import TLS13
from lucidtls.wire.extensions import ch
from lucidtls.wire.hello import ClientHello


async def run(hs: ServerHandshake) -> Connected:
    """Take the server from START to CONNECTED."""
    # A stateless server cannot tell the record between two hellos from one before the first, and "MUST ignore
    # these records" (RFC 9846 §4.3.2).
    hs.channel.reader.change_cipher_spec_allowed = hs.config.cookie_key is not None
    hello = await START
    hs.channel.reader.change_cipher_spec_allowed = True
    accept_version(hello)
    return await server13.run(hs, hello)


def accept_version(hello: ClientHello) -> None:
    """Find the version to use; today that must be TLS 1.3 (RFC 9846 §4.3.1)."""
    versions = hello.extensions.get(ch.SUPPORTED_VERSIONS)
    if versions is None or TLS13 not in versions:
        raise UnsupportedVersion(
            "the client does not offer TLS 1.3",
            offered=versions or (hello.legacy_version,),
            clause="RFC 9846 §4.3.1",
        )
