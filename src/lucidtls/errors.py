"""Everything that can go wrong, as one tree of exceptions.

The tree answers the first question of whoever catches one: whose doing is it?

- `ConfigurationError`, `UsageError`: the program's; reading its code is enough to mend it.
- `PeerError`: the peer broke the protocol, or offered nothing we accept. The class fixes the alert
  that the peer is sent (RFC 9846 §6.2), `clause` names the text it broke.
- `AlertReceived`, `TruncatedStream`, `ConnectionLost`, `TimedOut`: the peer or the network ended it.
- `InternalError`: a bug here.

Values that help to explain go into `fields`, never into prose alone, and are never secrets.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from lucidtls import alerts
from lucidtls.alerts import Alert

MAX_SHOWN: Final = 20
MAX_TEXT: Final = 1000
"""How much of a value an error's text shows; the whole value is in `fields`."""


class TLSError(Exception):
    """Base of every exception this library raises on purpose."""


class ConfigurationError(TLSError, ValueError):
    """A configuration that cannot work; raised when it is built, before any connection."""


class UsageError(TLSError, RuntimeError):
    """A call that makes no sense in the connection's present state."""


class PeerError(TLSError):
    """The peer's doing. The connection is over and `alert` is queued for sending.

    `clause` is the text that was broken (`RFC 9846 §4.3.8`), `fields` the values that show it, and
    `state` the handshake state it happened in (filled in by the driver).
    """

    alert: Alert = alerts.HANDSHAKE_FAILURE
    state: str | None = None

    def __init__(self, message: str, *, clause: str, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.clause = clause
        self.fields = fields

    def with_alert(self, alert: Alert) -> Self:
        """The same error under another alert: some alerts are younger than TLS 1.2."""
        self.alert = alert
        return self

    def __str__(self) -> str:
        values = ", ".join(f"{name}={_shortened(value)}" for name, value in self.fields.items())
        return f"{self.message} [{values}] ({self.clause})" if values else f"{self.message} ({self.clause})"


def _shortened(value: object) -> str:
    """A value as text; of a long list only its beginning, because the peer may have chosen its length."""
    if isinstance(value, (list, tuple, set, frozenset)) and len(value) > MAX_SHOWN:
        return f"{list(value)[:MAX_SHOWN]!r} and {len(value) - MAX_SHOWN} more"
    text = repr(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"


class DecodeError(PeerError):
    """A message does not parse: a length is wrong, a vector is out of range, bytes are left over."""

    alert = alerts.DECODE_ERROR


class UnexpectedMessage(PeerError):
    """A message or record came that has no place in the present state."""

    alert = alerts.UNEXPECTED_MESSAGE


class IllegalParameter(PeerError):
    """A value parses, but is not one the peer may send here."""

    alert = alerts.ILLEGAL_PARAMETER


class DowngradeDetected(IllegalParameter):
    """The server left the mark of a better version than the one it was made to choose (RFC 9846 §4.2.3)."""


class MissingExtension(PeerError):
    """An extension that this handshake needs is not there."""

    alert = alerts.MISSING_EXTENSION


class UnsupportedExtension(PeerError):
    """The peer answered an extension that was never sent to it."""

    alert = alerts.UNSUPPORTED_EXTENSION


class NegotiationFailure(PeerError):
    """Both sides are correct and have nothing in common."""

    alert = alerts.HANDSHAKE_FAILURE


class UnsupportedVersion(NegotiationFailure):
    """No protocol version in common."""

    alert = alerts.PROTOCOL_VERSION


class InsufficientSecurity(NegotiationFailure):
    """The peer's parameters are weaker than the policy allows."""

    alert = alerts.INSUFFICIENT_SECURITY


class NoApplicationProtocol(NegotiationFailure):
    """No ALPN protocol in common (RFC 7301 §3.2)."""

    alert = alerts.NO_APPLICATION_PROTOCOL


class UnrecognizedName(NegotiationFailure):
    """The client asked for a server name that is not served here (RFC 6066 §3)."""

    alert = alerts.UNRECOGNIZED_NAME


class RecordError(PeerError):
    """The record layer refused what came."""

    alert = alerts.UNEXPECTED_MESSAGE


class BadRecordMac(RecordError):
    """A record could not be deprotected: altered on the way, or sealed with other keys."""

    alert = alerts.BAD_RECORD_MAC


class RecordOverflow(RecordError):
    """A record is longer than its limit."""

    alert = alerts.RECORD_OVERFLOW


class NotTLS(RecordError):
    """The very first bytes are no TLS record: plain HTTP, an SSH banner, noise. `service` names a guess."""

    service: str | None = None

    def __init__(self, message: str, *, clause: str, service: str | None = None, **fields: object) -> None:
        super().__init__(message, clause=clause, **fields)
        self.service = service


class AuthenticationFailure(PeerError):
    """A proof of identity or of key possession is wrong or missing."""

    alert = alerts.DECRYPT_ERROR


class BadSignature(AuthenticationFailure):
    """A handshake signature does not verify."""


class BadFinished(AuthenticationFailure):
    """A Finished message does not match the handshake both sides saw."""


class BadBinder(AuthenticationFailure):
    """A PSK binder is wrong: the client lacks the key, or its hello was changed (RFC 9846 §4.3.11.2)."""


class CertificateRequired(AuthenticationFailure):
    """A client certificate is required and the client sent none."""

    alert = alerts.CERTIFICATE_REQUIRED


class CertificateRejected(PeerError):
    """The peer's certificate chain is not acceptable.

    `reason` is a stable word (`expired`, `unknown_ca`, `wrong_name`, ...; see `lucidtls.trust.verify`);
    the alert follows from it.
    """

    def __init__(self, message: str, *, reason: str, alert: Alert, clause: str, **fields: object) -> None:
        super().__init__(message, clause=clause, **fields)
        self.reason = reason
        self.alert = alert


class AlertReceived(TLSError):
    """The peer ended the connection with an alert; `alert` says which (RFC 9846 §6.2)."""

    state: str | None = None

    def __init__(self, alert: Alert, level: int) -> None:
        super().__init__(f"the peer ended the connection with alert {alert}: {alert.meaning}")
        self.alert = alert
        self.level = level


class TruncatedStream(TLSError):
    """The transport ended without close_notify: the data may have been cut short (RFC 9846 §6.1)."""

    state: str | None = None
    clause: ClassVar[str] = "RFC 9846 §6.1"


class ConnectionLost(TLSError, ConnectionError):
    """The transport broke (reset, broken pipe) while TLS was using it."""


class TimedOut(TLSError, TimeoutError):
    """The peer did not answer in the time allowed."""


class InternalError(TLSError):
    """A bug in this library, or a callback that raised. The peer is sent internal_error."""

    alert = alerts.INTERNAL_ERROR
