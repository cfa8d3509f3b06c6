"""Decisions that are handed to the application: signatures, credentials, chains; and callbacks that fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lucidtls import alerts
from lucidtls.errors import AlertReceived, CertificateRejected, InternalError, TruncatedStream, UsageError
from lucidtls.events import (
    ACCEPTED,
    CredentialWanted,
    HandshakeCompleted,
    SignatureWanted,
    VerificationWanted,
)
from lucidtls.trace import QuestionAsked
from lucidtls.trust.credentials import ASK, Credential
from lucidtls.trust.verify import ChainVerifier
from tests.flows.pair import End, Pair
from tests.flows.parties import (
    CLIENT_NAME,
    SERVER_NAME,
    client_config,
    credential,
    leaf,
    server_config,
    trust,
)


def asking_credential(kind: str = "p256", *names: str) -> Credential:
    """A credential whose signatures the application makes."""
    return Credential.load(leaf(kind, *names).der, ASK)


def sign(question: Any) -> bytes:
    """Sign as an HSM would."""
    holder = {SERVER_NAME: credential(), CLIENT_NAME: credential("p256", CLIENT_NAME)}
    signature: bytes = holder[question.credential.names[0]].sign(question.scheme, question.content)
    return signature


def ask_later(end: End) -> Any:
    """The question that an end waits with; it is asked once and then silence."""
    question = end.events[-1]
    assert end.connection.next_event() is None
    return question


# Signatures


def test_a_server_asks_for_its_signature_and_goes_on_when_it_has_it() -> None:
    """A signature may come later: the handshake waits, and bytes that arrive meanwhile are kept."""
    pair = Pair(server=server_config(credentials=asking_credential()))
    pair.exchange()
    question = ask_later(pair.server)
    assert isinstance(question, SignatureWanted)
    assert question.scheme == 0x0403
    assert question.content.startswith(b" " * 64 + b"TLS 1.3, server CertificateVerify\0")
    assert pair.server.connection.data_to_send() == b"", "nothing of the flight is sent before it is whole"
    pair.server.connection.answer(question, sign(question))
    pair.run()
    assert pair.client.event(HandshakeCompleted)


def test_a_client_asks_for_its_signature() -> None:
    """A client's key may live in a token as well."""
    pair = Pair(
        client_config(credentials=asking_credential("p256", CLIENT_NAME)),
        server_config(client_authentication="require"),
        answer=sign,
    )
    pair.run()
    assert isinstance(pair.client.events[0], SignatureWanted)
    assert pair.client.events[0].content.startswith(b" " * 64 + b"TLS 1.3, client CertificateVerify\0")
    assert pair.server.event(HandshakeCompleted).negotiated.client_authenticated


def test_data_that_arrives_while_a_question_waits_is_kept() -> None:
    """What the server sends right after its flight is given out once the client has answered."""
    pair = Pair(
        client_config(credentials=asking_credential("p256", CLIENT_NAME)),
        server_config(client_authentication="request"),
    )
    pair.exchange()
    question = ask_later(pair.client)
    with pytest.raises(UsageError, match="handshake is not done"):
        pair.client.connection.send_data(b"too soon")
    pair.client.connection.answer(question, sign(question))
    pair.run()
    pair.server.connection.send_data(b"welcome")
    pair.run()
    assert pair.client.data == b"welcome"


@dataclass
class Token:
    """A signer that is called at once."""

    key: Credential
    calls: int = 0

    def sign(self, scheme: int, content: bytes) -> bytes:
        """Sign, and count."""
        self.calls += 1
        return self.key.sign(scheme, content)


def test_a_signer_object_signs_without_an_event() -> None:
    """An external key that answers at once needs no question."""
    token = Token(credential())
    pair = Pair(server=server_config(credentials=Credential.load(leaf().der, token)))
    pair.run()
    assert token.calls == 1
    assert not [event for event in pair.server.events if isinstance(event, SignatureWanted)]
    asked = [entry for entry in pair.log.of("server") if isinstance(entry, QuestionAsked)]
    assert [(entry.name, entry.deferred) for entry in asked] == [
        ("CredentialWanted", False),
        ("SignatureWanted", False),
    ]


@pytest.mark.parametrize("answer", [b"", bytes(70), b"not a signature"])
def test_a_signature_that_does_not_fit_never_leaves_the_house(answer: bytes) -> None:
    """A signature is checked before it is sent, against faults and wrong keys (RFC 9846 Appendix C.3)."""
    pair = Pair(server=server_config(credentials=asking_credential()), answer=lambda question: answer)
    playbook = pair.run_to_failure()
    assert isinstance(pair.server.error, InternalError)
    assert playbook[-1].endswith("alert:internal_error")
    assert isinstance(pair.client.error, AlertReceived)


