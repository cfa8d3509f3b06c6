"""What the command-line peers have in common: a port, a process, data through its input and output."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tests.interop.peers.base import Client, Server, Stream
from tests.interop.peers.process import DEADLINE, PeerFailure, Process
from tests.interop.settings import CLIENT, SERVER, Outcome, pattern

LINE = b"The quick brown fox jumps over the lazy dog, and then it rests\n"
START_ATTEMPTS = 5  # another process may take the port between our choosing it and the peer's binding it


@cache
def where(command: str) -> str | None:
    """Return the path of a command."""
    return shutil.which(command)


@cache
def told_by(*command: str) -> str:
    """Return what a short command writes, from both outputs."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def text(length: int) -> bytes:
    """Return test data in lines, for peers that treat some octets specially."""
    return (LINE * (length // len(LINE) + 1))[: length - 1] + b"\n"


def wait_for_port(process: Process, port: int) -> None:
    """Wait until something listens; PeerFailure when the process ends first."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and process.running:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.01)  # the pause between two questions, not a guess at how long it takes
    raise PeerFailure(f"does not listen on port {port}:\n{process.shown()}")


class CommandServer(Server):
    """A server that is one process with one port."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self.pid = process.pid

    def stop(self) -> None:
        self.process.stop()

    def shown(self) -> str:
        return self.process.shown()


class PipeServer(CommandServer):
    """A server that copies what it receives to its output, and its input to what it sends."""

    def converse(self, stream: Stream, upload: int, download: int, first: str = CLIENT) -> None:
        sent = pattern(upload)
        seen = len(self.process.stdout())  # in earlier conversations
        stream.send(sent)
        received = self.process.wait_for_stdout(seen + upload)[seen:]
        assert received == sent, "our data arrived changed"
        self.process.write(pattern(download))
        assert stream.read(download) == pattern(download), "the server's data arrived changed"


class PipeClient(Client):
    """A client that copies its input to what it sends, and what it receives to its output."""

    def __init__(self, process: Process, upload: int, download: int, first: str) -> None:
        self.process = process
        self._upload = upload
        self._download = download
        self._first = first

    def converse(self, stream: Stream) -> None:
        self.send_upload()
        assert stream.read(self._upload) == pattern(self._upload), "the client's data arrived changed"
        stream.send(pattern(self._download))
        received = self.process.wait_for_stdout(self._download)
        assert received == pattern(self._download), "our data arrived changed"

    def send_upload(self) -> None:
        """Have the client send its part."""
        self.process.write(pattern(self._upload))

    def finish(self, stream: Stream) -> None:
        if self._first == SERVER:
            stream.close_write()
        self.process.end_input()
        assert stream.read_to_end() == b"", "data after the end of the conversation"
        if self._first == CLIENT:
            stream.close_write()

    def outcome(self) -> Outcome:
        status = self.process.wait()
        return Outcome(
            error=f"exit status {status}" if status else None,
            received=len(self.process.stdout()),
            output=self.process.shown(),
        )

    def gone(self) -> bool:
        return not self.process.running

    def stop(self) -> None:
        self.process.stop()

    def shown(self) -> str:
        return self.process.shown()


def start_on_free_port(
    command: Callable[[int], Sequence[str | Path]], directory: Path, ready: str | None = None
) -> tuple[Process, int]:
    """Start `command(port)` on a free port and wait until it says `ready`, or until it listens."""
    attempts = 0
    while True:
        port = free_port()
        process = Process(command(port), directory)
        try:
            if ready is None:
                wait_for_port(process, port)
            else:
                process.wait_for(ready)
        except PeerFailure:
            process.stop()
            attempts += 1
            if attempts == START_ATTEMPTS:
                raise
        else:
            return process, port
