"""Decisions that are handed to the application before TLS 1.3: signatures, decryption, chains, keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lucidtls.alerts import BAD_CERTIFICATE, INTERNAL_ERROR
from lucidtls.errors import (
    AlertReceived,
    BadRecordMac,
    CertificateRejected,
    InternalError,
    NegotiationFailure,
    TLSError,
    UsageError,
)
from lucidtls.events import (
    ACCEPTED,
    CredentialWanted,
    DecryptionWanted,
    HandshakeCompleted,
    PreSharedKey,
    PskIdentityWanted,
    PskWanted,
    SignatureWanted,
    VerificationWanted,
)
from lucidtls.trust.credentials import ASK, Credential
from lucidtls.trust.verify import ChainVerifier
from tests.flows.older import (
    PSK,
    SUITES_10,
    client12,
    client_credential12,
    rsa_credential,
    server12_config,
)
from tests.flows.pair import End, Pair
from tests.flows.parties import CLIENT_NAME, SERVER_NAME, credential, trust

VERSIONS = ("TLS 1.2", "TLS 1.1", "TLS 1.0")


def asking(known: Credential) -> Credential:
    """The same credential, whose key is elsewhere."""
    return Credential.load(list(known.chain), ASK)


def waits_for(end: End, kind: type[Any]) -> Any:
    """The question that an end waits with; it is asked once, and then there is silence."""
    question = end.events[-1]
    assert isinstance(question, kind)
    assert end.connection.next_event() is None
    return question


def answered(pair: Pair, end: End, kind: type[Any], answer: Callable[[Any], Any]) -> Any:
    """Run until an end asks, check that nothing went out meanwhile, answer, and run on."""
    pair.exchange()
    question = waits_for(end, kind)
    assert end.connection.data_to_send() == b""
    end.connection.answer(question, answer(question))
    pair.exchange()
    return question


# Signatures


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_a_servers_key_exchange_can_be_signed_elsewhere(kind: str, version: str) -> None:
    """What is signed are both randoms and the parameters (RFC 5246 §7.4.3), MD5+SHA-1 or SHA-1 before 1.2."""
    known = rsa_credential() if kind == "rsa" else credential()
    exchange = "DHE" if kind == "rsa" else "ECDHE"
    choices: dict[str, Any] = {"versions": (version,), "cipher_suites": (SUITES_10[exchange],)}
    server = server12_config(exchange, credentials=asking(known), **choices)
    pair = Pair(client12(exchange, **choices), server)
    question = answered(
        pair, pair.server, SignatureWanted, lambda asked: known.sign(asked.scheme, asked.content)
    )
    assert pair.client.event(HandshakeCompleted)
    expected = {"p256": 0x0403, "rsa": 0x0804} if version == "TLS 1.2" else {"p256": 0x0203, "rsa": 0xFF01}
    assert question.scheme == expected[kind]
    assert question.content.startswith(pair.client.connection._channel.client_random)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_a_clients_proof_can_be_signed_elsewhere(kind: str, version: str) -> None:
    """What is signed are all messages so far (RFC 5246 §7.4.8)."""
    known = client_credential12(kind)
    choices: dict[str, Any] = {"versions": (version,), "cipher_suites": (SUITES_10["ECDHE"],)}
    server = server12_config(client_authentication="require", **choices)
    pair = Pair(client12(credentials=asking(known), **choices), server)
    question = answered(
        pair, pair.client, SignatureWanted, lambda asked: known.sign(asked.scheme, asked.content)
    )
    assert pair.server.event(HandshakeCompleted).negotiated.client_authenticated
    assert question.content[0] == 1 and known.chain[0] in question.content


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_wrong_signature_does_not_leave(role: str) -> None:
    """A signature made elsewhere is verified before it is sent: faults give keys away (RFC 9846 §C.3)."""
    own, clients = asking(credential()), asking(client_credential12())
    pair = Pair(
        client12(credentials=clients if role == "client" else ()),
        server12_config(
            credentials=own if role == "server" else credential(),
            client_authentication="require" if role == "client" else "none",
        ),
    )
    end = pair.client if role == "client" else pair.server
    answered(pair, end, SignatureWanted, lambda asked: rsa_credential().sign(0x0804, asked.content))
    assert isinstance(end.error, InternalError)
    other = pair.server if role == "client" else pair.client
    assert isinstance(other.error, AlertReceived) and other.error.alert is INTERNAL_ERROR
    assert other.connection._channel.incoming == b""


# Decryption


@pytest.mark.parametrize("exchange", ["RSA", "RSA_PSK"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_premaster_secret_can_be_decrypted_elsewhere(exchange: str, version: str) -> None:
    """The private key of an RSA key exchange may be in a token (RFC 5246 §7.4.7.1)."""
    choices: dict[str, Any] = {"versions": (version,)}
    pair = Pair(
        client12(exchange, **choices),
        server12_config(exchange, credentials=asking(rsa_credential()), **choices),
    )
    answered(pair, pair.server, DecryptionWanted, lambda asked: rsa_credential().decrypt(asked.ciphertext))
    assert pair.client.event(HandshakeCompleted) and pair.server.event(HandshakeCompleted)


@pytest.mark.parametrize("answer", [None, b"", b"short", bytes(48), bytes(100), b"\3\1" + bytes(46)])
def test_what_a_decryption_gave_is_never_said(answer: bytes | None) -> None:
    """No padding, wrong length, wrong version: the client sees the same (RFC 5246 §7.4.7.1)."""
    pair = Pair(client12("RSA"), server12_config("RSA", credentials=asking(rsa_credential())))
    answered(pair, pair.server, DecryptionWanted, lambda asked: answer)
    assert isinstance(pair.server.error, BadRecordMac)
    assert pair.log.playbook()[-2:] == [
        "client > ClientKeyExchange ChangeCipherSpec Finished",
        "server > alert:bad_record_mac",
    ]


# Credentials and chains


def test_a_credential_can_be_chosen_later() -> None:
    """Who the server is for this client is the application's choice, suites included."""
    suites = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    pair = Pair(
        client12(cipher_suites=suites, alpn=("h2",)),
        server12_config(cipher_suites=suites, choose_credential=ASK, alpn=("h2",)),
    )
    question = answered(pair, pair.server, CredentialWanted, lambda asked: rsa_credential())
    assert (question.server_name, question.alpn) == (SERVER_NAME, ("h2",))
    assert pair.client.event(HandshakeCompleted).negotiated.cipher_suite == suites[1]
    pair = Pair(client12(cipher_suites=suites), server12_config(cipher_suites=suites, choose_credential=ASK))
    answered(pair, pair.server, CredentialWanted, lambda asked: None)
    assert pair.client.event(HandshakeCompleted).negotiated.cipher_suite == suites[0]


