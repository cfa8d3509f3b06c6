"""A command-line peer that is told at its standard input what to say, and when to change its keys."""

from collections.abc import Mapping

from tests.interop.peers.process import Process


class Talk:
    """An interactive session of a peer."""

    def __init__(self, process: Process, port: int, key_update: Mapping[bool, bytes]) -> None:
        self.process = process
        self.port = port
        self._key_update = key_update  # the command, by whether the other side is asked to do the same

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def gone(self) -> bool:
        """Whether it has ended."""
        return not self.process.running

    def say(self, line: bytes) -> None:
        """Have the peer send a line."""
        self.process.write(line)

    def hear(self, line: bytes) -> None:
        """Wait until the peer has received a line."""
        self.process.wait_for(line.decode().strip())

    def update_keys(self, *, request_peer: bool) -> None:
        """Have the peer send KeyUpdate.

        Wait for it before saying more: what comes together with a command is taken for its rest.
        """
        self.process.write(self._key_update[request_peer])
