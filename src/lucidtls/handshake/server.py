"""The server's side until the version is known: read the ClientHello, see which version answers it."""

from __future__ import annotations

from typing import Final

from lucidtls.alerts import INAPPROPRIATE_FALLBACK
from lucidtls.errors import UnexpectedMessage, UnsupportedVersion
from lucidtls.handshake import server12, server13
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.post import Connected
from lucidtls.handshake.states import START
from lucidtls.wire.extensions import ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.versions import SSL30, TLS10, TLS12, TLS13, version_name

FALLBACK_SCSV: Final = 0x5600
"""TLS_FALLBACK_SCSV: this client tried a higher version before (RFC 7507 §3)."""


async def run(hs: ServerHandshake) -> Connected:
    """Take the server from START to CONNECTED."""
    # A stateless server cannot tell the record between two hellos from one before the first, and "MUST ignore
    # these records" (RFC 9846 §4.3.2).
    hs.channel.reader.change_cipher_spec_allowed = hs.config.cookie_key is not None
    hello = await START
    version = accept_version(hs, hello)
    if version == TLS13:
        hs.channel.reader.change_cipher_spec_allowed = True
        return await server13.run(hs, hello)
    enter_older_version(hs, version)
    return await server12.run(hs, hello, version)


def accept_version(hs: ServerHandshake, hello: ClientHello) -> int:
    """Find the highest version in common (RFC 9846 §4.3.1, Appendix E.2)."""
    if hello.legacy_version <= SSL30:
        answer_in_version_of(hs, hello)
        # "Any party receiving a Hello message with the protocol version set to {03,00} MUST respond with a
        # "protocol_version" alert message and close the connection." (RFC 7568 §3)
        raise UnsupportedVersion(
            f"the client's hello is of {version_name(hello.legacy_version)}, which is broken",
            offered=(hello.legacy_version,),
            clause="RFC 7568 §3",
        )
    ours = hs.config.algorithms.versions
    listed = hello.extensions.get(ch.SUPPORTED_VERSIONS)
    if listed is not None:
        # "servers MUST only select a version of TLS present in that extension" (RFC 9846 §4.3.1)
        common = [version for version in ours if version in listed]
    else:
        # "If this extension is not present, servers which are compliant with this specification [...] MUST
        # negotiate TLS 1.2 or prior [...] even if ClientHello.legacy_version is 0x0304 or later."
        common = [version for version in ours if version <= min(hello.legacy_version, TLS12)]
    if not common:
        answer_in_version_of(hs, hello)
        raise UnsupportedVersion(
            f"the client offers {_described(hello, listed)}, and we do not",
            offered=listed or (hello.legacy_version,),
            clause="RFC 9846 §4.3.1",
        )
    if FALLBACK_SCSV in hello.cipher_suites and ours[0] > common[0]:
        # "If [...] the highest protocol version supported by the server is higher than the version indicated
        # in ClientHello.client_version, the server MUST respond with a fatal inappropriate_fallback alert"
        answer_in_version_of(hs, hello)
        raise UnsupportedVersion(
            f"the client falls back to {version_name(common[0])}, and we can do better",
            offered=listed or (hello.legacy_version,),
            clause="RFC 7507 §3",
        ).with_alert(INAPPROPRIATE_FALLBACK)
    return common[0]


def answer_in_version_of(hs: ServerHandshake, hello: ClientHello) -> None:
    """Have the alert carry the version that the client gave: "The record layer version number for this alert
    MUST be set to either ClientHello.client_version [...] or to the record layer version number used by the
    client." (RFC 7507 §3)
    """
    hs.channel.writer.enter_version(min(max(hello.legacy_version, TLS10), TLS12))


def _described(hello: ClientHello, listed: tuple[int, ...] | None) -> str:
    if listed is not None:
        return ", ".join(version_name(version) for version in listed)
    return f"{version_name(min(hello.legacy_version, TLS12))} at most"


def enter_older_version(hs: ServerHandshake, version: int) -> None:
    """Speak TLS 1.2 or older. A change_cipher_spec that was passed over until now is one too many."""
    if hs.channel.reader.change_cipher_specs:
        raise UnexpectedMessage("a change_cipher_spec came before the ClientHello", clause="RFC 5246 §7.1")
    hs.channel.require_record_boundary("the server's answer")
    hs.channel.enter_version(version)
