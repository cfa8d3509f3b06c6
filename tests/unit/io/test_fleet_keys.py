"""Ticket keys of a fleet: one ring for all, one writer, keys that are there before they are used."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from lucidtls.errors import ConfigurationError
from lucidtls.io import fleet
from lucidtls.io.fleet import PUBLISHED_AHEAD, RedisTicketKeys
from lucidtls.io.redis_server import RedisServer
from tests.unit.io.fleet_parts import SECRET, DictClient, Hand, ResponseError, shown

ROTATION = 7200
START = 1_000_000 * ROTATION * 1.0
"""The beginning of a slot."""


@pytest.fixture
def client() -> DictClient:
    """The Redis of the fleet."""
    return DictClient()


def keys_of(client: Any, hand: Hand, **choices: Any) -> RedisTicketKeys:
    """The keys of one more process."""
    server = RedisServer(client, monotonic=hand.monotonic)
    settings: dict[str, Any] = {"secret": SECRET, "rotation": ROTATION, "lifetime": 3 * ROTATION}
    return RedisTicketKeys(server, **(settings | choices), monotonic=hand.monotonic)


def key_places(client: DictClient) -> list[str]:
    """Where keys are in Redis."""
    return [name for name in client.values if ":key:" in name and not name.endswith(":mend")]


def sealed(keys: RedisTicketKeys, now: float, state: bytes = b"state") -> bytes:
    """A ticket, which must be there."""
    ticket = keys.seal(state, now)
    assert ticket is not None, "there is a key"
    return ticket


def test_each_opens_what_the_other_sealed(client: DictClient) -> None:
    """Processes that share Redis and a secret open one another's tickets."""
    hand = Hand(START)
    one, other = keys_of(client, hand), keys_of(client, hand)
    assert other.open(sealed(one, hand.now), hand.now) == b"state"
    assert one.open(sealed(other, hand.now), hand.now) == b"state"
    assert len(key_places(client)) == 1 and len(one.ring(hand.now)) == 1


def test_without_the_secret_a_value_in_redis_is_nothing(client: DictClient) -> None:
    """Who reads Redis learns neither keys nor names, and another fleet's secret makes another ring."""
    hand = Hand(START)
    one, other = keys_of(client, hand), keys_of(client, hand, secret=SECRET[::-1])
    ticket = sealed(one, hand.now)
    for key in one.ring(hand.now):
        for value in client.values.values():
            assert key.secret not in value and key.name not in value
    assert other.open(ticket, hand.now) is None and other.open(sealed(other, hand.now), hand.now) == b"state"
    assert len(key_places(client)) == 2
    assert SECRET.hex() not in repr(one) + repr(client.values)


def test_a_quiet_ring_costs_redis_almost_nothing(client: DictClient) -> None:
    """The keys are kept in the process: a thousand tickets in a second ask Redis for none of them."""
    hand = Hand(START)
    keys = keys_of(client, hand)
    sealed(keys, hand.now)
    client.take_asked()
    for _ in range(1000):
        assert keys.open(sealed(keys, hand.now), hand.turn(0.001)) == b"state"
    assert len(client.take_asked()) <= 2


def test_tickets_that_strangers_make_up_cost_redis_nothing(client: DictClient) -> None:
    """Unknown names have Redis asked once a second, however many come; too short ones never."""
    hand = Hand(START)
    keys = keys_of(client, hand)
    sealed(keys, hand.now)
    hand.turn(2)
    client.take_asked()
    for number in range(1000):
        assert keys.open(number.to_bytes(16) + bytes(100), hand.now) is None
        assert keys.open(number.to_bytes(20), hand.now) is None
    assert 1 <= len(client.take_asked()) <= 3
    hand.turn(1.5)
    keys.open(bytes(20), hand.now)
    assert client.take_asked() == []


def test_an_unknown_name_is_looked_up_at_once(client: DictClient) -> None:
    """A key that another process has made just now is found when its first ticket comes."""
    hand = Hand(START)
    early = keys_of(client, hand)
    early.ring(hand.now)
    client.values.clear()
    other = keys_of(client, hand)
    ticket = sealed(other, hand.turn(1.5))
    assert early.open(ticket, hand.now) == b"state"


