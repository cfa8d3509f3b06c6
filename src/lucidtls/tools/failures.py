"""What an error means, in one place for all commands: `diagnose` turns an exception into a `Diagnosis`.

The causes that are certain have their codes here. Those that one failure alone cannot tell apart (a bare
handshake_failure, say) are reported as what they are, with a confidence that says so.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace

from lucidtls import alerts
from lucidtls.alerts import Alert
from lucidtls.errors import (
    AlertReceived,
    BadBinder,
    BadFinished,
    BadRecordMac,
    BadSignature,
    CertificateRejected,
    CertificateRequired,
    ConfigurationError,
    ConnectionLost,
    IllegalParameter,
    NegotiationFailure,
    NotTLS,
    PeerError,
    RecordOverflow,
    TimedOut,
    TruncatedStream,
    UnexpectedMessage,
)
from lucidtls.tools import exits
from lucidtls.tools.findings import Diagnosis, Fix
from lucidtls.tools.negotiation import (
    SHARE_CLAUSES,
    alert_about_hello,
    downgrade_marked,
    negotiation_failure,
    unusable_share,
)
from lucidtls.tools.refusals import evidence, refusal_diagnosis, sentence
from lucidtls.tools.situation import Situation, peer_error, told
from lucidtls.tools.text import printable


def diagnose(error: BaseException, situation: Situation) -> Diagnosis:
    """Tell what an error means. Errors that are nobody's fault but ours raise again."""
    for kinds, tell in _TELLERS:
        if isinstance(error, kinds):
            return tell(error, situation)
    raise error


# No connection


def _unresolved(error: socket.gaierror, at: Situation) -> Diagnosis:
    return Diagnosis(
        code="LT-N01",
        slug="dns",
        title=f"{printable(at.host)} has no address.",
        detail=sentence(error.strerror or str(error)),
        exit_code=exits.RESOLUTION,
        fixes=(Fix("client", "check the spelling"),),
    )


def _no_connection(error: OSError, at: Situation) -> Diagnosis:
    where = at.address or f"{at.host}:{at.port}"
    if isinstance(error, ConnectionRefusedError):
        return Diagnosis(
            code="LT-N02",
            slug="tcp-refused",
            title=f"Nothing listens on {where}; the machine answered and refused.",
            exit_code=exits.CONNECTION,
            fixes=(Fix("server", "start the service"), Fix("client", "check the port")),
        )
    if isinstance(error, TimeoutError):
        return Diagnosis(
            code="LT-N03",
            slug="tcp-timeout",
            title=f"No answer from {where}: a firewall drops packets, or the machine is down.",
            detail=sentence(str(error)),
            exit_code=exits.CONNECTION,
            fixes=(Fix("network", "try from another network, and look at the firewall"),),
        )
    return Diagnosis(
        code=None,
        slug="tcp-failed",
        title=f"No connection to {where}: {printable(error.strerror or str(error))}.",
        exit_code=exits.CONNECTION,
    )


def _lost(error: ConnectionLost, at: Situation) -> Diagnosis:
    if at.handshake_done:
        return _broken_off("The connection broke after the handshake", error, at)
    if at.role == "client" and not at.bytes_received:
        return Diagnosis(
            code="LT-N05",
            slug="reset-after-hello",
            title="The connection was cut right after our first message.",
            detail="No TLS alert was sent, so a device on the way or a crash did it, not a decision of TLS.",
            confidence="likely",
            exit_code=exits.HANDSHAKE,
            fixes=(Fix("server", "look in its log for this moment"),),
        )
    return _broken_off("The connection broke in the middle of the handshake", error, at)


def _broken_off(what: str, error: Exception, at: Situation) -> Diagnosis:
    title = f"{what}: the {at.peer} is gone."
    return Diagnosis(
        code=None, slug="connection-lost", title=title, detail=sentence(str(error)), exit_code=at.phase_exit
    )


