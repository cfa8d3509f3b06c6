"""The client's offer: what it keeps during a handshake, and its ClientHello (RFC 9846 §4.2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from lucidtls.config import ClientConfig
from lucidtls.crypto.groups import Group, KeyExchange
from lucidtls.crypto.suites import CipherSuite
from lucidtls.handshake.channel import Channel
from lucidtls.trust.names import ReferenceName
from lucidtls.wire.extensions import Extensions, KeyShareEntry, ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.versions import TLS12, TLS13

FALLBACK_SCSV: Final = 0x5600
"""TLS_FALLBACK_SCSV: this client tried a higher version before (RFC 7507 §4)."""


@dataclass(slots=True)
class Renegotiation:
    """What a second handshake on a connection must fit to (RFC 5746 §3.5): version, Finished, certificate."""

    version: int
    client_verify_data: bytes
    server_verify_data: bytes
    chain: tuple[bytes, ...]
    extended_master_secret: bool
    encrypt_then_mac: bool
    alpn: bytes | None


class ClientHandshake:
    """What a client flow knows beside its own locals: the offer it made and what was settled about it."""

    __slots__ = (
        "alpn", "channel", "config", "cookie", "hello", "offered", "reference", "renegotiation", "retried",
        "server_name", "shares", "suite",
    )  # fmt: skip

    def __init__(
        self,
        config: ClientConfig,
        channel: Channel,
        reference: ReferenceName | None,
        renegotiation: Renegotiation | None = None,
    ) -> None:
        self.config = config
        self.channel = channel
        self.reference = reference
        self.server_name = reference.sni if reference is not None else None
        self.shares: dict[int, KeyExchange] = {}
        self.cookie: bytes | None = None
        self.retried = False
        self.suite: CipherSuite | None = None
        self.alpn: bytes | None = None
        self.renegotiation = renegotiation
        random = config.random(32)
        channel.client_random = random
        channel.may_be_older = bool(config.algorithms.older_suites)
        offers_13 = renegotiation is None and config.algorithms.versions[0] == TLS13
        session_id = config.random(32) if config.compatibility_mode and offers_13 else b""
        self.hello = self._hello(random, session_id, config.algorithms.shares if offers_13 else ())
        self.offered = frozenset(self.hello.extensions.codes)

    def _hello(self, random: bytes, session_id: bytes, groups: Sequence[Group]) -> ClientHello:
        self.shares = {group.code: group.generate(self.config.random) for group in groups}
        algorithms = self.config.algorithms
        suites, version = algorithms.suite_codes, min(algorithms.versions[0], TLS12)
        if self.renegotiation is not None:
            # The version stays the one offered before: servers compare it (RFC 5246 §7.4.7.1).
            suites = tuple(row.code for row in algorithms.older_suites)
        if self.config.fallback_scsv:
            suites = (*suites, FALLBACK_SCSV)
        return ClientHello(
            legacy_version=version,
            random=random,
            legacy_session_id=session_id,
            cipher_suites=suites,
            legacy_compression_methods=b"\0",
            extensions=self._extensions(),
        )

    def _extensions(self) -> Extensions:
        """What differs between connections, then what does not."""
        items: list[tuple[Any, Any]] = []
        if self.server_name is not None:
            items.append((ch.SERVER_NAME, self.server_name))
        if self.hello_has_shares:
            shares = tuple(KeyShareEntry(code, own.share) for code, own in self.shares.items())
            items.append((ch.KEY_SHARE, shares))
        if self.cookie is not None:
            items.append((ch.COOKIE, self.cookie))
        extensions = Extensions.build("ClientHello", items)
        extensions.raw.update(self.config.hello_extensions.raw)
        extensions.values.update(self.config.hello_extensions.values)
        if self.renegotiation is not None:
            self._bind_to_connection(extensions, self.renegotiation)
        return extensions

    @property
    def hello_has_shares(self) -> bool:
        """Whether this hello offers TLS 1.3."""
        return self.renegotiation is None and self.config.algorithms.versions[0] == TLS13

    def _bind_to_connection(self, extensions: Extensions, bound: Renegotiation) -> None:
        """Leave out what belongs to TLS 1.3 and to tickets, and say which connection this is (RFC 5746 §3.5).

        "The client MUST include the "renegotiation_info" extension in the ClientHello, containing the saved
        client_verify_data."
        """
        for form in (ch.SUPPORTED_VERSIONS, ch.SESSION_TICKET):
            extensions.raw.pop(form.code, None)
            extensions.values.pop(form.code, None)
        extensions.raw[ch.RENEGOTIATION_INFO.code] = ch.RENEGOTIATION_INFO.write(bound.client_verify_data)
        extensions.values[ch.RENEGOTIATION_INFO.code] = bound.client_verify_data

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
        self.channel.reader.change_cipher_spec_allowed = self.hello_has_shares
