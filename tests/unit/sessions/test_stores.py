"""Stores in memory: bounded, single use, safe for threads; ticket keys that rotate; replay guards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lucidtls.config import ServerConfig
from lucidtls.errors import ConfigurationError
from lucidtls.sessions.options import MAX_EARLY_DATA
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.scope import scope_digest
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.sessions.stores import MemorySessionCache, MemorySessionStore
from lucidtls.sessions.ticket_keys import KEY_LENGTH, MAX_RING, MAX_SEALED, NAME_LENGTH, TicketKey, TicketKeys
from tests.flows.parties import client_config, server_config
from tests.unit.sessions.test_sessions import SESSION

NOW = 1001.0


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """What the work gives in each of so many threads that start together."""
    found: list[Any] = []
    gate = threading.Barrier(count)

    def run() -> None:
        gate.wait()
        found.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_newest_session_is_taken_first() -> None:
    """Of several sessions the newest is used: it lives longest."""
    store = MemorySessionStore()
    for number in range(3):
        store.put("a", replace(SESSION, ticket=bytes((number,))))
    taken = [store.take("a", NOW) for _ in range(4)]
    assert [session and session.ticket for session in taken] == [b"\2", b"\1", b"\0", None]


def test_older_sessions_stay() -> None:
    """Before TLS 1.3 a session may be resumed any number of times."""
    store = MemorySessionStore()
    store.put("a", replace(SESSION, version="TLS 1.2"))
    assert store.take("a", NOW) == store.take("a", NOW) is not None
    store.discard("a", replace(SESSION, version="TLS 1.2"))
    store.discard("a", SESSION)
    assert store.take("a", NOW) is None


def test_expired_sessions_are_dropped() -> None:
    """A session past its end is never given out, and takes no room."""
    store = MemorySessionStore()
    store.put("a", SESSION)
    assert store.take("a", 6000.0) is None and len(store) == 0


def test_a_store_is_bounded() -> None:
    """The server that was not used for the longest time goes first, and of one server the oldest session."""
    store = MemorySessionStore(names=2, per_name=2)
    for key in ("a", "b"):
        for number in range(5):
            store.put(key, replace(SESSION, ticket=bytes((number,))))
    assert len(store) == 4 and "4 sessions with 2 servers" in repr(store)
    assert store.take("a", NOW) is not None
    store.put("c", SESSION)
    assert store.take("b", NOW) is None and store.take("a", NOW) is not None
    store.clear()
    assert len(store) == 0
    with pytest.raises(ConfigurationError):
        MemorySessionStore(names=0)


def test_two_threads_never_get_the_same_session() -> None:
    """A ticket serves one connection, however many threads look for one."""
    store = MemorySessionStore(per_name=50)
    for number in range(20):
        store.put("a", replace(SESSION, ticket=bytes((number,))))
    taken = [session.ticket for session in in_threads(30, lambda: store.take("a", NOW)) if session]
    assert len(taken) == len(set(taken))


def test_a_cache_keeps_states_for_their_time() -> None:
    """`get` leaves a state, `take` does not, and nothing outlives its lifetime or the cache's bound."""
    cache = MemorySessionCache(capacity=2)
    for key in (b"a", b"b", b"c"):
        assert cache.put(key, b"state " + key, 10, NOW)
    assert cache.get(b"a", NOW) is None and cache.get(b"b", NOW) == b"state b" == cache.get(b"b", NOW)
    assert cache.take(b"b", NOW) == b"state b" and cache.take(b"b", NOW) is None
    assert cache.get(b"c", NOW + 10) is None and "1 states" in repr(cache)
    cache.discard(b"c")
    cache.discard(b"c")
    assert len(cache) == 0
    with pytest.raises(ConfigurationError):
        MemorySessionCache(capacity=0)


def test_one_of_many_threads_gets_a_state() -> None:
    """Of threads that take the same state one gets it."""
    cache = MemorySessionCache()
    cache.put(b"a", b"state", 10, NOW)
    assert sorted(in_threads(20, lambda: cache.take(b"a", NOW) or b"")) == [b""] * 19 + [b"state"]


