"""Servers of peers that stay up for many tests, because starting one can take longer than a connection."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.peers.base import Peer, Server
from tests.interop.settings import Settings


class Pool:
    """One server for each peer and setting, started when first wanted."""

    def __init__(self, new_directory: Callable[[], Path]) -> None:
        self._new_directory = new_directory
        self._running: dict[Hashable, Server] = {}

    @contextmanager
    def server(self, peer: Peer, settings: Settings) -> Iterator[Server]:
        """Yield the server for some settings; one that saw a test fail is not used again."""
        key = (peer.name, repr(settings))
        if key not in self._running:
            self._running[key] = peer.serve(settings, self._new_directory())
        try:
            yield self._running[key]
        except BaseException:
            self._running.pop(key).stop()
            raise

    def close(self) -> None:
        """Stop all of them."""
        while self._running:
            self._running.popitem()[1].stop()
