"""Bulk data over loopback sockets: one process sends, another receives, as programs do."""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import time
from collections.abc import Callable
from statistics import median

from benchmarks import rivals
from benchmarks.identity import SERVER_NAME
from benchmarks.measure import Comparison
from lucidtls.io.sockets import TLSSocket, wrap

MEGABYTES = 200
PIECE = bytes(1_000_000)
BUFFER = 2**18

Wrapped = TLSSocket | ssl.SSLSocket


def our_server(sock: socket.socket) -> Wrapped:
    """Our end, as the server."""
    return wrap(sock, config=rivals.our_configs(rivals.SSL_SUITE)[1], server_side=True)


def our_client(sock: socket.socket) -> Wrapped:
    """Our end, as the client."""
    return wrap(sock, config=rivals.our_configs(rivals.SSL_SUITE)[0], server_name=SERVER_NAME)


def their_server(sock: socket.socket) -> Wrapped:
    """The standard library's end, as the server."""
    return rivals.ssl_contexts(ssl.TLSVersion.TLSv1_3)[1].wrap_socket(sock, server_side=True)


def their_client(sock: socket.socket) -> Wrapped:
    """The standard library's end, as the client."""
    return rivals.ssl_contexts(ssl.TLSVersion.TLSv1_3)[0].wrap_socket(sock, server_hostname=SERVER_NAME)


def measure(rounds: int) -> list[tuple[Comparison, str]]:
    """Download `MEGABYTES` in turns; seconds per megabyte, with the budget."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(download(our_server, our_client))
        theirs.append(download(their_server, their_client))
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    result = Comparison("bulk over loopback sockets", median(ours), median(theirs), ratio, rounds)
    return [(result, ">= 1.5x")]


def download(server: Callable[[socket.socket], Wrapped], client: Callable[[socket.socket], Wrapped]) -> float:
    """Receive `MEGABYTES` from a child process; seconds of wall time per megabyte, handshake not counted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = multiprocessing.get_context("fork").Process(target=_send, args=(listener, server))
        child.start()
        with socket.create_connection(listener.getsockname()) as raw, client(raw) as tls:
            tls.recv(1)
            seconds = _receive(tls, MEGABYTES * len(PIECE) - 1)
        child.join()
    return seconds / MEGABYTES


def _send(listener: socket.socket, server: Callable[[socket.socket], Wrapped]) -> None:
    sock, _ = listener.accept()
    with server(sock) as tls:
        for _ in range(MEGABYTES):
            tls.sendall(PIECE)
        tls.recv(1)


def _receive(tls: Wrapped, length: int) -> float:
    buffer = bytearray(BUFFER)
    started = time.perf_counter()
    while length > 0:
        length -= tls.recv_into(buffer)
    return time.perf_counter() - started
