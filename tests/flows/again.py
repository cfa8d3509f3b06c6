"""Connections that follow one another: a client that keeps sessions, a server that gives them, and time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.events import Event, Negotiated, Question, SessionTicketReceived
from lucidtls.sessions.session import Session
from tests.certificates import NOW
from tests.flows.parties import SERVER_NAME, client_config, server_config

Answer = Callable[[Question[Any]], Any]


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The present moment."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Go on, or back."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Talk:
    """One connection, run until nothing more happens; what either side heard."""

    client: ClientConnection
    server: ServerConnection
    answer: Answer | None = None
    heard: dict[str, list[Event]] = field(default_factory=lambda: {"client": [], "server": []})
    sent: dict[str, bytes] = field(default_factory=lambda: {"client": b"", "server": b""})

    def run(self) -> Talk:
        """Carry bytes and events until both are quiet."""
        while self._carry("client") | self._carry("server"):
            pass
        return self

    def _carry(self, side: str) -> bool:
        own = self.client if side == "client" else self.server
        other = self.server if side == "client" else self.client
        heard = False
        while (event := own.next_event()) is not None:
            heard = True
            self.heard[side].append(event)
            if isinstance(event, Question) and self.answer is not None:
                own.answer(event, self.answer(event))
        data = own.data_to_send()
        self.sent[side] += data
        if data:
            other.receive_data(data)
        return heard or bool(data)

    def events(self, side: str, kind: type[Any]) -> list[Any]:
        """The events of one kind that a side heard."""
        return [event for event in self.heard[side] if isinstance(event, kind)]

    @property
    def agreed(self) -> Negotiated:
        """What both sides agreed on, as the client sees it; both see the same of the session."""
        mine, theirs = self.client.negotiated, self.server.negotiated
        assert mine is not None and theirs is not None, "the handshake is done"
        assert (mine.resumed, mine.early_data, mine.psk_identity, mine.group) == (
            theirs.resumed,
            theirs.early_data,
            theirs.psk_identity,
            theirs.group,
        )
        return mine

    @property
    def sessions(self) -> list[Session]:
        """The sessions that the server gave."""
        return [event.session for event in self.events("client", SessionTicketReceived)]

    def works(self) -> bool:
        """Whether data goes both ways."""
        self.client.send_data(b"ping")
        self.server.send_data(b"pong")
        before = {side: len(self.heard[side]) for side in self.heard}
        self.run()
        # TLS 1.0 splits data in two.
        got = [b"".join(event.data for event in self.heard[side][before[side] :]) for side in self.heard]  # type: ignore[union-attr]
        return got == [b"pong", b"ping"]


def talk(
    client: ClientConfig,
    server: ServerConfig,
    *,
    session: Session | None = None,
    early: bytes = b"",
    answer: Answer | None = None,
    name: str = SERVER_NAME,
) -> Talk:
    """One connection between these two, with early data if given."""
    made = Talk(ClientConnection(client, name, session=session), ServerConnection(server), answer)
    if early:
        made.client.send_early_data(early)
    return made.run()


class Household:
    """A client and a server with one clock; their settings can be changed between connections."""

    def __init__(self, client: dict[str, Any] | None = None, server: dict[str, Any] | None = None) -> None:
        self.time = Time()
        self.of_client: dict[str, Any] = {"clock": self.time, **(client or {})}
        # Seeded randomness would give the session ids of one server to the next.
        self.of_server: dict[str, Any] = {
            "clock": self.time,
            "tickets": 2,
            "random": os.urandom,
            **(server or {}),
        }
        self._server: ServerConfig | None = None

    def server(self, **changes: Any) -> ServerConfig:
        """The server as it is, or another one with the same ticket keys and other settings."""
        if self._server is None:
            self._server = server_config(**self.of_server)
        if not changes:
            return self._server
        kept = {"ticket_keys": self._server.ticket_sealer, "replay_guard": self._server.early_data_guard}
        return server_config(**(self.of_server | kept | changes))

    def client(self, **changes: Any) -> ClientConfig:
        """The client, with some settings changed."""
        return client_config(**(self.of_client | changes))

    def first(self) -> Session:
        """A full handshake; the session it gives."""
        made = talk(self.client(), self.server())
        assert not made.agreed.resumed
        return made.sessions[-1]
