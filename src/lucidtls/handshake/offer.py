"""The client's offer: what it keeps during a handshake, and its ClientHello (RFC 9846 §4.2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lucidtls.config import ClientConfig
from lucidtls.crypto.groups import Group, KeyExchange
from lucidtls.crypto.suites import CipherSuite
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.versions import TLS12
from lucidtls.trust.names import ReferenceName
from lucidtls.wire.extensions import Extensions, KeyShareEntry, ch
from lucidtls.wire.hello import ClientHello


class ClientHandshake:
    """What a client flow knows beside its own locals: the offer it made and what was settled about it."""

    __slots__ = (
        "alpn", "channel", "config", "cookie", "hello", "offered", "reference", "retried", "server_name",
        "shares", "suite",
    )  # fmt: skip

    def __init__(self, config: ClientConfig, channel: Channel, reference: ReferenceName | None) -> None:
        self.config = config
        self.channel = channel
        self.reference = reference
        self.server_name = reference.sni if reference is not None else None
        self.shares: dict[int, KeyExchange] = {}
        self.cookie: bytes | None = None
        self.retried = False
        self.suite: CipherSuite | None = None
        self.alpn: bytes | None = None
        random = config.random(32)
        channel.client_random = random
        session_id = config.random(32) if config.compatibility_mode else b""
        self.hello = self._hello(random, session_id, config.algorithms.shares)
        self.offered = frozenset(self.hello.extensions.codes)

    def _hello(self, random: bytes, session_id: bytes, groups: Sequence[Group]) -> ClientHello:
        self.shares = {group.code: group.generate(self.config.random) for group in groups}
        return ClientHello(
            legacy_version=TLS12,
            random=random,
            legacy_session_id=session_id,
            cipher_suites=self.config.algorithms.suite_codes,
            legacy_compression_methods=b"\0",
            extensions=self._extensions(),
        )

    def _extensions(self) -> Extensions:
        """What differs between connections, then what does not."""
        items: list[tuple[Any, Any]] = []
        if self.server_name is not None:
            items.append((ch.SERVER_NAME, self.server_name))
        shares = tuple(KeyShareEntry(code, own.share) for code, own in self.shares.items())
        items.append((ch.KEY_SHARE, shares))
        if self.cookie is not None:
            items.append((ch.COOKIE, self.cookie))
        extensions = Extensions.build("ClientHello", items)
        extensions.raw.update(self.config.hello_extensions.raw)
        extensions.values.update(self.config.hello_extensions.values)
        return extensions

    def prepare_retry(self, group: Group | None, cookie: bytes | None) -> None:
        """Change the hello as a HelloRetryRequest asks, and in nothing else (RFC 9846 §4.2.2).

        Without `group` the shares stay as they are.
        """
        self.retried = True
        self.cookie = cookie
        if group is not None:
            self.hello = self._hello(self.hello.random, self.hello.legacy_session_id, (group,))
        else:
            self.hello = replace(self.hello, extensions=self._extensions())
        self.offered = frozenset(self.hello.extensions.codes)

    def send_hello(self) -> None:
        """Send the ClientHello, at once and alone in its record."""
        self.channel.send(self.hello)
        self.channel.flush()
        self.channel.reader.change_cipher_spec_allowed = True
