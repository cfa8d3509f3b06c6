"""Channel bindings: what an authentication above TLS includes so that it holds for this connection alone.

Each kind is a row: its name, and a function of what the connection keeps (RFC 9266, RFC 5929).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lucidtls.errors import UsageError
from lucidtls.handshake.post import Connected
from lucidtls.handshake.post12 import Connected12
from lucidtls.trust.end_point import end_point_hash

EXPORTER_LABEL: Final = "EXPORTER-Channel-Binding"
EXPORTER_LENGTH: Final = 32


def channel_binding(connected: Connected, kind: str) -> bytes:
    """The channel binding of this kind; UsageError where there is none, or for an unknown kind."""
    make = KINDS.get(kind)
    if make is None:
        raise UsageError(f"there is no channel binding {kind!r}: choose one of {', '.join(KINDS)}")
    return make(connected)


def _exporter(connected: Connected) -> bytes:
    """32 exported bytes (RFC 9266 §2)."""
    if isinstance(connected, Connected12) and connected.renegotiate is not None:
        # "When TLS renegotiation is enabled on a connection, the "tls-exporter" channel binding type is not
        # defined for that connection, and implementations MUST NOT support it." (RFC 9266 §4.2)
        raise UsageError("tls-exporter is not defined where renegotiation is allowed (RFC 9266 §4.2)")
    return connected.export(EXPORTER_LABEL, EXPORTER_LENGTH, b"")


def _unique(connected: Connected) -> bytes:
    """The first Finished of the latest handshake: the server's in a resumption (RFC 5929 §3)."""
    if not isinstance(connected, Connected12):
        raise UsageError("TLS 1.3 has no tls-unique: use tls-exporter (RFC 9266 §3)")
    if not connected.negotiated.extended_master_secret:
        # "the client MUST disable renegotiation and any use of the "tls-unique" channel binding" (RFC 7627
        # §5.4)
        raise UsageError("tls-unique proves nothing without the extended main secret (RFC 7627 §5.4)")
    return connected.server_verify_data if connected.negotiated.resumed else connected.client_verify_data


def _server_end_point(connected: Connected) -> bytes:
    """A hash of the server's certificate (RFC 5929 §4)."""
    if connected.server_certificate is None:
        raise UsageError("tls-server-end-point needs the certificate of the server, and none was shown here")
    digest = end_point_hash(connected.server_certificate)
    if digest is None:
        raise UsageError(
            "tls-server-end-point is not defined for this certificate: its signature names no single hash "
            "(RFC 5929 §4.1)"
        )
    return digest


KINDS: Final[dict[str, Callable[[Connected], bytes]]] = {
    "tls-exporter": _exporter,
    "tls-server-end-point": _server_end_point,
    "tls-unique": _unique,
}
"""The kinds by their registered names."""
