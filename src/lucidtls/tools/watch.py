"""A tracer for people: it keeps what happens, and tells it as it happens as far as they asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from lucidtls.tools.document import Line, Style, line
from lucidtls.tools.messages import fields_of, message_name
from lucidtls.tools.text import count, printable
from lucidtls.trace import (
    AlertTraced,
    Direction,
    KeysInstalled,
    MessageTraced,
    StateEntered,
    TraceRecord,
)

Log = Callable[[Line], None]

BYTES_PER_LINE = 16


class Watcher:
    """Keeps the messages and alerts of one connection, and logs them: 1 messages, 2 fields too, 3 bytes
    too.
    """

    def __init__(self, role: str, log: Log | None = None, verbosity: int = 0, prefix: str = "") -> None:
        self.messages: list[tuple[Direction, str, MessageTraced]] = []
        self.alerts: list[AlertTraced] = []
        self.state = ""
        self.first_sent: float | None = None
        self.first_received: float | None = None
        self.role = role
        self._log = log
        self._verbosity = verbosity
        self._prefix = prefix
        self._started = time.perf_counter()
        self._lock = threading.Lock()

    @property
    def wants_secrets(self) -> bool:
        """Never: a watcher's lines may be pasted anywhere."""
        return False

    def record(self, entry: TraceRecord) -> None:
        """Keep and tell one record."""
        match entry:
            case MessageTraced(direction=direction, name=name, message=message):
                self._note_time(direction)
                self.messages.append((direction, message_name(name, message), entry))
                self._tell_message(direction, self.messages[-1][1], entry)
            case AlertTraced(direction=direction, name=name, code=code):
                self._note_time(direction)
                self.alerts.append(entry)
                self._tell(1, direction, f"alert {name}({code})")
            case StateEntered(name=name):
                self.state = name
                self._tell(2, None, f"state {name}")
            case KeysInstalled(direction=direction, epoch=epoch, cipher_suite=suite):
                self._tell(2, None, f"{epoch} keys for what is {direction}: {suite}")
            case _:
                pass

    def sent(self, name: str) -> Any:
        """The first message of this name that we sent, decoded; None if we sent none."""
        return self.find("sent", name)

    def received(self, name: str) -> Any:
        """The first message of this name that came, decoded; None if none did."""
        return self.find("received", name)

    def find(self, direction: Direction, wanted: str) -> Any:
        """The first message of this name that went this way, decoded; None if there was none."""
        for way, name, entry in self.messages:
            if way == direction and name == wanted:
                return entry.message
        return None

    def _note_time(self, direction: Direction) -> None:
        now = time.perf_counter()
        if direction == "sent":
            self.first_sent = self.first_sent or now
        else:
            self.first_received = self.first_received or now

    def _tell_message(self, direction: Direction, name: str, entry: MessageTraced) -> None:
        self._tell(1, direction, f"{name:20} {count(len(entry.body) + 4, 'byte')}")
        if self._log is None or self._verbosity < 2:
            return
        for field, value in fields_of(entry.message):
            self._log(line(" " * 20, (f"{printable(field, 40):24}", "dim"), printable(value)))
        if self._verbosity > 2:
            for start in range(0, len(entry.body), BYTES_PER_LINE):
                part = entry.body[start : start + BYTES_PER_LINE]
                self._log(line(" " * 20, (f"{start:06x}  {part.hex(' ')}", "dim")))

    def _tell(self, verbosity: int, direction: Direction | None, text: str) -> None:
        if self._log is None or self._verbosity < verbosity:
            return
        elapsed = f"{self._prefix}{(time.perf_counter() - self._started) * 1000:8.1f} ms  "
        if direction is None:
            self._log(line((elapsed, "dim"), (text, "dim")))
            return
        speaker = self.role if direction == "sent" else _OTHER[self.role]
        self._log(line((elapsed, "dim"), (f"{speaker} > ", _SIDES[speaker]), text))


_OTHER = {"client": "server", "server": "client"}
_SIDES: dict[str, Style] = {"client": "client", "server": "server"}
