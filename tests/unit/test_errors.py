"""The tree of errors and the table of alerts (RFC 9846 §6)."""

from __future__ import annotations

import pytest

from lucidtls import alerts, errors
from lucidtls.alerts import ALERTS, Alert, alert_of
from lucidtls.errors import (
    AlertReceived,
    CertificateRejected,
    ConfigurationError,
    ConnectionLost,
    IllegalParameter,
    InternalError,
    NotTLS,
    PeerError,
    TimedOut,
    TLSError,
    TruncatedStream,
    UsageError,
)

CODES = {
    "DecodeError": 50,
    "UnexpectedMessage": 10,
    "IllegalParameter": 47,
    "MissingExtension": 109,
    "UnsupportedExtension": 110,
    "NegotiationFailure": 40,
    "UnsupportedVersion": 70,
    "InsufficientSecurity": 71,
    "NoApplicationProtocol": 120,
    "UnrecognizedName": 112,
    "RecordError": 10,
    "BadRecordMac": 20,
    "RecordOverflow": 22,
    "NotTLS": 10,
    "AuthenticationFailure": 51,
    "BadSignature": 51,
    "BadFinished": 51,
    "CertificateRequired": 116,
    "InternalError": 80,
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_error_has_the_alert_of_the_rfc(name: str, code: int) -> None:
    """The class of an error fixes the alert that is sent (RFC 9846 §6.2)."""
    assert getattr(errors, name).alert.code == code


def test_an_error_says_what_where_and_why() -> None:
    """The text of an error has the values that show what happened, and the clause."""
    error = IllegalParameter("a bad share", clause="RFC 9846 §4.3.8", group="x25519")
    assert str(error) == "a bad share [group='x25519'] (RFC 9846 §4.3.8)"
    assert (error.message, error.fields, error.state) == ("a bad share", {"group": "x25519"}, None)
    assert str(IllegalParameter("plain", clause="RFC 9846 §4")) == "plain (RFC 9846 §4)"


def test_everything_is_a_tls_error_and_what_python_calls_it() -> None:
    """One except clause catches all; each is also the built-in kind of error that it is like."""
    for kind, builtin in {
        ConfigurationError: ValueError,
        UsageError: RuntimeError,
        ConnectionLost: ConnectionError,
        TimedOut: TimeoutError,
    }.items():
        assert issubclass(kind, TLSError) and issubclass(kind, builtin)
    assert all(
        issubclass(each, TLSError) for each in (PeerError, AlertReceived, TruncatedStream, InternalError)
    )


def test_errors_with_more_to_say() -> None:
    """What is no TLS may be named; a refused chain has a reason and an alert of its own."""
    other = NotTLS("these bytes are HTTP", clause="RFC 9846 §5.1", service="HTTP")
    assert other.service == "HTTP" and NotTLS("noise", clause="RFC 9846 §5.1").service is None
    refused = CertificateRejected(
        "too old", reason="expired", alert=alerts.CERTIFICATE_EXPIRED, clause="RFC 5280 §6.1.3"
    )
    assert (refused.reason, refused.alert.code) == ("expired", 45)
    ended = AlertReceived(alerts.UNKNOWN_CA, 2)
    assert "unknown_ca(48)" in str(ended) and ended.level == 2


def test_alert_codes_and_names_are_unique() -> None:
    """Each alert has one code and one name, and a sentence for people."""
    assert len({alert.name for alert in ALERTS.values()}) == len(ALERTS)
    assert all(code == alert.code and alert.meaning for code, alert in ALERTS.items())
    assert str(alerts.CLOSE_NOTIFY) == "close_notify(0)"


def test_an_unknown_alert_has_a_name_too() -> None:
    """A code that nobody knows is an alert all the same, and an error alert (RFC 9846 §6)."""
    unknown = alert_of(200)
    assert unknown == Alert(200, "unknown_alert_200", unknown.meaning)
    assert alert_of(40) is alerts.HANDSHAKE_FAILURE
