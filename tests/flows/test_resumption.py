"""Resumption and pre-shared keys in TLS 1.3 (RFC 9846 §2.2, §4.3.11, §4.7.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lucidtls.dangerous import NoVerification
from lucidtls.errors import BadBinder, CertificateRejected, ConfigurationError, NegotiationFailure
from lucidtls.events import PreSharedKey, SessionTicketReceived, SessionWanted, TicketWanted
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.sessions.state import SessionState
from lucidtls.sessions.stores import MemorySessionCache, MemorySessionStore
from lucidtls.sessions.ticket_keys import TicketKeys
from lucidtls.trust.credentials import ASK
from tests.flows.again import Household, talk
from tests.flows.parties import client_credential, credential, trust

PSK = PreSharedKey(b"sensor 7", bytes(range(32)))


def test_a_ticket_resumes_a_session() -> None:
    """A resumed handshake proves the server by the PSK: no certificate is sent, and fresh keys are made."""
    home = Household()
    session = home.first()
    again = talk(home.client(), home.server(), session=session)
    assert again.agreed.resumed and again.agreed.group == "x25519"
    assert again.agreed.peer_chain == session.peer_chain and again.agreed.verified is None
    assert again.agreed.signature_scheme is None and again.works()
    assert len(again.sent["server"]) < 700


def test_sessions_come_from_the_store_and_serve_once() -> None:
    """A client with a store resumes by itself, each ticket once; resumptions bring one new ticket each."""
    store = MemorySessionStore()
    home = Household({"sessions": store})
    tickets = [talk(home.client(), home.server()) for _ in range(4)]
    assert [made.agreed.resumed for made in tickets] == [False, True, True, True]
    assert [len(made.sessions) for made in tickets] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("client", "server", "group"),
    [
        (("psk_dhe_ke",), ("psk_dhe_ke",), "x25519"),
        (("psk_ke",), ("psk_dhe_ke", "psk_ke"), None),
        (("psk_ke", "psk_dhe_ke"), ("psk_ke", "psk_dhe_ke"), "x25519"),
        (("psk_dhe_ke", "psk_ke"), ("psk_ke",), None),
    ],
)
def test_modes(client: Any, server: Any, group: str | None) -> None:
    """A PSK is used with fresh keys wherever both sides can, alone where both want that (RFC 9846 §4.3.9)."""
    home = Household({"psk_modes": client}, {"psk_modes": server})
    again = talk(home.client(), home.server(), session=home.first())
    assert again.agreed.resumed and again.agreed.group == group and again.works()


def test_no_mode_in_common() -> None:
    """Without a mode in common the server gives no tickets, and takes none."""
    home = Household({"psk_modes": ("psk_ke",)})
    assert talk(home.client(), home.server()).sessions == []
    other = Household()
    session = other.first()
    again = talk(other.client(psk_modes=("psk_ke",)), other.server(), session=session)
    assert not again.agreed.resumed


@pytest.mark.parametrize("cookie", [None, bytes(32)])
def test_resumption_across_a_retry(cookie: bytes | None) -> None:
    """After a HelloRetryRequest the binder covers both hellos, and all goes on (RFC 9846 §4.3.11.2)."""
    home = Household({"shares": ("secp256r1",)}, {"groups": ("x25519",), "cookie_key": cookie})
    again = talk(home.client(), home.server(), session=home.first())
    assert again.agreed.resumed and again.agreed.hello_retried and again.works()


def test_a_retry_drops_psks_of_another_hash() -> None:
    """A PSK whose hash the suite in the HelloRetryRequest lacks is left out of the second hello."""
    home = Household({"shares": ("secp256r1",)}, {"groups": ("x25519",)})
    home.of_server["cipher_suites"] = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256")
    session = home.first()
    server = home.server(cipher_suites=("TLS_AES_128_GCM_SHA256",))
    assert not talk(home.client(), server, session=session).agreed.resumed


def test_the_suite_may_change_with_the_same_hash() -> None:
    """A session goes with every suite of its hash (RFC 9846 §4.7.1)."""
    home = Household()
    session = home.first()
    server = home.server(cipher_suites=("TLS_CHACHA20_POLY1305_SHA256",))
    again = talk(home.client(), server, session=session)
    assert again.agreed.resumed and again.agreed.cipher_suite == "TLS_CHACHA20_POLY1305_SHA256"


def _flipped(ticket: bytes) -> bytes:
    return ticket[:-20] + bytes((ticket[-20] ^ 1,)) + ticket[-19:]


@pytest.mark.parametrize(
    "spoil",
    [
        _flipped,
        lambda ticket: ticket[:-1],
        lambda ticket: ticket[:20],
        lambda ticket: b"x",
        lambda ticket: bytes(len(ticket)),
        lambda ticket: ticket + b"\0",
        lambda ticket: b"x" * 60_000,
    ],
)
def test_a_ticket_that_cannot_be_opened_is_no_ticket(spoil: Any) -> None:
    """Unknown, altered and truncated tickets are passed over: a full handshake follows (RFC 9846 §4.3.11)."""
    home = Household()
    session = home.first()
    again = talk(home.client(), home.server(), session=replace(session, ticket=spoil(session.ticket)))
    assert not again.agreed.resumed and again.works()


@pytest.mark.parametrize(
    "changes",
    [
        {"ticket_keys": TicketKeys()},
        {"session_scope_name": "another service"},
        {"tickets": 0},
        {"client_authentication": "require", "trust": trust(), "verifier": None},
        {"session_cache": MemorySessionCache()},
    ],
)
def test_another_server_takes_no_foreign_session(changes: dict[str, Any]) -> None:
    """Keys, scope, client authentication: where they differ, a ticket is worth nothing."""
    home = Household({"credentials": client_credential()})
    session = home.first()
    assert not talk(home.client(), home.server(**changes), session=session).agreed.resumed


def test_a_session_is_for_one_name() -> None:
    """A ticket given under one server name is not taken under another (RFC 9846 §4.7.1)."""
    names = ("www.example.org", "api.example.org")
    home = Household(server={"credentials": credential("p256", *names)})
    session = home.first()
    moved = replace(session, server_name="api.example.org")
    assert not talk(home.client(), home.server(), session=moved, name="api.example.org").agreed.resumed
    with pytest.raises(ConfigurationError, match="another server"):
        talk(home.client(), home.server(), session=session, name="api.example.org")


def test_a_session_is_for_one_trust() -> None:
    """A session made without verification is not offered by a config that verifies."""
    home = Household()
    lax = home.client(trust=None, verifier=NoVerification())
    session = talk(lax, home.server()).sessions[0]
    with pytest.raises(ConfigurationError, match="other trust"):
        talk(home.client(), home.server(), session=session)
    assert talk(lax, home.server(), session=session).agreed.resumed


@pytest.mark.parametrize("seconds", [7200, 7201, MAX_SESSION_AGE + 1, -1])
def test_the_client_offers_no_ticket_out_of_its_time(seconds: float) -> None:
    """Clients MUST NOT use tickets older than their lifetime (RFC 9846 §4.3.11.1)."""
    home = Household()
    session = home.first()
    home.time.pass_by(seconds)
    made = talk(home.client(), home.server(), session=session)
    assert not made.agreed.resumed and b"\0\x29" not in made.sent["client"][:100]


@pytest.mark.parametrize(("seconds", "resumed"), [(7199, True), (7200, False), (-9, True), (-60, False)])
def test_the_server_takes_no_ticket_out_of_its_time(seconds: float, resumed: bool) -> None:
    """A server holds its tickets to the lifetime it gave them, whatever the client does (RFC 9846 §4.7.1)."""
    home = Household()
    session = home.first()
    client = home.client(clock=lambda: home.time.now.replace(year=home.time.now.year))
    home.time.pass_by(seconds)
    late = replace(session, received_at=home.time.now.timestamp(), lifetime=MAX_SESSION_AGE)
    assert talk(client, home.server(), session=late).agreed.resumed is resumed


def test_renewal_does_not_prolong() -> None:
    """However often it is renewed, a session ends 7 days after the handshake with the certificate."""
    home = Household({"sessions": MemorySessionStore()}, {"ticket_lifetime": MAX_SESSION_AGE})
    resumed = []
    for _ in range(9):
        resumed.append(talk(home.client(), home.server()).agreed.resumed)
        home.time.pass_by(86_400)
    assert resumed == [False, *[True] * 6, False, True]


def test_a_session_ends_with_the_certificate() -> None:
    """A client does not resume past the end of the certificate it has verified."""
    home = Household()
    session = home.first()
    assert session.not_after is not None
    home.time.pass_by(session.not_after - home.time.now.timestamp())
    fresh = replace(
        session, received_at=home.time.now.timestamp(), authenticated_at=home.time.now.timestamp()
    )
    assert not fresh.usable_at(home.time.now.timestamp())


def test_the_chain_is_judged_again_if_wanted() -> None:
    """With verify_on_resumption the chain of the session is held against the trust of today."""
    home = Household({"verify_on_resumption": True})
    again = talk(home.client(), home.server(), session=home.first())
    assert again.agreed.resumed and again.agreed.verified is not None


class Fickle:
    """A verifier that accepts once."""

    def __init__(self) -> None:
        self.asked = 0

    def verify(self, request: Any) -> Any:
        """Accept the first time."""
        self.asked += 1
        if self.asked > 1:
            return NoVerification().verify(request) if self.asked < 0 else _refuse()
        return NoVerification().verify(request)


def _refuse() -> Any:
    from lucidtls.alerts import BAD_CERTIFICATE

    raise CertificateRejected(
        "not any more", reason="revoked", alert=BAD_CERTIFICATE, clause="RFC 9846 §4.5.1"
    )


def test_a_verifier_of_ones_own_is_asked_again() -> None:
    """What a config cannot compare between connections it judges each time: a refusal ends the connection."""
    home = Household()
    client = home.client(trust=None, verifier=Fickle())
    session = talk(client, home.server()).sessions[0]
    with pytest.raises(CertificateRejected, match="not any more"):
        talk(client, home.server(), session=session)


def test_a_client_stays_who_it_was() -> None:
    """The client's certificate is part of the session: it is known again without being sent again."""
    asks = {"client_authentication": "require", "trust": trust()}
    home = Household({"credentials": client_credential()}, asks)
    again = talk(home.client(), home.server(), session=home.first())
    seen = again.server.negotiated
    assert again.agreed.resumed and seen is not None
    assert seen.client_authenticated and seen.peer_chain == client_credential().chain