def test_a_key_is_published_before_it_is_used(client: DictClient) -> None:
    """When the first ticket is sealed with a key, all have read it: nobody has to ask for its name."""
    hand = Hand(START)
    one, other = keys_of(client, hand), keys_of(client, hand)
    first = sealed(one, hand.now)
    hand.turn(ROTATION - PUBLISHED_AHEAD + 1)
    for _ in range(4):
        assert sealed(one, hand.turn(5))[:16] == first[:16] == sealed(other, hand.now)[:16]
    assert len(key_places(client)) == 2
    hand.turn(START + ROTATION - hand.now + 0.001)
    client.take_asked()
    second = sealed(one, hand.now)
    assert second[:16] != first[:16]
    asked = len(client.take_asked())
    assert other.open(second, hand.now) == b"state" and len(client.take_asked()) <= asked


def test_a_key_that_comes_late_is_not_used_at_once(client: DictClient) -> None:
    """After a quiet night nobody has published a key: the old one goes on until all had time to read it."""
    hand = Hand(START)
    one, other = keys_of(client, hand), keys_of(client, hand)
    first = sealed(one, hand.now)
    other.ring(hand.now)
    hand.turn(ROTATION + 100)
    assert sealed(one, hand.now)[:16] == first[:16]
    for _ in range(2):
        hand.turn(5.1)
        other.ring(hand.now)
    client.take_asked()
    second = sealed(one, hand.now)
    assert second[:16] != first[:16] and other.open(second, hand.now) == b"state"


def test_old_keys_open_until_their_end(client: DictClient) -> None:
    """A ticket opens for its lifetime after its key has retired, also in a process that was not there yet."""
    hand = Hand(START)
    ticket = sealed(keys_of(client, hand), hand.now)
    hand.turn(4 * ROTATION - 1)
    late = keys_of(client, hand)
    assert late.open(ticket, hand.now) == b"state"
    assert late.open(ticket, hand.turn(2)) is None


def test_redis_drops_a_key_at_its_end(client: DictClient) -> None:
    """Every key is in Redis with an expiry: what it protected is gone with it, for good."""
    hand = Hand(START)
    sealed(keys_of(client, hand), hand.turn(200))
    assert [client.milliseconds[name] for name in key_places(client)] == [(4 * ROTATION - 200) * 1000]


def test_the_ring_does_not_grow(client: DictClient) -> None:
    """After a month there are the keys of one lifetime, however often the clock was set."""
    hand = Hand(START)
    keys = keys_of(client, hand)
    for _ in range(360):
        sealed(keys, hand.turn(ROTATION))
    assert len(keys.ring(hand.now)) <= 6
    for jump in (10_000_000, -10_000_000) * 3:
        hand.turn(2)
        keys.seal(b"state", hand.now + jump)
        assert len(keys.ring(hand.turn(2))) <= 8 + fleet.MAX_STRAYS


