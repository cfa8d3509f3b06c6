"""lucidtls: TLS you can see through.

    import lucidtls

    with lucidtls.connect("example.org") as tls:
        tls.sendall(b"GET / HTTP/1.1\\r\\nHost: example.org\\r\\nConnection: close\\r\\n\\r\\n")
        print(tls.recv(4096).decode())

The names below are the public ones; each is loaded when it is first used. The modules `lucidtls.alerts`,
`dangerous`, `errors`, `events`, `policies` and `trace` are public too.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucidtls import alerts, dangerous, errors, events, policies, trace
    from lucidtls.config import ClientConfig, ServerConfig
    from lucidtls.connection import ClientConnection, ServerConnection
    from lucidtls.errors import (
        AlertReceived,
        CertificateRejected,
        ConfigurationError,
        ConnectionLost,
        InternalError,
        NegotiationFailure,
        NotTLS,
        PeerError,
        TimedOut,
        TLSError,
        TruncatedStream,
        UsageError,
    )
    from lucidtls.events import (
        ACCEPTED,
        ApplicationData,
        CredentialWanted,
        DecryptionWanted,
        EarlyData,
        EarlyDataAccepted,
        EarlyDataRejected,
        FreshnessWanted,
        HandshakeCompleted,
        KeysUpdated,
        Negotiated,
        PeerAuthenticated,
        PeerClosed,
        PreSharedKey,
        PskIdentityWanted,
        PskWanted,
        Renegotiated,
        RenegotiationRefused,
        SessionTicketReceived,
        SessionWanted,
        SignatureWanted,
        TicketWanted,
        VerificationWanted,
    )
    from lucidtls.io.server import TLSServer
    from lucidtls.io.session_file import SQLiteSessionStore
    from lucidtls.io.sockets import TLSSocket, connect, wrap
    from lucidtls.policies import DEFAULT_2026, MODERN_2026
    from lucidtls.sessions.replay import MemoryReplayGuard
    from lucidtls.sessions.session import Session
    from lucidtls.sessions.stores import MemorySessionCache, MemorySessionStore
    from lucidtls.sessions.ticket_keys import TicketKeys
    from lucidtls.trust.credentials import ASK, Credential
    from lucidtls.trust.stores import CertifiTrust, SystemTrust, TrustStore
    from lucidtls.trust.verify import ChainVerifier

__all__ = [
    "ACCEPTED",
    "ASK",
    "DEFAULT_2026",
    "MODERN_2026",
    "AlertReceived",
    "ApplicationData",
    "CertifiTrust",
    "CertificateRejected",
    "ChainVerifier",
    "ClientConfig",
    "ClientConnection",
    "ConfigurationError",
    "ConnectionLost",
    "Credential",
    "CredentialWanted",
    "DecryptionWanted",
    "EarlyData",
    "EarlyDataAccepted",
    "EarlyDataRejected",
    "FreshnessWanted",
    "HandshakeCompleted",
    "InternalError",
    "KeysUpdated",
    "MemoryReplayGuard",
    "MemorySessionCache",
    "MemorySessionStore",
    "Negotiated",
    "NegotiationFailure",
    "NotTLS",
    "PeerAuthenticated",
    "PeerClosed",
    "PeerError",
    "PreSharedKey",
    "PskIdentityWanted",
    "PskWanted",
    "Renegotiated",
    "RenegotiationRefused",
    "SQLiteSessionStore",
    "ServerConfig",
    "ServerConnection",
    "Session",
    "SessionTicketReceived",
    "SessionWanted",
    "SignatureWanted",
    "SystemTrust",
    "TLSError",
    "TLSServer",
    "TLSSocket",
    "TicketKeys",
    "TicketWanted",
    "TimedOut",
    "TruncatedStream",
    "TrustStore",
    "UsageError",
    "VerificationWanted",
    "alerts",
    "connect",
    "dangerous",
    "errors",
    "events",
    "policies",
    "trace",
    "wrap",
]

_HOMES = {
    "config": ("ClientConfig", "ServerConfig"),
    "connection": ("ClientConnection", "ServerConnection"),
    "errors": (
        "AlertReceived", "CertificateRejected", "ConfigurationError", "ConnectionLost", "InternalError",
        "NegotiationFailure", "NotTLS", "PeerError", "TLSError", "TimedOut", "TruncatedStream", "UsageError",
    ),
    "events": (
        "ACCEPTED", "ApplicationData", "CredentialWanted", "DecryptionWanted", "EarlyData",
        "EarlyDataAccepted", "EarlyDataRejected", "FreshnessWanted", "HandshakeCompleted", "KeysUpdated",
        "Negotiated", "PeerAuthenticated", "PeerClosed", "PreSharedKey", "PskIdentityWanted", "PskWanted",
        "Renegotiated", "RenegotiationRefused", "SessionTicketReceived", "SessionWanted", "SignatureWanted",
        "TicketWanted", "VerificationWanted",
    ),
    "io.server": ("TLSServer",),
    "io.sockets": ("TLSSocket", "connect", "wrap"),
    "policies": ("DEFAULT_2026", "MODERN_2026"),
    "io.session_file": ("SQLiteSessionStore",),
    "sessions.replay": ("MemoryReplayGuard",),
    "sessions.session": ("Session",),
    "sessions.stores": ("MemorySessionCache", "MemorySessionStore"),
    "sessions.ticket_keys": ("TicketKeys",),
    "trust.credentials": ("ASK", "Credential"),
    "trust.stores": ("CertifiTrust", "SystemTrust", "TrustStore"),
    "trust.verify": ("ChainVerifier",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module. `lucidtls --version` should not wait for the whole of TLS."""
    if name in _HOME_OF:
        value = getattr(import_module(f"lucidtls.{_HOME_OF[name]}"), name)
    elif name in __all__:
        value = import_module(f"lucidtls.{name}")
    elif name == "__version__":
        value = import_module("importlib.metadata").version("lucidtls")
    else:
        raise AttributeError(f"module 'lucidtls' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if sys.platform == "win32":
    import_module("lucidtls.io.windows")
