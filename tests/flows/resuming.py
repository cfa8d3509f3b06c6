"""Hostile peers with a session: a server that is offered a PSK and early data, and a client that offers both.

The session was never made by a handshake: both sides are given the same key, under the name `TICKET`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.hashes import SHA256
from lucidtls.crypto.suites import TLS_AES_128_GCM_SHA256
from lucidtls.handshake.schedule13 import binder, early_secret, early_traffic_secret
from lucidtls.sessions.session import Session
from lucidtls.sessions.state import SessionState
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.extensions import OfferedPsks, PskIdentity, ch, ee, sh
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import EncryptedExtensions
from tests.certificates import NOW
from tests.flows.hostile import TLS13, HostileClient, HostileServer, Opener, Sealer, encoded, with_extension
from tests.flows.parties import SERVER_NAME, client_config, server_config

TICKET, OTHER_TICKET = b"ticket", b"other ticket"
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ROOM = 1000
SUITE = "TLS_AES_128_GCM_SHA256"
EARLY, OTHER_EARLY = early_secret(SHA256, KEY), early_secret(SHA256, OTHER_KEY)


def session_for(config: ClientConfig, **changes: Any) -> Session:
    """A session that a client may resume."""
    session = Session(
        version="TLS 1.3",
        cipher_suite=SUITE,
        secret=KEY,
        ticket=TICKET,
        lifetime=3600,
        received_at=NOW.timestamp(),
        authenticated_at=NOW.timestamp(),
        server_name=SERVER_NAME,
        scope=config.session_scope,
        max_early_data=ROOM,
    )
    return replace(session, **changes)


class Tickets:
    """Knows two tickets, and seals none."""

    def __init__(self) -> None:
        self.states: dict[bytes, bytes] = {}

    def seal(self, state: bytes, now: float) -> bytes | None:
        """None: what these attacks are about comes before."""
        return None

    def open(self, ticket: bytes, now: float) -> bytes | None:
        """The state that was put there."""
        return self.states.get(ticket)


def resuming_config(*, state: dict[str, Any] | None = None, **settings: Any) -> ServerConfig:
    """A server that knows the session, some of its state changed."""
    tickets = Tickets()
    guard = {"max_early_data": ROOM, "replay_guard": Guard()}
    config = server_config(**({"tickets": 1, "ticket_keys": tickets} | guard | settings))
    values: dict[str, Any] = {
        "version": TLS13,
        "cipher_suite": 0x1301,
        "issued_at": NOW.timestamp(),
        "authenticated_at": NOW.timestamp(),
        "lifetime": 3600,
        "scope": config.session_scope,
        "server_name": SERVER_NAME,
        "alpn": None,
        "max_early_data": ROOM,
    }
    for ticket, key in ((TICKET, KEY), (OTHER_TICKET, OTHER_KEY)):
        tickets.states[ticket] = SessionState(**(values | {"secret": key} | (state or {}))).body()
    return config


class Guard:
    """Takes each hello for a new one."""

    def first_use(self, key: bytes, lifetime: float, now: float) -> bool:
        """True."""
        return True


class ResumingServer(HostileServer):
    """A server whose victim offers a session, and early data unless told otherwise."""

    def __init__(
        self, config: ClientConfig | None = None, *, knows: bytes = EARLY, changes: Any = None, **choices: Any
    ) -> None:
        config = config or client_config(early_data=True)
        self.early_opener: Opener | None = None
        super().__init__(config, session=session_for(config, **(changes or {})), **choices)
        self.early = knows
        if ch.EARLY_DATA in self.client_hello.extensions:
            hello_hash = SHA256.digest(self.transcript[0])
            secret = early_traffic_secret(SHA256, EARLY, hello_hash)
            self._opener = self.early_opener = Opener(TLS_AES_128_GCM_SHA256, secret)

    def server_hello(self, *items: Any, **changes: Any) -> ServerHello:
        """A ServerHello that selects the first PSK as well."""
        hello = super().server_hello(*items)
        hello.extensions = with_extension(hello.extensions, sh.PRE_SHARED_KEY.code, b"\0\0")
        return replace(hello, **changes)

    def prepare_keys(self, message: ServerHello) -> None:
        """Change keys; those that open early data stay until it is over."""
        super().prepare_keys(message)
        self._opener = self.early_opener or self._opener

    def encrypted_extensions(self, *items: Any) -> EncryptedExtensions:
        """EncryptedExtensions; without `early_data` among them the client goes on under other keys."""
        message = super().encrypted_extensions(*items)
        if ee.EARLY_DATA not in message.extensions and self.handshake is not None:
            self.listen_with(self.handshake.client)
        return message

    def hear(self, message_type: int, body: bytes) -> None:
        """Change to the handshake keys after EndOfEarlyData."""
        super().hear(message_type, body)
        if message_type == 5 and self.handshake is not None:
            self.listen_with(self.handshake.client)


class ResumingClient(HostileClient):
    """A client that offers a session and early data to a server that knows it."""

    def __init__(self, config: ServerConfig | None = None, **choices: Any) -> None:
        super().__init__(config or resuming_config(), **choices)
        self.early = EARLY

    def resuming_hello(
        self,
        *items: Any,
        identities: tuple[bytes, ...] = (TICKET,),
        keys: tuple[bytes, ...] = (EARLY,),
        age: int = 0,
        modes: tuple[int, ...] = (1,),
        early_data: bool = True,
    ) -> ClientHello:
        """A ClientHello with PSKs and honest binders of these early secrets."""
        more = [*items, (ch.PSK_KEY_EXCHANGE_MODES, modes)]
        if early_data:
            more.append((ch.EARLY_DATA, True))
        offered = OfferedPsks(
            tuple(PskIdentity(identity, age) for identity in identities), tuple(bytes(32) for _ in identities)
        )
        return self.bind(self.client_hello(*more, (ch.PRE_SHARED_KEY, offered)), keys)

    def bind(self, hello: ClientHello, keys: tuple[bytes, ...]) -> ClientHello:
        """Put binders into a hello that has the places for them."""
        offered = hello.extensions.get(ch.PRE_SHARED_KEY)
        assert offered is not None, "there are no PSKs in the hello"
        beginning = handshake_message(1, hello.body())[: -offered.binders_length]
        truncated_hash = SHA256.digest(b"".join(self.transcript) + beginning)
        binders = tuple(binder(SHA256, key, "res binder", truncated_hash) for key in keys)
        return with_psks(hello, offered._replace(binders=binders))

    def send_hello(self, hello: ClientHello | None = None) -> Self:
        """Send a hello that offers the session; go on under the early keys if the server takes early data."""
        self.hello = hello or self.resuming_hello()
        hello_hash = SHA256.digest(b"".join((*self.transcript, encoded(self.hello))))
        super().send_hello(self.hello)
        if self.state == "WAIT_EOED":
            assert self.early is not None, "the key is known"
            self.sealer = Sealer(self.suite, early_traffic_secret(SHA256, self.early, hello_hash))
        return self


def with_psks(hello: ClientHello, offered: OfferedPsks) -> ClientHello:
    """The hello with these PSKs."""
    block = with_extension(hello.extensions, ch.PRE_SHARED_KEY.code, ch.PRE_SHARED_KEY.write(offered))
    block.values[ch.PRE_SHARED_KEY.code] = offered
    return replace(hello, extensions=block)
