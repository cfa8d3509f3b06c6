"""Resumption before TLS 1.3: by ticket and by session id (RFC 5246 §7.3, RFC 5077, RFC 7627 §5.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.dangerous import LEGACY_2026
from lucidtls.errors import AlertReceived, BadFinished, ConfigurationError, NegotiationFailure, TLSError
from lucidtls.events import PreSharedKey
from lucidtls.sessions.session import MAX_SESSION_AGE, Session
from lucidtls.sessions.stores import MemorySessionCache, MemorySessionStore
from lucidtls.sessions.ticket_keys import TicketKeys
from tests.flows.again import Household, talk
from tests.flows.parties import SERVER_NAME, client_credential, credential, trust

VERSIONS = ("TLS 1.2", "TLS 1.1", "TLS 1.0")


def home(
    by: str = "ticket",
    version: str = "TLS 1.2",
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
) -> Household:
    """A client and a server of one older version; sessions by ticket or by id."""
    common: dict[str, Any] = {"versions": (version,), "policy": LEGACY_2026}
    cache = {"session_cache": MemorySessionCache()} if by == "id" else {}
    return Household({**common, **(client or {})}, {**common, **cache, **(server or {})})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_session_goes_on(by: str, version: str) -> None:
    """An abbreviated handshake makes new keys from the old main secret, without a certificate."""
    house = home(by, version)
    session = house.first()
    assert (session.ticket == b"") is (by == "id") and len(session.session_id) == (32 if by == "id" else 0)
    again = talk(house.client(), house.server(), session=session)
    assert again.agreed.resumed and again.agreed.version == version and again.works()
    assert again.agreed.peer_chain == session.peer_chain and again.agreed.verified is None
    assert len(again.sent["server"]) < 400


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_store_resumes_by_itself(by: str) -> None:
    """A session of these versions serves again and again, until it has expired."""
    house = home(by, client={"sessions": MemorySessionStore()})
    assert [talk(house.client(), house.server()).agreed.resumed for _ in range(4)] == [
        False,
        True,
        True,
        True,
    ]
    house.time.pass_by(86_401)
    assert not talk(house.client(), house.server()).agreed.resumed


def test_a_client_of_all_versions() -> None:
    """A client that offers TLS 1.3 too resumes with an older server, and tells it by the id that returns."""
    house = Household({"sessions": MemorySessionStore()}, {"versions": ("TLS 1.2",)})
    assert [talk(house.client(), house.server()).agreed.resumed for _ in range(3)] == [False, True, True]


def test_tickets_are_renewed_halfway() -> None:
    """A ticket past half of its life is replaced; what was proved once ends after 7 days all the same."""
    house = home(server={"ticket_lifetime": MAX_SESSION_AGE})
    session = house.first()
    assert talk(house.client(), house.server(), session=session).sessions == []
    house.time.pass_by(4 * 86_400)
    (renewed,) = talk(house.client(), house.server(), session=session).sessions
    assert renewed.ticket != session.ticket and renewed.authenticated_at == session.authenticated_at
    assert renewed.expires_at == session.expires_at
    house.time.pass_by(3 * 86_400)
    made = talk(house.client(), house.server(), session=renewed)
    assert not made.agreed.resumed


@pytest.mark.parametrize("by", ["ticket", "id"])
@pytest.mark.parametrize(
    "changes",
    [
        {"tickets": 0},
        {"session_scope_name": "another service"},
        {"cipher_suites": ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",)},
        {"versions": ("TLS 1.1",), "cipher_suites": ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",)},
        {"client_authentication": "require", "trust": trust()},
    ],
)
def test_a_server_of_other_settings_begins_anew(by: str, changes: dict[str, Any]) -> None:
    """Where scope, suite, version or the wish for a certificate differ, a full handshake follows."""
    house = home(by, client={"credentials": client_credential(), "versions": VERSIONS})
    session = house.first()
    made = talk(house.client(), house.server(**changes), session=session)
    assert not made.agreed.resumed and made.works()


@pytest.mark.parametrize("spoil", ["flipped", "short", "foreign", "empty-handed"])
def test_a_session_that_is_not_known(spoil: str) -> None:
    """Altered, truncated and foreign tickets and unknown ids are passed over (RFC 5077 §3.1)."""
    house = home("id" if spoil == "empty-handed" else "ticket")
    session = house.first()
    changes: dict[str, Any] = {}
    if spoil == "flipped":
        session = replace(session, ticket=session.ticket[:-1] + bytes((session.ticket[-1] ^ 1,)))
    elif spoil == "short":
        session = replace(session, ticket=session.ticket[:40])
    elif spoil == "foreign":
        changes = {"ticket_keys": TicketKeys()}
    else:
        changes = {"session_cache": MemorySessionCache()}
    made = talk(house.client(), house.server(**changes), session=session)
    assert not made.agreed.resumed and made.works()


def test_without_the_extended_main_secret_nothing_is_resumed() -> None:
    """A main secret that may belong to two connections is not used again, by either side (RFC 7627 §5.3)."""
    off = {"extended_master_secret": "off"}
    house = home(client=off, server=off)
    assert talk(house.client(), house.server()).sessions == []
    lax = home()
    session = replace(lax.first(), extended_master_secret=False)
    assert not talk(lax.client(), lax.server(), session=session).agreed.resumed


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_hello_that_drops_the_extended_main_secret(by: str) -> None:
    """A client that resumes without the extension its session was made with is refused (RFC 7627 §5.3)."""
    house = home(by)
    session = house.first()
    client = house.client(extended_master_secret="off")
    conn = ClientConnection(client, SERVER_NAME)
    assert conn.negotiated is None
    with pytest.raises(TLSError):
        _force(house, session, client)


def _force(house: Household, session: Any, client: Any) -> None:
    """Offer a session that the client itself would not."""
    from lucidtls.handshake import client as flow
    from lucidtls.handshake.channel import Channel
    from lucidtls.handshake.driver import Driver
    from lucidtls.handshake.offer import ClientHandshake
    from lucidtls.trust.names import parse_server_name

    hs = ClientHandshake(client, Channel(client), parse_server_name(SERVER_NAME), session=session)
    driver = Driver(client, hs.channel, flow.run(hs))
    server = ServerConnection(house.server())
    server.receive_data(driver.channel.writer.take())
    with pytest.raises(NegotiationFailure, match="without the extended main secret") as caught:
        server.next_event()
    assert caught.value.alert.name == "handshake_failure"
    raise caught.value


def test_a_wrong_secret_fails_at_finished() -> None:
    """Who has the ticket and not the main secret cannot finish."""
    house = home()
    session = replace(house.first(), secret=bytes(48))
    with pytest.raises((BadFinished, TLSError)) as caught:
        talk(house.client(), house.server(), session=session)
    assert not isinstance(caught.value, AlertReceived)


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_client_stays_who_it_was(by: str) -> None:
    """The client's certificate belongs to the session."""
    asks = {"client_authentication": "require", "trust": trust()}
    house = home(by, client={"credentials": client_credential()}, server=asks)
    again = talk(house.client(), house.server(), session=house.first())
    seen = again.server.negotiated
    assert again.agreed.resumed and seen is not None and seen.client_authenticated
    assert seen.peer_chain == client_credential().chain