def test_tickets_are_sealed() -> None:
    """A ticket shows nothing of the state, no two are alike, and only its own keys open it."""
    keys, others = TicketKeys(), TicketKeys()
    first, second = keys.seal(b"state" * 10, NOW), keys.seal(b"state" * 10, NOW)
    assert first is not None and second is not None and first != second and b"state" not in first
    assert keys.open(first, NOW) == b"state" * 10 and others.open(first, NOW) is None
    assert len(first) == NAME_LENGTH + 12 + 50 + 16


def test_an_altered_ticket_does_not_open() -> None:
    """Every byte of a ticket is authenticated, and so is its end."""
    keys = TicketKeys()
    ticket = keys.seal(b"state", NOW)
    assert ticket is not None
    for at in range(len(ticket)):
        assert keys.open(ticket[:at] + bytes((ticket[at] ^ 1,)) + ticket[at + 1 :], NOW) is None
        assert keys.open(ticket[:at], NOW) is None
    assert keys.open(ticket + b"\0", NOW) is None


def test_keys_rotate() -> None:
    """A key seals for one period, opens for a ticket's lifetime after it, and is then gone."""
    keys = TicketKeys(rotation=100, lifetime=50)
    ticket = keys.seal(b"state", 1000.0)
    assert ticket is not None
    assert keys.ring(1099.0)[0].name == ticket[:NAME_LENGTH] and len(keys.ring(1099.0)) == 1
    assert keys.ring(1100.0)[0].name != ticket[:NAME_LENGTH] and len(keys.ring(1100.0)) == 2
    assert keys.open(ticket, 1149.0) == b"state" and keys.open(ticket, 1150.0) is None
    assert len(keys.ring(1300.0)) == 1


def test_a_clock_set_back_makes_a_new_key() -> None:
    """A key is not used before its time: a clock that goes back gets a key of its own, and opens both."""
    keys = TicketKeys()
    ticket = keys.seal(b"state", NOW)
    assert ticket is not None
    again = keys.seal(b"state", NOW - 5000)
    assert again is not None and again[:NAME_LENGTH] != ticket[:NAME_LENGTH]
    assert keys.open(ticket, NOW - 5000) == b"state"


def test_a_ring_is_bounded() -> None:
    """A clock that jumps about makes a bounded number of keys, and none of the far future is kept."""
    keys = TicketKeys()
    for step in range(300):
        keys.ring(1e6 - step)
    assert len(keys.ring(1e6 - 300)) == MAX_RING
    keys.ring(2e6)
    assert keys.ring(1e6 - 301)[0].start == 1e6 - 301
    assert all(key.start < 1.1e6 for key in keys.ring(1e6 - 302))


def test_a_key_seals_a_bounded_number() -> None:
    """Random nonces bound what one AES-GCM key may seal (SP 800-38D §8.3)."""
    keys = TicketKeys()
    first = keys.ring(NOW)[0].name
    keys._sealed = MAX_SEALED
    assert keys.ring(NOW)[0].name != first


def test_what_keys_cannot_be() -> None:
    """Times and lengths are checked when keys are made; a key's repr does not show it."""
    impossible: list[dict[str, Any]] = [{"rotation": 0}, {"lifetime": 0}, {"lifetime": MAX_SESSION_AGE + 1}]
    for wrong in impossible:
        with pytest.raises(ConfigurationError):
            TicketKeys(**wrong)
    with pytest.raises(ConfigurationError):
        TicketKey(b"short", bytes(KEY_LENGTH), 0, 1, 2)
    assert "secret" not in repr(TicketKey(bytes(NAME_LENGTH), b"k" * KEY_LENGTH, 0, 1, 2))


def test_a_guard_says_yes_once() -> None:
    """A key is new once, until its time is over."""
    guard = MemoryReplayGuard()
    assert guard.first_use(b"a", 10, NOW) and not guard.first_use(b"a", 10, NOW + 9.9)
    assert guard.first_use(b"a", 10, NOW + 10.1)


def test_a_full_guard_says_no() -> None:
    """When there is no room to remember more, nothing more is certain to be new."""
    guard = MemoryReplayGuard(capacity=2)
    assert [guard.first_use(bytes((n,)), 10, NOW) for n in range(4)] == [True, True, False, False]
    assert guard.first_use(b"x", 10, NOW + 11)


def test_a_guard_compares_entries_and_not_numbers() -> None:
    """A copy is refused at the same moment too, also when the clock gives whole seconds."""
    guard = MemoryReplayGuard()
    assert guard.first_use(b"a", 10, 5) and not guard.first_use(b"a", 10, 5)


