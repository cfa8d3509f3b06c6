"""lucidtls over a socket: the smallest loop there can be around the engine, and nothing hidden in it."""

import select
import socket
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.crypto.randomness import system_random
from lucidtls.dangerous import LEGACY_2026, NoVerification
from lucidtls.errors import TLSError
from lucidtls.events import (
    ApplicationData,
    EarlyData,
    HandshakeCompleted,
    KeysUpdated,
    Negotiated,
    PeerAuthenticated,
    PeerClosed,
    PreSharedKey,
    Renegotiated,
)
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.stores import MemorySessionCache, MemorySessionStore
from lucidtls.sessions.ticket_keys import TicketKeys
from lucidtls.trust.credentials import Credential
from tests.interop.peers.base import Stream
from tests.interop.settings import Exporter, Facts, Identity, Settings, digest_of

READ_SIZE = SEND_SIZE = 1 << 16
Connection = ClientConnection | ServerConnection


class EngineStream:
    """A connection of the engine's and the socket under it."""

    def __init__(
        self, plain: socket.socket, connection: Connection, exporter: Exporter | None = None
    ) -> None:
        self._socket = plain
        self.connection = connection
        self._exporter = exporter
        self._received = bytearray()
        self._peer_closed = False
        self.keys_updated = 0  # by the peer
        self.renegotiations = 0
        self.early_data = bytearray()  # the peer's
        self.authentications: list[Negotiated] = []  # after the handshake
        self.facts = Facts()
        self._flush()
        self._until(lambda: connection.negotiated is not None)
        self.facts = self._facts()

    def _facts(self) -> Facts:
        told = self.connection.negotiated
        assert told is not None
        return Facts(
            version=told.version,
            suite=told.cipher_suite,
            group=told.group,
            scheme=told.signature_scheme,
            alpn=told.alpn,
            server_name=told.server_name,
            hello_retried=told.hello_retried,
            peer_leaf=digest_of(told.peer_chain[0]) if told.peer_chain else None,
            key_exchange=told.key_exchange,
            extended_master_secret=told.extended_master_secret,
            encrypt_then_mac=told.encrypt_then_mac,
            resumed=told.resumed,
            early_data=told.early_data,
            exported=self._exported(),
        )

    def _exported(self) -> str | None:
        if self._exporter is None:
            return None
        return self.connection.export_keying_material(self._exporter.label, self._exporter.length).hex()

    def _flush(self) -> None:
        if data := self.connection.data_to_send():
            self._socket.sendall(data)

    def _take_events(self) -> None:
        try:
            while (event := self.connection.next_event()) is not None:
                match event:
                    case ApplicationData(data=data):
                        self._received += data
                    case KeysUpdated(direction="received"):
                        self.keys_updated += 1
                    case PeerClosed():
                        self._peer_closed = True
                    case HandshakeCompleted():
                        pass  # `negotiated` is there now
                    case Renegotiated():
                        self.renegotiations += 1
                    case EarlyData(data=data):
                        self.early_data += data
                    case PeerAuthenticated(negotiated=negotiated):
                        self.authentications.append(negotiated)
                    case _:
                        pass  # tickets are in the store of the config already
        except TLSError:
            self._flush()  # the alert
            raise

    def wait_until(self, done: Callable[[], bool]) -> None:
        """Receive until something is true."""
        self._until(done)
        assert done(), "the peer closed before that"

    def _until(self, done: Callable[[], bool]) -> None:
        """Receive until something is true; the peer's end ends the wait."""
        self._take_events()
        self._flush()
        while not done() and not self._peer_closed:
            self.connection.receive_data(self._socket.recv(READ_SIZE))
            self._take_events()
            self._flush()

    def send(self, data: bytes) -> None:
        for start in range(0, len(data), SEND_SIZE):
            self.connection.send_data(data[start : start + SEND_SIZE])
            self._flush()
            self._receive_what_is_there()

    def _receive_what_is_there(self) -> None:
        """Look for what the peer says while we talk: a KeyUpdate it asks for should not have to wait."""
        while not self._peer_closed and select.select([self._socket], [], [], 0)[0]:
            self.connection.receive_data(self._socket.recv(READ_SIZE))
            self._take_events()
            self._flush()

    def read(self, length: int) -> bytes:
        self._until(lambda: len(self._received) >= length)
        if len(self._received) < length:
            raise EOFError(f"the peer closed after {len(self._received)} octets of {length}")
        return self._take(length)

    def _take(self, length: int) -> bytes:
        data = bytes(self._received[:length])
        del self._received[:length]
        return data

    def read_some(self) -> bytes:
        self._until(lambda: bool(self._received))
        return self._take(len(self._received))

    def wait_for_key_update(self, count: int) -> None:
        """Wait until the peer has updated its keys for the `count`th time."""
        self._until(lambda: self.keys_updated >= count)
        assert self.keys_updated >= count, "the peer closed instead of updating its keys"

    def wait_for_renegotiation(self) -> None:
        """Wait until there has been another handshake on this connection."""
        self._until(lambda: self.renegotiations > 0)
        assert self.renegotiations, "the peer closed instead of making another handshake"

    def update_keys(self, *, request_peer: bool) -> None:
        self.connection.update_keys(request_peer=request_peer)
        self._flush()

    def close_write(self) -> None:
        self.connection.close()
        self._flush()

    def read_to_end(self) -> bytes:
        self._until(lambda: False)
        return self._take(len(self._received))


