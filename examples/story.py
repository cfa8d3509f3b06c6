"""What the stories of `make demo` have in common: how they are printed, and the request that is told of."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
import threading
from collections.abc import Mapping

import lucidtls

COLOURED = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
CLIENT, SERVER, BOTH = "client", "server", "both"
COLOURS = {CLIENT: "\x1b[32m", SERVER: "\x1b[34m", BOTH: "\x1b[1m"}
WIDTH = 80
INDENT = 4 + len(CLIENT) + 2

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PAGE = b"Hello from the other side of a TLS connection.\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(PAGE), PAGE)


def short(value: bytes) -> str:
    """The first bytes of a value, and its length."""
    more = " …" if len(value) > 8 else ""
    return f"{value[:8].hex(' ')}{more} ({len(value)} bytes)"


class Story:
    """Prints what happens, under the heading of the step it belongs to. Used by two threads."""

    def __init__(self, titles: Mapping[int, str]) -> None:
        self._titles = titles
        self._lock = threading.Lock()
        self._step = 0

    def tell(self, step: int, who: str, text: str) -> None:
        """Print one line, broken where it is too long; the first of a step comes with its heading."""
        with self._lock:
            if step > self._step:
                self._step = step
                print(_paint(BOTH, f"\n {step}. {self._titles[step]}"))
            first, *rest = textwrap.wrap(text, WIDTH - INDENT, break_on_hyphens=False)
            print(f"    {_paint(who, f'{who:6}')}  {first}")
            for more in rest:
                print(" " * (INDENT + 2) + more)


def _paint(who: str, text: str) -> str:
    return f"{COLOURS[who]}{text}\x1b[0m" if COLOURED else text


def serve(listener: socket.socket, config: lucidtls.ServerConfig, ready: threading.Event) -> None:
    """Answer one HTTP request."""
    sock, _ = listener.accept()
    with lucidtls.wrap(sock, config=config, server_side=True) as tls:
        ready.set()
        request = tls.recv(65536)
        while b"\r\n\r\n" not in request:
            request += tls.recv(65536)
        tls.sendall(RESPONSE)
        tls.shutdown_write()
        while tls.recv(65536):
            continue
