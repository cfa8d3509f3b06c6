"""The client's offer: what it keeps during a handshake, and its ClientHello (RFC 9846 §4.2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from lucidtls.config import ClientConfig, Clock
from lucidtls.crypto.groups import Group, KeyExchange
from lucidtls.crypto.hashes import HashAlgorithm
from lucidtls.crypto.suites import CipherSuite, suite_named
from lucidtls.events import PreSharedKey
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.early import EarlyOffer
from lucidtls.handshake.importer import imported_offer
from lucidtls.handshake.psk13 import RESUMPTION, OfferedPsk, external_offer, ticket_offer
from lucidtls.handshake.schedule13 import early_exporter_secret, early_traffic_secret
from lucidtls.policies import VERSIONS
from lucidtls.sessions.session import Session
from lucidtls.trust.names import ReferenceName
from lucidtls.trust.verify import VerifiedChain
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.extensions import (
    ExtensionForm,
    Extensions,
    KeyShareEntry,
    OfferedPsks,
    PskIdentity,
    ch,
)
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
        "alpn", "channel", "config", "cookie", "hello", "offered", "psks", "reference", "renegotiation",
        "retried", "server_name", "session", "shares", "suite",
    )  # fmt: skip

    hello: ClientHello
    offered: frozenset[int]

    def __init__(
        self,
        config: ClientConfig,
        channel: Channel,
        reference: ReferenceName | None,
        renegotiation: Renegotiation | None = None,
        session: Session | None = None,
    ) -> None:
        self.config = config
        self.channel = channel
        self.reference = reference
        self.server_name = reference.sni if reference is not None else None
        self.shares: dict[int, KeyExchange] = {}
        self.psks: list[OfferedPsk] = []
        self.session = session
        self.cookie: bytes | None = None
        self.retried = False
        self.suite: CipherSuite | None = None
        self.alpn: bytes | None = None
        self.renegotiation = renegotiation

    def prepare_hello(self, psk: PreSharedKey | None) -> None:
        """Make the first ClientHello; `psk` is the key for TLS 1.3 that was given beforehand, if any."""
        config = self.config
        random = config.random(32)
        self.channel.client_random = random
        self.channel.may_be_older = bool(config.algorithms.older_suites)
        offers_13 = self.hello_has_shares
        if self.renegotiation is None:
            self.session = self.session or take_session(config, self.reference)
        if offers_13:
            hashes = dict.fromkeys(suite.hash for suite in config.algorithms.cipher_suites)
            offered = psks_to_offer(self.session, psk, config.clock, tuple(hashes))
            self.psks = [row for row in offered if row.hash in hashes]
        session_id = config.random(32) if config.compatibility_mode and offers_13 else b""
        older = self.session if self.session is not None and not self.session.single_use else None
        if older is not None:
            # The server that takes a ticket says so by returning the session id, whatever it is
            # (RFC 5077 §3.4).
            session_id = older.session_id if not older.ticket else session_id or config.random(32)
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
        if self.session is not None and self.session.ticket and not self.session.single_use:
            self._set(extensions, ch.SESSION_TICKET, self.session.ticket)
        if self.psks:
            if self.may_send_early_data:
                self._set(extensions, ch.EARLY_DATA, True)
            # "The "pre_shared_key" extension MUST be the last extension in the ClientHello"
            self._set(extensions, ch.PRE_SHARED_KEY, offered_psks(self.psks))
        return extensions

    @staticmethod
    def _set(extensions: Extensions, form: ExtensionForm[Any], value: Any) -> None:
        extensions.raw[form.code] = form.write(value)
        extensions.values[form.code] = value

    @property
    def may_send_early_data(self) -> bool:
        """Whether the first hello offers early data: it is wanted, and the session allows it.

        The server takes it only under the session's cipher suite and protocol (RFC 9846 §4.3.10).
        """
        session, config = self.session, self.config
        return (
            config.early_data
            and not self.retried
            and session is not None
            and session.max_early_data > 0
            and bool(self.psks)
            and self.psks[0].label == RESUMPTION
            and any(suite.name == session.cipher_suite for suite in config.algorithms.cipher_suites)
            and (session.alpn is None or session.alpn in config.alpn)
        )

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
        self._set(extensions, ch.RENEGOTIATION_INFO, bound.client_verify_data)

    def prepare_retry(self, group: Group | None, cookie: bytes | None) -> None:
        """Change the hello as a HelloRetryRequest asks, and in nothing else (RFC 9846 §4.2.2).

        Without `group` the shares stay as they are.
        """
        self.retried = True
        self.cookie = cookie
        # PSKs that do not fit the suite the server has named go out of the hello, and early data with them:
        # "A client MUST NOT include the "early_data" extension in its followup ClientHello." (RFC 9846
        # §4.3.10)
        suite = self.suite
        self.psks = [row for row in self.psks if suite is not None and row.hash is suite.hash]
        if group is not None:
            self.hello = self._hello(self.hello.random, self.hello.legacy_session_id, (group,))
        else:
            self.hello = replace(self.hello, extensions=self._extensions())
        self.offered = frozenset(self.hello.extensions.codes)

    def send_hello(self) -> None:
        """Send the ClientHello, at once and alone in its record; early data may follow it."""
        if self.psks:
            self._add_binders()
        self.channel.send(self.hello)
        self.channel.flush()
        self.channel.reader.change_cipher_spec_allowed = self.hello_has_shares
        if ch.EARLY_DATA in self.hello.extensions:
            self._enter_early_keys()

    def _add_binders(self) -> None:
        """Prove possession of each PSK over everything before the binders (RFC 9846 §4.3.11.2)."""
        message = handshake_message(self.hello.handshake_type, self.hello.body())
        placeholders = self.hello.extensions.get(ch.PRE_SHARED_KEY)
        assert placeholders is not None, "the hello was made with them"
        truncated = message[: -placeholders.binders_length]
        transcript = self.channel.transcript
        binders = tuple(row.binder(transcript.digest_with(row.hash, truncated)) for row in self.psks)
        self._set(self.hello.extensions, ch.PRE_SHARED_KEY, placeholders._replace(binders=binders))

    def _enter_early_keys(self) -> None:
        """Seal what follows with keys made of the session's PSK alone (RFC 9846 §7.1)."""
        session, psk, channel = self.session, self.psks[0], self.channel
        assert session is not None, "early data goes with a session"
        suite = next(row for row in self.config.algorithms.cipher_suites if row.name == session.cipher_suite)
        hello_hash = channel.transcript.digest_with(psk.hash, b"")
        secret = early_traffic_secret(psk.hash, psk.early, hello_hash)
        channel.early = EarlyOffer(session.max_early_data, session.alpn)
        channel.early_exporter = (psk.hash, early_exporter_secret(psk.hash, psk.early, hello_hash))
        channel.log_secret("CLIENT_EARLY_TRAFFIC_SECRET", secret)
        channel.log_secret("EARLY_EXPORTER_SECRET", channel.early_exporter[1])
        if self.config.compatibility_mode:
            channel.writer.send_compatibility_record(now=False)
        channel.enter_send_keys(suite, secret, "early")


