"""The two rivals, each as a pair of ends in memory: ours, and the standard library's through MemoryBIO."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.identity import SERVER_NAME, ecdsa_identity
from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.events import ApplicationData
from lucidtls.sessions.session import Session
from lucidtls.trust.credentials import Credential

SSL_SUITE = "TLS_AES_256_GCM_SHA384"
"""What OpenSSL prefers, and `ssl` cannot change before Python 3.15. Bulk data is compared with it."""

OUR_SUITE = "TLS_AES_128_GCM_SHA256"
"""What we prefer. Handshakes are compared with each side's own preference."""


@cache
def our_configs(suite: str, *groups: str) -> tuple[ClientConfig, ServerConfig]:
    """Configs that leave one suite and one group to choose: the first, by default x25519."""
    groups = groups or ("x25519",)
    identity = ecdsa_identity()
    credential = Credential.load(identity.leaf, identity.key)
    client = ClientConfig(trust=identity.root, cipher_suites=(suite,), groups=groups)
    return client, ServerConfig(credentials=credential, cipher_suites=(suite,), groups=groups, tickets=0)


def our_handshake(suite: str = OUR_SUITE) -> tuple[ClientConnection, ServerConnection]:
    """Both ends, connected: one full handshake with verification."""
    client_config, server_config = our_configs(suite)
    client, server = ClientConnection(client_config, SERVER_NAME), ServerConnection(server_config)
    server.receive_data(client.data_to_send())
    server.next_event()
    client.receive_data(server.data_to_send())
    client.next_event()
    server.receive_data(client.data_to_send())
    server.next_event()
    assert client.negotiated is not None, client
    assert server.negotiated is not None, server
    return client, server


@cache
def our_session() -> tuple[ClientConfig, ServerConfig, Session]:
    """Configs whose server gives a ticket per connection, and one session to resume again and again."""
    client_config, server_config = our_configs(OUR_SUITE)
    server_config = replace(server_config, tickets=1)
    client, _ = our_pair(client_config, server_config)
    return client_config, server_config, client.tickets[0]


def our_pair(
    client_config: ClientConfig, server_config: ServerConfig, session: Session | None = None
) -> tuple[ClientConnection, ServerConnection]:
    """Both ends, connected, with what the server sends after its handshake."""
    client = ClientConnection(client_config, SERVER_NAME, session=session)
    server = ServerConnection(server_config)
    server.receive_data(client.data_to_send())
    server.next_event()
    client.receive_data(server.data_to_send())
    client.next_event()
    server.receive_data(client.data_to_send())
    server.next_event()
    client.receive_data(server.data_to_send())
    client.next_event()
    return client, server


def our_resumption() -> ClientConnection:
    """One resumption with fresh keys (psk_dhe_ke), and the ticket for the next."""
    client, _ = our_pair(*our_session())
    assert client.negotiated is not None and client.negotiated.resumed, client
    return client


@cache
def ssl_session() -> ssl.SSLSession:
    """A session of `ssl` to resume again and again."""
    pair = SSLPair(tickets=1)
    pair.handshake()
    pair.read_ticket()
    session = pair.client.session
    assert session is not None, "a ticket has come"
    return session


def ssl_resumption() -> SSLPair:
    """The same with `ssl`."""
    pair = SSLPair(session=ssl_session(), tickets=1)
    pair.handshake()
    pair.read_ticket()
    assert pair.client.session_reused, "the session is resumed"
    return pair


OUR_OLDER_SUITE = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
OPENSSL_OLDER_SUITE = "ECDHE-ECDSA-AES128-GCM-SHA256"
"""The same suite of TLS 1.2 under both its names."""


def our_older_handshake() -> tuple[ClientConnection, ServerConnection]:
    """Both ends, connected in TLS 1.2: one full ECDHE-ECDSA handshake with verification."""
    # Before TLS 1.3 the groups offered must have the certificate's curve among them.
    client_config, server_config = our_configs(OUR_OLDER_SUITE, "x25519", "secp256r1")
    client, server = ClientConnection(client_config, SERVER_NAME), ServerConnection(server_config)
    server.receive_data(client.data_to_send())
    server.next_event()
    client.receive_data(server.data_to_send())
    client.next_event()
    server.receive_data(client.data_to_send())
    server.next_event()
    client.receive_data(server.data_to_send())
    client.next_event()
    assert client.negotiated is not None, client
    assert server.negotiated is not None, server
    return client, server


def our_transfer(client: ClientConnection, server: ServerConnection, data: bytes, target: bytearray) -> None:
    """Data from client to server: sealed, handed over, opened into the caller's buffer."""
    client.send_data(data)
    server.receive_data(client.data_to_send())
    received = 0
    view = memoryview(target)
    while received < len(data):
        got = server.read_into(view[received:])
        if not got:
            break
        received += got
    assert received == len(data), (received, len(data))


def our_plain_transfer(client: ClientConnection, server: ServerConnection, data: bytes) -> None:
    """The same through `data_to_send` and events."""
    client.send_data(data)
    server.receive_data(client.data_to_send())
    received = 0
    while received < len(data):
        event = server.next_event()
        assert isinstance(event, ApplicationData), event
        received += len(event.data)


@cache
def ssl_contexts(version: ssl.TLSVersion, tickets: int) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts for one version with the same certificate, with as many tickets as ours."""
    identity = ecdsa_identity()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = identity.write()
    server.load_cert_chain(path)
    path.unlink()
    server.num_tickets = tickets
    root = identity.root.public_bytes(Encoding.PEM).decode()
    client = ssl.create_default_context(cadata=root)
    for context in (client, server):
        context.minimum_version = context.maximum_version = version
        if not tickets:
            context.options |= ssl.OP_NO_TICKET
        context.set_ciphers(OPENSSL_OLDER_SUITE)
    return client, server


class SSLPair:
    """Two `ssl.SSLObject`s and the four MemoryBIOs between them."""

    def __init__(
        self,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        session: ssl.SSLSession | None = None,
        tickets: int = 0,
    ) -> None:
        client, server = ssl_contexts(version, tickets)
        self.to_client, self.from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.to_server, self.from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(
            self.to_client, self.from_client, server_hostname=SERVER_NAME, session=session
        )
        self.server = server.wrap_bio(self.to_server, self.from_server, server_side=True)

    def handshake(self) -> None:
        """One full handshake with verification."""
        _step(self.client)
        self.to_server.write(self.from_client.read())
        _step(self.server)
        self.to_client.write(self.from_server.read())
        _step(self.client)
        self.to_server.write(self.from_client.read())
        self.server.do_handshake()
        if self.server.version() == "TLSv1.2":
            self.to_client.write(self.from_server.read())
            self.client.do_handshake()

    def read_ticket(self) -> None:
        """Let the client take what the server sends after its handshake."""
        self.to_client.write(self.from_server.read())
        try:
            self.client.read(1)
        except ssl.SSLWantReadError:
            return

    def transfer(self, data: bytes, target: bytearray) -> None:
        """Data from client to server, read into the caller's buffer."""
        self.client.write(data)
        self.to_server.write(self.from_client.read())
        received = 0
        view = memoryview(target)
        while received < len(data):
            received += int(self.server.read(len(data), view[received:]))


def _step(end: ssl.SSLObject) -> None:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return


def ssl_handshake() -> SSLPair:
    """Both ends, connected."""
    pair = SSLPair()
    pair.handshake()
    return pair


def ssl_older_handshake() -> SSLPair:
    """Both ends, connected in TLS 1.2."""
    pair = SSLPair(ssl.TLSVersion.TLSv1_2)
    pair.handshake()
    return pair
