"""Two ends of a connection in memory, and the playbook of what they said to each other.

    pair = Pair()
    assert pair.run() == [
        "client > ClientHello",
        "server > ServerHello EncryptedExtensions Certificate CertificateVerify Finished",
        "client > Finished",
    ]

Every run is also held against the state diagrams of its version (`tests.conformance.diagram`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.errors import TLSError
from lucidtls.events import ApplicationData, Event, Question
from lucidtls.trace import AlertTraced, MessageTraced, RecordTraced, SecretDerived, TraceRecord
from lucidtls.wire import messages12
from lucidtls.wire.codepoints import GROUPS, ContentType, name_of
from lucidtls.wire.extensions import hrr
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages13 import Certificate, KeyUpdate
from tests.conformance.diagram import check_path
from tests.flows.parties import SERVER_NAME, client_config, server_config

Answer = Callable[[Question[Any]], Any]


class Log:
    """What the tracers of both ends recorded, in the order in which it happened."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, TraceRecord]] = []
        self.start = 0

    def of(self, side: str) -> list[TraceRecord]:
        """What one side recorded."""
        return [entry for name, entry in self.entries if name == side]

    def turn_page(self) -> None:
        """Begin a new playbook; what was recorded stays."""
        self.start = len(self.entries)

    def playbook(self) -> list[str]:
        """One line for each flight: who sent it, and the messages and alerts in it.

        A ChangeCipherSpec is said before TLS 1.3 only; there it is a gesture for middleboxes.
        """
        lines: list[str] = []
        older = False
        for number, (side, entry) in enumerate(self.entries):
            older = older or _is_older(entry)
            said = _said(entry, older) if number >= self.start else None
            if said is None:
                continue
            if lines and lines[-1].startswith(f"{side} > "):
                lines[-1] += f" {said}"
            else:
                lines.append(f"{side} > {said}")
        return lines

    def secrets(self, side: str) -> dict[str, bytes]:
        """The secrets one side derived, by their key-log labels."""
        return {entry.label: entry.secret for entry in self.of(side) if isinstance(entry, SecretDerived)}


class Tape:
    """The tracer of one side: writes into a shared log."""

    wants_secrets = True

    def __init__(self, side: str, log: Log) -> None:
        self.side = side
        self.log = log

    def record(self, entry: TraceRecord) -> None:
        """Append the record under this side's name."""
        self.log.entries.append((self.side, entry))


def _is_older(entry: TraceRecord) -> bool:
    """Whether this is a ServerHello that chooses TLS 1.2 or before."""
    message = entry.message if isinstance(entry, MessageTraced) else None
    return isinstance(message, ServerHello) and message.extensions.message == "ServerHello12"


def _said(entry: TraceRecord, older: bool) -> str | None:
    """What a trace record adds to the playbook; None for what is not said on the wire."""
    if isinstance(entry, AlertTraced) and entry.direction == "sent":
        return f"alert:{entry.name}"
    if isinstance(entry, RecordTraced) and entry.direction == "sent":
        return "ChangeCipherSpec" if older and entry.content_type == ContentType.CHANGE_CIPHER_SPEC else None
    if not isinstance(entry, MessageTraced) or entry.direction != "sent":
        return None
    message = entry.message
    if isinstance(message, ServerHello) and message.is_retry_request:
        group = message.extensions.get(hrr.KEY_SHARE)
        chosen = f" selected_group={name_of(GROUPS, group)}" if group is not None else ""
        return f"HelloRetryRequest{chosen}{' cookie' if hrr.COOKIE in message.extensions else ''}"
    if isinstance(message, Certificate) and not message.entries:
        return "Certificate(empty)"
    if isinstance(message, messages12.Certificate) and not message.certificate_list:
        return "Certificate(empty)"
    if isinstance(message, KeyUpdate) and message.request_update:
        return "KeyUpdate(update_requested)"
    return entry.name


@dataclass
class End:
    """One end: its connection, what it told its application, and how it ended.

    `checked`: it is ours as it is, and keeps to the diagram.
    """

    name: str
    connection: ClientConnection | ServerConnection
    events: list[Event]
    answer: Answer | None = None
    error: BaseException | None = None
    checked: bool = True

    @property
    def data(self) -> bytes:
        """All application data it was given."""
        return b"".join(event.data for event in self.events if isinstance(event, ApplicationData))

    def step(self) -> None:
        """Take every event there is; questions are answered at once if an `answer` function is there."""
        while self.error is None:
            try:
                event = self.connection.next_event()
            except TLSError as error:
                self.error = error
                return
            if event is None:
                return
            self.events.append(event)
            if isinstance(event, Question) and self.answer is not None:
                self.connection.answer(event, self.answer(event))

    def receive(self, data: bytes) -> None:
        """Take bytes from the transport and every event they bring."""
        self.connection.receive_data(data)
        self.step()

    def event(self, kind: type[Any]) -> Any:
        """The only event of a kind."""
        (found,) = [event for event in self.events if isinstance(event, kind)]
        return found


class Pair:
    """A client and a server that are connected by nothing but memory."""

    def __init__(
        self,
        client: ClientConfig | None = None,
        server: ServerConfig | None = None,
        *,
        server_name: str | None = SERVER_NAME,
        answer: Answer | None = None,
    ) -> None:
        self.log = Log()
        client = replace(client or client_config(), tracer=Tape("client", self.log))
        server = replace(server or server_config(), tracer=Tape("server", self.log))
        self.client = End("client", ClientConnection(client, server_name), [], answer)
        self.server = End("server", ServerConnection(server), [], answer)

    def run(self, chunk: int | None = None) -> list[str]:
        """Carry bytes both ways until nobody has any left; returns the playbook. Raises what either raised.

        With `chunk` the bytes arrive in pieces of that size.
        """
        self.exchange(chunk)
        for end in (self.client, self.server):
            if end.error is not None:
                raise end.error
        return self.log.playbook()

    def run_to_failure(self) -> list[str]:
        """Run a handshake that must fail; the errors are in `client.error` and `server.error`."""
        self.exchange()
        assert self.client.error is not None or self.server.error is not None, "it was to fail, and went well"
        return self.log.playbook()

    def exchange(self, chunk: int | None = None) -> None:
        """Carry bytes both ways until nobody has any left."""
        moved = True
        while moved:
            moved = self.carry(self.client, self.server, chunk)
            moved = self.carry(self.server, self.client, chunk) or moved
        for end in (self.client, self.server):
            if end.checked:
                check_path(end.name, self.log.of(end.name))

    @staticmethod
    def carry(sender: End, receiver: End, chunk: int | None = None) -> bool:
        """Carry what one end has to send; tells whether there was anything."""
        sender.step()
        data = sender.connection.data_to_send()
        size = chunk or len(data) or 1
        for start in range(0, len(data), size):
            receiver.receive(data[start : start + size])
        return bool(data)


def connected(client: ClientConfig | None = None, server: ServerConfig | None = None) -> Pair:
    """Return a pair whose handshake is done, whose events are forgotten and whose playbook is empty."""
    pair = Pair(client, server)
    pair.run()
    pair.client.events.clear()
    pair.server.events.clear()
    pair.log.turn_page()
    return pair
