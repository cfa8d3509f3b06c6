"""Sockets of TLS 1.2 whose server asks for another handshake in the middle of the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lucidtls.io.sockets import TLSSocket, wrap
from tests.flows.older import TalkativeServer, client12, server12_config
from tests.flows.parties import SERVER_NAME
from tests.unit.io.ends import Background, raw_pair


@contextmanager
def talkative_pair(**choices: Any) -> Iterator[tuple[TLSSocket, TLSSocket, TalkativeServer]]:
    """A client's and a server's socket, and the connection of the server, which can ask."""
    near, far = raw_pair()
    client, server = client12(**choices), server12_config()
    asking = TalkativeServer(server)
    server_end = TLSSocket(far, asking)
    other = Background(server_end.handshake)
    client_end = wrap(near, config=client, server_name=SERVER_NAME)
    other.result()
    try:
        yield client_end, server_end, asking
    finally:
        client_end.close()
        server_end.close()


def echo(server: TLSSocket, client: TLSSocket, data: bytes) -> bytes:
    """Send data to the server, and return what comes back."""
    other = Background(lambda: server.sendall(server.recv(100)))
    client.sendall(data)
    received = client.recv(100)
    other.result()
    return received


def test_a_wish_for_another_handshake_is_refused_and_data_goes_on() -> None:
    """no_renegotiation is a warning: the connection and its keys stay as they are (RFC 5246 §7.2.2)."""
    with talkative_pair() as (client, server, asking):
        before = client.negotiated
        asking.ask_for_handshake()
        assert server.flush()
        assert echo(server, client, b"one") == b"one"
        assert echo(server, client, b"two") == b"two"
        assert client.negotiated is before


def test_a_socket_goes_through_another_handshake_by_itself() -> None:
    """Where it is allowed, data that is sent meanwhile waits and goes out under the new keys."""
    with talkative_pair(renegotiation="accept") as (client, server, asking):
        before = client.negotiated
        asking.ask_for_handshake()
        assert server.flush()
        assert echo(server, client, b"before") == b"before"
        assert echo(server, client, b"held") == b"held"
        assert client.negotiated is not before
        assert client.negotiated == before
