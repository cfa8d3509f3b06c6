"""The client before TLS 1.3, from ServerHello to CONNECTED (RFC 5246 §7.3; RFC 4346 and RFC 2246 alike).

Read `run` from top to bottom beside the figure in RFC 5246 §7.3. The server speaks until ServerHelloDone;
then it is our turn, and from the premaster secret on both sides compute the same keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lucidtls.errors import (
    CertificateRejected,
    IllegalParameter,
    UnsupportedVersion,
)
from lucidtls.events import Negotiated
from lucidtls.handshake import authentication
from lucidtls.handshake.agreement12 import ServerShare, accept_server_share, answer_share
from lucidtls.handshake.authentication12 import (
    CERTIFICATE_TYPES,
    accept_older_chain,
    check_key,
    own_scheme,
    send_older_finished,
    sign_older,
    take_older_finished,
    verify_older_signature,
)
from lucidtls.handshake.exchange12 import Keys, Terms, agree_on_keys, signed_parameters
from lucidtls.handshake.hello12 import accept_server_hello
from lucidtls.handshake.offer import ClientHandshake, Renegotiation
from lucidtls.handshake.post import Connected
from lucidtls.handshake.post12 import CLIENT_HANDLERS, Connected12, accept_session_id, accept_ticket
from lucidtls.handshake.resume_client12 import keep_sessions, resume
from lucidtls.handshake.states import WAIT_SH, waiting_for
from lucidtls.trust.advertised import Fit, fit_of_chain
from lucidtls.trust.certificate import leaf_public_key
from lucidtls.trust.credentials import Credential
from lucidtls.trust.verify import VerifiedChain
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages12 import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    NewSessionTicket,
    ServerHelloDone,
    ServerKeyExchange,
)
from lucidtls.wire.versions import TLS12, VERSION_NAMES


@dataclass(slots=True)
class ServerFlight:
    """What the server said from its Certificate to ServerHelloDone, with its signature checked."""

    chain: tuple[bytes, ...] = ()
    status: bytes | None = None
    share: ServerShare | None = None
    scheme: str | None = None
    request: CertificateRequest | None = None


@dataclass(slots=True)
class ServerFinished:
    """Proof that the server saw the same handshake and has the same keys."""

    verify_data: bytes = field(repr=False)
    ticket: NewSessionTicket | None


async def run(hs: ClientHandshake, server_hello: ServerHello) -> Connected:
    """Take the client from ServerHello to CONNECTED."""
    terms = accept_server_hello(hs, server_hello)
    if terms.resumed:
        return allow_renegotiation(hs, await resume(hs, terms))
    flight = await take_server_flight(hs, terms)
    verified = await authenticate_server(hs, terms, flight)

    psk_identity, keys, authenticated = await send_client_flight(hs, terms, flight)
    own_verify_data = send_older_finished(hs.channel, terms, keys, "client")
    finished = await check_server_finished(hs, terms, keys)
    negotiated = Negotiated(
        version=VERSION_NAMES[terms.version],
        cipher_suite=terms.suite.name,
        group=flight.share.group_name if flight.share is not None else None,
        signature_scheme=flight.scheme,
        alpn=hs.alpn.decode() if hs.alpn is not None else None,
        server_name=hs.server_name,
        hello_retried=False,
        peer_chain=flight.chain,
        verified=verified,
        client_authenticated=authenticated,
        client_certificate_requested=flight.request is not None,
        key_exchange=terms.suite.key_exchange,
        extended_master_secret=terms.extended_master_secret,
        encrypt_then_mac=terms.encrypt_then_mac,
        psk_identity=psk_identity,
        ocsp_response=flight.status,
        secure_renegotiation=terms.secure_renegotiation,
    )
    return connected(hs, terms, negotiated, keys, own_verify_data, finished)


# From Certificate to ServerHelloDone


async def take_server_flight(hs: ClientHandshake, terms: Terms) -> ServerFlight:
    """Take what the server says; its signature is checked as soon as it is here, before its share is used."""
    flight, method = ServerFlight(), terms.method
    if method.certificate:
        flight.chain = accept_older_chain(await waiting_for(Certificate))
        check_key(
            leaf_public_key(flight.chain[0]), terms.suite.authentication, hs.config.algorithms.older_groups
        )
    shares = method.parameters is not None
    # A hint is all that a ServerKeyExchange brings with plain PSK: it "is omitted" where there is none
    # (RFC 4279 §2).
    exchange = (terms.server_key_exchange,) if shares or method.psk else ()
    # "A non-anonymous server can optionally request a certificate" (RFC 5246 §7.4.4), one with a PSK not.
    request = (terms.certificate_request,) if method.certificate and not method.psk else ()
    rest = (*exchange, ServerHelloDone) if method.psk and not shares else exchange
    rest = rest or (*request, ServerHelloDone)

    status = (CertificateStatus,) if terms.status else ()
    message = await waiting_for(*status, *rest)
    if isinstance(message, CertificateStatus):
        flight.status = message.response
        message = await waiting_for(*rest)
    if isinstance(message, ServerKeyExchange):
        flight.share, flight.scheme = accept_server_key_exchange(hs, terms, flight.chain, message)
        message = await waiting_for(*request, ServerHelloDone)
    if isinstance(message, CertificateRequest):
        flight.request = message
        await waiting_for(ServerHelloDone)
    hs.channel.require_record_boundary("our answer")
    return flight


def accept_server_key_exchange(
    hs: ClientHandshake, terms: Terms, chain: tuple[bytes, ...], message: ServerKeyExchange
) -> tuple[ServerShare, str | None]:
    """Check the signature over both randoms and the share, then the share itself (RFC 5246 §7.4.3)."""
    scheme: str | None = None
    if terms.method.signed:
        scheme = verify_older_signature(
            terms.version,
            leaf_public_key(chain[0]),
            message.scheme,
            message.signature or b"",
            signed_parameters(terms, message.signed_params()),
            hs.config.algorithms.scheme_codes,
            clause="RFC 5246 §7.4.3",
        )
    return accept_server_share(hs.config, message), scheme


async def authenticate_server(
    hs: ClientHandshake, terms: Terms, flight: ServerFlight
) -> VerifiedChain | None:
    """Judge the server's chain. What its key must be allowed to do follows from the key exchange."""
    bound = hs.renegotiation
    if bound is not None and flight.chain[:1] != bound.chain[:1]:
        # A server that changes its identity in the middle of a connection (RFC 7627 §1, CVE-2014-1295).
        raise CertificateRejected(
            "the server renegotiates with another certificate than before",
            reason="changed_identity",
            alert=IllegalParameter.alert,
            clause="RFC 7627 §1",
        )
    if not flight.chain:
        return None
    usage = "key_encipherment" if terms.method.encrypted else "digital_signature"
    return await authentication.judge_chain(
        hs.config,
        flight.chain,
        role="server",
        server_name=hs.reference,
        key_usage=usage,
        ocsp_response=flight.status,
    )


