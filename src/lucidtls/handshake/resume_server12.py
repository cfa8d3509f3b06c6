"""The server's abbreviated handshake before TLS 1.3: a session goes on (RFC 5246 §7.3, RFC 5077 §3.1).

The client names a session, by its id or with a ticket that holds it. What does not fit is no session, and a
full handshake follows; only a client that drops the extended main secret of its session is refused (RFC 7627
§5.3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lucidtls.config import ServerConfig
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.errors import CertificateRejected, NegotiationFailure
from lucidtls.events import Negotiated, SessionWanted, TicketWanted
from lucidtls.handshake import authentication
from lucidtls.handshake.acceptance13 import is_over
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.answer12 import ClientOffer, read_offer, suites_in_common
from lucidtls.handshake.authentication12 import send_older_finished, take_older_finished
from lucidtls.handshake.exchange12 import Terms, keys_of_session
from lucidtls.handshake.negotiate import choose_alpn
from lucidtls.handshake.post12 import SERVER_HANDLERS, Connected12
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.sessions.state import MAX_CHAIN, SessionState
from lucidtls.trust.credentials import Ask
from lucidtls.trust.verify import VerifiedChain
from lucidtls.wire.extensions import ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.messages12 import NewSessionTicket
from lucidtls.wire.versions import VERSION_NAMES


@dataclass(slots=True)
class Resumption:
    """A session that will be resumed, and what the hello settled beside it."""

    state: SessionState
    suite: CipherSuite12
    offer: ClientOffer
    alpn: bytes | None
    verified: VerifiedChain | None
    by_ticket: bool


async def find_session(hs: ServerHandshake, hello: ClientHello, version: int) -> Resumption | None:
    """The session that the client names, if it is known and fits; None for a full handshake."""
    config = hs.config
    identity, by_ticket = named_session(config, hello)
    if not identity:
        return None
    data = await SessionWanted(identity, single_use=False)
    state = SessionState.read(data) if data is not None else None
    if state is None:
        return None
    offer = read_offer(hello, version)
    suite = next((row for row in suites_in_common(config, offer) if row.code == state.cipher_suite), None)
    if suite is None or not acceptable(config, offer, state):
        return None
    try:
        verified = await judge_again(hs, state)
    except CertificateRejected:
        return None
    alpn = choose_alpn(config.alpn_protocols, hello.extensions.get(ch.ALPN))
    return Resumption(state, suite, offer, alpn, verified, by_ticket)


def named_session(config: ServerConfig, hello: ClientHello) -> tuple[bytes, bool]:
    """What the client calls its session, and whether it is a ticket; empty when it names none."""
    if not config.tickets:
        return b"", False
    if config.session_cache is not None:
        return hello.legacy_session_id, False
    return hello.extensions.get(ch.SESSION_TICKET) or b"", True


def acceptable(config: ServerConfig, offer: ClientOffer, state: SessionState) -> bool:
    """Whether a session may be resumed by this hello, under this config, now.

    "If the original session used the "extended_master_secret" extension but the new ClientHello does not
    contain it, the server MUST abort the abbreviated handshake." (RFC 7627 §5.3)
    """
    fits = (
        state.version == offer.version
        and state.scope == config.session_scope
        # "A server that implements this extension MUST NOT accept the request to resume the session if the
        # server_name extension contains a different name." (RFC 6066 §3)
        and state.server_name == offer.server_name
        and not is_over(config, state, config.clock().timestamp())
        and (config.client_authentication != "require" or bool(state.peer_chain))
    )
    if fits and state.extended_master_secret and not offer.extended_master_secret:
        raise NegotiationFailure(
            "the client resumes a session without the extended main secret that it was made with",
            clause="RFC 7627 §5.3",
        )
    # A session without it is never resumed: its main secret may belong to two connections (RFC 7627 §1).
    return fits and state.extended_master_secret and config.master_secret_mode != "off"


async def judge_again(hs: ServerHandshake, state: SessionState) -> VerifiedChain | None:
    """Judge the client's chain again, if it showed one and the config says so."""
    if not state.peer_chain or not hs.config.judges_resumption:
        return None
    return await authentication.judge_chain(hs.config, state.peer_chain, role="client", server_name=None)


