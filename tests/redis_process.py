"""A real redis-server for tests: on loopback, without files, ended by its own process id."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.peers_required import require_peer

PROGRAM: Final = "redis-server"
PATIENCE: Final = 20.0
"""Seconds until it listens, or has ended, on a busy machine."""


class RedisProcess:
    """A server on one port, which can be stopped, hung and started again there."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it with an empty memory, and wait until it answers."""
        command = [
            PROGRAM,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, f"{PROGRAM} ended with {self._process.returncode}"
            assert time.monotonic() < until, f"{PROGRAM} does not listen on port {self.port}"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as sock:
                sock.sendall(b"PING\r\n")
                return sock.recv(16) == b"+PONG\r\n"
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once; its memory is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def hang(self) -> None:
        """Have it accept connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a `hang`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it runs"
        self._process.send_signal(number)


def require_redis() -> None:
    """Go on when there is a redis-server and a client library for it."""
    try:
        import redis  # noqa: F401
    except ImportError:
        require_peer("Redis client", False, "pip install 'lucidtls[redis]'")
    require_peer("Redis", shutil.which(PROGRAM) is not None, "install redis-server")


@contextmanager
def running_redis() -> Iterator[RedisProcess]:
    """A server on a free port."""
    require_redis()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = RedisProcess(port)
    try:
        process.start()
        yield process
    finally:
        process.kill()
