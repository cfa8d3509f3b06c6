"""How connections end: close_notify in either direction, truncation, alerts (RFC 9846 §6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lucidtls.alerts import ALERTS, CLOSE_NOTIFY, USER_CANCELED, WARNING
from lucidtls.errors import AlertReceived, TruncatedStream, UsageError
from lucidtls.events import ApplicationData, HandshakeCompleted, PeerClosed
from lucidtls.handshake.driver import MAX_CANCEL_ALERTS
from tests.flows.hostile import HostileClient, HostileServer, Peer, plain
from tests.flows.pair import End, Pair, connected

CONNECTED: dict[str, Callable[[str], Peer]] = {"client": HostileServer.at, "server": HostileClient.at}


def ends(pair: Pair, first: str) -> tuple[End, End]:
    """The two ends, a given one first."""
    return (pair.client, pair.server) if first == "client" else (pair.server, pair.client)


@pytest.mark.parametrize("first", ["client", "server"])
def test_one_side_closes_and_the_other_goes_on(first: str) -> None:
    """close_notify closes one direction; the other stays open as long as its sender likes (RFC 9846 §6.1)."""
    pair = connected()
    closing, staying = ends(pair, first)
    closing.connection.close()
    pair.run()
    assert staying.event(PeerClosed)
    assert "CLOSED" not in (staying.connection.state, closing.connection.state)
    staying.connection.send_data(b"still here")
    pair.run()
    assert closing.data == b"still here"
    staying.connection.close()
    pair.run()
    assert closing.event(PeerClosed)
    assert closing.connection.closed and staying.connection.closed
    assert pair.log.playbook() == [f"{first} > alert:close_notify", f"{staying.name} > alert:close_notify"]


def test_both_sides_may_close_at_once() -> None:
    """Closures that cross end the connection on both sides."""
    pair = connected()
    pair.client.connection.close()
    pair.server.connection.close()
    pair.run()
    assert pair.client.connection.closed and pair.server.connection.closed
    assert pair.client.connection.state == "CLOSED"


def test_nothing_is_sent_after_closing() -> None:
    """close_notify says that the sender will send no more (RFC 9846 §6.1)."""
    pair = connected()
    pair.client.connection.close()
    with pytest.raises(UsageError, match="nothing more can be sent"):
        pair.client.connection.send_data(b"one more thing")
    with pytest.raises(UsageError):
        pair.client.connection.update_keys()
    pair.client.connection.close()
    pair.run()
    assert pair.log.playbook() == ["client > alert:close_notify"]


@pytest.mark.parametrize("role", CONNECTED)
def test_what_comes_after_close_notify_is_ignored(role: str) -> None:
    """Any data received after a closure alert MUST be ignored (RFC 9846 §6.1)."""
    peer: Peer = CONNECTED[role]("CONNECTED")
    peer.deliver(peer.sealed(23, b"last") + peer.sealed(21, b"\x01\0") + peer.sealed(23, b"ignored"))
    assert peer.events[-2:] == [ApplicationData(b"last"), PeerClosed()]
    peer.deliver(plain(22, b"garbage")).deliver(b"\xff" * 100).end()
    assert peer.error is None and peer.events[-1] == PeerClosed()
    peer.victim.send_data(b"bye")
    assert peer.step().heard[-1] == (23, b"bye")


@pytest.mark.parametrize("role", CONNECTED)
def test_a_transport_that_ends_without_close_notify_is_a_truncation(role: str) -> None:
    """Without close_notify nobody can know that all data has come (RFC 9846 §6.1)."""
    peer = CONNECTED[role]("CONNECTED").send_data(b"some").end()
    assert peer.events[-1] == ApplicationData(b"some")
    assert isinstance(peer.error, TruncatedStream)
    assert peer.error.state == "CONNECTED" and peer.alerts == []
    assert peer.victim.closed


@pytest.mark.parametrize("role", CONNECTED)
def test_half_a_record_is_a_truncation(role: str) -> None:
    """A record that never ends is not given out."""
    peer = CONNECTED[role]("CONNECTED")
    peer.deliver(peer.sealed(23, b"whole") + peer.sealed(23, b"half")[:-1]).end()
    assert peer.events[-1] == ApplicationData(b"whole")
    assert isinstance(peer.error, TruncatedStream)


@pytest.mark.parametrize("role", CONNECTED)
def test_a_transport_that_ends_after_both_closed_is_no_error(role: str) -> None:
    """After close_notify both ways the end of the transport says nothing new."""
    peer = CONNECTED[role]("CONNECTED").send_alert(0, WARNING)
    peer.victim.close()
    assert peer.step().end().error is None
    assert peer.victim.closed


@pytest.mark.parametrize(
    ("state", "words"),
    [("WAIT_SH", "without sending a single TLS record"), ("WAIT_EE", "in the middle of the handshake")],
)
def test_a_handshake_that_is_cut_off_says_where(state: str, words: str) -> None:
    """A transport that ends during the handshake is an error that tells how far it got."""
    peer = HostileServer.at(state).end()
    assert isinstance(peer.error, TruncatedStream)
    assert words in str(peer.error)
    assert peer.error.state == state


# Alerts that come


def error_alerts() -> list[int]:
    """All alerts but the closure alerts, and some that nobody knows."""
    return [code for code in (*ALERTS, 1, 99, 255) if code not in (CLOSE_NOTIFY.code, USER_CANCELED.code)]


@pytest.mark.parametrize("level", [1, 2, 0, 77])
@pytest.mark.parametrize("role", CONNECTED)
def test_every_error_alert_is_fatal_whatever_its_level(role: str, level: int) -> None:
    """Error alerts, and unknown ones, end the connection regardless of AlertLevel (RFC 9846 §6)."""
    for code in error_alerts():
        peer = CONNECTED[role]("CONNECTED").send_alert(code, level)
        assert isinstance(peer.error, AlertReceived), code
        assert (peer.error.alert.code, peer.error.level) == (code, level)
        assert peer.alerts == [] and peer.victim.closed
        assert peer.victim.data_to_send() == b""


STATES = [
    *((HostileServer.at, state) for state in HostileServer.STATES[:-1]),
    *((HostileClient.at, state) for state in HostileClient.STATES[:-1]),
]


@pytest.mark.parametrize(("reach", "state"), STATES)
def test_an_alert_ends_a_handshake_in_any_state(reach: type, state: str) -> None:
    """An alert in the handshake ends it, close_notify included; no alert answers it."""
    for code in (40, 0):
        peer: Peer = reach(state)
        peer.send_alert(code)
        assert isinstance(peer.error, AlertReceived)
        assert peer.error.state == state and peer.alerts == []


@pytest.mark.parametrize("state", ["WAIT_CERT", "WAIT_CV", "WAIT_FINISHED"])
def test_a_client_may_complain_in_the_clear_about_the_first_sealed_flight(state: str) -> None:
    """Clients may send alerts about what follows the ServerHello in the clear (RFC 9846 Appendix A.1)."""
    peer = HostileClient.at("WAIT_CERT" if state == "WAIT_CERT" else "WAIT_FINISHED")
    peer.deliver(plain(21, b"\x02\x30"))
    assert isinstance(peer.error, AlertReceived) and peer.error.alert.name == "unknown_ca"


@pytest.mark.parametrize("role", CONNECTED)
def test_user_canceled_is_passed_over(role: str) -> None:
    """Receivers go on reading after user_canceled until close_notify comes (RFC 9846 §6.1)."""
    peer = CONNECTED[role]("CONNECTED").send_alert(90, WARNING).send_data(b"and yet")
    assert peer.error is None and peer.events[-1] == ApplicationData(b"and yet")
    peer.send_alert(90, WARNING).send_alert(0, WARNING)
    assert peer.events[-1:] == [PeerClosed()]


def test_user_canceled_does_not_go_on_for_ever() -> None:
    """A flood of user_canceled is an error alert in the end."""
    peer = HostileServer.at("CONNECTED")
    for _ in range(MAX_CANCEL_ALERTS):
        assert peer.send_alert(90, WARNING).error is None
    assert isinstance(peer.send_alert(90, WARNING).error, AlertReceived)


@pytest.mark.parametrize("role", ["client", "server"])
def test_closing_during_the_handshake_cancels_it(role: str) -> None:
    """user_canceled is followed by close_notify, both as warnings (RFC 9846 §6.1)."""
    peer: Peer = HostileServer.at("WAIT_EE") if role == "client" else HostileClient.at("WAIT_FINISHED")
    peer.victim.close()
    peer.step()
    assert peer.heard[-2:] == [(21, b"\x01\x5a"), (21, b"\x01\0")]
    assert peer.victim.closed and peer.victim.state == "CLOSED"


def test_a_connection_that_never_began_is_closed_quietly() -> None:
    """A server that is closed before any hello came says so in the clear."""
    peer = HostileClient()
    peer.victim.close()
    assert peer.step().heard == [(21, b"\x01\x5a"), (21, b"\x01\0")]


# What was there before the end is given out first


@pytest.mark.parametrize("role", CONNECTED)
def test_data_before_a_failure_is_delivered(role: str) -> None:
    """What came before a broken record, in the same bytes, is given out before the error."""
    peer = CONNECTED[role]("CONNECTED")
    peer.deliver(peer.sealed(23, b"one") + peer.sealed(23, b"two") + plain(23, bytes(50)))
    assert peer.events[-2:] == [ApplicationData(b"one"), ApplicationData(b"two")]
    assert peer.failure.alert.name == "bad_record_mac"


def test_data_that_comes_with_the_last_flight_is_delivered() -> None:
    """A client may send data right behind its Finished; a server gives out both."""
    peer = HostileClient.at("WAIT_FINISHED")
    record = peer.say(peer.finished())
    assert peer.application is not None
    peer.sealer = type(peer.sealer)(peer.suite, peer.application.client)  # type: ignore[misc]
    peer.deliver(record + peer.sealed(23, b"hello"))
    assert isinstance(peer.events[-2], HandshakeCompleted)
    assert peer.events[-1] == ApplicationData(b"hello")


def test_an_error_comes_once() -> None:
    """After the error there are no events and no more errors."""
    peer = HostileServer.at("CONNECTED").deliver(plain(23, bytes(50)))
    assert peer.error is not None
    assert peer.victim.next_event() is None
    peer.victim.receive_data(b"")
    assert peer.victim.next_event() is None


def test_a_failed_connection_refuses_to_send() -> None:
    """A failed connection is of no use for sending."""
    peer = HostileServer.at("CONNECTED").deliver(plain(23, bytes(50)))
    with pytest.raises(UsageError):
        peer.victim.send_data(b"x")
    with pytest.raises(UsageError):
        peer.victim.update_keys()
    assert peer.victim.data_to_send() == b""
