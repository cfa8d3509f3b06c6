"""What errors mean: every error of the library has a diagnosis, and the certain causes have their codes."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime

import pytest

from lucidtls import alerts, errors
from lucidtls.errors import (
    AlertReceived,
    BadFinished,
    BadSignature,
    CertificateRejected,
    CertificateRequired,
    ConfigurationError,
    ConnectionLost,
    IllegalParameter,
    InternalError,
    NegotiationFailure,
    NoApplicationProtocol,
    NotTLS,
    PeerError,
    TimedOut,
    TruncatedStream,
    UnrecognizedName,
    UnsupportedVersion,
    UsageError,
)
from lucidtls.tools import exits
from lucidtls.tools.document import Document
from lucidtls.tools.failures import diagnose, first_line_of, local_failure
from lucidtls.tools.refusals import REFUSALS, refusal_diagnosis
from lucidtls.tools.situation import Situation
from lucidtls.trust.reasons import Reason

CLAUSE = "RFC 9846 §4"
CLIENT = Situation(host="example.org", port=443, connected=True, bytes_received=100)
DONE = Situation(host="example.org", port=443, connected=True, bytes_received=100, handshake_done=True)
SERVER = Situation(role="server", connected=True, bytes_received=100)

CASES: list[tuple[BaseException, Situation, str | None, int]] = [
    (socket.gaierror(-2, "Name or service not known"), CLIENT, "LT-N01", 4),
    (ConnectionRefusedError(111, "Connection refused"), CLIENT, "LT-N02", 5),
    (TimedOut("no answer"), Situation(), "LT-N03", 5),
    (OSError(113, "No route to host"), CLIENT, None, 5),
    (TimedOut("slow"), Situation(connected=True, hello_length=1500), "LT-N04", 7),
    (TimedOut("slow"), CLIENT, None, 7),
    (TimedOut("slow"), DONE, None, 10),
    (ConnectionLost("reset"), Situation(connected=True), "LT-N05", 7),
    (ConnectionLost("reset"), CLIENT, None, 7),
    (ConnectionLost("reset"), DONE, None, 10),
    (TruncatedStream("cut"), Situation(connected=True), "LT-N07", 7),
    (TruncatedStream("cut"), CLIENT, None, 7),
    (TruncatedStream("cut"), DONE, "LT-R02", 10),
    (TruncatedStream("cut"), Situation(role="server"), "LT-P06", 7),
    (NotTLS("no", service="HTTP", first_bytes=b"HTTP/1.1 400", clause=CLAUSE), CLIENT, "LT-P01", 6),
    (NotTLS("no", service="POP3", first_bytes=b"+OK", clause=CLAUSE), CLIENT, "LT-P03", 6),
    (NotTLS("no", service=None, first_bytes=b"\x01\x02", clause=CLAUSE), CLIENT, "LT-P04", 6),
    (NotTLS("no", service="HTTP", first_bytes=b"GET / HTTP/1.1", clause=CLAUSE), SERVER, "LT-P05", 6),
    (NotTLS("no", service="PROXY protocol", first_bytes=b"PROXY ", clause=CLAUSE), SERVER, "LT-P07", 6),
    (
        NegotiationFailure("no cipher suite in common", offered=["a"], ours=["b"], clause=CLAUSE),
        SERVER,
        "LT-H03",
        7,
    ),
    (
        NegotiationFailure("no key exchange group in common", offered=[], ours=["b"], clause=CLAUSE),
        SERVER,
        "LT-H04",
        7,
    ),
    (NegotiationFailure("no credential of ours can sign", offered=["a"], clause=CLAUSE), SERVER, "LT-H05", 7),
    (NegotiationFailure("something else", clause=CLAUSE), SERVER, None, 7),
    (NoApplicationProtocol("none", offered=[b"h2"], ours=[b"x"], clause=CLAUSE), SERVER, "LT-H08", 7),
    (UnrecognizedName("none", server_name="x.example", clause=CLAUSE), SERVER, "LT-H06", 7),
    (UnsupportedVersion("old", clause=CLAUSE), CLIENT, "LT-H01", 7),
    (IllegalParameter("wrong", clause=CLAUSE), CLIENT, "LT-H13", 7),
    (BadSignature("wrong", clause=CLAUSE), CLIENT, "LT-K03", 7),
    (BadFinished("wrong", clause=CLAUSE), CLIENT, "LT-K01", 7),
    (CertificateRequired("none", clause=CLAUSE), SERVER, "LT-A01", 9),
    (ConfigurationError("wrong"), CLIENT, None, 2),
]


@pytest.mark.parametrize(("error", "situation", "code", "exit_code"), CASES)
def test_an_error_has_its_code(
    error: Exception, situation: Situation, code: str | None, exit_code: int
) -> None:
    """What happened, and who it happened to, decide the code and the exit code."""
    told = diagnose(error, situation)
    assert (told.code, told.exit_code) == (code, exit_code)
    assert told.exit_code in exits.MEANINGS
    if isinstance(error, PeerError):
        assert told.alert_sent is error.alert
        assert told.see == (error.clause,)


@pytest.mark.parametrize("alert", alerts.ALERTS.values(), ids=lambda alert: alert.name)
def test_every_alert_means_something(alert: alerts.Alert) -> None:
    """Each alert of the registry, received by either side in either phase, has a sentence and is named in it
    or beside it.
    """
    for situation in (CLIENT, DONE, SERVER):
        told = diagnose(AlertReceived(alert, alerts.FATAL), situation)
        assert told.alert_received is alert
        assert told.title.endswith(".")
        assert told.exit_code in (exits.HANDSHAKE, exits.DATA, exits.CLIENT_AUTHENTICATION)


def every_error() -> list[type[PeerError]]:
    """Every class that blames the peer and is raised as it is."""
    classes = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PeerError)
    ]
    return [kind for kind in classes if kind not in (CertificateRejected, NotTLS)]


@pytest.mark.parametrize("kind", every_error())
def test_every_peer_error_has_a_diagnosis(kind: type[PeerError]) -> None:
    """A diagnosis is one sentence for people, and can be written as JSON."""
    error = kind("something is wrong", clause=CLAUSE, value=b"\x00\xff", listed=(1, "two"))
    told = diagnose(error, CLIENT)
    assert told.title[0].isupper() and told.title.endswith(".")
    written = json.loads(json.dumps(told.as_json()))
    assert written["evidence"][0] == {"kind": "value", "field": "value", "value": "00ff"}
    shown = "\n".join("".join(text for text, _ in line) for line in Document([told]).lines(100))
    assert f"alert {error.alert}" in shown and CLAUSE in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.word)
def test_every_reason_to_refuse_a_certificate_has_a_sentence(reason: Reason) -> None:
    """Each reason of the trust layer is told with its alert and clause, whatever values come along."""
    error = CertificateRejected("why", reason=reason.word, alert=reason.alert, clause=reason.clause, index=1)
    told = refusal_diagnosis(error, whose="server", now=datetime(2026, 1, 1, tzinfo=UTC))
    assert told.exit_code == exits.CERTIFICATE
    assert (told.alert_sent, told.see) == (reason.alert, (reason.clause,))
    assert told.title.endswith(".") and "{" not in told.title


def test_the_table_of_refusals_has_only_reasons_that_exist() -> None:
    """A row of the table belongs to a reason."""
    assert set(REFUSALS) <= {reason.word for reason in Reason}


@pytest.mark.parametrize("error", [InternalError("a bug"), UsageError("a bug"), ZeroDivisionError()])
def test_a_bug_is_not_explained_away(error: Exception) -> None:
    """What is our own fault is no diagnosis; it comes out as it is."""
    with pytest.raises(type(error)):
        diagnose(error, CLIENT)


def test_first_lines_are_shown_as_text_or_hex() -> None:
    """A banner is quoted, noise is shown in hex, and neither can do anything to a terminal."""
    assert first_line_of(b"SSH-2.0-x\r\nmore") == '"SSH-2.0-x"'
    assert first_line_of(b"\x1b[31m") == "1b 5b 33 31 6d"
    assert first_line_of(b"") == ""
    assert first_line_of(b"\n\n") == "0a 0a"


def test_local_failures_name_the_file() -> None:
    """A file that cannot be used is named, with the system's reason."""
    told = local_failure(FileNotFoundError(2, "No such file or directory", "missing.pem"))
    assert told.title == "Cannot use missing.pem: No such file or directory."
    assert told.exit_code == exits.INPUT