# Chains


def judge(question: Any) -> Any:
    """Verify with our own verifier, later."""
    return ChainVerifier(trust()).verify(question.request)


def test_a_client_asks_about_the_servers_chain() -> None:
    """The application may judge the chain itself; the question says what to judge."""
    pair = Pair(client_config(verifier=ASK, trust=None))
    pair.exchange()
    question = ask_later(pair.client)
    assert isinstance(question, VerificationWanted)
    assert question.request.chain == (leaf().der,) and question.request.role == "server"
    assert str(question.request.server_name) == SERVER_NAME
    pair.client.connection.answer(question, judge(question))
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.verified.names == (SERVER_NAME,)


def test_a_server_asks_about_the_clients_chain() -> None:
    """The question about a client's chain has the role of a client and no name to compare."""
    pair = Pair(
        client_config(credentials=credential("p256", CLIENT_NAME)),
        server_config(client_authentication="require", verifier=ASK, trust=None),
        answer=judge,
    )
    pair.run()
    (question,) = [event for event in pair.server.events if isinstance(event, VerificationWanted)]
    assert question.request.role == "client" and question.request.server_name is None


def test_an_application_may_vouch_for_a_chain() -> None:
    """ACCEPTED takes a chain on the application's own knowledge, a pinned key for example."""
    pair = Pair(client_config(verifier=ASK), answer=lambda question: ACCEPTED)
    pair.run()
    negotiated = pair.client.event(HandshakeCompleted).negotiated
    assert negotiated.verified is None and negotiated.peer_chain == (leaf().der,)
    assert repr(ACCEPTED) == "ACCEPTED"


@pytest.mark.parametrize("verdict", [None, True, False, 1, "yes"])
def test_a_verdict_that_is_none_refuses(verdict: object) -> None:
    """A verifier that forgets to return does not accept the chain."""
    pair = Pair(client_config(verifier=ASK), answer=lambda question: verdict)
    pair.run_to_failure()
    assert isinstance(pair.client.error, InternalError)
    assert isinstance(pair.server.error, AlertReceived)
    assert pair.server.error.alert is alerts.INTERNAL_ERROR


def test_a_chain_is_refused_with_an_exception() -> None:
    """A CertificateRejected as the answer ends the handshake with its alert."""
    refusal = CertificateRejected(
        "not on our list", reason="pin", alert=alerts.CERTIFICATE_UNKNOWN, clause="RFC 9846 §6.2"
    )
    pair = Pair(client_config(verifier=ASK), answer=lambda question: refusal)
    assert pair.run_to_failure()[-1] == "client > alert:certificate_unknown"
    assert pair.client.error is refusal
    assert isinstance(pair.server.error, AlertReceived)


# Credentials


def test_a_server_asks_which_credential_to_show() -> None:
    """The question shows the wishes of the client: name, protocols, signature algorithms."""
    pair = Pair(
        client_config(alpn=("h2", "http/1.1")),
        server_config(credentials=(), choose_credential=ASK, alpn=("h2",)),
    )
    pair.exchange()
    question = ask_later(pair.server)
    assert isinstance(question, CredentialWanted)
    assert (question.server_name, question.alpn) == (SERVER_NAME, ("h2", "http/1.1"))
    assert 0x0403 in question.signature_schemes
    pair.server.connection.answer(question, credential())
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.alpn == "h2"


def test_no_answer_leaves_the_choice_to_the_list() -> None:
    """None lets the config's credentials compete."""
    pair = Pair(server=server_config(choose_credential=ASK), answer=lambda question: None)
    pair.run()
    assert pair.client.event(HandshakeCompleted)


def test_a_function_can_choose_the_credential() -> None:
    """A function that needs no waiting is called in passing."""
    seen: list[CredentialWanted] = []

    def choose(wanted: CredentialWanted) -> Credential | None:
        seen.append(wanted)
        return credential("ed25519")

    pair = Pair(server=server_config(choose_credential=choose))
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.signature_scheme == "ed25519"
    assert [wanted.server_name for wanted in seen] == [SERVER_NAME]


def test_all_three_questions_can_wait_in_one_handshake() -> None:
    """Credential, signature and chain of both sides may each be answered by the application."""

    def answer(question: Any) -> Any:
        if isinstance(question, CredentialWanted):
            return asking_credential()
        return sign(question) if isinstance(question, SignatureWanted) else judge(question)

    pair = Pair(
        client_config(credentials=asking_credential("p256", CLIENT_NAME), verifier=ASK),
        server_config(credentials=(), choose_credential=ASK, client_authentication="require", verifier=ASK),
        answer=answer,
    )
    pair.run()
    asked = [type(event).__name__ for event in pair.server.events[:3]]
    assert asked == ["CredentialWanted", "SignatureWanted", "VerificationWanted"]