def test_a_session_is_for_one_client() -> None:
    """A config without the client's credentials does not go on as that client."""
    asks = {"client_authentication": "request", "trust": trust()}
    home = Household({"credentials": client_credential()}, asks)
    session = home.first()
    with pytest.raises(ConfigurationError, match="other trust"):
        talk(home.client(credentials=()), home.server(), session=session)


def test_a_server_that_no_longer_trusts_the_client_asks_anew() -> None:
    """A client chain judged again and refused costs the session: the client has to show a certificate."""
    asks = {"client_authentication": "require", "trust": trust(), "verify_on_resumption": True}
    home = Household({"credentials": client_credential()}, asks)
    session = home.first()
    state = SessionState.read(home.server().ticket_sealer.open(session.ticket, home.time.now.timestamp()))  # type: ignore[union-attr, arg-type]
    assert state is not None
    spoiled = replace(state, peer_chain=(b"0\x00",))
    sealed = home.server().ticket_sealer.seal(spoiled.body(), home.time.now.timestamp())  # type: ignore[union-attr]
    assert sealed is not None
    assert not talk(home.client(), home.server(), session=replace(session, ticket=sealed)).agreed.resumed


@pytest.mark.parametrize("changed", ["secret", "age"])
def test_binders(changed: str) -> None:
    """A wrong binder ends the connection with decrypt_error; a wrong age does not touch it."""
    home = Household()
    session = home.first()
    if changed == "age":
        again = talk(home.client(), home.server(), session=replace(session, age_add=session.age_add ^ 1))
        assert again.agreed.resumed
        return
    wrong = replace(session, secret=bytes(len(session.secret)))
    with pytest.raises(BadBinder) as caught:
        talk(home.client(), home.server(), session=wrong)
    assert caught.value.alert.name == "decrypt_error"