def _timed_out(error: TimedOut, at: Situation) -> Diagnosis:
    if not at.connected:
        return _no_connection(error, at)
    if at.role == "client" and not at.bytes_received:
        return Diagnosis(
            code="LT-N04",
            slug="silent-after-hello",
            title=f"{printable(at.host)} accepted the connection but never answered our ClientHello"
            f" ({at.hello_length} bytes).",
            detail=sentence(str(error)),
            exit_code=exits.HANDSHAKE,
            fixes=(Fix("server", "it may be overloaded, or expect another protocol"),),
        )
    when = "after" if at.handshake_done else "in the middle of"
    return Diagnosis(
        code=None,
        slug="timeout",
        title=f"The {at.peer} stopped answering {when} the handshake.",
        detail=sentence(str(error)),
        exit_code=at.phase_exit,
    )


def _truncated(error: TruncatedStream, at: Situation) -> Diagnosis:
    if at.handshake_done:
        return Diagnosis(
            code="LT-R02",
            slug="truncated",
            title=f"The {at.peer} closed without saying goodbye; the last message may be cut short.",
            exit_code=exits.DATA,
            fixes=(Fix("server" if at.role == "client" else "client", "send close_notify before closing"),),
            see=(error.clause,),
        )
    if not at.bytes_received and at.role == "server":
        return Diagnosis(
            code="LT-P06",
            slug="empty-probe",
            title="The connection was closed before a single byte came: a health check or a port scan.",
            severity="info",
            exit_code=exits.HANDSHAKE,
        )
    if not at.bytes_received:
        return Diagnosis(
            code="LT-N07",
            slug="closed-after-hello",
            title="The server closed the connection without a word after our ClientHello.",
            confidence="possible",
            exit_code=exits.HANDSHAKE,
            fixes=(Fix("server", "look in its log; a proxy without its server does this too"),),
        )
    return _broken_off("The connection ended in the middle of the handshake", error, at)


# No TLS

_STARTTLS = {"SMTP": "smtp", "IMAP": "imap", "POP3": "pop3", "FTP": "ftp", "MySQL": "mysql",
             "PostgreSQL": "postgres", "XMPP": "xmpp"}  # fmt: skip


def _not_tls(error: NotTLS, at: Situation) -> Diagnosis:
    tell = _client_is_not_tls if at.role == "server" else _server_is_not_tls
    found = tell(error.service, at, _first_line(error, at))
    return replace(found, alert_sent=error.alert, see=(error.clause,), evidence=evidence(error.fields))


def _server_is_not_tls(service: str | None, at: Situation, first_line: str) -> Diagnosis:
    if service == "HTTP":
        return Diagnosis(
            code="LT-P01",
            slug="http-on-port",
            title=f"Port {at.port} answered in plain HTTP ({first_line}). There is no TLS here.",
            exit_code=exits.NOT_TLS,
            fixes=(Fix("client", "use http://, or the port for TLS (often 443 or 8443)"),),
        )
    if service in _STARTTLS:
        return Diagnosis(
            code="LT-P03",
            slug="starttls-needed",
            title=f"{service} is waiting to be asked for TLS (STARTTLS).",
            detail=f"It said: {first_line}",
            exit_code=exits.NOT_TLS,
            fixes=(
                Fix(
                    "client",
                    f"use the port that speaks TLS at once, or {_STARTTLS[service]}:// with STARTTLS",
                ),
            ),
        )
    return Diagnosis(
        code="LT-P04",
        slug="other-service",
        title=f"This is {service or 'something else'}, not TLS: {first_line}",
        exit_code=exits.NOT_TLS,
        fixes=(Fix("client", "check the port"),),
    )


