"""The states of a handshake, as things a flow can await (RFC 9846 Appendix A).

`await WAIT_CV` means: let the peer's next handshake message come; it must be a CertificateVerify, and it
is the value of the expression. The driver refuses everything else with unexpected_message.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic, TypeVar

from lucidtls.wire.codec import HandshakeMessage, MessageForm
from lucidtls.wire.codepoints import HANDSHAKE_TYPES
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import (
    Certificate,
    CertificateRequest,
    CertificateVerify,
    EncryptedExtensions,
    EndOfEarlyData,
    Finished,
)

M = TypeVar("M")


class State(Generic[M]):
    """A point at which a handshake waits for one of a few message types.

    A message is given by its class, or before TLS 1.3 by the form it has under what was negotiated.
    """

    __slots__ = ("accepts", "name")

    def __init__(self, name: str, *messages: Any) -> None:
        self.name = name
        self.accepts: dict[int, MessageForm[HandshakeMessage]] = {
            message.handshake_type: message for message in messages
        }

    def __await__(self) -> Generator[State[M], M, M]:
        """Pause the flow until the message is here."""
        message = yield self
        return message

    def __repr__(self) -> str:
        return self.name


WAIT_SH: State[ServerHello] = State("WAIT_SH", ServerHello)
WAIT_EE: State[EncryptedExtensions] = State("WAIT_EE", EncryptedExtensions)
WAIT_CERT_CR: State[Certificate | CertificateRequest] = State("WAIT_CERT_CR", Certificate, CertificateRequest)
WAIT_CERT: State[Certificate] = State("WAIT_CERT", Certificate)
WAIT_CV: State[CertificateVerify] = State("WAIT_CV", CertificateVerify)
WAIT_FINISHED: State[Finished] = State("WAIT_FINISHED", Finished)

WAIT_EOED: Final[State[EndOfEarlyData]] = State("WAIT_EOED", EndOfEarlyData)
"""The server's state while early data comes: its end is awaited."""

START: State[ClientHello] = State("START", ClientHello)
"""The server's first state: nothing has come yet."""

WAIT_CH2: State[ClientHello] = State("WAIT_CH2", ClientHello)
"""Our name for START after a HelloRetryRequest: the second ClientHello is awaited."""


@dataclass(frozen=True, slots=True)
class ChangeCipherSpec:
    """The one record before TLS 1.3 that a handshake waits for and that is no handshake message.

    "The change cipher spec protocol exists to signal transitions in ciphering strategies." (RFC 5246 §7.1)
    """


WAIT_CHANGE_CIPHER_SPEC: Final[State[ChangeCipherSpec]] = State("WAIT_CHANGE_CIPHER_SPEC")
"""Before TLS 1.3: the peer's next record must say that its keys change now."""


@cache
def waiting_for(*messages: Any) -> State[Any]:
    """The state before TLS 1.3 that waits for one of these messages, called after them.

    RFC 5246 draws no state machine; which message may follow which is in the figure of its §7.3.
    """
    names = (HANDSHAKE_TYPES[message.handshake_type].upper() for message in messages)
    return State("WAIT_" + "_OR_".join(names), *messages)