# Our flight


async def send_client_flight(
    hs: ClientHandshake, terms: Terms, flight: ServerFlight
) -> tuple[bytes | None, Keys, bool]:
    """Send Certificate if asked for, ClientKeyExchange, and CertificateVerify; make the keys.

    Returns the identity of the pre-shared key, the keys, and whether we authenticated.
    """
    channel = hs.channel
    chosen: tuple[Credential, int] | None = None
    if flight.request is not None:
        chosen = choose_client_credential(hs, terms, flight.request)
        # "If no suitable certificate is available, the client MUST send a certificate message containing no
        # certificates." (RFC 5246 §7.4.6)
        channel.send(Certificate(chosen[0].chain if chosen is not None else ()))
    answer = await answer_share(hs.config, terms, flight.chain, flight.share, hs.hello.legacy_version)
    channel.send(answer.message)
    keys = agree_on_keys(channel, terms, answer.premaster, hs.config.random)
    if chosen is not None:
        credential, scheme = chosen
        signature = await sign_older(credential, scheme, channel.transcript.messages())
        channel.send(CertificateVerify(scheme if terms.version >= TLS12 else None, signature))
    channel.transcript.select(terms.hash)
    return answer.psk_identity, keys, chosen is not None


def choose_client_credential(
    hs: ClientHandshake, terms: Terms, request: CertificateRequest
) -> tuple[Credential, int] | None:
    """The first credential that fits the server's types, schemes and authorities; or None.

    One that none of the authorities issued is shown when nothing better is there: lists are often wrong.
    """
    peers = request.schemes or ()
    best: tuple[Credential, int] | None = None
    for credential in hs.config.credential_list:
        scheme = own_scheme(hs.config, terms.version, credential, peers)
        if scheme is None or CERTIFICATE_TYPES.get(credential.key_kind) not in request.types:
            continue
        if terms.version >= TLS12 and fit_of_chain(credential.chain, peers) is Fit.SHA1:
            continue
        if not request.authorities or any(issuer in request.authorities for issuer in credential.issuers):
            return credential, scheme
        best = best or (credential, scheme)
    return best


