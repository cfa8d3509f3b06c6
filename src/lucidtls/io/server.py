"""A small server: one thread per connection, a bound on their number, a clean end, and no client that can
stop it."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from lucidtls.config import ServerConfig
from lucidtls.connection import ServerConnection
from lucidtls.errors import ConnectionLost, TimedOut, TLSError
from lucidtls.io.sockets import DEFAULT_TIMEOUT, TLSSocket
from lucidtls.io.stream import EarlyAnswer

Handler = Callable[[TLSSocket], None]
Failed = Callable[[Exception, Any], None]
"""Called with what ended a connection, and the client's address."""

MAX_CONNECTIONS: Final = 64
"""Connections served at the same time by default; more wait in the system's queue."""

LINGER: Final = 1.0
"""Seconds given to a client to take the last bytes before its connection is cut."""

OUT_OF_RESOURCES_PAUSE: Final = 0.1
"""Seconds to wait when the system has no descriptor or thread left for the next client."""

_log = logging.getLogger("lucidtls.server")


class Listener:
    """Accepts TCP connections and runs `serve_one(socket, address)` for each in a thread of its own.

    It listens as soon as it exists, on `address`; `start` accepts in the background and `serve_forever` in
    the calling thread, until `stop`. What `serve_one` raises goes to `failed` and stops nothing. The socket
    is closed when it returns.
    """

    def __init__(
        self,
        serve_one: Callable[[socket.socket, Any], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        max_connections: int = MAX_CONNECTIONS,
        failed: Failed | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, port), family=family, backlog=128)
        self._listening.setblocking(False)
        self._wake_up, self._awake = socket.socketpair()
        self._serve_one = serve_one
        self._failed = failed or _log_failure
        self._slots = threading.BoundedSemaphore(max_connections)
        self._lock = threading.Lock()
        self._serving: dict[threading.Thread, socket.socket] = {}
        self._accepting: threading.Thread | None = None
        self._stopping = False

    @property
    def address(self) -> Any:
        """Where it listens: host and port first."""
        return self._listening.getsockname()

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self.address[1]
        return port

    def start(self) -> Self:
        """Accept in a background thread."""
        self._accepting = threading.Thread(target=self.serve_forever, name="lucidtls accept", daemon=True)
        self._accepting.start()
        return self

    def serve_forever(self) -> None:
        """Accept until `stop` is called from elsewhere."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            selector.register(self._awake, selectors.EVENT_READ)
            while not self._stopping:
                # A slot first: a client that cannot be served stays in the system's queue.
                if self._slots.acquire(timeout=1.0) and not self._accept(selector):
                    self._slots.release()

    def _accept(self, selector: selectors.BaseSelector) -> bool:
        """Wait for one client and start serving it; False when none came."""
        selector.select()
        if self._stopping:
            return False
        try:
            sock, address = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError:
            time.sleep(OUT_OF_RESOURCES_PAUSE)
            return False
        return self._start_serving(sock, address)

    def _start_serving(self, sock: socket.socket, address: Any) -> bool:
        thread = threading.Thread(
            target=self._run, args=(sock, address), name=f"lucidtls {address}", daemon=True
        )
        try:
            # Together, so that `stop` never sees a thread that has not been started.
            with self._lock:
                thread.start()
                self._serving[thread] = sock
        except (RuntimeError, MemoryError) as error:
            sock.close()
            _log.error("%s: no thread for this client: %s", address, error)
            time.sleep(OUT_OF_RESOURCES_PAUSE)
            return False
        return True

    def _run(self, sock: socket.socket, address: Any) -> None:
        try:
            self._serve_one(sock, address)
        except Exception as error:  # noqa: BLE001 - whatever a client provokes concerns that client alone
            self._failed(error, address)
        finally:
            sock.close()
            with self._lock:
                del self._serving[threading.current_thread()]
            self._slots.release()

    def stop(self, timeout: float = 5.0) -> None:
        """Accept no more, cut the connections that are open, and wait up to `timeout` seconds for their
        threads.
        """
        until = time.monotonic() + timeout
        self._stopping = True
        with suppress(OSError):
            self._wake_up.send(b"\0")
        with self._lock:
            serving = dict(self._serving)
        for sock in serving.values():
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        accepting = [self._accepting] if self._accepting is not None else []
        for thread in (*serving, *accepting):
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        for end in (self._listening, self._wake_up, self._awake):
            end.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class TLSServer(Listener):
    """A server that completes the handshake with each client and then calls `handler(tls)`.

    Each connection has a thread; `timeout` (seconds) bounds each call on its socket, `handshake_timeout` the
    whole handshake. The connection is closed when the handler returns. Whatever goes wrong with one client
    goes to `failed(error, address)`, by default to the log `lucidtls.server`. `answer_early` answers early
    data at once, as `TLSSocket.handshake` says; without it, early data is the first that a handler reads.

        with TLSServer(config, handler, port=8443) as server:
            print(server.address)
    """

    def __init__(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        timeout: float | None = DEFAULT_TIMEOUT,
        handshake_timeout: float | None = DEFAULT_TIMEOUT,
        max_connections: int = MAX_CONNECTIONS,
        failed: Failed | None = None,
        answer_early: EarlyAnswer | None = None,
    ) -> None:
        self._config = config
        self._answer_early = answer_early
        self._handler = handler
        self._connection_timeout = timeout
        self._handshake_timeout = handshake_timeout
        super().__init__(self._serve, host=host, port=port, max_connections=max_connections, failed=failed)

    def _serve(self, sock: socket.socket, address: Any) -> None:
        sock.settimeout(self._connection_timeout)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = TLSSocket(sock, ServerConnection(self._config))
        try:
            tls.handshake(self._handshake_timeout, answer_early=self._answer_early)
            self._handler(tls)
        finally:
            tls.close(linger=LINGER)


def serve(
    config: ServerConfig, handler: Handler, host: str = "127.0.0.1", port: int = 8443, **options: Any
) -> None:
    """Serve until interrupted; options as those of `TLSServer`."""
    server = TLSServer(config, handler, host=host, port=port, **options)
    try:
        server.serve_forever()
    finally:
        server.stop()


def _log_failure(error: Exception, address: Any) -> None:
    if isinstance(error, (TLSError, ConnectionLost, TimedOut)):
        _log.info("%s: %s", address, error)
    else:
        _log.error("%s: the handler failed", address, exc_info=error)