def _client_is_not_tls(service: str | None, at: Situation, first_line: str) -> Diagnosis:
    if service in ("HTTP", "HTTP/2"):
        return Diagnosis(
            code="LT-P05",
            slug="http-client",
            title=f"plain HTTP on the TLS port ({first_line}): use https://",
            exit_code=exits.NOT_TLS,
            fixes=(Fix("client", "open https:// instead"),),
        )
    if service == "PROXY protocol":
        return Diagnosis(
            code="LT-P07",
            slug="proxy-protocol",
            title="The load balancer sends the PROXY protocol, which this server does not expect.",
            exit_code=exits.NOT_TLS,
            fixes=(Fix("network", "switch it off on the load balancer"),),
        )
    if service == "SSLv2":
        return Diagnosis(
            code="LT-H18",
            slug="ssl2-ssl3",
            title="A client began in the form of SSL 2.0, which is not spoken here.",
            exit_code=exits.NOT_TLS,
            fixes=(Fix("client", "replace it, or switch SSL 2.0 off in it"),),
        )
    return Diagnosis(
        code="LT-P04",
        slug="other-service",
        title=f"A client spoke {service or 'something else'}, not TLS: {first_line}",
        exit_code=exits.NOT_TLS,
    )


def _first_line(error: NotTLS, at: Situation) -> str:
    if at.first_line:
        return at.first_line
    first = error.fields.get("first_bytes")
    if not isinstance(first, bytes):
        return ""
    return first_line_of(first)


def first_line_of(data: bytes) -> str:
    """Show the first line of what is no TLS: quoted when it is text, in hex when it is not."""
    first = data.splitlines()[0][:80] if data.splitlines() else data[:16]
    if first and all(32 <= octet < 127 for octet in first):
        return f'"{printable(first)}"'
    return data[:16].hex(" ")


# What the peer did wrong


def _refused_certificate(error: CertificateRejected, at: Situation) -> Diagnosis:
    return refusal_diagnosis(error, whose=at.peer, now=at.now)


def _no_client_certificate(error: CertificateRequired, at: Situation) -> Diagnosis:
    found = peer_error(error, at, "LT-A01", "client-cert-required", "The client showed no certificate.")
    return replace(found, exit_code=exits.CLIENT_AUTHENTICATION)


def _wrong_binder(error: BadBinder, at: Situation) -> Diagnosis:
    title = "The client's pre-shared key is another than ours, or its hello was changed on the way."
    return peer_error(error, at, "LT-A05", "psk", title)


def _wrong_proof(error: PeerError, at: Situation) -> Diagnosis:
    if isinstance(error, BadSignature):
        title = f"The {at.peer} could not prove that it owns the certificate's private key."
        found = peer_error(error, at, "LT-K03", "bad-signature", title)
        return replace(found, fixes=(Fix(at.peer, "its certificate and its key do not match"),))
    if at.role == "server" and not at.handshake_done and at.key_exchange is not None:
        secret = _other_secret(error, at, at.key_exchange)
        if secret is not None:
            return secret
    if isinstance(error, BadFinished):
        title = "The Finished check failed: the two sides do not hold the same secrets."
        return peer_error(error, at, "LT-K01", "bad-finished", title)
    place = error.fields.get("sequence", "?")
    return peer_error(error, at, "LT-K02", "bad-record", f"Record {place} does not authenticate.")


def _other_secret(error: PeerError, at: Situation, key_exchange: str) -> Diagnosis | None:
    """Where a server cannot say what is wrong with a premaster secret, its keys are the first sign of it."""
    if "PSK" in key_exchange:
        title = "The client's pre-shared key is another than ours, or nobody here knows its identity."
        return replace(peer_error(error, at, "LT-A05", "psk", title), confidence="likely")
    if key_exchange == "RSA":
        title = "The premaster secret could not be recovered: the private key may not be the certificate's."
        return replace(peer_error(error, at, "LT-K05", "wrong-private-key", title), confidence="likely")
    return None


def _wrong_protocol(error: PeerError, at: Situation) -> Diagnosis:
    if isinstance(error, RecordOverflow):
        length = error.fields.get("length", "too many")
        title = f"The {at.peer} sent a record of {length} bytes, more than TLS allows."
        return peer_error(error, at, "LT-R01", "record-overflow", title)
    if isinstance(error, UnexpectedMessage):
        where = f" in state {error.state}" if error.state else ""
        title = f"Something unexpected came from the {at.peer}{where}."
        return peer_error(error, at, "LT-R03", "unexpected", title)
    if isinstance(error, IllegalParameter):
        if error.clause == "RFC 9846 §4.2.3" and "version" in error.fields:
            return downgrade_marked(error, at)
        if error.clause in SHARE_CLAUSES:
            return unusable_share(error, at)
    title = f"The {at.peer} broke the protocol: {printable(error.message)}."
    found = peer_error(error, at, "LT-H13", "peer-bug", title, f"This happened in state {error.state}.")
    return replace(found, fixes=(Fix(at.peer, "report it to its maker"),))