# Answers out of turn


def test_only_the_question_that_waits_can_be_answered() -> None:
    """An answer to another question, or a second answer, is the program's mistake."""
    pair = Pair(client_config(verifier=ASK))
    pair.exchange()
    question = ask_later(pair.client)
    with pytest.raises(UsageError, match="not waiting"):
        pair.client.connection.answer(VerificationWanted(question.request), ACCEPTED)
    pair.client.connection.answer(question, ACCEPTED)
    with pytest.raises(UsageError, match="not waiting"):
        pair.client.connection.answer(question, ACCEPTED)
    pair.run()


def test_a_connection_that_was_closed_takes_no_answer() -> None:
    """After close, the question is moot."""
    pair = Pair(client_config(verifier=ASK))
    pair.exchange()
    question = ask_later(pair.client)
    pair.client.connection.close()
    with pytest.raises(UsageError):
        pair.client.connection.answer(question, ACCEPTED)
    assert pair.client.connection.closed


def test_a_transport_that_ends_while_a_question_waits_is_noticed_after_the_answer() -> None:
    """The end of the transport takes its turn after what came before it."""
    pair = Pair(client_config(verifier=ASK))
    pair.exchange()
    question = ask_later(pair.client)
    pair.client.receive(b"")
    assert pair.client.error is None
    pair.client.connection.answer(question, ACCEPTED)
    pair.client.step()
    assert pair.client.event(HandshakeCompleted)
    assert isinstance(pair.client.error, TruncatedStream)


# Callbacks that raise


class Broken(Exception):
    """What a callback of the application raises."""


class Faulty:
    """A signer, verifier and chooser that breaks."""

    def sign(self, scheme: int, content: bytes) -> bytes:
        """Fail."""
        raise Broken("the token is unplugged")

    def verify(self, request: object) -> Any:
        """Fail."""
        raise Broken("the database is down")

    def __call__(self, question: object) -> Any:
        """Fail."""
        raise Broken("no idea")


def broken(side: str, **choices: Any) -> tuple[End, End]:
    """Run a handshake in which a callback of one side raises; the exception comes through."""
    pair = Pair(
        client_config(**choices) if side == "client" else None,
        server_config(**choices) if side == "server" else None,
    )
    with pytest.raises(Broken):
        pair.run()
    end, other = (pair.client, pair.server) if side == "client" else (pair.server, pair.client)
    return end, other


@pytest.mark.parametrize(
    ("side", "choices"),
    [
        ("client", {"verifier": Faulty()}),
        ("server", {"choose_credential": Faulty()}),
        ("server", {"credentials": Credential.load(leaf().der, Faulty())}),
        ("client", {"clock": lambda: Faulty()(None)}),
    ],
    ids=["verifier", "chooser", "signer", "clock"],
)
def test_what_a_callback_raises_comes_through(side: str, choices: dict[str, Any]) -> None:
    """The application gets its own exception, and the peer internal_error (RFC 9846 §6.2)."""
    end, other = broken(side, **choices)
    assert end.connection.closed and end.connection.state == "FAILED"
    other.receive(end.connection.data_to_send())
    assert isinstance(other.error, AlertReceived) and other.error.alert is alerts.INTERNAL_ERROR
    assert end.connection.next_event() is None


def test_an_answer_may_be_any_exception() -> None:
    """To the peer, a refusal that is no CertificateRejected is internal_error."""
    pair = Pair(client_config(verifier=ASK))
    pair.exchange()
    question = ask_later(pair.client)
    pair.client.connection.answer(question, Broken("no"))
    with pytest.raises(Broken):
        pair.client.connection.next_event()
    pair.server.receive(pair.client.connection.data_to_send())
    assert isinstance(pair.server.error, AlertReceived)
    assert pair.server.error.alert is alerts.INTERNAL_ERROR


def test_an_application_can_abort() -> None:
    """abort ends the connection at once for a reason of the application's own."""
    pair = Pair()
    pair.run()
    pair.client.connection.abort(Broken("enough"))
    assert pair.client.connection.closed
    pair.client.connection.abort(Broken("again"))
    pair.exchange()
    assert isinstance(pair.server.error, AlertReceived)
    assert pair.server.error.alert is alerts.INTERNAL_ERROR
    assert pair.log.playbook()[-1].count("internal_error") == 1
