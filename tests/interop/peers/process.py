"""A child process whose output is collected as it comes, and which is ended by its own process id."""

import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from os import environ
from pathlib import Path
from typing import IO

DEADLINE = 30.0  # seconds; generous, because two cores may be shared with a whole test run
SHOWN = 4000  # characters of output in a failure


class PeerFailure(AssertionError):
    """A peer did not do what the test told it to; the text has the peer's own output."""


class Process:
    """A peer's process with both outputs read by threads, so that it can never block on a full pipe."""

    def __init__(
        self,
        command: Sequence[str | Path],
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self._changed = threading.Condition()
        self._stdout = bytearray()
        self._both = bytearray()  # in order of arrival
        self._open = 2
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._popen = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env={**environ, **(environment or {})},
        )
        assert self._popen.stdout is not None and self._popen.stderr is not None
        self._input: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        assert self._popen.stdin is not None
        threading.Thread(target=self._feed, args=(self._popen.stdin,), daemon=True).start()
        for pipe, sink in ((self._popen.stdout, self.on_stdout), (self._popen.stderr, self.on_stderr)):
            threading.Thread(target=self._collect, args=(pipe, sink), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def _collect(self, pipe: IO[bytes], sink: Callable[[bytes], None]) -> None:
        with pipe:
            while chunk := pipe.read1(1 << 16):  # type: ignore[attr-defined]  # a BufferedReader
                with self._changed:
                    sink(chunk)
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def on_stdout(self, chunk: bytes) -> None:
        """Keep what came on the standard output; called with the lock held."""
        self._stdout += chunk
        self._both += chunk

    def on_stderr(self, chunk: bytes) -> None:
        """Keep what came on the standard error; called with the lock held."""
        self._both += chunk

    def text(self) -> str:
        """Return both outputs as text, in order of arrival."""
        with self._changed:
            return self._both.decode("utf-8", "replace")

    def length(self) -> int:
        """Return how many octets have come from both outputs."""
        with self._changed:
            return len(self._both)

    def stdout(self) -> bytes:
        """Return all that has come on the standard output."""
        with self._changed:
            return bytes(self._stdout)

    def shown(self) -> str:
        """Return the command and the end of its output, for a failure's message."""
        state = "running" if self.running else f"ended with {self._popen.returncode}"
        return f"$ {' '.join(self.command)}\n({state})\n{self.text()[-SHOWN:]}"

    def _wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait with the lock held until the condition is true, the outputs end, or time is up."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if self._open == 0 or left <= 0:
                return condition()
            self._changed.wait(left)
        return True

    def wait_for(self, expression: str, *, after: int = 0, seconds: float = DEADLINE) -> re.Match[str]:
        """Wait until the output from octet `after` on matches; PeerFailure when it ends or takes too long."""
        pattern = re.compile(expression)

        def search() -> re.Match[str] | None:
            return pattern.search(self._both[after:].decode("utf-8", "replace"))

        with self._changed:
            self._wait_until(lambda: search() is not None, seconds)
            found = search()
        if found is None:
            raise PeerFailure(f"no {expression!r} in the output of\n{self.shown()}")
        return found

    def wait_for_stdout(self, length: int, seconds: float = DEADLINE) -> bytes:
        """Wait until `length` octets have come on the standard output, and return all there is."""
        with self._changed:
            self._wait_until(lambda: len(self._stdout) >= length, seconds)
            data = bytes(self._stdout)
        if len(data) < length:
            raise PeerFailure(f"{len(data)} octets of {length} from\n{self.shown()}")
        return data

    def write(self, data: bytes) -> None:
        """Have data written to the process's standard input, by a thread, for a pipe may be full."""
        self._input.put(data)

    def end_input(self) -> None:
        """Close the process's standard input after what is still to be written."""
        self._input.put(b"")

    def _feed(self, pipe: IO[bytes]) -> None:
        try:
            with pipe:
                while data := self._input.get():
                    pipe.write(data)
                    pipe.flush()
        except BrokenPipeError:
            return  # it ended before it read everything; who waits for it learns that

    def wait(self, seconds: float = DEADLINE) -> int:
        """Wait for the process to end by itself and its output to be complete; return its exit status."""
        try:
            status = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise PeerFailure(f"did not end within {seconds} s:\n{self.shown()}") from None
        self._drain()
        return status

    def _drain(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, timeout=5)

    def stop(self) -> None:
        """End the process by its id, gently first."""
        if self.running:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(3)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self.end_input()
        self._drain()
