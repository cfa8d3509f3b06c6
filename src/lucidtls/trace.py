"""What happens inside a connection, as typed records: the one language of logs, tests and explanations.

A `Tracer` is any object with a `record` method. Records come from four places only: the driver
(messages, states, questions, failure), the record layer (records), key changes, and the connection
(alerts, closing). Without a tracer nothing is built and nothing is paid but a `None` check.

Secrets are given only to a tracer whose `wants_secrets` is true; all other records can be shown to
anyone who may see the wire and the decrypted handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Direction = Literal["sent", "received"]


@dataclass(frozen=True, slots=True)
class RecordTraced:
    """One TLS record crossed the wire. `length` is that of the content, in bytes, without padding and tag."""

    direction: Direction
    content_type: int
    length: int
    protected: bool


@dataclass(frozen=True, slots=True)
class MessageTraced:
    """One handshake message, whole. `body` is without the four-byte header; `message` is its decoded form."""

    direction: Direction
    name: str
    body: bytes
    message: object


@dataclass(frozen=True, slots=True)
class StateEntered:
    """The handshake now waits in this state (names as in RFC 9846 Appendix A)."""

    name: str


@dataclass(frozen=True, slots=True)
class Computed:
    """A computation that matters: what went in, what came out, and what it is for."""

    function: str
    inputs: tuple[tuple[str, bytes], ...]
    output: bytes
    purpose: str


@dataclass(frozen=True, slots=True)
class SecretDerived:
    """A secret, by its key-log label (RFC 9850 §2). Only for a tracer that wants secrets."""

    label: str
    client_random: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class KeysInstalled:
    """From here on records in this direction are protected with the keys of this epoch."""

    direction: Direction
    epoch: str
    cipher_suite: str


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """The handshake needs an answer from the application; `deferred` when it waits for it."""

    name: str
    deferred: bool


@dataclass(frozen=True, slots=True)
class AlertTraced:
    """An alert was sent or received."""

    direction: Direction
    name: str
    code: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The connection failed with this error."""

    error: BaseException


TraceRecord = (
    RecordTraced
    | MessageTraced
    | StateEntered
    | Computed
    | SecretDerived
    | KeysInstalled
    | QuestionAsked
    | AlertTraced
    | Failed
)


class Tracer(Protocol):
    """Whoever wants to see. `record` must not raise and should be quick: it runs inside the handshake."""

    @property
    def wants_secrets(self) -> bool:
        """Whether `Computed` and `SecretDerived` records may be handed out."""
        ...

    def record(self, entry: TraceRecord) -> None:
        """Take one record."""
        ...


class Recorder:
    """A tracer that keeps everything in a list: for tests, logs and explanations."""

    def __init__(self, wants_secrets: bool = False) -> None:
        self.entries: list[TraceRecord] = []
        self._wants_secrets = wants_secrets

    @property
    def wants_secrets(self) -> bool:
        """Whether secrets are recorded too."""
        return self._wants_secrets

    def record(self, entry: TraceRecord) -> None:
        """Append one record."""
        self.entries.append(entry)

    def messages(self, direction: Direction) -> list[str]:
        """The names of the handshake messages that went in one direction, in order."""
        found = (e for e in self.entries if isinstance(e, MessageTraced) and e.direction == direction)
        return [entry.name for entry in found]
