"""What TLS needs of the operating system: addresses, connections, and waiting until a deadline."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from typing import Any, Final

from lucidtls.errors import TimedOut, UsageError
from lucidtls.trust.names import DNSName, parse_server_name

_READ = getattr(select, "POLLIN", 0)
_WRITE = getattr(select, "POLLOUT", 0)


TURNS_WITHOUT_WAITING: Final = 64
"""Turns of a call that never waits: enough for all that a system's buffer holds, an end for a peer that fills
it as fast as it is emptied."""


class Deadline:
    """The moment by which something must be done; never, when made of None. Seconds."""

    __slots__ = ("_at", "_turns", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._at = None if seconds is None else time.monotonic() + seconds
        self._turns = 0

    def start_turn(self) -> None:
        """Raise TimedOut if the deadline has passed, however much the peer keeps a call busy.

        The first turn is always allowed, and 64 of a deadline of 0 seconds; then BlockingIOError.
        """
        self._turns += 1
        if self._at is None or self._turns == 1 or time.monotonic() < self._at:
            return
        if self.seconds != 0.0:
            raise TimedOut(f"the call took longer than its timeout of {self.seconds:g} s")
        if self._turns > TURNS_WITHOUT_WAITING:
            raise BlockingIOError("what came so far is not enough")

    def left(self) -> float | None:
        """Seconds until the deadline, at least 0; None when there is none."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())


def wait(sock: socket.socket, deadline: Deadline, *, read: bool = False, write: bool = False) -> None:
    """Return when the socket can be read or written, as asked, or has failed; raises TimedOut at the
    deadline, and UsageError on a socket that another thread has closed.
    """
    left = deadline.left()
    descriptor = sock.fileno()
    if descriptor < 0:
        raise UsageError("the socket has been closed")
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, (_READ if read else 0) | (_WRITE if write else 0))
        # Rounded up: a wait of 0.4 ms must not become a busy loop of waits of 0.
        ready: list[Any] = poll.poll(None if left is None else -(-left * 1000 // 1))
    else:
        ends = select.select([descriptor] if read else [], [descriptor] if write else [], [descriptor], left)
        ready = [end for end in ends if end]
    if not ready and deadline.left() == 0.0:
        raise TimedOut(f"the call took longer than its timeout of {deadline.seconds:g} s")


@dataclass(frozen=True, slots=True)
class Address:
    """One place to connect to, as the resolver gave it."""

    family: int
    sockaddr: tuple[Any, ...] | str

    def __str__(self) -> str:
        if isinstance(self.sockaddr, str):
            return f"unix:{self.sockaddr}"
        host, port = self.sockaddr[0], self.sockaddr[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolve(host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Address]:
    """Find the addresses of a host, in the system's order of preference.

    Names that are not ASCII are put into A-labels first, by the same rules as the name in the certificate,
    so that both always mean the same host. Raises ConfigurationError for a name that is none, and
    socket.gaierror.
    """
    found = socket.getaddrinfo(_resolvable(host), port, socket.AddressFamily(family), socket.SOCK_STREAM)
    return list(dict.fromkeys(Address(row[0], row[4]) for row in found))


def _resolvable(host: str) -> str:
    if host[:1] == "[" and host[-1:] == "]":
        return host[1:-1]
    if host.isascii():
        return host
    reference = parse_server_name(host)
    return reference.value if isinstance(reference, DNSName) else str(reference)


def open_connection(address: Address, deadline: Deadline) -> socket.socket:
    """Connect to one address; raises TimedOut, or the system's OSError."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline.left() if deadline.left() != 0.0 else 1e-6)
        sock.connect(address.sockaddr)
        if address.family in (socket.AF_INET, socket.AF_INET6):
            # Records are written whole, so there is nothing that waiting for more could join.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except TimeoutError as error:
        sock.close()
        raise TimedOut(f"no answer from {address} in {deadline.seconds:g} s") from error
    except BaseException:
        sock.close()
        raise
    return sock


def open_any(addresses: list[Address], timeout: float | None) -> socket.socket:
    """Connect to the first address that answers, `timeout` seconds for each; raises the last failure."""
    failure: OSError = OSError("there is no address to connect to")
    for address in addresses:
        try:
            return open_connection(address, Deadline(timeout))
        except OSError as error:
            failure = error
    raise failure
