"""What the two Python peers share: the command loop and the conversation of README.md, over any TLS library.

There is nothing of lucidtls in here, so that a peer stays a stranger to what it tests.
"""

import queue
import socket
import sys
import threading
from abc import ABC, abstractmethod
from hashlib import sha256

DEADLINE = 30.0  # seconds
Fields = dict[str, str | None]


def pattern(length: int) -> bytes:
    """Return the data that every side can make for itself."""
    whole = bytes(range(251))
    return (whole * (length // 251 + 1))[:length]


def listed(command: Fields, name: str) -> list[str]:
    """Return a field that is a list separated by commas."""
    value = command.get(name)
    return value.split(",") if value else []


def needed(command: Fields, name: str) -> str:
    """Return a field that has to be there."""
    value = command.get(name)
    if value is None:
        raise ValueError(f"the command lacks {name}")
    return value


class Channel(ABC):
    """One secured connection, read as a stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.truncated = False

    @abstractmethod
    def facts(self) -> Fields:
        """Return what was negotiated."""

    def export(self, label: str, length: int) -> bytes | None:
        """Return exported keying material, where the library has it."""
        return None

    def exported(self, command: Fields) -> Fields:
        """Return the exported keying material that a command asks for."""
        if not (label := command.get("export_label")):
            return {}
        material = self.export(label, int(needed(command, "export_length")))
        return {"exported": material.hex() if material else None}

    def session(self) -> object | None:
        """Return what a later connection can resume, after some data has come."""
        return None

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send all of `data`."""

    @abstractmethod
    def receive(self) -> bytes:
        """Return what has come, or b"" at the end; note a `truncated` stream."""

    @abstractmethod
    def close(self) -> None:
        """Send close_notify and see the peer's, if it has not been seen."""

    def close_write(self) -> None:
        """Send close_notify only."""
        raise NotImplementedError("this library has no half-close")

    def read(self, length: int) -> bytes:
        """Return exactly `length` octets."""
        while len(self._buffer) < length:
            if not (chunk := self.receive()):
                raise EOFError(f"the peer ended after {len(self._buffer)} octets of {length}")
            self._buffer += chunk
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def line(self) -> str:
        """Return one line without its end."""
        while b"\n" not in self._buffer:
            if not (chunk := self.receive()):
                raise EOFError("the peer ended before its line did")
            self._buffer += chunk
        return self.read(self._buffer.index(b"\n") + 1).decode().strip()

    def finish(self, *, first: bool) -> str:
        """Close, before or after the peer; return how the peer closed."""
        if not first and (self._buffer or self.receive()):
            raise ValueError("octets after the end")
        self.close()
        return "truncated" if self.truncated else "close_notify"


class Library(ABC):
    """The TLS library of a program.

    `kept` are the context and the session of those connections that resume one another, by name.
    """

    def __init__(self) -> None:
        self.kept: dict[str, tuple[object, object | None]] = {}

    @abstractmethod
    def version(self) -> Fields:
        """Return what the program says of itself at its start."""

    @abstractmethod
    def context(self, command: Fields, *, server: bool) -> object:
        """Return the library's configuration for a command."""

    @abstractmethod
    def open(
        self,
        plain: socket.socket,
        context: object,
        *,
        server: bool,
        server_name: str | None,
        session: object | None = None,
    ) -> Channel:
        """Make the handshake."""


def serve_one(library: Library, plain: socket.socket, context: object, command: Fields) -> Fields:
    """Be the server of one conversation."""
    told: Fields = {}
    try:
        with plain:
            plain.settimeout(DEADLINE)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = library.open(plain, context, server=True, server_name=None)
            told = {**channel.facts(), **channel.exported(command)}
            upload, download, first = channel.line().split()
            digest = sha256(channel.read(int(upload))).hexdigest()
            channel.send(f"{digest}\n".encode() + pattern(int(download)))
            closed = channel.finish(first=first == "server")
            return {**told, "received": upload, "digest": digest, "closed": closed}
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
        return {**told, "error": f"{type(error).__name__}: {error}"}


def connect_one(library: Library, command: Fields) -> Fields:
    """Be the client of one conversation."""
    told: Fields = {}
    try:
        name = command.get("session") or ""
        context, session = library.kept.get(name) or (library.context(command, server=False), None)
        with socket.create_connection(("127.0.0.1", int(needed(command, "port"))), DEADLINE) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = library.open(
                plain, context, server=False, server_name=command.get("server_name"), session=session
            )
            told = {**channel.facts(), **channel.exported(command)}
            sent, download = pattern(int(needed(command, "upload"))), int(needed(command, "download"))
            channel.send(f"{len(sent)} {download} {command['first']}\n".encode() + sent)
            if channel.line() != sha256(sent).hexdigest():
                raise ValueError("the server received other data than was sent")
            digest = sha256(channel.read(download)).hexdigest()
            if name:
                library.kept[name] = (context, channel.session())
            closed = channel.finish(first=command["first"] == "client")
            return {**told, "received": str(download), "digest": digest, "closed": closed}
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
        return {**told, "error": f"{type(error).__name__}: {error}"}


class Server:
    """A listening socket and the outcomes of its connections."""

    def __init__(self, library: Library, command: Fields) -> None:
        self.outcomes: queue.Queue[Fields] = queue.Queue()
        self._library = library
        self._command = command
        self._context = library.context(command, server=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return  # stopped
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        self.outcomes.put(serve_one(self._library, plain, self._context, self._command))

    def stop(self) -> None:
        self._listener.close()


class Program:
    """The command loop."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._servers: dict[str, Server] = {}
        self._output = threading.Lock()

    def reply(self, number: str, fields: Fields) -> None:
        """Write one line of output."""
        parts = [f"id={number}"]
        for name, value in fields.items():
            if value is not None:
                parts.append(f"{name}={value}".replace("\t", " ").replace("\n", " "))
        with self._output:
            print("\t".join(parts), flush=True)

    def obey(self, command: Fields) -> Fields:
        """Carry out one command."""
        action = command["do"]
        if action == "serve":
            server = Server(self._library, command)
            self._servers[server.port] = server
            return {"port": server.port}
        if action == "connect":
            return connect_one(self._library, command)
        server = self._servers[needed(command, "port")]
        if action == "outcome":
            return server.outcomes.get(timeout=DEADLINE)
        server.stop()
        return {}

    def _run(self, command: Fields) -> None:
        try:
            fields = self.obey(command)
        except Exception as error:  # noqa: BLE001  # the test that sent the command shows it
            fields = {"error": f"{type(error).__name__}: {error}"}
        self.reply(needed(command, "id"), fields)

    def run(self) -> None:
        """Obey the standard input until it ends."""
        self.reply("0", self._library.version())
        for line in sys.stdin:
            command: Fields = {}
            for part in line.rstrip("\n").split("\t"):
                name, _, value = part.partition("=")
                command[name] = value
            threading.Thread(target=self._run, args=(command,), daemon=True).start()
