"""Early data over sockets: in the first flight, answered at once or read, and what happens without it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.errors import ConfigurationError
from lucidtls.io.server import TLSServer
from lucidtls.io.sockets import TLSSocket, connect
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.session import Session
from lucidtls.sessions.ticket_keys import TicketKeys
from tests.flows.parties import SERVER_NAME, client_config, server_config
from tests.unit.io.ends import read_all

REQUEST = b"GET /clock\n"


class OneStore:
    """Keeps the sessions of one server, newest last."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []

    def put(self, key: str, session: Session) -> None:
        """Keep a session."""
        self.sessions.append(session)

    def take(self, key: str, now: float) -> Session | None:
        """The newest."""
        return self.sessions.pop() if self.sessions else None

    def discard(self, key: str, session: Session) -> None:
        """Nothing is left to forget."""


def echo(tls: TLSSocket) -> None:
    """Say how much came early, then return everything, in capitals."""
    tls.sendall(b"early %d|" % tls.early_data_received)
    while data := tls.recv(4096):
        tls.sendall(data.upper())


def early_server(**choices: Any) -> ServerConfig:
    """A server that gives tickets with early data."""
    kept = {"ticket_keys": TicketKeys(), "replay_guard": MemoryReplayGuard()}
    return server_config(**({"tickets": 2, "max_early_data": 1000} | kept | choices))


def early_client(**choices: Any) -> ClientConfig:
    """A client that keeps sessions and may send early data."""
    return client_config(**({"sessions": OneStore(), "early_data": True} | choices))


@contextmanager
def serving(config: ServerConfig | None = None, handler: Any = echo, **choices: Any) -> Iterator[TLSServer]:
    """A server with early data on loopback."""
    with TLSServer(config or early_server(), handler, timeout=5, failed=lambda *_: None, **choices) as server:
        yield server


def visit(server: TLSServer, config: ClientConfig, early_data: bytes = b"", data: bytes = b"") -> TLSSocket:
    """Connect, send, and say that nothing more comes."""
    tls = connect("127.0.0.1", server.port, config=config, server_name=SERVER_NAME, early_data=early_data)
    if data:
        tls.sendall(data)
    tls.shutdown_write()
    return tls


def talk(
    server: TLSServer, config: ClientConfig, early_data: bytes = b"", data: bytes = b""
) -> tuple[Any, bytes]:
    """The same; what was agreed and answered."""
    with visit(server, config, early_data, data) as tls:
        return tls.negotiated, read_all(tls)


def test_early_data_is_the_first_that_is_read() -> None:
    """With a session that allows it data goes out with the ClientHello, and stands before all later data."""
    config = early_client()
    with serving() as server:
        first, answer = talk(server, config, REQUEST)
        assert (first.early_data, answer) == (None, b"early 0|GET /CLOCK\n")
        second, answer = talk(server, config, REQUEST, b"and more\n")
    assert (second.resumed, second.early_data) == (True, "accepted")
    assert answer == b"early 11|GET /CLOCK\nAND MORE\n"


def test_what_the_session_has_no_room_for_follows_the_handshake() -> None:
    """A ticket bounds its early data (RFC 9846 §4.7.1); what is too much arrives all the same, in order."""
    config, data = early_client(), bytes(range(65, 91)) * 100
    with serving() as server:
        talk(server, config)
        agreed, answer = talk(server, config, data)
    assert agreed.early_data == "accepted"
    assert answer == b"early 1000|" + data


@pytest.mark.parametrize("resend", [True, False])
def test_rejected_early_data_is_sent_again_only_when_asked(resend: bool) -> None:
    """A client that repeats rejected data lets an attacker have it acted on twice (RFC 9846 §8)."""
    config, keys = early_client(resend_early_data=resend), TicketKeys()
    with serving(early_server(ticket_keys=keys)) as server:
        talk(server, config)
    stricter = early_server(ticket_keys=keys, max_early_data=0)
    with serving(stricter) as server, visit(server, config, REQUEST * 100) as tls:
        assert (tls.negotiated.resumed, tls.negotiated.early_data) == (True, "rejected")
        assert tls.rejected_early_data == (b"" if resend else REQUEST * 100)
        assert read_all(tls) == b"early 0|" + (REQUEST.upper() * 100 if resend else b"")


def test_a_server_can_answer_before_the_client_is_done() -> None:
    """The answer to early data does not wait for the client's Finished (RFC 9846 §4.5.3)."""
    asked: list[bytes] = []

    def answer_early(data: bytes) -> bytes | None:
        asked.append(data)
        return b"12:00|"

    config = early_client()
    with serving(answer_early=answer_early) as server:
        talk(server, config)
        _, answer = talk(server, config, REQUEST, b"bye\n")
    assert asked == [REQUEST]
    assert answer == b"12:00|early 11|BYE\n"


def test_early_data_that_is_not_answered_at_once_is_read_later() -> None:
    """An application may leave what is not safe to repeat until the client has shown that it is there."""
    config = early_client()
    with serving(answer_early=lambda data: None) as server:
        talk(server, config)
        _, answer = talk(server, config, REQUEST)
    assert answer == b"early 11|GET /CLOCK\n"


def test_early_data_is_asked_for_twice() -> None:
    """Data that an attacker can replay is never sent because somebody overlooked what it means."""
    with pytest.raises(ConfigurationError, match="early_data=True"):
        connect("127.0.0.1", 9, config=client_config(), server_name=SERVER_NAME, early_data=REQUEST)


def test_without_a_store_early_data_is_ordinary_data() -> None:
    """Without a session there are no keys for early data: it waits for the handshake."""
    with serving() as server:
        agreed, answer = talk(server, early_client(sessions=None), REQUEST)
    assert (agreed.resumed, agreed.early_data, answer) == (False, None, b"early 0|GET /CLOCK\n")


def test_the_request_is_in_the_first_flight() -> None:
    """0-RTT means that the server has the data before it has said a word (RFC 9846 §2.3)."""
    config = early_client()
    with serving() as server:
        talk(server, config)
    session = config.sessions
    assert session is not None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(OSError, match="the handshake took longer"):
            connect("127.0.0.1", port, config=config, server_name=SERVER_NAME, early_data=REQUEST,
                    handshake_timeout=0.2)  # fmt: skip
        accepted, _ = silent.accept()
        with accepted:
            flight = accepted.recv(65536)
    hello_length = 5 + int.from_bytes(flight[3:5])
    change_cipher_spec = b"\x14\x03\x03\x00\x01\x01"
    rest = flight[hello_length:].removeprefix(change_cipher_spec)
    assert rest[:3] == b"\x17\x03\x03"
    assert int.from_bytes(rest[3:5]) == len(REQUEST) + 1 + 16