def test_the_chain_is_judged_again_if_wanted() -> None:
    """With verify_on_resumption the session's chain is held against the trust of today."""
    house = home(client={"verify_on_resumption": True})
    again = talk(house.client(), house.server(), session=house.first())
    assert again.agreed.resumed and again.agreed.verified is not None


def test_sessions_of_pre_shared_keys_are_not_kept() -> None:
    """Who has a key needs no session, and the session would not say whose key it was."""
    psk = PreSharedKey(b"me", bytes(16))
    suites = ("TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",)
    house = home(
        client={"psk": psk, "cipher_suites": suites},
        server={"find_psk": {b"me": psk}.get, "cipher_suites": suites, "credentials": ()},
    )
    made = talk(house.client(), house.server())
    assert made.agreed.psk_identity == b"me" and made.sessions == []


def test_a_connection_that_fails_takes_its_session_along() -> None:
    """After a fatal error neither side resumes the session (RFC 5246 §7.2.2)."""
    store, cache = MemorySessionStore(), MemorySessionCache()
    house = home("id", client={"sessions": store}, server={"session_cache": cache})
    made = talk(house.client(), house.server())
    assert len(store) == 1 and len(cache) == 1
    for end in (made.client, made.server):
        end.receive_data(b"\x17\x03\x03\0\x20" + bytes(32))
        with pytest.raises(TLSError):
            end.next_event()
    assert len(store) == 0 and len(cache) == 0