def session_key(config: ClientConfig, reference: ReferenceName | None) -> str | None:
    """What a server's sessions go by in the config's store; None for a server that nothing is known of."""
    return None if reference is None else f"{config.session_scope}/{reference}"


def take_session(config: ClientConfig, reference: ReferenceName | None) -> Session | None:
    """A session for this server from the config's store, if there is one that may be used."""
    key = session_key(config, reference)
    if config.sessions is None or key is None:
        return None
    session = config.sessions.take(key, config.clock().timestamp())
    return session if session is not None and fits(config, reference, session) else None


def keeper(config: ClientConfig, reference: ReferenceName | None) -> Callable[[Session], None] | None:
    """What puts a session of this server into the config's store."""
    key, store = session_key(config, reference), config.sessions
    if store is None or key is None:
        return None
    return lambda session: store.put(key, session)


def not_after(verified: VerifiedChain | None, session: Session | None) -> float | None:
    """When the certificate ends that the peer was verified by, here or in the session before."""
    if verified is not None:
        return verified.certificates[0].not_after.timestamp()
    return session.not_after if session is not None else None


def fits(config: ClientConfig, reference: ReferenceName | None, session: Session) -> bool:
    """Whether a session may be offered to this server under this config, now.

    "Clients MUST only resume if the new SNI value is valid for the server certificate presented in the
    original session, and SHOULD only resume if the SNI value matches the one used" (RFC 9846 §4.7.1).
    """
    return (
        session.scope == config.session_scope
        and session.server_name == (None if reference is None else str(reference))
        and session.usable_at(config.clock().timestamp())
        and VERSIONS.get(session.version) in config.algorithms.versions
        # Without it the main secret may belong to two connections: no such session is offered (RFC 7627
        # §5.3).
        and session.extended_master_secret
        and (session.single_use or config.master_secret_mode != "off")
        and (
            any(suite.name == session.cipher_suite for suite in config.algorithms.cipher_suites)
            or any(suite.name == session.cipher_suite for suite in config.algorithms.older_suites)
        )
    )


def psks_to_offer(
    session: Session | None, psk: PreSharedKey | None, clock: Clock, hashes: Sequence[HashAlgorithm]
) -> list[OfferedPsk]:
    """The PSKs of a first hello: the session's, then the one that was given beforehand."""
    rows: list[OfferedPsk] = []
    if session is not None and session.single_use:
        # The age in milliseconds, so that only the server can tell it (RFC 9846 §4.3.11.1).
        now = clock().timestamp()
        age = (int((now - session.received_at) * 1000) + session.age_add) % 2**32
        rows.append(ticket_offer(session.ticket, session.secret, suite_named(session.cipher_suite).hash, age))
    if psk is not None and psk.imported:
        # One for each hash that the server may choose (RFC 9258 §5.1).
        rows += [imported_offer(psk, algorithm) for algorithm in hashes]
    elif psk is not None:
        rows.append(external_offer(psk))
    return rows


def offered_psks(psks: Sequence[OfferedPsk]) -> OfferedPsks:
    """The extension with zeros in the place of the binders."""
    return OfferedPsks(
        tuple(PskIdentity(row.identity, row.obfuscated_age) for row in psks),
        tuple(bytes(row.hash.digest_size) for row in psks),
    )
