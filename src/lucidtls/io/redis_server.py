"""A Redis or Valkey server, as something that may be slow, gone or full of what is not ours.

A handshake asks it and goes on without an answer. So no error of the client library comes through, and a
server that is out of reach is left alone for a moment after each failure: all connections together then wait
for one time limit in that moment, not each of them for its own.

What is secret is sealed before it leaves the process, and for its place alone: whoever can write to Redis can
make values disappear or come back, and can neither read, make nor exchange them.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from lucidtls.crypto.aead import AES_256_GCM, InvalidTag
from lucidtls.crypto.hashes import SHA256
from lucidtls.crypto.hkdf import hkdf_expand, hkdf_extract
from lucidtls.crypto.randomness import Random, system_random
from lucidtls.errors import ConfigurationError

TIMEOUT: Final = 0.1
"""Seconds for one command; on loopback and in one data centre an answer takes a hundredth of that."""

MAX_TIMEOUT: Final = 1.0
"""What a client that is brought along may have at most: handshakes wait for it."""

PAUSE: Final = 1.0
"""Seconds for which a server that failed is not asked."""

MIN_SECRET: Final = 32
"""Bytes of the secret that a fleet shares: the strength of the keys derived from it."""

_NONCE_LENGTH: Final = 12

Monotonic = Callable[[], float]
T = TypeVar("T")


class RedisClient(Protocol):
    """What is needed of a client: `redis.Redis`, `valkey.Valkey` and others have it. Values are bytes."""

    def set(self, name: Any, value: Any, *, px: Any = None, nx: bool = False) -> Any:
        """SET name value [PX milliseconds] [NX]; falsy when NX kept it from being set."""
        ...

    def get(self, name: Any) -> Any:
        """GET name; None when there is nothing."""
        ...

    def getdel(self, name: Any) -> Any:
        """GETDEL name (Redis 6.2 and later)."""
        ...

    def delete(self, *names: Any) -> Any:
        """DEL names."""
        ...


class RedisAway(Exception):
    """The server gave no answer, or was not asked because it gave none a moment ago. Stays inside."""


class RedisServer:
    """A server that several stores share, so that they find out together when it is gone.

    `client_or_url` is a URL ("redis://10.0.0.5:6379/0", "rediss://…" for TLS, "unix://…"; this needs the
    package `redis` or `valkey`) or a client that was made elsewhere, with time limits, without retries and
    without `decode_responses`. An address is better than a name: nothing bounds how long the system looks
    for one. `last_error` is what went wrong last, None once there was an answer again.
    """

    def __init__(
        self,
        client_or_url: RedisClient | str,
        *,
        timeout: float = TIMEOUT,
        pause: float = PAUSE,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        if not 0 < timeout <= MAX_TIMEOUT:
            raise ConfigurationError(f"handshakes wait for Redis: timeout is up to {MAX_TIMEOUT} seconds")
        self.last_error: Exception | None = None
        self.monotonic = monotonic
        self._pause = pause
        self._lock = threading.Lock()
        self._away_until: float | None = None
        if isinstance(client_or_url, str):
            self._client: RedisClient = _connect(client_or_url, timeout)
        else:
            _check_client(client_or_url)
            self._client = client_or_url

    @property
    def away(self) -> bool:
        """Whether it failed and has not answered since."""
        return self._away_until is not None

    def put(self, place: str, value: bytes, seconds: float | None, *, if_absent: bool = False) -> bool:
        """Set a value that lasts so many seconds; whether it was set. Raises RedisAway."""
        px = None if seconds is None else max(1, int(seconds * 1000))
        return bool(self._ask(lambda client: client.set(place, value, px=px, nx=if_absent)))

    def read(self, place: str) -> bytes | None:
        """The value there; None for none, empty for what is no value. Raises RedisAway."""
        return _as_bytes(self._ask(lambda client: client.get(place), refused=b""))

    def take(self, place: str) -> bytes | None:
        """The value there, which is gone afterwards. Raises RedisAway."""
        return _as_bytes(self._ask(lambda client: client.getdel(place), refused=b""))

    def remove(self, place: str) -> None:
        """Remove what is there. Raises RedisAway."""
        self._ask(lambda client: client.delete(place))

    def _ask(self, command: Callable[[RedisClient], T], refused: Any = None) -> T | Any:
        """Run one command; `refused` when the server answers with an error."""
        if not self._may_be_asked():
            raise RedisAway("Redis failed a moment ago")
        try:
            answer = command(self._client)
        except Exception as error:
            # Each client library has errors of its own.
            self.last_error = error
            if _is_answer(error):
                self._away_until = None
                return refused
            with self._lock:
                self._away_until = self.monotonic() + self._pause
            raise RedisAway("Redis does not answer") from error
        self._away_until = self.last_error = None
        return answer

    def _may_be_asked(self) -> bool:
        if self._away_until is None:
            return True
        with self._lock:
            moment = self.monotonic()
            if moment < (self._away_until or 0.0):
                return False
            # One call tries; until it has an answer the others do not.
            self._away_until = moment + self._pause
            return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{' away' if self.away else ''}>"


def shared_server(server: RedisServer | RedisClient | str) -> RedisServer:
    """The server itself, or one for this client or URL."""
    return server if isinstance(server, RedisServer) else RedisServer(server)


def _connect(url: str, timeout: float) -> RedisClient:
    limits = {"socket_timeout": timeout}
    if not url.startswith("unix:"):
        limits["socket_connect_timeout"] = timeout
    names = ("valkey", "redis") if url.startswith("valkey") else ("redis", "valkey")
    for name in names:
        try:
            package = importlib.import_module(name)
            backoff, retry = (importlib.import_module(f"{name}.{part}") for part in ("backoff", "retry"))
        except ImportError:
            continue
        try:
            # A second try would double the time limit, and could take its own mark for another's.
            once = retry.Retry(backoff.NoBackoff(), 0)
            client: RedisClient = package.from_url(
                url.replace("valkey", name, 1) if url.startswith("valkey") else url, **limits, retry=once
            )
        except ValueError as error:
            raise ConfigurationError(f"this is no URL of a Redis server: {error}") from None
        _check_client(client)
        return client
    raise ConfigurationError("a client library is missing: pip install 'lucidtls[redis]'")


def _check_client(client: RedisClient) -> None:
    """Refuse a client that could hang or that changes values, as far as its settings can be seen."""
    for method in ("set", "get", "getdel", "delete"):
        if not callable(getattr(client, method, None)):
            raise ConfigurationError(f"a Redis client has a method {method}, and this one does not")
    settings = getattr(getattr(client, "connection_pool", None), "connection_kwargs", None)
    if not isinstance(settings, dict):
        return
    if settings.get("decode_responses"):
        raise ConfigurationError("values are bytes: make the Redis client without decode_responses")
    for name in ("socket_timeout",) if "path" in settings else ("socket_timeout", "socket_connect_timeout"):
        limit = settings.get(name)
        if limit is None or limit > MAX_TIMEOUT:
            raise ConfigurationError(
                f"handshakes wait for Redis: make the client with a {name} of up to {MAX_TIMEOUT} seconds"
            )


def _is_answer(error: Exception) -> bool:
    """Whether the server is there and said no: of all errors these must not make it count as gone."""
    return any(kind.__name__ == "ResponseError" for kind in type(error).__mro__)


def _as_bytes(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else b""


class Vault:
    """Seals values with keys derived from one secret: another key for each place in Redis.

    A sealed value is nonce (12) | AES-256-GCM(content) with its tag (16); the key comes from the secret and
    the place (HKDF, RFC 5869 §2.3), so that no key seals often enough for random nonces to meet.
    """

    def __init__(self, secret: bytes, prefix: str, random: Random = system_random) -> None:
        if len(secret) < MIN_SECRET:
            raise ConfigurationError(f"the secret of a fleet is {MIN_SECRET} random bytes or more")
        self._secret = hkdf_extract(SHA256, b"lucidtls fleet 1", bytes(secret))
        self._random = random
        # Fleets with other secrets do not meet: neither takes the other's values for damaged ones.
        self._prefix = f"{prefix}{self._derive(b'prefix')[:8].hex()}:"

    def place(self, kind: str, *parts: object) -> str:
        """The name of a place in Redis."""
        return self._prefix + ":".join((kind, *map(str, parts)))

    def hidden_place(self, kind: str, key: bytes) -> str:
        """A place that does not show the key it stands for."""
        return self.place(kind, self._derive(b"place " + kind.encode() + b" " + key)[:16].hex())

    def seal(self, place: str, content: bytes) -> bytes:
        """Encrypt and authenticate a value for this place."""
        nonce = self._random(_NONCE_LENGTH)
        return nonce + AES_256_GCM.new(self._value_key(place)).encrypt(nonce, content, None)

    def open(self, place: str, value: bytes | None) -> bytes | None:
        """The content of a value; None for none, and for what was not sealed here for this place."""
        if value is None or len(value) < _NONCE_LENGTH + AES_256_GCM.tag_length:
            return None
        key = AES_256_GCM.new(self._value_key(place))
        try:
            return key.decrypt(value[:_NONCE_LENGTH], value[_NONCE_LENGTH:], None)
        except InvalidTag:
            return None

    def _value_key(self, place: str) -> bytes:
        return self._derive(b"value " + place.encode())

    def _derive(self, purpose: bytes) -> bytes:
        return hkdf_expand(SHA256, self._secret, purpose, AES_256_GCM.key_length)
