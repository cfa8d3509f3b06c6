"""OpenSSL in the place of lucidtls, to try the peers with (see `side.py`)."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.peers.base import Stream
from tests.interop.peers.openssl import OLDER
from tests.interop.peers.program import outcome_of, settings_fields
from tests.interop.programs.conversation import Channel, Fields
from tests.interop.programs.peer_pyopenssl import PyOpenSSL
from tests.interop.settings import Settings
from tests.interop.suites import SUITES


class StandInStream:
    """A stream over the channel of the pyOpenSSL peer program."""

    def __init__(self, channel: Channel, command: Fields, keep: Callable[[object], None]) -> None:
        self._channel = channel
        self._keep = keep
        facts = {**channel.facts(), **channel.exported(command)}
        told = {name: value for name, value in facts.items() if value is not None}
        self.facts = outcome_of(told, "").facts

    def send(self, data: bytes) -> None:
        self._channel.send(data)

    def read(self, length: int) -> bytes:
        return self._channel.read(length)

    def read_some(self) -> bytes:
        data = self._channel.receive()
        if self._channel.truncated:
            raise EOFError("the stream was cut short")
        return data

    def update_keys(self, *, request_peer: bool) -> None:
        raise NotImplementedError("pyOpenSSL cannot send KeyUpdate")

    def close_write(self) -> None:
        if (session := self._channel.session()) is not None:
            self._keep(session)
        self._channel.close_write()

    def read_to_end(self) -> bytes:
        whole = b""
        while data := self.read_some():
            whole += data
        return whole


class StandIn:
    """OpenSSL as pyOpenSSL has it."""

    name = "stand-in"
    updates_keys = False
    tells_all = False

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Any]] = {}

    def has(self, suite: str) -> bool:
        return suite not in SUITES or suite in OLDER.suites

    def _open(self, plain: socket.socket, settings: Settings, *, server: bool) -> Stream:
        library = PyOpenSSL()
        command: Fields = {**settings_fields(settings)}
        if settings.groups and settings.shares is not None:
            order = [f"*{name}" if name in settings.shares else name for name in settings.groups]
            command["groups"] = ",".join(order)  # OpenSSL sends shares for the groups with a star
        if "dh_parameters" in settings.extra:
            command["dh_parameters"] = str(Path(__file__).parent / "parameters.pem")
        kept = self._kept.setdefault(f"{server} {settings.session}", {}) if settings.session else {}
        context = kept.setdefault("context", library.context(command, server=server))
        channel = library.open(
            plain, context, server=server, server_name=settings.server_name, session=kept.get("session")
        )
        return StandInStream(channel, command, lambda session: kept.update(session=session))

    def client(self, plain: socket.socket, settings: Settings) -> Stream:
        return self._open(plain, settings, server=False)

    def server(self, plain: socket.socket, settings: Settings) -> Stream:
        return self._open(plain, settings, server=True)
