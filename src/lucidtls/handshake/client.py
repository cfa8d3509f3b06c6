"""The client's side until the version is known: send the offer, see which version answers it."""

from __future__ import annotations

from lucidtls.errors import (
    DowngradeDetected,
    IllegalParameter,
    MissingExtension,
    UnexpectedMessage,
    UnsupportedVersion,
)
from lucidtls.events import PreSharedKey, PskIdentityWanted
from lucidtls.handshake import client12, client13
from lucidtls.handshake.offer import ClientHandshake
from lucidtls.handshake.post import Connected
from lucidtls.handshake.states import WAIT_SH
from lucidtls.wire.extensions import check_solicited, sh
from lucidtls.wire.hello import DOWNGRADE_TO_TLS_1_1, DOWNGRADE_TO_TLS_1_2, ServerHello
from lucidtls.wire.versions import TLS11, TLS12, TLS13, version_name


async def run(hs: ClientHandshake) -> Connected:
    """Take the client from START to CONNECTED."""
    psk: PreSharedKey | None = None
    if hs.config.psk is not None and hs.hello_has_shares:
        psk = await PskIdentityWanted(None)
    hs.prepare_hello(psk)
    hs.send_hello()
    server_hello = await WAIT_SH
    version = accept_version(hs, server_hello)
    if version == TLS13:
        return await client13.run(hs, server_hello)
    return await client12.run(hs, server_hello)


def accept_version(hs: ClientHandshake, server_hello: ServerHello) -> int:
    """Find the version the server chose (RFC 9846 §4.3.1)."""
    extensions = server_hello.extensions
    if sh.SUPPORTED_VERSIONS.code not in extensions:
        return accept_older_version(hs, server_hello)
    check_solicited(extensions, hs.offered)
    version = extensions.get(client13.SELECTED_VERSION[extensions.message])
    # "If the "supported_versions" extension in the ServerHello contains a version not offered by the client
    # or contains a version prior to TLS 1.3, the client MUST abort the handshake with an "illegal_parameter"
    # alert." (RFC 9846 §4.3.1)
    if version != TLS13:
        raise IllegalParameter(
            "the server chose a version we did not offer", version=version, clause="RFC 9846 §4.3.1"
        )
    if hs.channel.hello_requests:
        # In TLS 1.3 there is no such message, and nothing may come before the ServerHello.
        raise UnexpectedMessage("a HelloRequest came before a TLS 1.3 ServerHello", clause="RFC 9846 §4")
    # A HelloRetryRequest settles it as well: from here on the rules of TLS 1.3 hold for all that comes.
    hs.channel.may_be_older = False
    return version


def accept_older_version(hs: ClientHandshake, server_hello: ServerHello) -> int:
    """Take TLS 1.2 or older from legacy_version, if we offered it and nobody made the server choose it."""
    version, offered = server_hello.legacy_version, hs.config.algorithms.versions
    if server_hello.is_retry_request:
        raise MissingExtension(
            "a HelloRetryRequest names no version", version=version, clause="RFC 9846 §4.2.4"
        )
    check_downgrade(server_hello.random[-8:], version, offered)
    if version not in offered or version == TLS13:
        raise UnsupportedVersion(
            f"the server chose {version_name(version)}, which we did not offer",
            version=version,
            clause="RFC 9846 §4.3.1",
        )
    if hs.channel.reader.change_cipher_specs:
        # Until now the record could be the empty gesture of TLS 1.3; in older versions it never is.
        raise UnexpectedMessage("a change_cipher_spec came before the ServerHello", clause="RFC 5246 §7.1")
    if hs.channel.early is not None:
        # "A client that attempts to send 0-RTT data MUST fail a connection if it receives a ServerHello with
        # TLS 1.2 or older." (RFC 9846 §E.3)
        raise UnsupportedVersion(
            f"the server chose {version_name(version)} though early data was sent",
            version=version,
            clause="RFC 9846 §E.3",
        )
    # The secret keys of the shares that TLS 1.3 was offered with are of no more use.
    hs.shares.clear()
    hs.channel.enter_version(version)
    return version


def check_downgrade(sentinel: bytes, version: int, offered: tuple[int, ...]) -> None:
    """Look for the mark that a better server leaves in its random when it negotiates less than it can.

    "TLS 1.3 clients receiving a ServerHello indicating TLS 1.2 or below MUST check that the last eight bytes
    are not equal to either of these values." TLS 1.2 clients should look for the second when they get TLS 1.1
    or below (RFC 9846 §4.2.3).
    """
    best = max(offered)
    marked = sentinel == DOWNGRADE_TO_TLS_1_1 or (sentinel == DOWNGRADE_TO_TLS_1_2 and best == TLS13)
    if marked and (best == TLS13 or (best == TLS12 and version <= TLS11)):
        raise DowngradeDetected(
            "downgrade detected: the server can do better than what it was made to choose",
            version=version,
            clause="RFC 9846 §4.2.3",
        )
