"""Early data: 0-RTT in both roles, refused and accepted, and half a round trip later (RFC 9846 §2.3, §8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.errors import UnexpectedMessage, UnsupportedVersion, UsageError
from lucidtls.events import (
    ApplicationData,
    EarlyData,
    EarlyDataAccepted,
    EarlyDataRejected,
    FreshnessWanted,
    HandshakeCompleted,
)
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.session import Session
from lucidtls.trace import Recorder, SecretDerived
from lucidtls.trust.credentials import ASK
from tests.flows.again import Household, Talk, talk
from tests.flows.parties import SERVER_NAME, client_credential, trust

EARLY = b"GET / HTTP/1.1\r\n\r\n"


def home(client: dict[str, Any] | None = None, server: dict[str, Any] | None = None) -> Household:
    """A client and a server that both want early data."""
    return Household({"early_data": True, **(client or {})}, {"max_early_data": 1000, **(server or {})})


def data_of(made: Talk, kind: type[Any] = EarlyData) -> bytes:
    """What the server was given."""
    return b"".join(event.data for event in made.events("server", kind))


def test_early_data_arrives_before_the_handshake_is_over() -> None:
    """The server reads early data from the first flight, and says so; both hear of it (RFC 9846 §2.3)."""
    house = home()
    session = house.first()
    assert session.max_early_data == 1000
    client = ClientConnection(house.client(), SERVER_NAME, session=session)
    server = ServerConnection(house.server())
    assert client.early_data_room == 1000
    client.send_early_data(EARLY)
    assert client.early_data_room == 1000 - len(EARLY)
    server.receive_data(client.data_to_send())
    assert server.next_event() == EarlyData(EARLY) and server.state == "WAIT_EOED"
    made = Talk(client, server).run()
    assert made.agreed.early_data == "accepted" and made.agreed.resumed and made.works()
    assert [type(event) for event in made.heard["client"][:2]] == [EarlyDataAccepted, HandshakeCompleted]
    assert client.early_data_room == 0


def test_early_data_can_be_streamed() -> None:
    """A client may go on sending early data until the server's Finished is there (RFC 9846 §4.3.10)."""
    house = home()
    client = ClientConnection(house.client(), SERVER_NAME, session=house.first())
    server = ServerConnection(house.server())
    for piece in (b"one ", b"two ", b"three"):
        client.send_early_data(piece)
        server.receive_data(client.data_to_send())
        assert server.next_event() == EarlyData(piece)
    assert Talk(client, server).run().works()


def test_half_rtt_data_answers_early_data() -> None:
    """The server may answer before the client's Finished; the client reads it with the handshake's end."""
    house = home()
    client = ClientConnection(house.client(), SERVER_NAME, session=house.first())
    server = ServerConnection(house.server())
    with pytest.raises(UsageError, match="no data can be sent"):
        server.send_half_rtt_data(b"too early")
    client.send_early_data(EARLY)
    server.receive_data(client.data_to_send())
    assert server.next_event() == EarlyData(EARLY)
    server.send_half_rtt_data(b"200 OK")
    made = Talk(client, server).run()
    assert made.events("client", ApplicationData) == [ApplicationData(b"200 OK")]
    server.send_half_rtt_data(memoryview(b"more"))
    assert made.run().events("client", ApplicationData)[1:] == [ApplicationData(b"more")]


def test_no_half_rtt_data_to_a_client_that_is_to_show_a_certificate() -> None:
    """Before the client has said who it is, a server that wants to know sends it nothing."""
    house = home({"credentials": client_credential()}, {"client_authentication": "request", "trust": trust()})
    client = ClientConnection(house.client(), SERVER_NAME)
    server = ServerConnection(house.server())
    server.receive_data(client.data_to_send())
    assert server.next_event() is None and server.state == "WAIT_CERT"
    with pytest.raises(UsageError, match="certificate"):
        server.send_half_rtt_data(b"hello")


def test_it_is_off_unless_both_want_it() -> None:
    """Neither side does 0-RTT by default: no extension, no room, and sending is a mistake."""
    for client, server in (({}, {"max_early_data": 1000}), ({"early_data": True}, {})):
        house = Household(client, server)
        conn = ClientConnection(house.client(), SERVER_NAME, session=house.first())
        assert conn.early_data_room == 0
        with pytest.raises(UsageError, match="no early data"):
            conn.send_early_data(EARLY)


def test_there_is_a_limit() -> None:
    """A client keeps to the ticket's max_early_data_size, and cannot send after its time."""
    house = home()
    client = ClientConnection(house.client(), SERVER_NAME, session=house.first())
    with pytest.raises(UsageError, match="1000 more bytes"):
        client.send_early_data(bytes(1001))
    client.send_early_data(bytes(1000))
    made = Talk(client, ServerConnection(house.server())).run()
    with pytest.raises(UsageError):
        client.send_early_data(b"x")
    assert len(data_of(made)) == 1000


def test_a_server_holds_clients_to_the_limit() -> None:
    """More early data than the ticket allows is answered with unexpected_message (RFC 9846 §4.7.1)."""
    house = home()
    session = replace(house.first(), max_early_data=5000)
    with pytest.raises(UnexpectedMessage, match="more early data"):
        talk(house.client(), house.server(), session=session, early=bytes(1001))


