"""The session cache and the replay guard of a fleet, and the server under them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lucidtls.errors import ConfigurationError
from lucidtls.io.fleet import RedisReplayGuard, RedisSessionCache
from lucidtls.io.redis_server import RedisAway, RedisServer, Vault
from tests.unit.io.fleet_parts import SECRET, DictClient, Hand, ResponseError, shown

NOW = 1_800_000_000.0
LIFETIME, DIFFERENCE = 21.0, 10.0


@pytest.fixture
def client() -> DictClient:
    """The Redis of the fleet."""
    return DictClient()


@pytest.fixture
def server(client: DictClient) -> RedisServer:
    """The same, with its clock standing still."""
    return RedisServer(client, monotonic=Hand(NOW).monotonic)


# States


def test_one_server_finds_what_the_other_kept(client: DictClient) -> None:
    """Two processes with one secret share states; a state that is taken is gone for both."""
    one, other = RedisSessionCache(client, SECRET), RedisSessionCache(client, SECRET)
    assert one.put(b"id", b"state", 100, NOW) and list(client.milliseconds.values()) == [100_000]
    assert other.get(b"id", NOW) == one.get(b"id", NOW) == b"state"
    assert other.take(b"id", NOW) == b"state" and one.take(b"id", NOW) is None is one.get(b"id", NOW)


def test_a_discarded_state_is_gone(client: DictClient) -> None:
    """A session whose connection failed is not resumed (RFC 5246 §7.2.2)."""
    cache = RedisSessionCache(client, SECRET)
    cache.put(b"id", b"state", 100, NOW)
    cache.discard(b"id")
    assert cache.get(b"id", NOW) is None and not client.values


def test_redis_sees_neither_key_nor_state(client: DictClient) -> None:
    """Who reads Redis cannot resume a session: states are sealed, and keys are hidden."""
    cache = RedisSessionCache(client, SECRET)
    cache.put(b"session-id", b"the main secret", 100, NOW)
    ((place, value),) = client.values.items()
    assert b"session-id".hex() not in place and "session-id" not in place and b"main secret" not in value
    assert RedisSessionCache(client, SECRET[::-1]).get(b"session-id", NOW) is None


def test_a_state_ends_whatever_redis_does(client: DictClient) -> None:
    """A Redis that forgets to forget prolongs no session."""
    cache = RedisSessionCache(client, SECRET)
    cache.put(b"id", b"state", 100, NOW)
    assert cache.get(b"id", NOW + 99.9) == b"state" and cache.get(b"id", NOW + 100) is None
    assert not cache.put(b"other", b"state", 0, NOW)


def test_states_cannot_be_exchanged(client: DictClient) -> None:
    """Whoever can write to Redis can not pass one client's session for another's."""
    cache = RedisSessionCache(client, SECRET)
    cache.put(b"mallory", b"mallory's", 100, NOW)
    (stolen,) = client.values
    cache.put(b"alice", b"alice's", 100, NOW)
    (place,) = set(client.values) - {stolen}
    client.values[place] = client.values[stolen]
    assert cache.get(b"alice", NOW) is None and cache.get(b"mallory", NOW) == b"mallory's"


@pytest.mark.parametrize(
    "damage", [b"", b"\0" * 27, b"\0" * 28, b"x" * 10_000_000, "text", 7, [b"list"]], ids=shown
)
def test_a_damaged_state_is_none(client: DictClient, damage: Any) -> None:
    """A value that does not open is no session."""
    cache = RedisSessionCache(client, SECRET)
    cache.put(b"id", b"state", 100, NOW)
    (place,) = client.values
    client.values[place] = damage
    assert cache.get(b"id", NOW) is None is cache.take(b"id", NOW)


def test_every_altered_bit_is_seen(client: DictClient) -> None:
    """A state that was changed anywhere, or cut anywhere, does not open."""
    vault = Vault(SECRET, "test:")
    value = vault.seal("place", b"state")
    assert vault.open("place", value) == b"state" and vault.open("other place", value) is None
    for position in range(len(value)):
        altered = bytearray(value)
        altered[position] ^= 1
        assert vault.open("place", bytes(altered)) is None is vault.open("place", value[:position])


# Early data


def remembering(client: DictClient, now: float = NOW) -> RedisReplayGuard:
    """A guard of a fleet whose Redis has been up for long enough."""
    guard = RedisReplayGuard(client, clock_difference=DIFFERENCE)
    guard.first_use(b"the first of all", LIFETIME, now - LIFETIME - DIFFERENCE)
    return guard


def test_a_copy_is_refused_everywhere(client: DictClient) -> None:
    """Early data that one process took is refused by all, as long as a copy could pass for fresh."""
    one, other = remembering(client), RedisReplayGuard(client)
    assert one.first_use(b"hello", LIFETIME, NOW)
    assert not other.first_use(b"hello", LIFETIME, NOW) and not one.first_use(b"hello", LIFETIME, NOW)
    assert other.first_use(b"other hello", LIFETIME, NOW)
    marks = {value for name, value in client.milliseconds.items() if ":seen:" in name}
    assert marks == {int((LIFETIME + DIFFERENCE) * 1000)}


def test_a_redis_that_forgot_is_not_believed(client: DictClient) -> None:
    """Redis, started anew, would let a copy pass: until all copies are stale, nothing is new."""
    guard = remembering(client)
    assert guard.first_use(b"hello", LIFETIME, NOW)
    client.values.clear()
    for seconds in (0.0, 1.0, LIFETIME, LIFETIME + DIFFERENCE - 0.1):
        assert not guard.first_use(b"hello", LIFETIME, NOW + seconds)
        assert not guard.first_use(b"at %f" % seconds, LIFETIME, NOW + seconds)
    assert guard.first_use(b"hello again", LIFETIME, NOW + LIFETIME + DIFFERENCE)


def test_a_start_between_the_two_commands_is_seen(client: DictClient) -> None:
    """A Redis that is started anew between mark and look has lost both, and the early data is refused."""
    guard = remembering(client)

    class Restarting(DictClient):
        def get(self, name: str) -> Any:
            self.values.clear()
            return super().get(name)

    restarting = Restarting()
    restarting.values = client.values
    assert not RedisReplayGuard(restarting).first_use(b"hello", LIFETIME, NOW)
    assert not guard.first_use(b"hello", LIFETIME, NOW)


@pytest.mark.parametrize("damage", [b"", b"x", bytes(9), b"\xff" * 8, "text", 7, [b"list"]], ids=shown)
def test_a_damaged_memory_is_begun_anew(client: DictClient, damage: Any) -> None:
    """What is no moment, or is one in a far future, says nothing; a whole lifetime later it works again."""
    guard = remembering(client)
    client.values["lucidtls:seen-since"] = damage
    assert not guard.first_use(b"hello", LIFETIME, NOW)
    assert not guard.first_use(b"other hello", LIFETIME, NOW + LIFETIME)
    assert guard.first_use(b"next hello", LIFETIME, NOW + LIFETIME + DIFFERENCE)


@pytest.mark.parametrize(
    "failure", [OSError("gone"), ResponseError("OOM"), RuntimeError("a bug"), ValueError()]
)
def test_any_error_refuses_early_data(client: DictClient, failure: Exception) -> None:
    """In doubt early data is refused, and nothing else is lost."""
    guard = remembering(client)
    client.failure = failure
    assert not guard.first_use(b"hello", LIFETIME, NOW) and guard.last_error is failure


# The server under them


def test_all_share_one_pause(server: RedisServer, client: DictClient) -> None:
    """One failure keeps all stores from asking: a handshake waits for one time limit, not three."""
    cache, guard = RedisSessionCache(server, SECRET), RedisReplayGuard(server)
    client.failure = OSError("timed out")
    assert not cache.put(b"id", b"state", 100, NOW)
    assert cache.get(b"id", NOW) is None is cache.take(b"id", NOW)
    cache.discard(b"id")
    assert not guard.first_use(b"hello", LIFETIME, NOW)
    assert len(client.asked) == 1 and server.away and "away" in repr(cache)
    assert cache.last_error is guard.last_error is client.failure


def test_after_the_pause_one_call_tries() -> None:
    """While one call finds out whether Redis is back the others go on without it."""
    hand, client = Hand(NOW), DictClient()
    server = RedisServer(client, monotonic=hand.monotonic)
    client.failure = OSError("timed out")
    with pytest.raises(RedisAway):
        server.read("place")
    hand.turn(1.1)
    seen: list[bool] = []

    class Trying(DictClient):
        def get(self, name: str) -> Any:
            before = len(client.asked)
            with pytest.raises(RedisAway):
                server.take("place")
            seen.append(len(client.asked) == before)
            return b"value"

    server._client = Trying()
    assert server.read("place") == b"value" and seen == [True]
    assert not server.away and server.last_error is None


def test_an_answer_with_an_error_is_an_answer(server: RedisServer, client: DictClient) -> None:
    """Errors that the server sends, such as those of a wrong type, cost that command alone."""
    client.failure = ResponseError("WRONGTYPE")
    assert server.read("place") == b"" and not server.put("place", b"", 1) and server.take("place") == b""
    assert len(client.asked) == 3 and not server.away


class Pool:
    """The settings of a client, where the libraries keep them."""

    def __init__(self, **settings: Any) -> None:
        self.connection_kwargs = settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"socket_timeout": None, "socket_connect_timeout": 0.1}, "socket_timeout"),
        ({"socket_timeout": 5, "socket_connect_timeout": 0.1}, "socket_timeout"),
        ({"socket_timeout": 0.1}, "socket_connect_timeout"),
        ({"path": "/run/redis.sock"}, "socket_timeout"),
        ({"socket_timeout": 0.1, "socket_connect_timeout": 0.1, "decode_responses": True}, "decode"),
    ],
)
def test_a_client_that_could_hang_is_refused(settings: dict[str, Any], message: str) -> None:
    """A client without time limits, or one that changes values, is told when the program starts."""
    client: Any = DictClient()
    client.connection_pool = Pool(**settings)
    with pytest.raises(ConfigurationError, match=message):
        RedisServer(client)
    client.connection_pool = Pool(socket_timeout=0.1, socket_connect_timeout=0.2)
    RedisServer(client)


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: RedisServer("http://127.0.0.1"), "URL"),
    (lambda: RedisServer("redis://127.0.0.1/0?socket_timeout=30"), "socket_timeout"),
    (lambda: RedisServer(DictClient(), timeout=0), "timeout"),
    (lambda: RedisServer(DictClient(), timeout=5), "timeout"),
    (lambda: RedisServer(object()), "method set"),  # type: ignore[arg-type]  # that is what is tested
    (lambda: RedisSessionCache(DictClient(), b"x" * 31), "secret"),
    (lambda: RedisReplayGuard(DictClient(), clock_difference=-1), "clock_difference"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_work_is_told_at_once(make: Callable[[], Any], message: str) -> None:
    """Settings that can not work are refused when they are made, not in the first handshake."""
    if message in ("URL", "socket_timeout"):
        pytest.importorskip("redis")
    with pytest.raises(ConfigurationError, match=message):
        make()