def test_a_credential_of_no_use_ends_the_handshake() -> None:
    """A credential that serves no suite in common cannot be shown."""
    pair = Pair(client12(), server12_config(choose_credential=lambda asked: rsa_credential()))
    pair.run_to_failure()
    assert isinstance(pair.server.error, NegotiationFailure)


@pytest.mark.parametrize("exchange", ["RSA", "DHE", "ECDHE", "RSA_PSK"])
def test_a_chain_can_be_judged_later(exchange: str) -> None:
    """The verdict on a server's chain comes before anything of ours goes out."""
    pair = Pair(client12(exchange, verifier=ASK), server12_config(exchange))
    question = answered(
        pair, pair.client, VerificationWanted, lambda asked: ChainVerifier(trust()).verify(asked.request)
    )
    negotiated = pair.client.event(HandshakeCompleted).negotiated
    assert negotiated.verified is not None and question.request.role == "server"
    usage = "key_encipherment" if exchange.startswith("RSA") else "digital_signature"
    assert question.request.key_usage == usage


def test_a_chain_can_be_refused_later() -> None:
    """An exception as the answer is a refusal, told by its alert."""
    rejection = CertificateRejected(
        "not this one", reason="pinned", alert=BAD_CERTIFICATE, clause="RFC 5246 §7.4.2"
    )
    for role in ("client", "server"):
        pair = Pair(
            client12(verifier=ASK if role == "client" else None, credentials=client_credential12()),
            server12_config(client_authentication="require", verifier=ASK if role == "server" else None),
        )
        end, other = (pair.client, pair.server) if role == "client" else (pair.server, pair.client)
        answered(pair, end, VerificationWanted, lambda asked: rejection)
        assert end.error is rejection
        assert isinstance(other.error, AlertReceived) and other.error.alert is rejection.alert


def test_a_clients_chain_can_be_judged_later() -> None:
    """The server's verdict comes after the proof of the key, and before its Finished."""
    pair = Pair(
        client12(credentials=client_credential12()),
        server12_config(client_authentication="require", verifier=ASK, trust=None),
    )
    question = answered(pair, pair.server, VerificationWanted, lambda asked: ACCEPTED)
    assert question.request.role == "client"
    negotiated = pair.server.event(HandshakeCompleted).negotiated
    assert negotiated.client_authenticated and negotiated.verified is None
    assert CLIENT_NAME in client_credential12().names