@cache
def load(identity: Identity, schemes: tuple[str, ...] | None) -> Credential:
    """Read an identity's files once."""
    return Credential.load(chain=identity.chain, key=identity.key, schemes=schemes)


def credential_of(settings: Settings) -> Credential | tuple[()]:
    """Return the engine's form of an identity, which signs with the schemes of the settings only."""
    return load(settings.identity, settings.signs_with) if settings.identity else ()


def older_fields(settings: Settings) -> dict[str, Any]:
    """Return the fields of either config that only versions before TLS 1.3 need."""
    fields: dict[str, Any] = {"versions": settings.versions}
    if settings.versions == ("TLS 1.3",):
        return fields
    return fields | {
        "policy": LEGACY_2026,
        "extended_master_secret": "allow" if settings.extended_master_secret else "off",
        "encrypt_then_mac": "allow" if settings.encrypt_then_mac else "off",
    }


def psk_of_client(settings: Settings) -> dict[str, Any]:
    """Return the fields of a client's config that say which key it shares, and with whom it puts up."""
    fields: dict[str, Any] = {}
    if settings.psk:
        fields["psk"] = PreSharedKey(settings.psk.identity.encode(), settings.psk.key)
    if settings.anonymous:
        fields["verifier"] = NoVerification()
    return fields


def psk_of_server(settings: Settings) -> dict[str, Any]:
    """Return the fields of a server's config that say which key it shares."""
    if (shared := settings.psk) is None:
        return {}
    keys = {shared.identity.encode(): shared.key}
    return {"find_psk": keys.get, "psk_identity_hint": shared.hint.encode() if shared.hint else None}


def modes_of(settings: Settings) -> tuple[Literal["psk_dhe_ke", "psk_ke"]]:
    """Return the one way in which keys come from a pre-shared key."""
    return ("psk_dhe_ke",) if settings.fresh_keys else ("psk_ke",)


def lasting_fields_of_client(settings: Settings) -> dict[str, Any]:
    """Return the fields of a client's config that go beyond one handshake."""
    fields: dict[str, Any] = {"early_data": bool(settings.early_data), "psk_modes": modes_of(settings)}
    if settings.late_authentication:
        fields["post_handshake_auth"] = True
    return fields


def client_connection(settings: Settings, memory: dict[str, Any] | None = None) -> ClientConnection:
    """Return our client with some settings."""
    config = ClientConfig(
        trust=settings.trust,
        credentials=credential_of(settings),
        alpn=settings.alpn,
        cipher_suites=settings.suites,
        groups=settings.groups,
        shares=settings.shares,
        signature_schemes=settings.schemes,
        **older_fields(settings),
        **psk_of_client(settings),
        **lasting_fields_of_client(settings),
        **(memory or {}),
        **settings.extra,
    )
    return ClientConnection(config, settings.server_name or "127.0.0.1")


def server_connection(settings: Settings, memory: dict[str, Any] | None = None) -> ServerConnection:
    """Return our server with some settings."""
    asks = settings.client_authentication.value != "none" or settings.late_authentication
    config = ServerConfig(
        trust=settings.trust if asks else None,
        credentials=credential_of(settings),
        alpn=settings.alpn,
        cipher_suites=settings.suites,
        groups=settings.groups,
        signature_schemes=settings.schemes,
        client_authentication=settings.client_authentication.value,
        **older_fields(settings),
        **psk_of_server(settings),
        max_early_data=settings.max_early_data,
        psk_modes=modes_of(settings),
        **(memory or {}),
        **settings.extra,
    )
    return ServerConnection(config)


class Ours:
    """lucidtls."""

    name = "lucidtls"
    updates_keys = True
    tells_all = True

    def __init__(self) -> None:
        self._stores: dict[str, MemorySessionStore] = {}
        self._keepers: dict[str, dict[str, Any]] = {}

    def _client_memory(self, settings: Settings) -> dict[str, Any]:
        """Return the fields of a client's config that let connections of one name resume one another."""
        if settings.session is None:
            return {}
        return {"sessions": self._stores.setdefault(settings.session, MemorySessionStore())}

    def _server_memory(self, settings: Settings) -> dict[str, Any]:
        """Return the same for a server: its keys, or the sessions themselves."""
        if settings.session is None:
            return {}
        if settings.session not in self._keepers:
            self._keepers[settings.session] = {
                "replay_guard": MemoryReplayGuard(),
                **(
                    {"ticket_keys": TicketKeys(random=system_random, lifetime=7200)}
                    if settings.tickets
                    else {"session_cache": MemorySessionCache()}
                ),
            }
        return self._keepers[settings.session]

    def has(self, suite: str) -> bool:
        return True

    def client(self, plain: socket.socket, settings: Settings) -> Stream:
        connection = client_connection(settings, self._client_memory(settings))
        if settings.early_data:
            connection.send_early_data(settings.early_data)
        return EngineStream(plain, connection, settings.exporter)

    def server(self, plain: socket.socket, settings: Settings) -> Stream:
        connection = server_connection(settings, self._server_memory(settings))
        return EngineStream(plain, connection, settings.exporter)
