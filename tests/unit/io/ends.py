"""Two ends of a TLS connection over real sockets, for tests that need an operating system in between."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ServerConnection
from lucidtls.io.sockets import TLSSocket, wrap
from tests.flows.parties import SERVER_NAME, client_config, server_config

PATIENCE = 10.0
"""Seconds that any step of these tests may take on a busy machine."""

T = TypeVar("T")


class Background(Generic[T]):
    """A call in a thread of its own; `result` waits for it and raises what it raised."""

    def __init__(self, call: Callable[..., T], *arguments: Any) -> None:
        self._call, self._arguments = call, arguments
        self._outcome: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._call(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - raised again in `result`
            self._error = error

    @property
    def running(self) -> bool:
        """Whether the call is still going on."""
        return self._thread.is_alive()

    def result(self) -> T:
        """Wait, and return what the call returned."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the call in the background never ended"
        if self._error is not None:
            raise self._error
        return self._outcome  # type: ignore[return-value]


def raw_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname(), timeout=PATIENCE)
        far, _ = listening.accept()
    near.settimeout(PATIENCE)
    far.settimeout(PATIENCE)
    return near, far


@contextmanager
def tls_pair(
    client: ClientConfig | None = None, server: ServerConfig | None = None
) -> Iterator[tuple[TLSSocket, TLSSocket]]:
    """A client's and a server's end, connected."""
    near, far = raw_pair()
    # Both first: two threads must not make two roots of trust.
    client, server = client or client_config(), server or server_config()
    other = Background(lambda: wrap(far, config=server, server_side=True))
    client_end = wrap(near, config=client, server_name=SERVER_NAME)
    server_end = other.result()
    try:
        yield client_end, server_end
    finally:
        client_end.close()
        server_end.close()


def read_all(tls: Any, piece: int = 65536) -> bytes:
    """Read until the end."""
    received = bytearray()
    while data := tls.recv(piece):
        received += data
    return bytes(received)


@contextmanager
def listening(serve_one: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """A port on which each client meets `serve_one`, one after the other."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    sock, _ = server.accept()
                    sock.settimeout(PATIENCE)
                    with sock, suppress(OSError):
                        serve_one(sock)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join(PATIENCE)


def server_flight(sock: socket.socket) -> tuple[ServerConnection, bytes]:
    """Read a ClientHello and return the server that saw it with its answer, not yet sent."""
    connection = ServerConnection(server_config())
    answer = b""
    while not answer:
        connection.receive_data(sock.recv(65536))
        connection.next_event()
        answer = connection.data_to_send()
    return connection, answer
