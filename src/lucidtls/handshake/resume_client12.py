"""The client's abbreviated handshake before TLS 1.3: a session goes on (RFC 5246 §7.3, RFC 5077 §3.1).

    ClientHello with a session id or a ticket
                         ServerHello that returns the session id
                         [NewSessionTicket]
                         ChangeCipherSpec, Finished
    ChangeCipherSpec, Finished

Both sides have the main secret from before; with two new randoms it makes new keys. Who the server is was
proved in the handshake that made the session, and its Finished proves that it is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from lucidtls.errors import IllegalParameter, NegotiationFailure
from lucidtls.events import Negotiated
from lucidtls.handshake import authentication
from lucidtls.handshake.authentication12 import send_older_finished, take_older_finished
from lucidtls.handshake.exchange12 import Terms, keys_of_session
from lucidtls.handshake.offer import ClientHandshake, keeper, not_after, session_key
from lucidtls.handshake.post12 import CLIENT_HANDLERS, Connected12, accept_ticket
from lucidtls.handshake.states import waiting_for
from lucidtls.sessions.session import Session
from lucidtls.trust.verify import VerifiedChain
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages12 import NewSessionTicket
from lucidtls.wire.versions import VERSION_NAMES


def accept_resumption(hs: ClientHandshake, hello: ServerHello) -> bool:
    """Whether the server resumes the session that we offered: it then returns our session id."""
    if not hello.legacy_session_id_echo or hello.legacy_session_id_echo != hs.hello.legacy_session_id:
        return False
    session = hs.session
    if session is None or session.single_use:
        # Our id is the empty gesture of TLS 1.3's compatibility mode: there is no session to resume.
        raise IllegalParameter(
            "the server resumes a session that we did not offer", clause="RFC 5246 §7.4.1.3"
        )
    # "If the ticket is accepted by the server but the handshake fails, the client SHOULD delete the ticket."
    # (RFC 5077 §3.2) Kept, it would make every connection after this one fail alike.
    discard_on_failure(hs, (session,))
    return True


def check_resumed_terms(session: Session, terms: Terms) -> None:
    """Hold what the server says against the session: nothing of it changes (RFC 5246 §7.4.1.3)."""
    if session.version != VERSION_NAMES[terms.version] or session.cipher_suite != terms.suite.name:
        raise IllegalParameter(
            "the server resumes a session with another version or cipher suite",
            version=VERSION_NAMES[terms.version],
            cipher_suite=terms.suite.name,
            clause="RFC 5246 §7.4.1.3",
        )
    if session.extended_master_secret != terms.extended_master_secret:
        # "the client MUST abort the handshake", whichever of the two lacks the extension (RFC 7627 §5.3)
        raise NegotiationFailure(
            "the server resumes a session and changes its mind about the extended main secret",
            clause="RFC 7627 §5.3",
        )


async def resume(hs: ClientHandshake, terms: Terms) -> Connected12:
    """Take the client from the ServerHello of an abbreviated handshake to CONNECTED."""
    session, channel = hs.session, hs.channel
    assert session is not None, "accept_resumption found one"
    check_resumed_terms(session, terms)
    keys = keys_of_session(channel, terms, session.secret, hs.config.random)
    channel.transcript.select(terms.hash)
    ticket: NewSessionTicket | None = None
    if terms.ticket:
        ticket = await waiting_for(NewSessionTicket)
    server_verify_data = await take_older_finished(channel, terms, keys, "server")
    verified = await judge_again(hs, terms, session)
    own_verify_data = send_older_finished(channel, terms, keys, "client")
    kept = Connected12(
        negotiated=what_was_agreed(hs, terms, session, verified),
        channel=channel,
        clock=hs.config.clock,
        handlers=CLIENT_HANDLERS,
        terms=terms,
        main_secret=keys.main_secret,
        client_verify_data=own_verify_data,
        server_verify_data=server_verify_data,
        encrypt_then_mac=terms.encrypt_then_mac,
    )
    keep_sessions(hs, kept, session, verified)
    if ticket is not None and ticket.ticket:
        accept_ticket(kept, ticket)
        retire(hs, session)
    return kept


async def judge_again(hs: ClientHandshake, terms: Terms, session: Session) -> VerifiedChain | None:
    """Judge the session's chain again, if the config says so."""
    if not hs.config.judges_resumption or not session.peer_chain:
        return None
    usage = "key_encipherment" if terms.method.encrypted else "digital_signature"
    return await authentication.judge_chain(
        hs.config, session.peer_chain, role="server", server_name=hs.reference, key_usage=usage
    )


def what_was_agreed(
    hs: ClientHandshake, terms: Terms, session: Session, verified: VerifiedChain | None
) -> Negotiated:
    """What both sides have agreed on, now and in the session's first handshake."""
    return Negotiated(
        version=VERSION_NAMES[terms.version],
        cipher_suite=terms.suite.name,
        group=None,
        signature_scheme=None,
        alpn=hs.alpn.decode() if hs.alpn is not None else None,
        server_name=hs.server_name,
        hello_retried=False,
        peer_chain=session.peer_chain,
        verified=verified,
        client_authenticated=False,
        client_certificate_requested=False,
        key_exchange=terms.suite.key_exchange,
        extended_master_secret=terms.extended_master_secret,
        encrypt_then_mac=terms.encrypt_then_mac,
        secure_renegotiation=terms.secure_renegotiation,
        resumed=True,
    )


def keep_sessions(
    hs: ClientHandshake, kept: Connected12, resumed: Session | None, verified: VerifiedChain | None
) -> None:
    """Say of the connection what its sessions need to know; a connection that fails takes them with it.

    A renegotiation gives none, and those that the connection has stay bound to it.
    """
    if hs.renegotiation is not None:
        return
    config = hs.config
    kept.session_name = str(hs.reference) if hs.reference is not None else None
    kept.keep = keeper(config, hs.reference) if kept.terms.resumable else None
    kept.scope = config.session_scope
    kept.authenticated_at = resumed.authenticated_at if resumed is not None else config.clock().timestamp()
    kept.not_after = not_after(verified, resumed)
    discard_on_failure(hs, kept.tickets, (resumed,) if resumed is not None else ())


def discard_on_failure(hs: ClientHandshake, *kept: Sequence[Session]) -> None:
    """Have these sessions leave the store should the connection fail, those too that are added by then.

    "any connection terminated with a fatal alert MUST NOT be resumed." (RFC 5246 §7.2.2)
    """
    store, key = hs.config.sessions, session_key(hs.config, hs.reference)
    if store is None or key is None:
        return

    def discard() -> None:
        for session in chain.from_iterable(kept):
            store.discard(key, session)

    hs.channel.discard_session = discard


def retire(hs: ClientHandshake, session: Session) -> None:
    """Take a session out of the store: the server has given another ticket for it (RFC 5077 §3.3)."""
    store, key = hs.config.sessions, session_key(hs.config, hs.reference)
    if store is not None and key is not None:
        store.discard(key, session)
