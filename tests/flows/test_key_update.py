"""KeyUpdate: on request, on our own, crossing, and before keys wear out (RFC 9846 §4.7.3, §5.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lucidtls.errors import UsageError
from lucidtls.events import ApplicationData, KeysUpdated
from lucidtls.handshake.post import MAX_GENERATION, MAX_KEY_UPDATES, Connected13
from lucidtls.wire.messages13 import KeyUpdate
from tests.flows.hostile import HostileClient, HostileServer, Peer
from tests.flows.pair import Pair, connected
from tests.flows.parties import client_config, server_config

REACH: dict[str, Callable[[str], Peer]] = {"client": HostileServer.at, "server": HostileClient.at}


def update(peer: Peer, request: int = 0) -> Peer:
    """Send a KeyUpdate and change keys."""
    record = peer.sealed(22, b"\x18\0\0\x01" + bytes((request,)))
    peer.rekey()
    return peer.deliver(record)


def updates_heard(peer: Peer) -> list[int]:
    """The request_update fields of the victim's KeyUpdates."""
    return [content[4] for kind, content in peer.heard if kind == 22 and content[0] == 24]


def generation(pair: Pair, side: str) -> int:
    """How often a side has changed its sending keys."""
    end = pair.client if side == "client" else pair.server
    connected_state = end.connection._driver.connected
    assert isinstance(connected_state, Connected13)
    return connected_state.send_generation


@pytest.mark.parametrize("side", ["client", "server"])
def test_either_side_may_change_its_keys(side: str) -> None:
    """After its Finished a side may send KeyUpdate, and all that follows uses the next keys."""
    pair = connected()
    end, other = (pair.client, pair.server) if side == "client" else (pair.server, pair.client)
    end.connection.send_data(b"old ")
    end.connection.update_keys()
    end.connection.send_data(b"new")
    pair.run()
    assert other.events == [ApplicationData(b"old "), KeysUpdated("received"), ApplicationData(b"new")]
    assert pair.log.playbook() == [f"{side} > KeyUpdate"]


@pytest.mark.parametrize("side", ["client", "server"])
def test_an_update_can_ask_for_one_in_return(side: str) -> None:
    """update_requested makes the other side change its keys as well."""
    pair = connected()
    end, other = (pair.client, pair.server) if side == "client" else (pair.server, pair.client)
    end.connection.update_keys(request_peer=True)
    pair.run()
    assert pair.log.playbook() == [f"{side} > KeyUpdate(update_requested)", f"{other.name} > KeyUpdate"]
    assert end.events == [KeysUpdated("received")]
    other.connection.send_data(b"after")
    pair.run()
    assert end.data == b"after"


def test_requests_that_cross_advance_both_sides_by_two() -> None:
    """When both sides ask at once, each side increments by two generations (RFC 9846 §4.7.3)."""
    pair = connected()
    pair.client.connection.update_keys(request_peer=True)
    pair.server.connection.update_keys(request_peer=True)
    pair.run()
    assert (generation(pair, "client"), generation(pair, "server")) == (2, 2)
    for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
        sender.connection.send_data(b"still in step")
        pair.run()
        assert receiver.data == b"still in step"


def test_no_second_request_is_sent_before_the_first_is_answered() -> None:
    """A sender MUST NOT ask again until a KeyUpdate of the peer has come (RFC 9846 §4.7.3)."""
    peer = HostileServer.at("CONNECTED")
    for _ in range(3):
        peer.victim.update_keys(request_peer=True)
    assert updates_heard(peer.step()) == [1, 0, 0]
    update(peer)
    peer.victim.update_keys(request_peer=True)
    assert updates_heard(peer.step()) == [1, 0, 0, 1]


@pytest.mark.parametrize("role", REACH)
def test_requests_that_come_together_get_one_answer(role: str) -> None:
    """Several KeyUpdates that arrive while we are silent are answered by a single one (RFC 9846 §4.7.3)."""
    peer: Peer = REACH[role]("CONNECTED")
    data = b""
    for _ in range(5):
        data += peer.sealed(22, b"\x18\0\0\x01\x01")
        peer.rekey()
    peer.deliver(data)
    assert updates_heard(peer) == [0]


@pytest.mark.parametrize("role", REACH)
def test_each_request_is_answered_though_we_send_nothing_else(role: str) -> None:
    """A peer that has its answer may ask again, and a silent side answers again (RFC 9846 §4.7.3)."""
    peer: Peer = REACH[role]("CONNECTED")
    for _ in range(3):
        update(peer, request=1)
    assert updates_heard(peer) == [0, 0, 0]


@pytest.mark.parametrize("role", REACH)
def test_the_answer_comes_before_the_next_data(role: str) -> None:
    """The KeyUpdate in return MUST precede the next application data (RFC 9846 §4.7.3)."""
    peer: Peer = REACH[role]("CONNECTED")
    peer.victim.receive_data(peer.sealed(22, b"\x18\0\0\x01\x01"))
    assert peer.victim.next_event() == KeysUpdated("received")
    peer.rekey()
    peer.victim.send_data(b"data")
    peer.step()
    assert [kind for kind, _ in peer.heard[-2:]] == [22, 23]


