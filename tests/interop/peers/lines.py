"""Command-line peers that talk in lines, and tell between them what was negotiated.

What they say goes with what they receive to one output, so the lines are few and cannot be taken for anything
else.
"""

import re
from collections.abc import Callable, Generator, Sequence
from itertools import count
from pathlib import Path

from tests.interop.peers.base import Client, Stream
from tests.interop.peers.command import CommandServer
from tests.interop.peers.process import DEADLINE, Process
from tests.interop.settings import CLIENT, SERVER, Facts, Outcome

Reading = Callable[[str], Facts]
NUMBERS = count(1)


def lines() -> tuple[bytes, bytes]:
    """Return a line of ours and one of theirs that were not said before."""
    number = next(NUMBERS)
    return b"ours number %d.\n" % number, b"theirs number %d.\n" % number


def talk(process: Process, stream: Stream) -> None:
    """Exchange a line each way: theirs first, so that it is not taken for the rest of a command."""
    ours, theirs = lines()
    process.write(theirs)
    assert stream.read(len(theirs)) == theirs, "their line arrived changed"
    stream.send(ours)
    process.wait_for(re.escape(ours.decode().strip()))


class LineServer(CommandServer):
    """A server that shows every connection, and what it receives on it."""

    def __init__(
        self, process: Process, port: int, reading: Reading, *, echoes: bool = False, complete: str = ""
    ) -> None:
        super().__init__(process, port)
        self._reading = reading
        self._echoes = echoes
        self._complete = complete  # what the last of its facts looks like
        self.seen = process.length()

    def converse(self, stream: Stream, upload: int, download: int, first: str = CLIENT) -> None:
        ours, theirs = lines()
        stream.send(ours)
        self.process.wait_for(re.escape(ours.decode().strip()), after=self.seen)
        if not self._echoes:
            self.process.write(theirs)
        answer = ours if self._echoes else theirs
        assert stream.read(len(answer)) == answer, "their line arrived changed"

    def outcome(self) -> Outcome:
        self.process.wait_for(self._complete, after=self.seen)
        told = self.process.text()[self.seen :]
        self.seen += len(told)
        return Outcome(facts=self._reading(told), output=told)


class LineClient(Client):
    """A client that shows the connection, and what it receives on it."""

    def __init__(
        self,
        process: Process,
        reading: Reading,
        *,
        first: str = CLIENT,
        last: bool = True,
        silent: bool = False,
    ) -> None:
        self.process = process
        self._reading = reading
        self._first = first
        self._last = last  # whether the process ends with this connection
        self._silent = silent

    def converse(self, stream: Stream) -> None:
        if not self._silent:
            talk(self.process, stream)

    def finish(self, stream: Stream) -> None:
        if self._first == SERVER:
            stream.close_write()
        if self._last:
            self.process.end_input()
        assert stream.read_to_end() == b"", "data after the end of the conversation"
        if self._first == CLIENT and not self._silent:  # those who only say hello do not wait
            stream.close_write()

    def outcome(self) -> Outcome:
        status = self.process.wait(DEADLINE) if self._last else 0
        told = self.process.text()
        error = f"exit status {status}" if status else None
        return Outcome(facts=self._reading(told), error=error, output=self.process.shown())

    def gone(self) -> bool:
        return not self.process.running

    def stop(self) -> None:
        if self._last:
            self.process.stop()

    def shown(self) -> str:
        return self.process.shown()


def one_process(
    command: Sequence[str | Path], directory: Path, reading: Reading, visits: int, *, silent: bool
) -> Generator[Client]:
    """Yield the visits of a process that comes again by itself; the earlier ones may be without a word."""
    process = Process(command, directory)
    try:
        for left in reversed(range(visits)):
            yield LineClient(process, reading, last=left == 0, silent=silent and left > 0)
    finally:
        process.stop()