# The server's ChangeCipherSpec and Finished


async def check_server_finished(hs: ClientHandshake, terms: Terms, keys: Keys) -> ServerFinished:
    """Take the ticket if one was announced, the change of keys, and the server's Finished."""
    ticket: NewSessionTicket | None = None
    if terms.ticket:
        ticket = await waiting_for(NewSessionTicket)
    return ServerFinished(await take_older_finished(hs.channel, terms, keys, "server"), ticket)


# CONNECTED


def connected(
    hs: ClientHandshake,
    terms: Terms,
    negotiated: Negotiated,
    keys: Keys,
    own_verify_data: bytes,
    finished: ServerFinished,
) -> Connected12:
    """Keep what the connection needs later."""
    kept = Connected12(
        negotiated=negotiated,
        channel=hs.channel,
        clock=hs.config.clock,
        handlers=CLIENT_HANDLERS,
        terms=terms,
        main_secret=keys.main_secret,
        client_verify_data=own_verify_data,
        server_verify_data=finished.verify_data,
        server_certificate=negotiated.peer_chain[0] if negotiated.peer_chain else None,
        encrypt_then_mac=terms.encrypt_then_mac,
    )
    keep_sessions(hs, kept, None, negotiated.verified)
    if finished.ticket is not None and finished.ticket.ticket:
        accept_ticket(kept, finished.ticket)
    elif terms.session_id and hs.renegotiation is None:
        accept_session_id(kept)
    return allow_renegotiation(hs, kept)


def allow_renegotiation(hs: ClientHandshake, kept: Connected12) -> Connected12:
    """Let the server ask for another handshake, if the config does and it can be bound to this one."""
    negotiated = kept.negotiated
    if hs.config.renegotiation == "accept" and negotiated.secure_renegotiation and negotiated.peer_chain:
        kept.renegotiate = lambda before: renegotiate(hs, before)
    return kept


async def renegotiate(hs: ClientHandshake, before: Connected12) -> Connected:
    """Make another handshake on this connection, bound to the one before (RFC 5746 §3.5)."""
    bound = Renegotiation(
        version=before.terms.version,
        client_verify_data=before.client_verify_data,
        server_verify_data=before.server_verify_data,
        chain=before.negotiated.peer_chain,
        extended_master_secret=before.terms.extended_master_secret,
        encrypt_then_mac=before.encrypt_then_mac,
        alpn=hs.alpn,
    )
    again = ClientHandshake(hs.config, hs.channel, hs.reference, bound)
    again.prepare_hello(None)
    again.send_hello()
    server_hello = await WAIT_SH
    if server_hello.legacy_version != bound.version or server_hello.is_retry_request:
        raise UnsupportedVersion(
            "the server renegotiates another version",
            version=server_hello.legacy_version,
            clause="RFC 5246 §7.4.1.3",
        )
    after = await run(again, server_hello)
    assert isinstance(after, Connected12), "the version stays below TLS 1.3"
    after.renegotiations = before.renegotiations
    after.encrypt_then_mac = after.encrypt_then_mac or before.encrypt_then_mac
    return after
