"""The recorder, and what costs nothing when nobody looks."""

from __future__ import annotations

from lucidtls.connection import ClientConnection
from lucidtls.trace import Failed, MessageTraced, QuestionAsked, Recorder, Tracer
from tests.flows.hostile import HostileServer
from tests.flows.parties import SERVER_NAME, client_config


def test_a_recorder_is_a_tracer() -> None:
    """The recorder keeps records in order and lists messages by direction."""
    tape: Tracer = Recorder()
    assert not tape.wants_secrets and Recorder(wants_secrets=True).wants_secrets
    peer = HostileServer.at("CONNECTED")
    assert peer.tape.messages("sent") == ["ClientHello", "Finished"]
    assert peer.tape.messages("received") == [
        "ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished",
    ]  # fmt: skip


def test_messages_are_traced_with_their_bytes_and_their_meaning() -> None:
    """A traced message has the body as it was on the wire, and the decoded form."""
    peer = HostileServer.at("WAIT_EE")
    sent, received = (entry for entry in peer.tape.entries if isinstance(entry, MessageTraced))
    assert sent.body == peer.transcript[0][4:] and received.body == peer.transcript[1][4:]
    assert sent.message == peer.client_hello


def test_questions_and_failures_are_traced() -> None:
    """The trace says what was asked, and how it ended."""
    peer = HostileServer.at("CONNECTED").deliver(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert [e for e in peer.tape.entries if isinstance(e, QuestionAsked)] == [
        QuestionAsked("VerificationWanted", deferred=False)
    ]
    (failed,) = [entry for entry in peer.tape.entries if isinstance(entry, Failed)]
    assert failed.error is peer.error


def test_without_a_tracer_nothing_is_recorded() -> None:
    """A connection without a tracer has none anywhere."""
    connection = ClientConnection(client_config(), SERVER_NAME)
    assert connection._channel.trace is None
