"""Our side of a connection: one end of a TCP socket, and what secures it.

`Side` is what the tests use. `ours.py` has it for lucidtls; `standin.py` has it for OpenSSL, so that the same
tests can tell a fault of a peer from a fault of ours: LUCIDTLS_INTEROP_STANDIN=1 puts it in our place.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tests.interop.peers.base import Stream
from tests.interop.settings import Settings

SECONDS = 30.0  # for any one wait on the peer
ACCEPT_STEP = 0.5  # between two looks at whether the client still runs


class Side(Protocol):
    """How to secure a connected socket."""

    name: str
    updates_keys: bool
    tells_all: bool  # whether it tells every fact, so that None means "there was none"

    def has(self, suite: str) -> bool:
        """Whether it implements a cipher suite."""

    def client(self, plain: socket.socket, settings: Settings) -> Stream:
        """Make the handshake as a client."""

    def server(self, plain: socket.socket, settings: Settings) -> Stream:
        """Make the handshake as a server."""


def our_side() -> Side:
    """Return the side under test."""
    if os.environ.get("LUCIDTLS_INTEROP_STANDIN"):
        from tests.interop.standin import StandIn

        return StandIn()
    from tests.interop.ours import Ours

    return Ours()


@contextmanager
def connected(side: Side, port: int, settings: Settings) -> Iterator[Stream]:
    """Connect to a peer's server and make the handshake."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield side.client(plain, settings)


class Comer(Protocol):
    """Who is expected to connect."""

    def gone(self) -> bool:
        """Whether it has ended."""


class Listener:
    """A loopback port where peers' clients find us."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(ACCEPT_STEP)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _accept(self, client: Comer) -> socket.socket:
        """Accept one connection; AssertionError when the client is gone without having come."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            gone = client.gone()
            try:
                plain, _ = self._socket.accept()
            except TimeoutError:
                assert not gone, "the client ended before it connected"
            else:
                return plain
        raise TimeoutError("the client does not connect")

    @contextmanager
    def accepted(self, side: Side, settings: Settings, client: Comer) -> Iterator[Stream]:
        """Accept a client's connection and make the handshake."""
        with self._accept(client) as plain:
            plain.settimeout(SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield side.server(plain, settings)