# What the peer said

_OURS_REFUSED = frozenset(
    (
        alerts.BAD_CERTIFICATE,
        alerts.UNSUPPORTED_CERTIFICATE,
        alerts.CERTIFICATE_REVOKED,
        alerts.CERTIFICATE_EXPIRED,
        alerts.CERTIFICATE_UNKNOWN,
        alerts.UNKNOWN_CA,
        alerts.ACCESS_DENIED,
    )
)


def _alert(error: AlertReceived, at: Situation) -> Diagnosis:
    alert = error.alert
    if at.role == "server":
        return _alert_from_client(alert, at)
    if alert is alerts.CERTIFICATE_REQUIRED:
        return told(
            alert,
            at,
            "LT-A01",
            "client-cert-required",
            "The server wants a client certificate, and got none.",
        )
    if alert in _OURS_REFUSED and at.certificate_sent:
        title = f"The server refused our certificate: {alert.name}."
        return told(alert, at, "LT-A02", "client-cert-refused", title)
    if (
        at.certificate_requested
        and not at.certificate_sent
        and alert in (alerts.HANDSHAKE_FAILURE, *_OURS_REFUSED)
    ):
        title = "The server wants a client certificate, and got none."
        return told(alert, at, "LT-A01", "client-cert-required", title, "likely")
    return alert_about_hello(alert, at)


def _alert_from_client(alert: Alert, at: Situation) -> Diagnosis:
    if alert in _OURS_REFUSED:
        title = f"The client does not trust our certificate ({alert})."
        found = told(
            alert,
            at,
            "LT-A04",
            "peer-distrusts-us",
            title,
            "certain" if alert is alerts.UNKNOWN_CA else "likely",
        )
        return replace(found, fixes=(Fix("client", "trust the authority that issued it"),))
    return told(alert, at, None, "alert", f"The client ended the connection with alert {alert}.")


def renegotiation_refused(peer: str) -> Diagnosis:
    """Tell that the peer asked for another handshake, was refused, and went on."""
    return Diagnosis(
        code="LT-R04",
        slug="renegotiation",
        title=f"The {peer} wants to renegotiate; refused.",
        severity="info",
        exit_code=exits.OK,
        see=("RFC 5246 §7.2.2",),
    )


# What is wrong here


def _configuration(error: ConfigurationError, at: Situation) -> Diagnosis:
    return Diagnosis(code=None, slug="configuration", title=sentence(str(error)), exit_code=exits.USAGE)


def local_failure(error: Exception, slug: str = "local-input", code: str | None = None) -> Diagnosis:
    """A file, key or password that cannot be used."""
    text = (
        f"cannot use {error.filename}: {error.strerror}"
        if isinstance(error, OSError) and error.filename
        else str(error)
    )
    return Diagnosis(code=code, slug=slug, title=sentence(text), exit_code=exits.INPUT)


_TELLERS: Sequence[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[..., Diagnosis]]] = (
    (CertificateRejected, _refused_certificate),
    (CertificateRequired, _no_client_certificate),
    (BadBinder, _wrong_binder),
    ((BadSignature, BadFinished, BadRecordMac), _wrong_proof),
    (NotTLS, _not_tls),
    (NegotiationFailure, negotiation_failure),
    (PeerError, _wrong_protocol),
    (AlertReceived, _alert),
    (TruncatedStream, _truncated),
    (ConnectionLost, _lost),
    (TimedOut, _timed_out),
    (ConfigurationError, _configuration),
    (socket.gaierror, _unresolved),
    (OSError, _no_connection),
)