@pytest.mark.parametrize("role", REACH)
def test_a_side_that_has_closed_does_not_answer(role: str) -> None:
    """After close_notify nothing may be sent, a KeyUpdate neither."""
    peer: Peer = REACH[role]("CONNECTED")
    peer.victim.close()
    update(peer.step(), request=1)
    assert updates_heard(peer) == [] and peer.error is None
    peer.send_data(b"more")
    assert peer.events[-1] == ApplicationData(b"more")


@pytest.mark.parametrize("role", REACH)
def test_updates_with_data_in_between_may_go_on(role: str) -> None:
    """Only updates without any data between them are a flood."""
    peer: Peer = REACH[role]("CONNECTED")
    for _ in range(2 * MAX_KEY_UPDATES):
        update(peer).send_data(b"x")
    assert peer.error is None


@pytest.mark.parametrize("role", REACH)
def test_a_peer_that_only_receives_may_go_on_updating(role: str) -> None:
    """Data that we send stands between updates as well as data that comes."""
    peer: Peer = REACH[role]("CONNECTED")
    for _ in range(2 * MAX_KEY_UPDATES):
        update(peer)
        peer.victim.send_data(b"x")
        peer.step()
    assert peer.error is None


def test_a_key_update_may_come_in_pieces() -> None:
    """KeyUpdate is a handshake message and can be fragmented like any other (RFC 9846 §5.1)."""
    peer = HostileServer.at("CONNECTED")
    for byte in b"\x18\0\0\x01\0":
        peer.deliver(peer.sealed(22, bytes((byte,))))
    peer.rekey()
    assert peer.send_data(b"x").events[-2:] == [KeysUpdated("received"), ApplicationData(b"x")]


def test_keys_that_were_announced_must_be_used() -> None:
    """After a KeyUpdate the old keys no longer open anything (RFC 9846 §4.7.3)."""
    peer = HostileServer.at("CONNECTED")
    peer.deliver(peer.sealed(22, b"\x18\0\0\x01\0")).send_data(b"old")
    assert peer.failure.alert.name == "bad_record_mac"


# Limits on key usage (RFC 9846 §5.5)


@pytest.mark.parametrize("limit", [2, 3, 10])
def test_keys_are_changed_before_they_wear_out(limit: int) -> None:
    """A side changes keys before the limit of its AEAD, without being asked (RFC 9846 §5.5)."""
    pair = connected(client_config(rekey_after_records=limit), server_config(max_record_size=100))
    data = bytes(range(256)) * 100
    for start in range(0, len(data), 1000):
        pair.client.connection.send_data(data[start : start + 1000])
    pair.run()
    assert pair.server.data == data
    writer = pair.client.connection._channel.writer
    assert writer.sequence < limit
    assert generation(pair, "client") == 26 // (limit - 1) - (26 % (limit - 1) == 0)


def test_one_large_write_is_spread_over_many_keys() -> None:
    """A write that needs more records than a key allows changes keys in the middle."""
    pair = connected(client_config(rekey_after_records=4, max_record_size=1000))
    pair.client.connection.send_data(bytes(50_000))
    pair.run()
    assert pair.server.data == bytes(50_000)
    assert generation(pair, "client") == 16
    assert len([event for event in pair.server.events if isinstance(event, KeysUpdated)]) == 16


def test_the_last_record_of_a_key_is_kept_for_its_update() -> None:
    """Even alerts and updates stay within the limit of a key."""
    pair = connected(client_config(rekey_after_records=2))
    for _ in range(5):
        pair.client.connection.send_data(b"x")
    pair.client.connection.close()
    pair.run()
    assert pair.server.data == b"xxxxx"


def test_generations_end() -> None:
    """The number of key updates never exceeds 2^48-1 (RFC 9846 §4.7.3)."""
    pair = connected()
    state = pair.client.connection._driver.connected
    assert isinstance(state, Connected13)
    state.send_generation = MAX_GENERATION
    with pytest.raises(UsageError, match="generations"):
        pair.client.connection.update_keys()
    pair.server.connection.update_keys(request_peer=True)
    pair.run()
    assert pair.log.playbook() == ["server > KeyUpdate(update_requested)"]
    pair.client.connection.send_data(b"the request is ignored")
    pair.run()
    assert pair.server.data == b"the request is ignored"


def test_a_receiver_does_not_count_generations() -> None:
    """Receiving implementations MUST NOT enforce the limit on generations (RFC 9846 §4.7.3)."""
    peer = HostileServer.at("CONNECTED")
    state = peer.victim._driver.connected
    assert isinstance(state, Connected13)
    state.send_generation = MAX_GENERATION
    peer.send_post(KeyUpdate(0))
    peer.rekey()
    assert peer.send_data(b"x").error is None
