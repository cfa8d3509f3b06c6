"""Servers in several processes and on several machines that resume each other's sessions, through Redis.

    server = RedisServer("redis://10.0.0.5")
    config = ServerConfig(
        credential, ticket_keys=RedisTicketKeys(server, secret), max_early_data=16384,
        replay_guard=RedisReplayGuard(server),
    )

All servers have the same `secret`, and configs with the same settings: that is what sessions are bound to.
With Redis out of reach nobody waits for it and no connection is lost: the ticket keys at hand go on until
their time is over, then there are full handshakes; cached sessions are not found; early data is refused.

The ticket keys:

- Time is cut into slots of one rotation period, and each slot has one key, at one place in Redis. Whoever
  needs it first sets it there with SET NX: that elects the writer, and the key is the lock. It can not be
  left locked by one who dies, nor overwritten by one who wakes up late.
- A key is set some time before its slot begins, and read meanwhile by all: when the first ticket is sealed
  with it, everybody can open it. One that comes late is not used before the others had time to read it,
  as long as there is another.
- It is drawn at random and not derived from the secret: once Redis has dropped it, nobody who learns the
  secret later opens what it protected.
- If Redis has lost its memory, those who still hold the keys set them again.

The clocks of a fleet agree within `CLOCK_DIFFERENCE`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Final

from lucidtls.crypto.hashes import SHA256
from lucidtls.crypto.randomness import Random, system_random
from lucidtls.errors import ConfigurationError
from lucidtls.io.redis_server import (
    Monotonic,
    RedisAway,
    RedisClient,
    RedisServer,
    Vault,
    shared_server,
)
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.sessions.ticket_keys import (
    KEY_LENGTH,
    MAX_RING,
    NAME_LENGTH,
    NONCE_LENGTH,
    ROTATION,
    TAG_LENGTH,
    TicketKey,
    open_with,
    seal_with,
)

PREFIX: Final = "lucidtls:"
"""Of all names in Redis."""

PUBLISHED_AHEAD: Final = 30.0
"""Seconds before its slot at which a key is set; a quarter of the rotation when that is shorter."""

REFRESH: Final = 5.0
"""Seconds between two looks at the keys in Redis; several fit into the time a key is published ahead."""

RETRY: Final = 1.0
"""Seconds between two looks at the earliest, whatever tickets come: strangers can make names up."""

SCAN: Final = 300.0
"""Seconds between two looks at the keys of all earlier slots."""

LOOK_LIMIT: Final = 0.25
"""Seconds that one look may take when Redis answers slowly; the next one goes on from there."""

MAX_SEALED_HERE: Final = 2**26
"""Tickets that one process seals with a key: 64 processes stay below the 2^32 at which random nonces of
AES-GCM end (SP 800-38D §8.3)."""

MAX_STRAYS: Final = 16
"""Keys kept that Redis has no more, for the tickets that were sealed with them."""

CLOCK_DIFFERENCE: Final = 10.0
"""Seconds by which two clocks of a fleet may differ."""

_MEND_TIME: Final = 10.0  # seconds that the one who replaces a damaged key has for it
_MILLISECONDS: Final = 8  # bytes of a moment in a value


@dataclass(frozen=True, slots=True)
class _SharedKey:
    """A key and when it was made for all to read."""

    key: TicketKey
    published: float


class RedisTicketKeys:
    """Ticket keys of a fleet (`lucidtls.sessions.protocols.TicketSealer`).

    `secret` seals the keys in Redis. Each seals for `rotation` seconds and opens for `lifetime` seconds more;
    both are the same in all processes. Any number of threads may share this.
    """

    def __init__(
        self,
        server: RedisServer | RedisClient | str,
        secret: bytes,
        *,
        rotation: int = ROTATION,
        lifetime: int = MAX_SESSION_AGE,
        prefix: str = PREFIX,
        random: Random = system_random,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        if rotation <= 0 or not 0 < lifetime <= MAX_SESSION_AGE:
            raise ConfigurationError("rotation and lifetime are seconds, and lifetime no more than 7 days")
        self._ahead = min(PUBLISHED_AHEAD, rotation / 4)
        self._refresh = min(REFRESH, self._ahead / 4)
        # So long after a key is published everybody has looked, where there is anything to look for.
        self._settled = 2 * self._refresh
        self._past = ceil(lifetime / rotation) + 1
        if self._past + 2 > MAX_RING:
            raise ConfigurationError(f"{self._past} keys at once are too many: make the rotation longer")
        self._server = shared_server(server)
        self._vault = Vault(secret, prefix, random)
        self._rotation = rotation
        self._lifetime = lifetime
        self._random = random
        self._monotonic = monotonic
        self._looking = threading.Lock()
        self._next_look = self._earliest_look = self._next_scan = 0.0
        self._to_scan: list[int] = []
        self._shared: dict[int, _SharedKey] = {}
        self._strays: list[TicketKey] = []
        self._by_name: dict[bytes, TicketKey] = {}
        self._sealed: tuple[bytes, int] = b"", 0

    @property
    def last_error(self) -> Exception | None:
        """What went wrong with Redis last; None once it has answered again."""
        return self._server.last_error

    def seal(self, state: bytes, now: float) -> bytes | None:
        """Encrypt and authenticate with the current key; None when there is none to be had."""
        self._look_when_due(now)
        key = self._current(now)
        if key is None:
            return None
        name, count = self._sealed
        count = count + 1 if name == key.name else 1
        if count > MAX_SEALED_HERE:
            return None
        self._sealed = key.name, count
        return seal_with(key, state, self._random)

    def open(self, ticket: bytes, now: float) -> bytes | None:
        """The state in a ticket; None for one that is not ours, was altered, or whose key is not here."""
        if len(ticket) < NAME_LENGTH + NONCE_LENGTH + TAG_LENGTH:
            return None
        self._look_when_due(now)
        name = ticket[:NAME_LENGTH]
        if name not in self._by_name and self._monotonic() >= self._earliest_look:
            # It may be a key that somebody has made just now.
            self._look(now, wait=False)
        key = self._by_name.get(name)
        return open_with((key,), ticket, now) if key is not None else None

    def ring(self, now: float) -> tuple[TicketKey, ...]:
        """The keys that are here at this moment, the newest first."""
        self._look_when_due(now)
        keys = sorted(self._by_name.values(), key=lambda key: key.start, reverse=True)
        return tuple(key for key in keys if now < key.end)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._by_name)} keys, {self._server!r}>"

    # The keys at hand

    def _current(self, now: float) -> TicketKey | None:
        slot = self._slot(now)
        current, previous = self._shared.get(slot), self._shared.get(slot - 1)
        if current is None:
            return None
        # Until everybody had time to read a key that came late, the one before it goes on for a moment.
        age = now - current.published
        if previous is not None and -CLOCK_DIFFERENCE <= age < self._settled:
            return previous.key
        return current.key

    def _slot(self, now: float) -> int:
        return floor(now / self._rotation)

    # Looking what is in Redis

    def _look_when_due(self, now: float) -> None:
        moment = self._monotonic()
        missing = self._slot(now) not in self._shared
        if moment >= self._earliest_look and (missing or moment >= self._next_look):
            self._look(now, wait=missing)
        elif missing and self._looking.locked():
            # Another connection looks for the first key: it is there in a moment.
            self._look(now, wait=True)

    def _look(self, now: float, *, wait: bool) -> None:
        """Agree with the others about the keys of this time, unless somebody here is at it."""
        if not self._looking.acquire(timeout=LOOK_LIMIT if wait else 0):
            return
        try:
            moment = self._monotonic()
            if moment < self._earliest_look:
                return
            self._earliest_look = moment + RETRY
            slot = self._slot(now)
            try:
                self._agree(slot, now)
                self._scan(slot, now, moment)
                self._next_look = moment + (RETRY if self._to_scan else self._refresh)
            except RedisAway:
                self._next_look = moment + RETRY
            self._tidy(slot, now)
        finally:
            self._looking.release()

    def _agree(self, slot: int, now: float) -> None:
        if slot - 1 not in self._shared:
            self._exchange(slot - 1, now)
        self._agree_on(slot, now)
        if now >= (slot + 1) * self._rotation - self._ahead:
            self._agree_on(slot + 1, now)

    def _agree_on(self, slot: int, now: float) -> None:
        """Have the key of a slot that is in Redis; if there is none, make one."""
        place, held = self._place(slot), self._shared.get(slot)
        value = self._server.read(place)
        found = self._read(slot, place, value)
        if found is None:
            offered = held or self._new(slot, now)
            if value is None:
                found = self._offer(slot, place, offered, now)
            elif self._server.put(f"{place}:mend", b"1", _MEND_TIME, if_absent=True):
                # What is there is no key. One process replaces it, and the others read again.
                found = offered if self._put(place, offered, now, if_absent=False) else None
        if found is not None:
            if held is not None and held.key != found.key:
                self._strays.append(held.key)
            self._shared[slot] = found

    def _offer(self, slot: int, place: str, offered: _SharedKey, now: float) -> _SharedKey | None:
        """Set a key where none is; the key of whoever was first."""
        if self._put(place, offered, now, if_absent=True):
            return offered
        return self._read(slot, place, self._server.read(place))

    def _scan(self, slot: int, now: float, moment: float) -> None:
        """Read the keys of earlier slots, and set them again where they are lost."""
        if moment >= self._next_scan:
            self._to_scan = list(range(slot - self._past, slot))
            self._next_scan = moment + SCAN
        while self._to_scan and self._monotonic() < moment + LOOK_LIMIT:
            self._exchange(self._to_scan[-1], now)
            self._to_scan.pop()

    def _exchange(self, slot: int, now: float) -> None:
        place, held = self._place(slot), self._shared.get(slot)
        if held is not None:
            if now < held.key.end:
                self._put(place, held, now, if_absent=True)
            return
        found = self._read(slot, place, self._server.read(place))
        if found is not None:
            self._shared[slot] = found

    def _tidy(self, slot: int, now: float) -> None:
        """Drop the keys whose time is over, and those of a clock that ran ahead."""
        self._shared = {
            number: shared
            for number, shared in self._shared.items()
            if slot - self._past <= number <= slot + 1
        }
        self._strays = [key for key in self._strays if now < key.end][-MAX_STRAYS:]
        self._by_name = {key.name: key for key in self._keys()}

    def _keys(self) -> Iterator[TicketKey]:
        yield from self._strays
        yield from (shared.key for shared in self._shared.values())

    # Keys as values

    def _place(self, slot: int) -> str:
        return self._vault.place("key", self._rotation, slot)

    def _new(self, slot: int, now: float) -> _SharedKey:
        return self._key(slot, self._random(NAME_LENGTH), self._random(KEY_LENGTH), now)

    def _key(self, slot: int, name: bytes, secret: bytes, published: float) -> _SharedKey:
        start, retire = slot * self._rotation, (slot + 1) * self._rotation
        return _SharedKey(TicketKey(name, secret, start, retire, retire + self._lifetime), published)

    def _put(self, place: str, shared: _SharedKey, now: float, *, if_absent: bool) -> bool:
        content = _moment(shared.published) + shared.key.name + shared.key.secret
        value = self._vault.seal(place, content)
        return self._server.put(place, value, shared.key.end - now, if_absent=if_absent)

    def _read(self, slot: int, place: str, value: bytes | None) -> _SharedKey | None:
        content = self._vault.open(place, value)
        if content is None or len(content) != _MILLISECONDS + NAME_LENGTH + KEY_LENGTH:
            return None
        name, secret = content[_MILLISECONDS:-KEY_LENGTH], content[-KEY_LENGTH:]
        return self._key(slot, name, secret, _seconds(content[:_MILLISECONDS]))


class RedisSessionCache:
    """Session states of a fleet (`lucidtls.sessions.protocols.SessionCache`); `secret` seals them in Redis.

    Taking one is GETDEL (Redis 6.2 and later): of several servers that ask at once, one gets it.
    """

    def __init__(
        self,
        server: RedisServer | RedisClient | str,
        secret: bytes,
        *,
        prefix: str = PREFIX,
        random: Random = system_random,
    ) -> None:
        self._server = shared_server(server)
        self._vault = Vault(secret, prefix, random)

    @property
    def last_error(self) -> Exception | None:
        """What went wrong with Redis last; None once it has answered again."""
        return self._server.last_error

    def put(self, key: bytes, state: bytes, lifetime: int, now: float) -> bool:
        """Keep a state for `lifetime` seconds; whether it is kept."""
        if lifetime <= 0:
            return False
        place = self._vault.hidden_place("state", key)
        try:
            return self._server.put(place, self._vault.seal(place, _moment(now + lifetime) + state), lifetime)
        except RedisAway:
            return False

    def get(self, key: bytes, now: float) -> bytes | None:
        """The state, which stays."""
        place = self._vault.hidden_place("state", key)
        try:
            return self._state(place, self._server.read(place), now)
        except RedisAway:
            return None

    def take(self, key: bytes, now: float) -> bytes | None:
        """The state, which nobody gets again."""
        place = self._vault.hidden_place("state", key)
        try:
            return self._state(place, self._server.take(place), now)
        except RedisAway:
            return None

    def discard(self, key: bytes) -> None:
        """Forget a state; while Redis is away, it stays until its time is over."""
        try:
            self._server.remove(self._vault.hidden_place("state", key))
        except RedisAway:
            return

    def _state(self, place: str, value: bytes | None, now: float) -> bytes | None:
        content = self._vault.open(place, value)
        if content is None or len(content) < _MILLISECONDS:
            return None
        return content[_MILLISECONDS:] if now < _seconds(content[:_MILLISECONDS]) else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {self._server!r}>"


class RedisReplayGuard:
    """What remembers early data for a fleet (`lucidtls.sessions.protocols.ReplayGuard`, RFC 9846 §8.2).

    A Redis that was started anew has forgotten what it saw. It therefore holds the moment since which it
    remembers, and until a whole lifetime has passed since then, nothing is taken for new: after the first
    start too. That moment must not outlive the rest: use a Redis without snapshots and without eviction
    (`maxmemory-policy noeviction`), and no replica that may be promoted with the last writes missing.

    `clock_difference` (seconds) is how far the fleet's clocks may be apart; marks last longer by that.
    """

    def __init__(
        self,
        server: RedisServer | RedisClient | str,
        *,
        prefix: str = PREFIX,
        clock_difference: float = CLOCK_DIFFERENCE,
    ) -> None:
        if not (isfinite(clock_difference) and clock_difference >= 0):
            raise ConfigurationError("clock_difference is a number of seconds")
        self._server = shared_server(server)
        self._prefix = prefix
        self._clock_difference = clock_difference

    @property
    def last_error(self) -> Exception | None:
        """What went wrong with Redis last; None once it has answered again."""
        return self._server.last_error

    def first_use(self, key: bytes, lifetime: float, now: float) -> bool:
        """Note the key; whether it is certain that it was not there before. False without an answer."""
        place = f"{self._prefix}seen:{SHA256.digest(key)[:16].hex()}"
        kept = lifetime + self._clock_difference
        try:
            # In this order: if Redis is started anew in between, the moment it remembers from is gone too.
            return self._server.put(place, b"1", kept, if_absent=True) and self._remembers(kept, now)
        except RedisAway:
            return False

    def _remembers(self, seconds: float, now: float) -> bool:
        place = f"{self._prefix}seen-since"
        value = self._server.read(place)
        if value is None:
            self._server.put(place, _moment(now), None, if_absent=True)
            return False
        since = _seconds(value) if len(value) == _MILLISECONDS else None
        if since is None or since > now + seconds:
            # No moment, or one of a clock that ran far ahead.
            self._server.put(place, _moment(now), None)
            return False
        return since + seconds <= now

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {self._server!r}>"


def _moment(seconds: float) -> bytes:
    """A time as milliseconds in eight bytes."""
    return min(max(0, int(seconds * 1000)), 2**64 - 1).to_bytes(_MILLISECONDS)


def _seconds(moment: bytes) -> float:
    return int.from_bytes(moment) / 1000
