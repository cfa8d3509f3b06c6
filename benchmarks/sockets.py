"""Bulk data over loopback sockets, between two processes: ours on both ends, then `ssl` on both ends."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

from benchmarks.identity import SERVER_NAME
from benchmarks.measure import Comparison, compare
from benchmarks.rivals import SSL_SUITE, our_configs, ssl_contexts
from lucidtls.io.sockets import wrap

MEGABYTE: Final = 2**20
PER_ROUND: Final = 64
"""Megabytes moved in one round: enough that connecting does not count."""

PIECE: Final = 2**18
BUDGET: Final = ">= 1.5x"

Wrap = Callable[[socket.socket], Any]


def ours_as_server(sock: socket.socket) -> Any:
    """Our server's end."""
    return wrap(sock, config=our_configs(SSL_SUITE)[1], server_side=True)


def ssl_as_server(sock: socket.socket) -> Any:
    """The server's end of `ssl`."""
    return ssl_contexts()[1].wrap_socket(sock, server_side=True)


def ours_as_client(sock: socket.socket) -> Any:
    """Our client's end."""
    return wrap(sock, config=our_configs(SSL_SUITE)[0], server_name=SERVER_NAME)


def ssl_as_client(sock: socket.socket) -> Any:
    """The client's end of `ssl`."""
    return ssl_contexts()[0].wrap_socket(sock, server_hostname=SERVER_NAME)


def receive(tls: Any, length: int) -> None:
    """Read `length` bytes into one buffer, again and again."""
    buffer = bytearray(PIECE)
    while length:
        length -= tls.recv_into(buffer, min(length, PIECE))


def send(tls: Any, length: int) -> None:
    """Send `length` bytes."""
    piece = bytes(PIECE)
    for _ in range(length // PIECE):
        tls.sendall(piece)


def serve(listening: socket.socket, as_server: Wrap) -> None:
    """Answer requests: a letter that says who sends, and eight bytes that say how much."""
    while True:
        sock, _ = listening.accept()
        tls = as_server(sock)
        while request := tls.recv(9):
            length = int.from_bytes(request[1:])
            if request[:1] == b"D":
                send(tls, length)
            else:
                receive(tls, length)
                tls.sendall(b"!")
        tls.close()


def run_servers(report: Connection) -> None:
    """The other process: listen for both rivals, say where, and go on until told to stop."""
    for as_server in (ours_as_server, ssl_as_server):
        listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=(listening, as_server), daemon=True).start()
        report.send(listening.getsockname()[1])
    report.recv()


@contextmanager
def both_connected() -> Iterator[tuple[Any, Any]]:
    """A client's end of each rival, connected to a server in another process."""
    (
        our_configs(SSL_SUITE),
        ssl_contexts(),
    )  # made before the fork, so that both processes know one certificate
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    process = context.Process(target=run_servers, args=(far,), daemon=True)
    process.start()
    ours = ours_as_client(socket.create_connection(("127.0.0.1", near.recv())))
    theirs = ssl_as_client(socket.create_connection(("127.0.0.1", near.recv())))
    try:
        yield ours, theirs
    finally:
        ours.close()
        theirs.close()
        near.send(None)
        process.join()


def download(tls: Any) -> None:
    """Have the server send, and read it."""
    length = PER_ROUND * MEGABYTE
    tls.sendall(b"D" + length.to_bytes(8))
    receive(tls, length)


def upload(tls: Any) -> None:
    """Send, and wait until the server has read it all."""
    length = PER_ROUND * MEGABYTE
    tls.sendall(b"U" + length.to_bytes(8))
    send(tls, length)
    assert tls.recv(1) == b"!"


def measure(rounds: int) -> list[tuple[Comparison, str]]:
    """Seconds per megabyte in each direction, with the budget each is held to."""
    with both_connected() as (ours, theirs):
        found = []
        for name, move in (
            ("bulk over loopback, reading", download),
            ("bulk over loopback, writing", upload),
        ):
            row = compare(name, lambda: move(ours), lambda: move(theirs), rounds=rounds)  # noqa: B023 - called at once
            per_megabyte = Comparison(
                name, row.ours / PER_ROUND, row.theirs / PER_ROUND, row.ratio, row.rounds
            )
            found.append((per_megabyte, BUDGET))
    return found