def spoiled(house: Household, session: Session) -> list[tuple[str, Talk]]:
    """Connections with early data that a server must not take, by the reason."""
    made: list[tuple[str, Talk]] = []

    def attempt(why: str, client: dict[str, Any], server: dict[str, Any], given: Session) -> None:
        made.append((why, talk(house.client(**client), house.server(**server), session=given, early=EARLY)))

    attempt("server switched it off", {}, {"max_early_data": 0}, session)
    attempt("another suite", {}, {"cipher_suites": ("TLS_CHACHA20_POLY1305_SHA256",)}, session)
    attempt("another protocol", {"alpn": ("h2",)}, {"alpn": ("h2",)}, session)
    attempt("a retry", {"shares": ("secp256r1",)}, {"groups": ("x25519",)}, session)
    attempt("unknown ticket", {}, {}, replace(session, ticket=b"unknown"))
    attempt("ticket too old for its age", {}, {}, replace(session, received_at=session.received_at - 11))
    attempt("ticket too young for its age", {}, {}, replace(session, age_add=session.age_add + 11_000))
    attempt("no cookie, retry always", {}, {"hello_retry": "always", "cookie_key": bytes(32)}, session)
    attempt("a full replay guard", {}, {"replay_guard": MemoryReplayGuard(0)}, session)
    return made


def test_early_data_under_other_terms_is_passed_over() -> None:
    """Refused early data is skipped, the handshake goes on, and the client hears which bytes were lost."""
    house = home()
    session = house.first()
    for why, made in spoiled(house, session):
        assert made.agreed.early_data == "rejected", why
        assert made.events("client", EarlyDataRejected) == [EarlyDataRejected(EARLY, False)], why
        assert data_of(made) == b"" and data_of(made, ApplicationData) == b"", why
        assert made.works(), why


def test_refused_early_data_is_sent_again_if_wanted() -> None:
    """With resend_early_data it comes as ordinary data, but under no other protocol (RFC 9846 §4.3.10)."""
    house = home({"resend_early_data": True})
    session = house.first()
    for why, made in spoiled(house, session):
        (event,) = made.events("client", EarlyDataRejected)
        same = why != "another protocol"
        assert event == EarlyDataRejected(EARLY, same), why
        assert data_of(made, ApplicationData) == (EARLY if same else b""), why
        assert made.works(), why


def test_a_replayed_flight_is_accepted_once() -> None:
    """The same first flight again: the session is resumed, the early data is not read (RFC 9846 §8)."""
    house = home()
    client = ClientConnection(house.client(), SERVER_NAME, session=house.first())
    client.send_early_data(EARLY)
    flight = client.data_to_send()
    taken = []
    for _ in range(20):
        server = ServerConnection(house.server())
        server.receive_data(flight)
        taken.append(isinstance(server.next_event(), EarlyData))
        house.time.pass_by(0.4)
    assert taken == [True, *[False] * 19]


def test_a_late_replay_is_stale() -> None:
    """When the guard has forgotten a flight, its ticket's age no longer fits (RFC 9846 §8.3)."""
    house = home()
    client = ClientConnection(house.client(), SERVER_NAME, session=house.first())
    client.send_early_data(EARLY)
    flight = client.data_to_send()
    heard = []
    for seconds in (0.0, 9.9, 11.2, 10.0, 60.0):
        house.time.pass_by(seconds)
        server = ServerConnection(house.server())
        server.receive_data(flight)
        heard.append(server.next_event())
    assert [isinstance(event, EarlyData) for event in heard] == [True, False, False, False, False]


def test_the_guard_can_be_asked_elsewhere() -> None:
    """With ASK the application says whether a flight is new, and a doubtful answer is a no."""
    house = home(server={"replay_guard": ASK})
    session = house.first()
    for answer, outcome in ((True, "accepted"), (False, "rejected"), (None, "rejected"), (1, "rejected")):
        asked: list[Any] = []

        def say(question: Any, answer: Any = answer, asked: list[Any] = asked) -> Any:
            asked.append(question)
            return answer

        made = talk(house.client(), house.server(), session=session, early=EARLY, answer=say)
        assert made.agreed.early_data == outcome
        assert [type(question) for question in asked] == [FreshnessWanted]
        assert len(asked[0].key) == 32 and asked[0].lifetime == 21


def test_an_older_server_ends_it() -> None:
    """A client that sent early data fails when TLS 1.2 answers (RFC 9846 §E.3)."""
    house = home()
    session = house.first()
    client = ClientConnection(house.client(), SERVER_NAME, session=session)
    server = ServerConnection(house.server(versions=("TLS 1.2",)))
    server.receive_data(client.data_to_send())
    client.send_early_data(EARLY)
    assert server.next_event() is None
    client.receive_data(server.data_to_send())
    with pytest.raises(UnsupportedVersion, match="early data"):
        client.next_event()


def test_the_secrets_of_early_data_are_the_same_on_both_sides() -> None:
    """The early traffic secret and the early exporter secret come from the PSK and the ClientHello alone."""
    house = home()
    session = house.first()
    tapes = Recorder(True), Recorder(True)
    talk(house.client(tracer=tapes[0]), house.server(tracer=tapes[1]), session=session, early=EARLY)
    found = [
        {entry.label: entry.secret for entry in tape.entries if isinstance(entry, SecretDerived)}
        for tape in tapes
    ]
    assert found[0] == found[1] and "CLIENT_EARLY_TRAFFIC_SECRET" in found[0]
    assert "EARLY_EXPORTER_SECRET" in found[0]
