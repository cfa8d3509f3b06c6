"""Early data: what a client sends, and a server may take, before the handshake is done (RFC 9846 §4.3.10)."""

from __future__ import annotations

from dataclasses import dataclass, field

from lucidtls.errors import UnexpectedMessage, UsageError


@dataclass(slots=True)
class EarlyOffer:
    """A client's early data: `room` is how many bytes the session still allows, `sent` what was sent.

    It is kept until the server has said whether it takes it. `alpn` is the protocol it was written for.
    """

    room: int
    alpn: str | None
    sent: bytearray = field(default_factory=bytearray, repr=False)
    open: bool = True
    accepted: bool = False

    def take(self, data: bytes | bytearray | memoryview) -> None:
        """Note data that is about to be sent; raises UsageError when there is no room for it."""
        if not self.open:
            raise UsageError("the time for early data is over: use send_data once the handshake is done")
        if len(data) > self.room:
            raise UsageError(f"this session allows {self.room} more bytes of early data, not {len(data)}")
        self.room -= len(data)
        self.sent += data


@dataclass(slots=True)
class EarlyRoom:
    """A server's bound on early data: `room` is how many bytes may still come."""

    room: int

    def take(self, length: int) -> None:
        """Note data that has come.

        A server that receives more than its limit "SHOULD terminate the connection with an
        "unexpected_message" alert" (RFC 9846 §4.7.1).
        """
        if length > self.room:
            raise UnexpectedMessage("more early data came than the ticket allows", clause="RFC 9846 §4.7.1")
        self.room -= length