class Stubborn(MemorySessionStore):
    """A store that cannot forget."""

    def discard(self, key: str, session: Any) -> None:
        """Fail."""
        raise OSError("the disk is gone")


def test_a_store_that_raises_leaves_no_keys_behind() -> None:
    """Whatever a store raises when a connection fails, the connection is over and its secrets are gone."""
    house = home(client={"sessions": Stubborn()})
    made = talk(house.client(), house.server())
    made.client.receive_data(b"\x17\x03\x03\0\x20" + bytes(32))
    with pytest.raises(OSError, match="the disk is gone"):
        made.client.next_event()
    assert made.client.closed and made.client.tickets == ()
    kept = made.client._driver.connected
    assert kept is not None and getattr(kept, "main_secret", None) == b""


def test_a_connection_that_is_cut_off_keeps_its_session() -> None:
    """A transport that ends without close_notify is no reason to forget (RFC 4346 §7.2.1)."""
    store = MemorySessionStore()
    house = home(client={"sessions": store})
    made = talk(house.client(), house.server())
    made.client.receive_data(b"")
    with pytest.raises(TLSError):
        made.client.next_event()
    assert len(store) == 1


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_session_that_went_bad_costs_one_connection(by: str) -> None:
    """A resumption that fails takes the session out of the store: the next handshake is full, and works."""
    store = Spoiling()
    house = home(by, client={"sessions": store})
    talk(house.client(), house.server())
    with pytest.raises(TLSError):
        talk(house.client(), house.server())
    store.spoils = False
    assert [talk(house.client(), house.server()).agreed.resumed for _ in range(2)] == [False, True]


class Spoiling(MemorySessionStore):
    """A store that gets the secrets wrong, as after a mix-up."""

    spoils = True

    def put(self, key: str, session: Session) -> None:
        """Keep a session with another secret."""
        super().put(key, replace(session, secret=bytes(48)) if self.spoils else session)


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_resumed_connection_that_fails_takes_its_session_along(by: str) -> None:
    """Not only the connection that made a session may end it (RFC 5246 §7.2.2)."""
    store, cache = MemorySessionStore(), MemorySessionCache()
    kept = {"session_cache": cache} if by == "id" else {}
    house = home(by, client={"sessions": store}, server=kept)
    talk(house.client(), house.server())
    made = talk(house.client(), house.server())
    assert made.agreed.resumed and len(store) == 1 and len(cache) == (by == "id")
    for end in (made.client, made.server):
        end.receive_data(b"\x17\x03\x03\0\x20" + bytes(32))
        with pytest.raises(TLSError):
            end.next_event()
    assert len(store) == 0 and len(cache) == 0


def test_a_renewed_ticket_takes_the_place_of_the_old_one() -> None:
    """Of a session there is one ticket at a time (RFC 5077 §3.3)."""
    store = MemorySessionStore()
    house = home(client={"sessions": store})
    talk(house.client(), house.server())
    house.time.pass_by(4000)
    assert talk(house.client(), house.server()).agreed.resumed and len(store) == 1


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_session_under_another_name(by: str) -> None:
    """A server does not resume under a name that the session was not made with (RFC 6066 §3)."""
    other = "other.example.org"
    house = home(by, server={"credentials": credential("p256", SERVER_NAME, other)})
    session = house.first()
    assert not talk(
        house.client(), house.server(), session=replace(session, server_name=other), name=other
    ).agreed.resumed
    with pytest.raises(ConfigurationError):
        talk(house.client(), house.server(), session=session, name=other)


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_the_protocol_is_chosen_anew(by: str) -> None:
    """ALPN belongs to the connection, not to the session (RFC 7301 §3.1)."""
    house = home(by, client={"alpn": ("h2", "http/1.1")}, server={"alpn": ("h2",)})
    session = house.first()
    made = talk(house.client(), house.server(alpn=("http/1.1",)), session=session)
    assert made.agreed.resumed and (session.alpn, made.agreed.alpn) == ("h2", "http/1.1")