# Pre-shared keys


@pytest.mark.parametrize("exchange", ["PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK"])
def test_a_client_can_be_asked_for_its_key(exchange: str) -> None:
    """Which key to use for a hint is the application's choice (RFC 4279 §2)."""
    pair = Pair(client12(exchange, psk=ASK), server12_config(exchange, psk_identity_hint=b"hint"))
    question = answered(pair, pair.client, PskIdentityWanted, lambda asked: PSK)
    assert question.hint == b"hint"
    for end in (pair.client, pair.server):
        assert end.event(HandshakeCompleted).negotiated.psk_identity == PSK.identity


@pytest.mark.parametrize("exchange", ["PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK"])
def test_a_server_can_be_asked_for_a_key(exchange: str) -> None:
    """Finding the key of an identity may take a database (RFC 4279 §2)."""
    pair = Pair(client12(exchange), server12_config(exchange, find_psk=ASK))
    question = answered(pair, pair.server, PskWanted, lambda asked: PSK.key)
    assert question.identity == PSK.identity
    assert pair.client.event(HandshakeCompleted)


@pytest.mark.parametrize("answer", [None, b"another key"])
def test_an_unknown_key_is_found_out_at_the_finished(answer: bytes | None) -> None:
    """An unknown identity and a wrong key look alike (RFC 4279 §2)."""
    pair = Pair(client12("PSK"), server12_config("PSK", find_psk=ASK))
    answered(pair, pair.server, PskWanted, lambda asked: answer)
    assert isinstance(pair.server.error, BadRecordMac)


def test_identities_and_keys_are_bytes_of_any_kind() -> None:
    """An identity is an opaque vector: empty, long and binary ones serve (RFC 4279 §2)."""
    for identity in (b"", b"\0\xff", b"i" * 65_535):
        for key in (b"k", b"\0" * 64, b"k" * 500):
            psk = PreSharedKey(identity, key)
            pair = Pair(client12("PSK", psk=psk), server12_config("PSK", find_psk={identity: key}.get))
            pair.run()
            assert pair.server.event(HandshakeCompleted).negotiated.psk_identity == identity


# In general


def test_a_question_is_answered_once_and_in_its_turn() -> None:
    """Answers to nothing, and second answers, are mistakes."""
    pair = Pair(client12("PSK", psk=ASK), server12_config("PSK"))
    pair.exchange()
    question = waits_for(pair.client, PskIdentityWanted)
    with pytest.raises(UsageError):
        pair.client.connection.answer(PskIdentityWanted(None), PSK)
    pair.client.connection.answer(question, PSK)
    with pytest.raises(UsageError):
        pair.client.connection.answer(question, PSK)
    pair.run()
    with pytest.raises(UsageError):
        pair.client.connection.answer(question, PSK)


def test_a_handshake_can_be_given_up_while_it_waits() -> None:
    """close() while a question waits ends the handshake, and the question with it."""
    pair = Pair(client12("PSK", psk=ASK), server12_config("PSK"))
    pair.exchange()
    question = waits_for(pair.client, PskIdentityWanted)
    pair.client.connection.close()
    assert pair.client.connection.closed
    with pytest.raises(UsageError):
        pair.client.connection.answer(question, PSK)


class Broken(Exception):
    """What a callback raises that fails."""


def broken(*given: Any) -> Any:
    """Fail."""
    raise Broken


@pytest.mark.parametrize(
    ("exchange", "client", "server"),
    [
        ("PSK", {"psk": broken}, {}),
        ("PSK", {}, {"find_psk": broken}),
        ("ECDHE", {}, {"choose_credential": broken}),
    ],
)
def test_a_callback_that_fails_ends_the_connection(exchange: str, client: Any, server: Any) -> None:
    """What a callback raises comes through as it is, and the peer gets internal_error."""
    pair = Pair(client12(exchange, **client), server12_config(exchange, **server))
    with pytest.raises(Broken):
        pair.exchange()
    pair.log.turn_page()
    end = pair.client if client else pair.server
    other = pair.server if client else pair.client
    other.receive(end.connection.data_to_send())
    assert end.connection.closed and isinstance(other.error, TLSError)
    assert isinstance(other.error, AlertReceived) and other.error.alert.name == "internal_error"