def test_a_clock_set_back_brings_no_early_data_back() -> None:
    """What was forgotten when the clock ran ahead is not new when it is set right."""
    guard = MemoryReplayGuard()
    assert guard.first_use(b"a", 10, NOW) and guard.first_use(b"b", 10, NOW + 1000)
    assert not guard.first_use(b"a", 10, NOW) and guard.first_use(b"c", 10, NOW + 10.1)


def test_full_stores_take_from_many_threads() -> None:
    """Threads that make room at the same moment do not disturb one another."""
    cache, store = MemorySessionCache(capacity=2), MemorySessionStore(names=2)

    def work() -> None:
        for _ in range(3000):
            cache.put(os.urandom(4), b"state", 10, NOW)
            store.put(os.urandom(4).hex(), SESSION)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert in_threads(6, work) == [None] * 6
    finally:
        sys.setswitchinterval(interval)
    assert len(cache) <= 2 and len(store) <= 2


def test_one_of_many_threads_is_first() -> None:
    """Of threads with the same flight one may read its early data."""
    for key in (b"a", b"b", b"c"):
        guard = MemoryReplayGuard()
        assert sum(in_threads(20, lambda key=key, guard=guard: guard.first_use(key, 10, NOW))) == 1  # type: ignore[misc]


def test_scopes_differ_with_every_part() -> None:
    """No two lists of settings share a scope, however their parts are cut."""
    assert (
        len(
            {
                scope_digest("ab", "c"),
                scope_digest("a", "bc"),
                scope_digest("abc"),
                scope_digest("ab", b"c", ""),
            }
        )
        == 4
    )


def test_the_scope_is_the_same_in_every_process() -> None:
    """Processes that share sessions compute the same scope, whatever order their sets have."""
    program = (
        "from lucidtls.config import ClientConfig, ServerConfig\n"
        "from lucidtls.dangerous import LEGACY_2026\n"
        "print(ClientConfig().session_scope, ClientConfig(policy=LEGACY_2026).session_scope)\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(found) == 1


def test_the_scope_of_a_config() -> None:
    """Equal settings have equal scopes; trust, policy and name change them, the application protocol not."""
    assert client_config().session_scope == client_config(alpn=("h2",)).session_scope
    assert client_config().session_scope != client_config(session_scope_name="x").session_scope
    assert client_config().session_scope != client_config(trust=None).session_scope
    assert client_config().session_scope != server_config().session_scope


@pytest.mark.parametrize(
    "wrong",
    [
        {"tickets": -1},
        {"tickets": 17},
        {"ticket_lifetime": 0},
        {"ticket_lifetime": MAX_SESSION_AGE + 1},
        {"max_early_data": -1},
        {"max_early_data": MAX_EARLY_DATA + 1, "tickets": 1},
        {"max_early_data": 1, "tickets": 0},
        {"early_data_window": 0},
        {"early_data_window": 601},
        {"max_early_data": 1, "tickets": 1, "ticket_keys": TicketKeys()},
        {"max_early_data": 1, "tickets": 1, "session_cache": MemorySessionCache()},
        {"psk_modes": ()},
        {"psk_modes": ("psk",)},
        {"psk_modes": ("psk_ke", "psk_ke")},
    ],
)
def test_what_a_server_cannot_want(wrong: dict[str, Any]) -> None:
    """Numbers out of range, early data without tickets, and tickets that outlive their guard are refused."""
    with pytest.raises(ConfigurationError):
        server_config(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ticket_requests": (1,)},
        {"ticket_requests": (1, 2, 3)},
        {"ticket_requests": (1, 256)},
        {"ticket_requests": (-1, 0)},
        {"resend_early_data": True},
        {"psk_modes": ("psk_dhe_ke", "other")},
    ],
)
def test_what_a_client_cannot_want(wrong: dict[str, Any]) -> None:
    """Settings that cannot be are refused when the config is made."""
    with pytest.raises(ConfigurationError):
        client_config(**wrong)


def test_a_server_gives_tickets_by_default() -> None:
    """Keys are made with the config, once, and shared by its connections."""
    config = ServerConfig(credentials=server_config().credentials)
    assert config.tickets == 2 and config.max_early_data == 0
    assert config.ticket_sealer is config.ticket_sealer
