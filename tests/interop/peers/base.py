"""What every peer offers to the tests, whatever program it is."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar, Protocol

from tests.interop.peers.talk import Talk
from tests.interop.settings import CLIENT, SERVER, Capabilities, Facts, Outcome, Settings, digest_of, pattern


class Stream(Protocol):
    """Our side of one connection after the handshake."""

    facts: Facts

    def send(self, data: bytes) -> None:
        """Send all of `data`."""

    def read(self, length: int) -> bytes:
        """Return exactly `length` octets."""

    def read_some(self) -> bytes:
        """Return what has come, or b"" after the peer's close_notify."""

    def update_keys(self, *, request_peer: bool) -> None:
        """Send KeyUpdate."""

    def close_write(self) -> None:
        """Send close_notify and go on reading."""

    def read_to_end(self) -> bytes:
        """Return what comes until the peer's close_notify; a stream cut short is an error."""


class Server(ABC):
    """A peer's server, listening on a loopback port."""

    port: int
    pid: int

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def stop(self) -> None:
        """End it, and nothing else."""

    @abstractmethod
    def converse(self, stream: Stream, upload: int, download: int, first: str = CLIENT) -> None:
        """Send `upload` octets, receive at least `download`; AssertionError unless both arrived unchanged.

        `first` is who will be the first to close, for a server that wants to be told.
        """

    def finish(self, stream: Stream, first: str = CLIENT) -> None:
        """Close, before or after the server; nothing may come before its close_notify."""
        if first == CLIENT:
            stream.close_write()
        assert stream.read_to_end() == b"", "data after the end of the conversation"
        if first == SERVER:
            stream.close_write()

    def outcome(self) -> Outcome | None:
        """Return what the peer says of the oldest connection not yet asked about; None if it never tells."""
        return None

    @abstractmethod
    def shown(self) -> str:
        """Return the peer's own output, for a failure's message."""


class Client(ABC):
    """A peer's client on its way to our port."""

    @abstractmethod
    def converse(self, stream: Stream) -> None:
        """Be the server's half of the conversation, up to and without the closing."""

    @abstractmethod
    def finish(self, stream: Stream) -> None:
        """Close the connection in the order that the client was told."""

    @abstractmethod
    def outcome(self) -> Outcome:
        """Wait for its end and return what it says."""

    @abstractmethod
    def gone(self) -> bool:
        """Whether it has ended."""

    def stop(self) -> None:  # noqa: B027  # a connection of a long-lived process ends by itself
        """End it, if it still runs."""

    @abstractmethod
    def shown(self) -> str:
        """Return the peer's own output, for a failure's message."""


class Peer(ABC):
    """Another TLS implementation."""

    name: ClassVar[str]
    hint: ClassVar[str]  # how to have it installed
    one_process_serves_many: ClassVar[bool] = True
    one_process_connects_often: ClassVar[bool] = False

    @abstractmethod
    def found(self) -> bool:
        """Whether it is on this machine."""

    @abstractmethod
    def version(self) -> str:
        """Return its version for the table."""

    @property
    def server(self) -> Capabilities | None:
        """What its server can do, or None if it has none."""
        return None

    @property
    def client(self) -> Capabilities | None:
        """What its client can do, or None if it has none."""
        return None

    def role(self, role: str) -> Capabilities:
        """Return what it can do in a role that it has."""
        found = self.server if role == SERVER else self.client
        assert found is not None, f"{self.name} is no {role}"
        return found

    def serve(self, settings: Settings, directory: Path) -> Server:
        """Start a server; files it needs go to `directory`."""
        raise NotImplementedError(f"{self.name} has no server")

    def connect(
        self,
        port: int,
        settings: Settings,
        directory: Path,
        *,
        upload: int = 100,
        download: int = 100,
        first: str = CLIENT,
    ) -> Client:
        """Start a client that uploads, downloads and closes before (`first=CLIENT`) or after our server."""
        raise NotImplementedError(f"{self.name} has no client")

    def talking_server(self, settings: Settings, directory: Path) -> Talk:
        """Start a server that can be told when to send KeyUpdate."""
        raise NotImplementedError(f"{self.name} has no such server")

    def talking_client(self, port: int, settings: Settings, directory: Path) -> Talk:
        """Start a client that can be told when to send KeyUpdate."""
        raise NotImplementedError(f"{self.name} has no such client")

    def lasting_server(self, settings: Settings, directory: Path) -> Server:
        """Start a server that keeps sessions, exports keys, takes early data: whatever the settings say."""
        return self.serve(settings, directory)

    def returning_client(
        self, port: int, settings: Settings, directory: Path, visits: int = 2
    ) -> Generator[Client]:
        """Start a client that comes again and again, resuming; the next visit begins when it is asked for."""
        raise NotImplementedError(f"{self.name} does not come again")

    def close(self) -> None:  # noqa: B027  # most keep none
        """End whatever process it keeps."""


def read_header(stream: Stream) -> tuple[int, int, str]:
    """Read the first line of the conversation that the peer programs hold (programs/README.md)."""
    line = b""
    while not line.endswith(b"\n"):
        line += stream.read(1)
    upload, download, first = line.decode().split()
    return int(upload), int(download), first


def answer_conversation(stream: Stream) -> str:
    """Be the server of that conversation, up to the closing; return who closes first."""
    upload, download, first = read_header(stream)
    data = stream.read(upload)
    assert data == pattern(upload), "the client's data arrived changed"
    stream.send(digest_of(data).encode() + b"\n" + pattern(download))
    return first


def lead_conversation(stream: Stream, upload: int, download: int, first: str = CLIENT) -> None:
    """Be the client of that conversation, up to the closing."""
    data = pattern(upload)
    stream.send(f"{upload} {download} {first}\n".encode() + data)
    assert stream.read(65) == digest_of(data).encode() + b"\n", "our data arrived changed"
    assert stream.read(download) == pattern(download), "the server's data arrived changed"