def test_tickets_are_numbered_by_wish() -> None:
    """A client may ask for fewer or more tickets; the server has its own bound (RFC 9149 §3)."""
    for wish, given in ((0, 0), (1, 1), (5, 2), (255, 2)):
        home = Household({"ticket_requests": (wish, wish)})
        assert len(talk(home.client(), home.server()).sessions) == given


def test_a_cache_gives_each_session_once() -> None:
    """With a session cache a ticket is a name for the state, and is good for one connection."""
    home = Household(server={"session_cache": MemorySessionCache()})
    session = home.first()
    assert len(session.ticket) == 32
    assert talk(home.client(), home.server(), session=session).agreed.resumed
    assert not talk(home.client(), home.server(), session=session).agreed.resumed


def test_questions_about_sessions_can_be_answered_later() -> None:
    """With ASK the application seals and opens tickets itself, in its own time."""
    kept: dict[bytes, bytes] = {}

    def answer(question: Any) -> Any:
        if isinstance(question, TicketWanted):
            name = b"ticket %d" % len(kept)
            kept[name] = question.state
            return name
        assert isinstance(question, SessionWanted) and question.single_use
        return kept.get(question.identity)

    home = Household(server={"ticket_keys": ASK})
    made = talk(home.client(), home.server(), answer=answer)
    again = talk(home.client(), home.server(), session=made.sessions[0], answer=answer)
    assert [s.ticket for s in made.sessions] == [b"ticket 0", b"ticket 1"] and again.agreed.resumed


def test_a_sealer_without_keys_gives_no_tickets() -> None:
    """Where no ticket can be made, none is sent, and nothing else changes."""
    home = Household(server={"ticket_keys": ASK})
    made = talk(home.client(), home.server(), answer=lambda question: None)
    assert made.sessions == [] and made.works()


