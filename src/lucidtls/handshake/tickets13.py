"""The tickets a TLS 1.3 server gives after its handshake (RFC 9846 §4.7.1)."""

from __future__ import annotations

from typing import Any

from lucidtls.events import TicketWanted
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.post import Connected13
from lucidtls.handshake.schedule13 import ticket_psk
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.sessions.state import MAX_CHAIN, SessionState
from lucidtls.wire.extensions import Extensions, TicketRequest, ch, nst
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.messages13 import NewSessionTicket
from lucidtls.wire.versions import TLS13


def tickets_wanted(hs: ServerHandshake, hello: ClientHello, *, resumed: bool) -> int:
    """How many tickets to give: the config's number or one, and what the client asks for (RFC 9149 §3)."""
    ours = hs.config.tickets
    modes = hello.extensions.get(ch.PSK_KEY_EXCHANGE_MODES) or ()
    # "servers SHOULD NOT send NewSessionTicket with tickets that are not compatible with the advertised
    # modes" (RFC 9846 §4.3.9)
    if not any(mode in modes for mode in hs.config.psk_mode_codes):
        return 0
    asked: TicketRequest | None = hello.extensions.get(ch.TICKET_REQUEST)
    if asked is None:
        return min(ours, 1) if resumed else ours
    return min(ours, asked.resumption_count if resumed else asked.new_session_count)


async def send_tickets(
    hs: ServerHandshake, connected: Connected13, count: int, authenticated_at: float
) -> None:
    """Send so many tickets, each with a PSK of its own; fewer where the store has no more."""
    config, channel, negotiated = hs.config, hs.channel, connected.negotiated
    now = config.clock().timestamp()
    # Renewal does not prolong: what was proved once holds for 7 days (RFC 9846 §4.7.1).
    lifetime = min(config.ticket_lifetime, int(authenticated_at + MAX_SESSION_AGE - now))
    if lifetime <= 0 or sum(map(len, negotiated.peer_chain)) > MAX_CHAIN:
        return
    for number in range(count):
        nonce = bytes((number,))
        age_add = int.from_bytes(config.random(4))
        state = SessionState(
            version=TLS13,
            cipher_suite=connected.suite.code,
            secret=ticket_psk(connected.suite.hash, connected.resumption_secret, nonce),
            issued_at=now,
            authenticated_at=authenticated_at,
            lifetime=lifetime,
            scope=config.session_scope,
            server_name=negotiated.server_name,
            alpn=negotiated.alpn.encode() if negotiated.alpn is not None else None,
            age_add=age_add,
            max_early_data=config.max_early_data,
            peer_chain=negotiated.peer_chain,
        )
        ticket = await TicketWanted(state.body(), lifetime)
        if not ticket:
            break
        items: list[tuple[Any, Any]] = []
        if config.max_early_data:
            items.append((nst.EARLY_DATA, config.max_early_data))
        extensions = Extensions.build("NewSessionTicket", items)
        channel.send(NewSessionTicket(lifetime, age_add, nonce, ticket, extensions), in_transcript=False)
    channel.flush()