def test_a_key_seals_a_bounded_number(client: DictClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random nonces meet after 2^32 tickets of the fleet (SP 800-38D §8.3); one process stops long before."""
    monkeypatch.setattr(fleet, "MAX_SEALED_HERE", 3)
    hand = Hand(START)
    keys = keys_of(client, hand)
    assert [keys.seal(b"", hand.now) is not None for _ in range(5)] == [True] * 3 + [False] * 2
    hand.turn(ROTATION)
    keys.seal(b"", hand.now)
    assert keys.seal(b"", hand.turn(11)) is not None


def test_without_redis_the_keys_at_hand_go_on(client: DictClient) -> None:
    """While Redis is away tickets are sealed until the key retires, and opened until its end."""
    hand = Hand(START)
    keys = keys_of(client, hand)
    ticket = sealed(keys, hand.now)
    client.failure = OSError("no route to host")
    hand.turn(ROTATION - 1)
    assert keys.open(sealed(keys, hand.now), hand.now) == b"state"
    assert keys.last_error is client.failure
    assert keys.seal(b"state", hand.turn(2)) is None
    assert keys.open(ticket, hand.now) == b"state"
    client.failure = None
    assert keys.open(sealed(keys, hand.turn(1.1)), hand.now) == b"state" and keys.last_error is None


def test_a_start_without_redis_has_no_tickets(client: DictClient) -> None:
    """A process that never saw Redis seals nothing and opens nothing, and asks once a second."""
    hand = Hand(START)
    client.failure = OSError("connection refused")
    keys = keys_of(client, hand)
    assert [keys.seal(b"state", hand.turn(0.001)) for _ in range(500)] == [None] * 500
    assert keys.open(bytes(100), hand.now) is None and len(client.take_asked()) == 1
    client.failure = None
    assert keys.seal(b"state", hand.turn(1)) is not None


def test_lost_keys_are_set_again(client: DictClient) -> None:
    """A Redis that was started anew gets the ring back from those who have it."""
    hand = Hand(START)
    keys = keys_of(client, hand)
    old = sealed(keys, hand.now)
    hand.turn(ROTATION)
    sealed(keys, hand.now)
    sealed(keys, hand.turn(11))
    client.values.clear()
    new = sealed(keys, hand.turn(fleet.SCAN))
    newcomer = keys_of(client, hand)
    assert newcomer.open(new, hand.now) == b"state" and newcomer.open(old, hand.now) == b"state"


def test_a_ring_that_was_split_heals(client: DictClient) -> None:
    """Two keys of one time, made on both sides of a loss, both open; what is in Redis seals for all."""
    hand = Hand(START)
    one = keys_of(client, hand)
    before = sealed(one, hand.now)
    client.values.clear()
    other = keys_of(client, hand)
    new = sealed(other, hand.now)
    assert before[:16] != new[:16]
    hand.turn(6)
    assert sealed(one, hand.now)[:16] == new[:16]
    assert one.open(before, hand.now) == one.open(new, hand.now) == b"state"


@pytest.mark.parametrize(
    "damage",
    [b"", b"\0", b"x" * 84, b"x" * 10_000_000, "text", 7, [b"a", b"list"]],
    ids=shown,
)
def test_a_damaged_key_is_replaced(client: DictClient, damage: Any) -> None:
    """A value that is no key counts as none; one process replaces it, and the others read that."""
    hand = Hand(START)
    sealed(keys_of(client, hand), hand.now)
    (place,) = key_places(client)
    client.values[place] = damage
    one, other = keys_of(client, hand), keys_of(client, hand)
    ticket = sealed(one, hand.now)
    assert client.take_asked().count("set") == 1
    assert other.open(ticket, hand.turn(1.5)) == b"state"
    assert client.take_asked().count("set") == 0


def test_a_value_holds_in_its_place_alone(client: DictClient) -> None:
    """Whoever can write to Redis can not bring back an old key under a new slot: it does not open there."""
    hand = Hand(START)
    keys = keys_of(client, hand)
    old = sealed(keys, hand.now)
    (old_place,) = key_places(client)
    hand.turn(ROTATION)
    new_place = old_place.rsplit(":", 1)[0] + f":{int(hand.now // ROTATION)}"
    client.values[new_place] = client.values[old_place]
    late = keys_of(client, hand)
    late.ring(hand.now)
    assert sealed(late, hand.turn(11))[:16] != old[:16]


def test_an_error_as_an_answer_is_no_outage(client: DictClient) -> None:
    """A server that answers with an error is there: the next command is sent without a pause."""
    hand = Hand(START)
    client.failure = ResponseError("NOPERM")
    keys = keys_of(client, hand)
    assert keys.seal(b"state", hand.now) is None and isinstance(keys.last_error, ResponseError)
    client.failure = None
    assert keys.seal(b"state", hand.turn(1.1)) is not None


def test_many_threads_make_one_key(client: DictClient) -> None:
    """Of all threads that need the first key at the same moment one makes it, and all use it."""
    hand = Hand(START)
    processes = [keys_of(client, hand) for _ in range(8)]
    barrier = threading.Barrier(32)
    tickets: list[bytes | None] = []

    def seal(keys: RedisTicketKeys) -> None:
        barrier.wait()
        tickets.append(keys.seal(b"state", hand.now))

    threads = [threading.Thread(target=seal, args=(processes[number % 8],)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {ticket[:16] if ticket is not None else None for ticket in tickets}
    assert len(tickets) == 32 and len(names) == 1 and None not in names


@pytest.mark.parametrize(
    "choices",
    [
        {"rotation": 0},
        {"lifetime": 0},
        {"lifetime": 604_801},
        {"rotation": 60, "lifetime": 604_800},
        {"secret": b"short"},
    ],
)
def test_what_cannot_be_is_refused(client: DictClient, choices: dict[str, Any]) -> None:
    """A weak secret, and a ring that would be too large, are told when the program starts."""
    with pytest.raises(ConfigurationError):
        keys_of(client, Hand(START), **choices)