# Keys that were given beforehand


def knows(*psks: PreSharedKey) -> Any:
    """A lookup of these keys."""
    return {psk.identity: psk for psk in psks}.get


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384"])
def test_an_external_psk(algorithm: Any) -> None:
    """A key given beforehand takes the place of the certificate; its hash settles which suites fit."""
    psk = replace(PSK, hash=algorithm)
    suites = ("TLS_AES_256_GCM_SHA384",) if algorithm == "SHA384" else ("TLS_AES_128_GCM_SHA256",)
    home = Household({"psk": psk, "cipher_suites": suites}, {"find_psk": knows(psk), "tickets": 0})
    made = talk(home.client(), home.server())
    assert made.agreed.psk_identity == b"sensor 7" and not made.agreed.resumed
    assert made.agreed.peer_chain == () and made.works()


def test_a_server_with_keys_needs_no_certificate() -> None:
    """A server that only knows pre-shared keys refuses who has none."""
    home = Household({"psk": PSK}, {"find_psk": knows(PSK), "credentials": ()})
    assert talk(home.client(), home.server()).agreed.psk_identity == b"sensor 7"
    with pytest.raises(NegotiationFailure):
        talk(home.client(psk=None), home.server())


def test_an_unknown_identity_means_a_certificate() -> None:
    """A server that does not know the identity goes on with its certificate (RFC 9846 §4.3.11)."""
    home = Household({"psk": PSK}, {"find_psk": knows()})
    made = talk(home.client(), home.server())
    assert made.agreed.psk_identity is None and made.agreed.verified is not None


def test_a_wrong_key_is_an_attack() -> None:
    """Who names an identity and has another key fails at the binder."""
    home = Household({"psk": PSK}, {"find_psk": knows(replace(PSK, key=b"another key"))})
    with pytest.raises(BadBinder):
        talk(home.client(), home.server())


def test_a_psk_has_one_hash() -> None:
    """A key for SHA-384 is not used with a suite of SHA-256."""
    psk = replace(PSK, hash="SHA384")
    home = Household({"psk": psk}, {"find_psk": knows(psk), "cipher_suites": ("TLS_AES_128_GCM_SHA256",)})
    assert talk(home.client(), home.server()).agreed.psk_identity is None


def test_plain_bytes_are_a_key_for_sha256() -> None:
    """What find_psk gives as bytes is used with SHA-256, the default of RFC 9846 §4.3.11; empty is no key."""
    home = Household({"psk": PSK}, {"find_psk": lambda identity: PSK.key})
    assert talk(home.client(), home.server()).agreed.psk_identity == b"sensor 7"
    home = Household({"psk": PSK}, {"find_psk": lambda identity: b""})
    assert talk(home.client(), home.server()).agreed.psk_identity is None


def test_a_session_goes_before_the_key_it_came_from() -> None:
    """A client with both offers both, the session first; a key given beforehand brings no tickets."""
    home = Household({"psk": PSK}, {"find_psk": knows(PSK)})
    assert talk(home.client(), home.server()).sessions == []
    session = talk(home.client(psk=None), home.server()).sessions[0]
    assert talk(home.client(), home.server(), session=session).agreed.resumed
    lost = replace(session, ticket=b"lost")
    assert talk(home.client(), home.server(), session=lost).agreed.psk_identity == b"sensor 7"


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"])
def test_an_imported_psk_goes_with_every_hash(suite: str) -> None:
    """From one key the importer makes one for each hash, and the server knows whose it is (RFC 9258 §5)."""
    psk = replace(PSK, imported=True, context=b"sensors")
    home = Household({"psk": psk}, {"find_psk": knows(psk), "cipher_suites": (suite,)})
    made = talk(home.client(), home.server())
    assert made.agreed.psk_identity == b"sensor 7" and made.agreed.cipher_suite == suite and made.works()


def test_an_imported_psk_serves_for_nothing_else() -> None:
    """A key to be imported is not used as it is, nor the other way round, nor in another context."""
    imported = replace(PSK, imported=True)
    for mine, theirs in ((imported, PSK), (PSK, imported), (imported, replace(imported, context=b"other"))):
        home = Household({"psk": mine}, {"find_psk": knows(theirs)})
        assert talk(home.client(), home.server()).agreed.psk_identity is None


def test_no_psk_where_a_client_certificate_is_required() -> None:
    """A pre-shared key is not the certificate that the config requires."""
    asks = {"client_authentication": "require", "trust": trust(), "find_psk": knows(PSK)}
    home = Household({"psk": PSK, "credentials": client_credential()}, asks)
    made = talk(home.client(), home.server())
    assert made.agreed.psk_identity is None and made.events("client", SessionTicketReceived)
