"""The two connection classes, where flows between two of them do not reach."""

from __future__ import annotations

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.errors import ConfigurationError, UsageError
from lucidtls.trust.credentials import ASK
from tests.conformance.attacks.after import ticket
from tests.flows.hostile import HostileServer, plain
from tests.flows.pair import connected
from tests.flows.parties import SERVER_NAME, client_config, server_config


def test_a_client_must_know_whom_to_expect() -> None:
    """A chain alone says that somebody owns a certificate, not who: a name is needed to verify."""
    with pytest.raises(ConfigurationError, match="server_name"):
        ClientConnection(client_config(), None)
    assert ClientConnection(client_config(verifier=ASK), None).state == "WAIT_SH"


@pytest.mark.parametrize(
    "name", ["", "a..b", "-bad-", "x" * 64 + ".example", "exa mple.org", "127.1", "*.example.org"]
)
def test_a_name_that_is_no_name_is_refused_at_once(name: str) -> None:
    """A client asked to connect to something that cannot be a host says so before anything is sent."""
    with pytest.raises(ConfigurationError):
        ClientConnection(client_config(), name)


def test_a_hello_is_ready_at_once_and_a_server_waits() -> None:
    """The client speaks first (RFC 9846 §2)."""
    client, server = ClientConnection(client_config(), SERVER_NAME), ServerConnection(server_config())
    assert client.data_to_send()[:3] == b"\x16\x03\x01"
    assert server.data_to_send() == b"" and server.next_event() is None
    assert client.negotiated is None and not client.closed


def test_sending_nothing_sends_nothing() -> None:
    """An empty write makes no record."""
    pair = connected()
    pair.client.connection.send_data(b"")
    assert pair.client.connection.data_to_send() == b""


def test_tickets_are_kept_on_the_clients_connection() -> None:
    """A client can be asked for the tickets it has got; after a failure they are gone (RFC 9846 §6)."""
    assert ClientConnection(client_config(), SERVER_NAME).tickets == ()
    peer = HostileServer.at("CONNECTED").send_post(ticket(), ticket(nonce=b"\x01"))
    victim = peer.victim
    assert isinstance(victim, ClientConnection)
    assert len(victim.tickets) == 2
    peer.deliver(plain(23, bytes(50)))
    assert len(victim.tickets) == 0


def test_keys_can_be_dropped_when_the_transport_is_gone() -> None:
    """forget ends a connection without a word; what was negotiated can still be asked for."""
    pair = connected()
    client = pair.client.connection
    client.send_data(b"last words")
    client.forget()
    client.forget()
    assert client.closed and client.negotiated is not None
    assert client.data_to_send() != b"" and client.next_event() is None
    with pytest.raises(UsageError):
        client.send_data(b"more")


def test_nothing_is_read_before_the_handshake() -> None:
    """The fast path has nothing to give before there are keys for data."""
    client = ClientConnection(client_config(), SERVER_NAME)
    assert client.read_into(bytearray(100)) == 0
    assert ServerConnection(server_config()).read_into(bytearray(100)) == 0