async def resume(hs: ServerHandshake, terms: Terms, found: Resumption) -> Connected12:
    """Take the server from its ServerHello of an abbreviated handshake to CONNECTED."""
    channel, state = hs.channel, found.state
    if not found.by_ticket:
        discard_on_failure(hs, terms.session_id)
    keys = keys_of_session(channel, terms, state.secret, hs.config.random)
    channel.transcript.select(terms.hash)
    if terms.ticket:
        await send_ticket(hs, state)
    server_verify_data = send_older_finished(channel, terms, keys, "server")
    client_verify_data = await take_older_finished(channel, terms, keys, "client")
    negotiated = Negotiated(
        version=VERSION_NAMES[terms.version],
        cipher_suite=terms.suite.name,
        group=None,
        signature_scheme=None,
        alpn=found.alpn.decode() if found.alpn is not None else None,
        server_name=found.offer.server_name,
        hello_retried=False,
        peer_chain=state.peer_chain,
        verified=found.verified,
        client_authenticated=bool(state.peer_chain),
        client_certificate_requested=False,
        key_exchange=terms.suite.key_exchange,
        extended_master_secret=terms.extended_master_secret,
        encrypt_then_mac=terms.encrypt_then_mac,
        secure_renegotiation=terms.secure_renegotiation,
        resumed=True,
    )
    return Connected12(
        negotiated=negotiated,
        channel=channel,
        clock=hs.config.clock,
        handlers=SERVER_HANDLERS,
        terms=terms,
        main_secret=keys.main_secret,
        client_verify_data=client_verify_data,
        server_verify_data=server_verify_data,
    )


# Giving sessions


def gives_sessions(config: ServerConfig, terms: Terms) -> bool:
    """Whether the sessions of such connections are given to clients."""
    return config.tickets > 0 and terms.resumable


def needs_renewal(config: ServerConfig, state: SessionState) -> bool:
    """Whether a ticket is past half of its life, so that the client gets another one (RFC 5077 §3.3)."""
    return config.clock().timestamp() - state.issued_at > state.lifetime / 2


def session_state(
    hs: ServerHandshake, terms: Terms, secret: bytes, chain: tuple[bytes, ...], name: str | None
) -> SessionState | None:
    """The state of a full handshake; None when the client's chain is too long to be kept."""
    if sum(map(len, chain)) > MAX_CHAIN:
        return None
    now = hs.config.clock().timestamp()
    return SessionState(
        version=terms.version,
        cipher_suite=terms.suite.code,
        secret=secret,
        issued_at=now,
        authenticated_at=now,
        lifetime=hs.config.ticket_lifetime,
        scope=hs.config.session_scope,
        server_name=name,
        alpn=None,
        extended_master_secret=terms.extended_master_secret,
        peer_chain=chain,
    )


async def send_ticket(hs: ServerHandshake, state: SessionState | None) -> None:
    """Send the ticket that our ServerHello has announced; an empty one takes it back (RFC 5077 §3.3)."""
    ticket: bytes | None = None
    if state is not None:
        now = hs.config.clock().timestamp()
        lifetime = min(hs.config.ticket_lifetime, int(state.authenticated_at + MAX_SESSION_AGE - now))
        if lifetime > 0:
            renewed = replace(state, issued_at=now, lifetime=lifetime)
            ticket = await TicketWanted(renewed.body(), lifetime)
            hs.channel.send(NewSessionTicket(lifetime, ticket or b""))
            return
    hs.channel.send(NewSessionTicket(0, b""))


def cache_session(hs: ServerHandshake, session_id: bytes, state: SessionState | None) -> None:
    """Keep a session under the id that the client was given, for as long as its connection does not fail."""
    cache = hs.config.session_cache
    if not session_id or state is None or cache is None or isinstance(cache, Ask):
        return
    cache.put(session_id, state.body(), state.lifetime, state.issued_at)
    discard_on_failure(hs, session_id)


def discard_on_failure(hs: ServerHandshake, session_id: bytes) -> None:
    """Have a session leave the cache should the connection fail.

    "any connection terminated with a fatal alert MUST NOT be resumed." (RFC 5246 §7.2.2)
    """
    cache = hs.config.session_cache
    if cache is not None and not isinstance(cache, Ask):
        hs.channel.discard_session = lambda: cache.discard(session_id)
